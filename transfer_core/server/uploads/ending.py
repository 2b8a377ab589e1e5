"""The end of an upload: verified, given its name, signed for. Or refused, when it is not what was declared.

Theory of operation. A file whose sums fit is first recorded as verified under its hash, then renamed, then recorded as
complete: after a crash in between it is found again by that hash. All methods block, and may be called from any thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.errors import FileHashMismatch, NotFoundError
from transfer_core.protocol.security.receipts import ReceiptSigner
from transfer_core.server.uploads.model import Client, Upload
from transfer_core.server.uploads.records import Kind, Status, UploadRecord
from transfer_core.server.uploads.store import UploadStore
from transfer_core.server.uploads.sums import BLAKE3, same_sum
from transfer_core.storage.file_hash import hash_of_file
from transfer_core.storage.safe_path import free_names
from transfer_core.units import utc_iso

_COPY_BYTES = 1 << 20


class Ending:
    """Ends uploads of one store. `on_received` is called from any thread."""

    def __init__(
        self, store: UploadStore, clock: Clock, signer: ReceiptSigner, on_received: Callable[[UploadRecord], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._signer = signer
        self._on_received = on_received

    def finish(self, upload: Upload) -> UploadRecord:
        """Verify a whole upload and give it its name; done already, it is as before.

        FileHashMismatch if it is not what was declared: then nothing of it is kept. DiskFull, WriteFailed: try again.
        """
        with upload.finish_lock:
            if upload.record.status is Status.COMPLETED:
                return upload.record
            if upload.record.status is Status.FAILED:
                raise NotFoundError(f"the upload {upload.record.upload_id} was given up", hint="Begin it again.")
            digest = self._verify(upload)
            return self._place(upload, digest)

    def give_up(self, upload: Upload) -> None:
        """Keep nothing of what is on its way; a file that has arrived stays, with its receipt. WriteFailed."""
        with upload.finish_lock:
            if upload.record.status is not Status.COMPLETED:
                self._store.discard(upload)

    def _verify(self, upload: Upload) -> str:
        if upload.record.status is Status.VERIFIED and upload.record.file_hash:
            return upload.record.file_hash
        with upload.lock:
            file = self._store.file(upload)
        sums = upload.sums.finish(upload.record.size, file.read)
        declared = upload.record.checksum
        if declared:
            found = sums[declared.partition(":")[0]]
            if not same_sum(found, declared):
                self._refuse(upload)
                what = f"the checksum of {upload.record.filename} is {found}, {declared} was declared"
                raise FileHashMismatch(what)
        return sums[BLAKE3]

    def _refuse(self, upload: Upload) -> None:
        with upload.lock:
            upload.close_file()
            self._store.delete_part(upload.record)
            self._store.save(upload, replace(upload.record, status=Status.FAILED))
            self._store.release_room(upload)

    def _place(self, upload: Upload, digest: str) -> UploadRecord:
        final = self._placed_before(upload.record, digest)
        with upload.lock:
            if final is None:
                self._store.save(upload, replace(upload.record, status=Status.VERIFIED, file_hash=digest))
                final = self._store.file(upload).finish(self._store.root / upload.record.target, 0, digest=digest)
                upload.file = None
            now_ns = self._clock.wall_ns()
            stored_as = final.relative_to(self._store.root).as_posix()
            receipt = self._signer.sign(
                file=stored_as,
                size=upload.record.size,
                blake3=digest.removeprefix("blake3:"),
                received_at=utc_iso(now_ns),
            )
            record = self._store.save(
                upload,
                replace(
                    upload.record,
                    status=Status.COMPLETED,
                    stored_as=stored_as,
                    file_hash=digest,
                    receipt=json.dumps(receipt),
                    completed_ns=now_ns,
                ),
            )
        self._store.release_room(upload)
        self._on_received(record)
        return record

    def _placed_before(self, record: UploadRecord, digest: str) -> Path | None:
        """Where the file is, if a crash came between its rename and the record of that."""
        if record.status is not Status.VERIFIED or self._store.part(record).exists():
            return None
        for candidate in free_names(self._store.root / record.target):
            try:
                facts = candidate.stat()
            except OSError:
                return None
            if facts.st_size == record.size and hash_of_file(candidate) == digest:
                return candidate
        return None

    def concatenate(self, upload: Upload, pieces: Sequence[Upload]) -> None:
        """Fill a final upload from partial ones, in their order. DiskFull, WriteFailed, ConflictError."""
        if upload.record.offset == upload.record.size:
            return
        self._store.drop(upload)
        offset = 0
        for piece in pieces:
            with piece.lock:
                source = self._store.file(piece)
            for start in range(0, piece.record.size, _COPY_BYTES):
                data = source.read(start, min(_COPY_BYTES, piece.record.size - start))
                self._store.write(upload, offset, memoryview(data))
                offset += len(data)
        self._store.commit_offset(upload, offset)

    def finish_leftovers(self) -> None:
        """Finish what was whole when the relay ended: the client has been told so, and will not ask again."""
        for record in self._store.database.under_way():
            is_whole = record.kind in (Kind.TUS, Kind.FINAL) and record.offset == record.size
            if record.status is Status.VERIFIED or is_whole:
                upload = self._store.acquire(Client(record.client), record.upload_id)
                try:
                    with suppress(FileHashMismatch, NotFoundError):
                        self.finish(upload)
                finally:
                    self._store.release(upload)
