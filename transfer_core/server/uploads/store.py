"""The disk side of uploads over HTTP: part files, fsync before each acknowledgement, verification, the final name.

Theory of operation. A record is made before its part file, and every later record is written only after an fsync of
what it names. A file whose sums fit is first recorded as verified under its hash, then renamed, then recorded as
complete: after a crash in between it is found again by that hash. All methods block, and may be called from any
thread; two callers never write the same bytes at once (see `claims`).
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.config import RelayConfig
from transfer_core.errors import ConflictError, DiskFull, FileHashMismatch, NotFoundError, TooLarge, TooMany
from transfer_core.protocol.security.receipts import ReceiptSigner
from transfer_core.server.uploads.records import Kind, Status, UploadDatabase, UploadRecord
from transfer_core.server.uploads.sums import BLAKE3, FrontSums, same_sum
from transfer_core.storage.file_hash import hash_of_file
from transfer_core.storage.free_space import Room, require_quota
from transfer_core.storage.incoming import IncomingFile
from transfer_core.storage.safe_path import PART_SUFFIX, fit_name, free_names, resolve_under
from transfer_core.units import NS_PER_S, utc_iso

_COPY_BYTES = 1 << 20
GONE_HINT = "Begin the upload again: the relay keeps nothing of it."


@dataclass(frozen=True, slots=True)
class Client:
    """Who uploads: an agent that has paired, a token's owner, or anybody on this machine."""

    key: str = ""  # what uploads are kept under
    folder: str = "uploads"
    agent: bytes | None = None


ANYBODY = Client()


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload that somebody wants to begin."""

    filename: str
    size: int
    kind: Kind
    chunks: int = 0
    chunk_bytes: int = 0
    checksum: str = ""
    metadata: str = "{}"


@dataclass(slots=True, eq=False)
class Upload:
    """An upload in use. `record` is replaced, never changed, so that it may be read without the lock."""

    record: UploadRecord
    sums: FrontSums
    file: IncomingFile | None = None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)  # of file and record; held for a write, not a sync
    finish_lock: threading.Lock = field(default_factory=threading.Lock)


class UploadStore:
    """All uploads over HTTP of one relay."""

    def __init__(
        self,
        root: Path,
        database: UploadDatabase,
        config: RelayConfig,
        clock: Clock,
        signer: ReceiptSigner,
        *,
        on_received: Callable[[UploadRecord], None] | None = None,
        agent_bytes: Callable[[bytes], int] | None = None,
    ) -> None:
        self._root = root
        self._database = database
        self._config = config
        self._clock = clock
        self._signer = signer
        self._on_received = on_received or (lambda _: None)
        self._agent_bytes = agent_bytes or (lambda _: 0)
        self._room = Room(root, config.keep_free_bytes)
        self._uploads: dict[str, Upload] = {}
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

    def free_bytes(self) -> int:
        """What may still be promised."""
        return self._room.free_bytes()

    def file_path(self, record: UploadRecord) -> Path:
        """Where a complete file is."""
        return self._root / record.stored_as

    # --- beginning and ending

    def create(self, client: Client, new: NewUpload) -> UploadRecord:
        """Take an upload in. TooLarge, TooMany, NameRefused, DiskFull, QuotaExceeded, WriteFailed."""
        limits = self._config.http
        if new.size > limits.upload_bytes_max:
            raise TooLarge(f"the upload has {new.size} bytes, this relay takes up to {limits.upload_bytes_max}")
        if self.open_count >= limits.open_uploads_max:
            raise TooMany(f"{limits.open_uploads_max} uploads are open already")
        used = self._database.bytes_of(client.key) + (self._agent_bytes(client.agent) if client.agent else 0)
        require_quota(used, new.size, self._config.quota_bytes_per_agent, new.filename)
        upload_id = str(uuid.uuid4())
        self._room.claim(upload_id, new.size, new.filename)
        try:
            (self._root / client.folder).mkdir(exist_ok=True)
            target = resolve_under(self._root / client.folder, new.filename)
            now_ns = self._clock.wall_ns()
            record = UploadRecord(
                upload_id=upload_id,
                client=client.key,
                kind=new.kind,
                filename=new.filename,
                target=target.relative_to(self._root).as_posix(),
                size=new.size,
                chunks=new.chunks,
                chunk_bytes=new.chunk_bytes,
                have=bytes(-(-new.chunks // 8)),
                offset=0,
                checksum=new.checksum,
                metadata=new.metadata,
                created_ns=now_ns,
                updated_ns=now_ns,
            )
            self._database.save(record)
        except BaseException:
            self._room.release(upload_id)
            raise
        with self._lock:
            self._uploads[upload_id] = Upload(record, FrontSums(new.checksum))
        return record

    def find(self, client: Client, upload_id: str) -> UploadRecord:
        """What is kept of an upload of that client. NotFoundError."""
        with self._lock:
            upload = self._uploads.get(upload_id)
        record = upload.record if upload is not None else self._database.find(upload_id)
        if record is None or record.client != client.key:
            raise NotFoundError(f"there is no upload {upload_id[:60]!a}", hint=GONE_HINT)
        return record

    def completed(self, client: Client, limit: int = 1000) -> list[UploadRecord]:
        """Complete uploads of that client, newest first."""
        return self._database.completed(client.key, limit)

    def acquire(self, client: Client, upload_id: str) -> Upload:
        """Use an upload until `release`. NotFoundError."""
        record = self.find(client, upload_id)
        with self._lock:
            upload = self._uploads.setdefault(upload_id, Upload(record, FrontSums(record.checksum)))
            upload.users += 1
        return upload

    def release(self, upload: Upload) -> None:
        """Whoever acquired it is done; the last one closes its file."""
        with self._lock:
            upload.users -= 1
            if upload.users:
                return
            file, upload.file = upload.file, None
            if not upload.record.is_open:
                self._uploads.pop(upload.record.upload_id, None)
        if file is not None:
            file.close()

    def discard(self, upload: Upload) -> None:
        """Keep nothing of it. Its writers have left, but for the caller. WriteFailed."""
        with upload.lock:
            if upload.record.status is not Status.COMPLETED:
                if upload.file is not None:
                    upload.file.close()
                    upload.file = None
                self._part(upload.record).unlink(missing_ok=True)
            self._forget(upload)

    def _forget(self, upload: Upload) -> None:
        upload_id = upload.record.upload_id
        if upload.record.is_open:
            upload.record = replace(upload.record, status=Status.FAILED)
        self._database.forget(upload_id)
        self._room.release(upload_id)
        with self._lock:
            self._uploads.pop(upload_id, None)

    def expire(self) -> list[str]:
        """Discard uploads that nobody went on with; their ids."""
        before_ns = self._clock.wall_ns() - int(self._config.http.idle_expiry_s * NS_PER_S)
        expired: list[str] = []
        for record in self._database.idle_since(before_ns):
            upload = self.acquire(Client(record.client), record.upload_id)
            try:
                if upload.users == 1 and upload.record.updated_ns < before_ns:
                    self.discard(upload)
                    expired.append(record.upload_id)
            finally:
                self.release(upload)
        return expired

    # --- bytes

    def write(self, upload: Upload, offset: int, data: memoryview) -> None:
        """Write bytes that nobody is told of yet. DiskFull, WriteFailed, NotFoundError, ConflictError."""
        self._room.require_any()
        with upload.lock:
            self._file(upload).write_chunk(offset, data)
            upload.sums.feed(offset, data)
        self._room.written(upload.record.upload_id, len(data))

    def _file(self, upload: Upload) -> IncomingFile:
        record = upload.record
        if record.status not in (Status.UPLOADING, Status.VERIFIED):
            raise ConflictError(f"the upload is {record.status} already", hint="Nothing more is taken for it.")
        if upload.file is None:
            part = self._part(record)
            if record.bytes_done and not part.exists():
                self._forget(upload)
                raise NotFoundError(f"the part file of upload {record.upload_id} is gone", hint=GONE_HINT)
            upload.file = IncomingFile.open(part, record.size)
        return upload.file

    def _part(self, record: UploadRecord) -> Path:
        target = self._root / record.target
        return target.with_name(fit_name(f"{target.name}.{record.upload_id[:8]}", PART_SUFFIX))

    def _sync(self, upload: Upload) -> None:
        with upload.lock:
            file = self._file(upload)
        file.sync()

    def commit_chunk(self, upload: Upload, index: int, chunk_bytes: int) -> UploadRecord:
        """All of a chunk was written: sync it, then keep that it is here. DiskFull, WriteFailed."""
        self._sync(upload)
        with upload.lock:
            if upload.record.chunk_bytes not in (0, chunk_bytes):
                raise ConflictError(f"chunks of this upload have {upload.record.chunk_bytes} bytes, not {chunk_bytes}")
            have = upload.record.with_chunk(index)
            return self._save(upload, replace(upload.record, have=have, chunk_bytes=chunk_bytes))

    def commit_offset(self, upload: Upload, offset: int) -> UploadRecord:
        """Everything before `offset` was written: sync it, then keep that it is here. DiskFull, WriteFailed."""
        if offset == upload.record.offset:
            return upload.record
        self._sync(upload)
        with upload.lock:
            return self._save(upload, replace(upload.record, offset=offset))

    def drop(self, upload: Upload) -> None:
        """Bytes were written that do not count after all; they are written over later."""
        with upload.lock:
            upload.sums.reset()

    def _save(self, upload: Upload, record: UploadRecord) -> UploadRecord:
        self._database.save(record)
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
            self._save(upload, replace(upload.record, checksum=checksum))

    # --- the end

    def finish(self, upload: Upload) -> UploadRecord:
        """Verify a whole upload and give it its name; done already, it is as before.

        FileHashMismatch if it is not what was declared: then nothing of it is kept. DiskFull, WriteFailed: try again.
        """
        with upload.finish_lock:
            if upload.record.status is Status.COMPLETED:
                return upload.record
            digest = self._verify(upload)
            return self._place(upload, digest)

    def _verify(self, upload: Upload) -> str:
        if upload.record.status is Status.VERIFIED and upload.record.file_hash:
            return upload.record.file_hash
        with upload.lock:
            file = self._file(upload)
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
            if upload.file is not None:
                upload.file.close()
                upload.file = None
            self._part(upload.record).unlink(missing_ok=True)
            self._save(upload, replace(upload.record, status=Status.FAILED))
            self._room.release(upload.record.upload_id)

    def _place(self, upload: Upload, digest: str) -> UploadRecord:
        final = self._placed_before(upload.record, digest)
        with upload.lock:
            if final is None:
                self._save(upload, replace(upload.record, status=Status.VERIFIED, file_hash=digest))
                final = self._file(upload).finish(self._root / upload.record.target, 0, digest=digest)
                upload.file = None
            now_ns = self._clock.wall_ns()
            stored_as = final.relative_to(self._root).as_posix()
            receipt = self._signer.sign(
                file=stored_as,
                size=upload.record.size,
                blake3=digest.removeprefix("blake3:"),
                received_at=utc_iso(now_ns),
            )
            record = self._save(
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
        self._room.release(record.upload_id)
        self._on_received(record)
        return record

    def _placed_before(self, record: UploadRecord, digest: str) -> Path | None:
        """Where the file is, if a crash came between its rename and the record of that."""
        if record.status is not Status.VERIFIED or self._part(record).exists():
            return None
        for candidate in free_names(self._root / record.target):
            try:
                facts = candidate.stat()
            except OSError:
                return None
            if facts.st_size == record.size and hash_of_file(candidate) == digest:
                return candidate
        return None

    def concatenate(self, upload: Upload, pieces: Sequence[Upload]) -> UploadRecord:
        """Fill a final upload from partial ones, in their order. DiskFull, WriteFailed, ConflictError."""
        offset = 0
        for piece in pieces:
            with piece.lock:
                source = self._file(piece)
            for start in range(0, piece.record.size, _COPY_BYTES):
                data = source.read(start, min(_COPY_BYTES, piece.record.size - start))
                self.write(upload, offset, memoryview(data))
                offset += len(data)
        return self.commit_offset(upload, offset)

    def finish_leftovers(self) -> None:
        """Finish what was whole when the relay ended: the client has been told so, and will not ask again."""
        for record in self._database.under_way():
            is_whole = record.kind in (Kind.TUS, Kind.FINAL) and record.offset == record.size
            if record.status is Status.VERIFIED or is_whole:
                upload = self.acquire(Client(record.client), record.upload_id)
                try:
                    with suppress(FileHashMismatch, NotFoundError):
                        self.finish(upload)
                finally:
                    self.release(upload)

    def close(self) -> None:
        """Let go of all files; their parts stay."""
        with self._lock:
            uploads = list(self._uploads.values())
            self._uploads.clear()
        for upload in uploads:
            if upload.file is not None:
                upload.file.close()
