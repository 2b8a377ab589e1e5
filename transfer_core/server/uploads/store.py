"""The disk side of uploads over HTTP: records and part files, an fsync before each acknowledgement.

Theory of operation. A record is made before its part file, and every later record is written only after an fsync of
what it names. All methods block, and may be called from any thread; two callers never write the same bytes at once
(see `claims`). `ending` does the rest.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.config import RelayConfig
from transfer_core.errors import ConflictError, DiskFull, FileHashMismatch, NotFoundError, TooLarge, TooMany
from transfer_core.server.uploads.model import Client, NewUpload, Upload
from transfer_core.server.uploads.pauses import Pauses, after_pause
from transfer_core.server.uploads.records import Kind, Status, UploadDatabase, UploadRecord
from transfer_core.server.uploads.sums import FrontSums
from transfer_core.storage.free_space import Room, require_quota
from transfer_core.storage.incoming import IncomingFile, storage_error
from transfer_core.storage.safe_path import PART_SUFFIX, fit_name, resolve_under
from transfer_core.units import NS_PER_S

IDLE_FILES_MAX = 64
GONE_HINT = "Begin the upload again: the relay keeps nothing of it."


class UploadStore:
    """All uploads over HTTP of one relay."""

    def __init__(
        self,
        root: Path,
        database: UploadDatabase,
        config: RelayConfig,
        clock: Clock,
        room: Room,
        *,
        agent_bytes: Callable[[bytes], int] | None = None,
    ) -> None:
        self.root = root
        self.config = config
        self.database = database
        self._clock = clock
        self._room = room
        self._pauses = Pauses(clock, database.seen_ns())
        self._agent_bytes = agent_bytes or (lambda _: 0)
        self._uploads: dict[str, Upload] = {}
        self._idle: OrderedDict[str, Upload] = OrderedDict()  # nobody uses them, their files may be open
        self._lock = threading.Lock()
        for record in database.under_way():
            with suppress(DiskFull):  # what was promised stays promised; there is less room for others now
                self._room.claim(record.upload_id, record.size - record.bytes_done, record.filename, sparse_ok=True)
            self._uploads[record.upload_id] = Upload(record, FrontSums(record.checksum))

    @property
    def open_count(self) -> int:
        """How many uploads are under way."""
        with self._lock:
            return sum(upload.record.is_open for upload in self._uploads.values())

    def file_path(self, record: UploadRecord) -> Path:
        """Where a complete file is."""
        return self.root / record.stored_as

    # --- beginning and ending

    def create(self, client: Client, new: NewUpload) -> UploadRecord:
        """Take an upload in. TooLarge, TooMany, NameRefused, DiskFull, QuotaExceeded, WriteFailed."""
        self._require_limits(client, new)
        upload_id = str(uuid.uuid4())
        self._room.claim(upload_id, new.size, new.filename)
        try:
            record = self._new_record(client, new, upload_id)
            self.database.save(record)
        except BaseException:
            self._room.release(upload_id)
            raise
        with self._lock:
            self._uploads[upload_id] = Upload(record, FrontSums(new.checksum))
        return record

    def _require_limits(self, client: Client, new: NewUpload) -> None:
        limits = self.config.http
        if new.size > limits.upload_bytes_max:
            raise TooLarge(f"the upload has {new.size} bytes, this relay takes up to {limits.upload_bytes_max}")
        if self.open_count >= limits.open_uploads_max:
            raise TooMany(f"{limits.open_uploads_max} uploads are open already")
        if new.kind is not Kind.FINAL:  # its pieces have been counted
            used = self.database.bytes_of(client.key) + (self._agent_bytes(client.agent) if client.agent else 0)
            require_quota(used, new.size, self.config.quota_bytes_per_agent, new.filename)

    def _new_record(self, client: Client, new: NewUpload, upload_id: str) -> UploadRecord:
        folder = self.root / client.folder
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        filename = new.filename or upload_id
        now_ns = self._clock.wall_ns()
        return UploadRecord(
            upload_id=upload_id,
            client=client.key,
            kind=new.kind,
            filename=filename,
            target=resolve_under(folder, filename).relative_to(self.root).as_posix(),
            size=new.size,
            chunks=new.chunks,
            chunk_bytes=new.chunk_bytes,
            have=bytes(-(-new.chunks // 8)),
            offset=0,
            checksum=new.checksum,
            metadata=new.metadata,
            concat=new.concat,
            created_ns=now_ns,
            updated_ns=now_ns,
        )

    def find(self, client: Client, upload_id: str) -> UploadRecord:
        """What is kept of an upload of that client. NotFoundError."""
        with self._lock:
            upload = self._uploads.get(upload_id)
            return self._require(client, upload_id, None if upload is None else upload.record)

    def _require(self, client: Client, upload_id: str, in_use: UploadRecord | None) -> UploadRecord:
        record = in_use or self.database.find(upload_id)
        if record is None or record.client != client.key:
            raise NotFoundError(f"there is no upload {upload_id[:60]!a}", hint=GONE_HINT)
        return record

    def find_final(self, client: Client, concat: str) -> UploadRecord | None:
        """The upload that those partial ones became, or are becoming."""
        found = self.database.find_concat(client.key, concat)
        return None if found is None else self.find(client, found.upload_id)

    def completed(self, client: Client, limit: int = 1000) -> list[UploadRecord]:
        """Complete uploads of that client, newest first."""
        return self.database.completed(client.key, limit)

    def acquire(self, client: Client, upload_id: str) -> Upload:
        """Use an upload until `release`. NotFoundError."""
        with self._lock:
            return self._acquire(client, upload_id)

    def try_acquire(self, client: Client, upload_id: str) -> Upload | None:
        """`acquire` without waiting for a disk or another thread; None if that can't be. NotFoundError."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._acquire(client, upload_id) if upload_id in self._uploads else None
        finally:
            self._lock.release()

    def _acquire(self, client: Client, upload_id: str) -> Upload:
        upload = self._uploads.get(upload_id)
        record = self._require(client, upload_id, None if upload is None else upload.record)
        if upload is None:
            upload = self._uploads[upload_id] = Upload(record, FrontSums(record.checksum))
        self._idle.pop(upload_id, None)
        upload.users += 1
        return upload

    def release(self, upload: Upload) -> None:
        """Whoever acquired it is done. The files of a few uploads that nobody uses stay open for the next request."""
        with self._lock:
            upload.users -= 1
            if upload.users:
                return
            if upload.record.is_open:
                self._idle[upload.record.upload_id] = upload
                if len(self._idle) <= IDLE_FILES_MAX:
                    return
                _, upload = self._idle.popitem(last=False)
            else:
                self._uploads.pop(upload.record.upload_id, None)
            upload.close_file()

    def try_release(self, upload: Upload) -> bool:
        """`release` without waiting for a disk or another thread; False if that can't be."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            is_kept = upload.record.is_open and len(self._idle) < IDLE_FILES_MAX
            if upload.users == 1 and not is_kept:
                return False  # its file has to be closed
            upload.users -= 1
            if not upload.users:
                self._idle[upload.record.upload_id] = upload
            return True
        finally:
            self._lock.release()

    def discard(self, upload: Upload) -> None:
        """Keep nothing of it. Its writers have left, but for the caller. WriteFailed."""
        with upload.lock:
            if upload.record.status is not Status.COMPLETED:
                upload.close_file()
                self.delete_part(upload.record)
            self._forget(upload)

    def _forget(self, upload: Upload) -> None:
        upload_id = upload.record.upload_id
        if upload.record.is_open:
            upload.record = replace(upload.record, status=Status.FAILED)
        self.database.forget(upload_id)
        self._room.release(upload_id)
        with self._lock:
            self._uploads.pop(upload_id, None)
            self._idle.pop(upload_id, None)

    def expire(self) -> list[str]:
        """Discard uploads that nobody went on with while they could; their ids. One thread's. DiskFull, StateError."""
        now_ns = self._leave_out_pauses()
        before_ns = now_ns - int(self.config.http.idle_expiry_s * NS_PER_S)
        expired: list[str] = []
        for record in self.database.idle_since(before_ns):
            upload = self.acquire(Client(record.client), record.upload_id)
            try:
                if upload.users == 1 and upload.record.updated_ns <= before_ns:
                    self.discard(upload)
                    expired.append(record.upload_id)
            finally:
                self.release(upload)
        return expired

    def _leave_out_pauses(self) -> int:
        """The wall clock, by which all records tell how long somebody has stayed away."""
        look = self._pauses.look()
        if look.is_to_be_kept:
            self.database.keep_seen(look.wall_ns, look.pause_ns)
        with self._lock:
            uploads = list(self._uploads.values())
        for upload in uploads:
            with upload.lock:
                updated_ns = after_pause(upload.record.updated_ns, look.pause_ns, look.wall_ns)
                if updated_ns != upload.record.updated_ns:
                    upload.record = replace(upload.record, updated_ns=updated_ns)
        self._pauses.passed(look)
        return look.wall_ns

    # --- bytes

    def write(self, upload: Upload, offset: int, data: memoryview) -> None:
        """Write bytes that nobody is told of yet. DiskFull, WriteFailed, NotFoundError, ConflictError."""
        self._room.require_any()
        with upload.lock:
            self.file(upload).write_chunk(offset, data)
            upload.sums.feed(offset, data)
        self._room.written(upload.record.upload_id, len(data))

    def file(self, upload: Upload) -> IncomingFile:
        """Its part file, open. Called with its lock. ConflictError, NotFoundError, WriteFailed."""
        record = upload.record
        if record.status not in (Status.UPLOADING, Status.VERIFIED):
            raise ConflictError(f"the upload is {record.status} already", hint="Nothing more is taken for it.")
        if upload.file is not None and not upload.file.is_there():
            upload.close_file()
        if upload.file is None:
            part = self.part(record)
            if record.bytes_done and not part.exists():
                self._forget(upload)
                raise NotFoundError(f"the part file of upload {record.upload_id} is gone", hint=GONE_HINT)
            upload.file = IncomingFile.open(part, record.size)
        return upload.file

    def part(self, record: UploadRecord) -> Path:
        """Where its bytes lie until it is complete."""
        target = self.root / record.target
        return target.with_name(fit_name(f"{target.name}.{record.upload_id[:8]}", PART_SUFFIX))

    def delete_part(self, record: UploadRecord) -> None:
        """Its bytes are not wanted. WriteFailed."""
        part = self.part(record)
        try:
            part.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, part) from error

    def release_room(self, upload: Upload) -> None:
        """It needs no more room than it has."""
        self._room.release(upload.record.upload_id)

    def _sync(self, upload: Upload) -> None:
        with upload.lock:
            file = self.file(upload)
        file.sync()

    def commit_chunk(self, upload: Upload, index: int, chunk_bytes: int) -> UploadRecord:
        """All of a chunk was written: sync it, then keep that it is here. DiskFull, WriteFailed."""
        self._sync(upload)
        with upload.lock:
            if upload.record.chunk_bytes not in (0, chunk_bytes):
                raise ConflictError(f"chunks of this upload have {upload.record.chunk_bytes} bytes, not {chunk_bytes}")
            have = upload.record.with_chunk(index)
            return self.save(upload, replace(upload.record, have=have, chunk_bytes=chunk_bytes))

    def commit_offset(self, upload: Upload, offset: int) -> UploadRecord:
        """Everything before `offset` was written: sync it, then keep that it is here. DiskFull, WriteFailed."""
        if offset == upload.record.offset:
            return upload.record
        self._sync(upload)
        with upload.lock:
            return self.save(upload, replace(upload.record, offset=offset))

    def drop(self, upload: Upload) -> None:
        """Bytes were written that do not count after all; they are written over later."""
        with upload.lock:
            upload.sums.reset()

    def save(self, upload: Upload, record: UploadRecord) -> UploadRecord:
        """Keep it as it is now. Called with its lock. DiskFull, StateError."""
        self.database.save(record)
        upload.record = record
        return record

    def declare(self, upload: Upload, checksum: str) -> None:
        """Keep the sum that the whole has to have, if none is known. FileHashMismatch if another one is."""
        known = upload.record.checksum
        if not checksum or known == checksum or not upload.record.is_open:
            return
        if known.partition(":")[0] == checksum.partition(":")[0]:
            raise FileHashMismatch(f"the upload began with the checksum {known}, and ends with {checksum}")
        with upload.lock:
            upload.sums = FrontSums(checksum)
            self.save(upload, replace(upload.record, checksum=checksum))

    def close(self) -> None:
        """Let go of all files; their parts stay."""
        with self._lock:
            uploads = list(self._uploads.values())
            self._uploads.clear()
            self._idle.clear()
        for upload in uploads:
            upload.close_file()
