"""What has come over HTTP, as the list of what has come over UDP says it."""

from __future__ import annotations

from transfer_core.events import IncomingView, JobState
from transfer_core.server.uploads.model import TOKEN_KEY
from transfer_core.server.uploads.records import Kind, Status, UploadDatabase, UploadRecord
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
