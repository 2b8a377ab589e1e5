"""What has come over HTTP, as the list of what has come over UDP says it; and a receipt of anything that has come."""

from __future__ import annotations

from typing import Any

from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events import IncomingView, JobState
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.receipts import ReceiptSigner
from transfer_core.server.incoming_views import list_incoming
from transfer_core.server.uploads.desk import receipt_of
from transfer_core.server.uploads.model import TOKEN_KEY
from transfer_core.server.uploads.records import Kind, Status, UploadDatabase, UploadRecord
from transfer_core.server.uploads.sums import BLAKE3
from transfer_core.storage.relay_store import RelayStore
from transfer_core.units import utc_iso

THIS_MACHINE = "this machine"
_LIMIT = 1000
_STATES = {
    Status.UPLOADING: JobState.UPLOADING,
    Status.VERIFIED: JobState.UPLOADING,
    Status.COMPLETED: JobState.COMPLETED,
    Status.FAILED: JobState.FAILED,
}


def list_uploads(database: UploadDatabase, store: RelayStore) -> list[IncomingView]:
    """Uploads that arrive or have arrived, newest first; pieces of a larger one are left out."""
    names = {agent.public_key.hex(): agent.name for agent in store.agents()}
    records = [record for record in database.newest(_LIMIT) if record.kind is not Kind.PARTIAL]
    return [_view(record, names) for record in records]


def list_arrived(store: RelayStore, database: UploadDatabase) -> list[IncomingView]:
    """What arrives over UDP and HTTP, then what has arrived, newest first."""
    both = [*list_incoming(store), *list_uploads(database, store)]
    done = sorted((each for each in both if each.completed_at), key=lambda each: str(each.completed_at), reverse=True)
    return [*(each for each in both if each.completed_at is None), *done]


def _view(record: UploadRecord, names: dict[str, str]) -> IncomingView:
    by_token = record.client.removeprefix(TOKEN_KEY) if record.client.startswith(TOKEN_KEY) else THIS_MACHINE
    return IncomingView(
        agent=names.get(record.client, by_token),
        file_id=record.upload_id,
        path=record.filename,
        size=record.size,
        bytes_done=record.bytes_done,
        status=_STATES[record.status],
        stored_as=record.stored_as,
        file_hash=record.file_hash,
        completed_at=None if record.completed_ns is None else utc_iso(record.completed_ns),
    )


def make_receipt(file_id: str, store: RelayStore, database: UploadDatabase, identity: KeyPair) -> dict[str, Any]:
    """The signed receipt of a file that has come over UDP or HTTP. NotFoundError, ConflictError if it is not whole."""
    uploaded = database.find(file_id)
    receipt = None if uploaded is None else receipt_of(uploaded)
    if receipt is not None:
        return receipt
    arrived = store.find_completed(file_id)
    if arrived is None and uploaded is None:
        raise NotFoundError(f"nothing has come under {file_id!a}", hint="See `drs-sync relay list --json`.")
    if arrived is None:
        raise ConflictError("it is not all here yet", hint="Ask again when it is.")
    record, completed_at = arrived
    algorithm, _, digest = record.file_hash.partition(":")
    if algorithm != BLAKE3:
        raise ConflictError(f"it was verified with {algorithm}, receipts hold BLAKE3", hint="Send it with BLAKE3.")
    signer = ReceiptSigner(identity)
    return dict(signer.sign(file=record.stored_as, size=record.size, blake3=digest, received_at=completed_at))
