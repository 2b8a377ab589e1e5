"""One job from open to verified, on the sending side: its source, its hash, its number within a session.

The source is read by the disk thread alone; the loop's thread asks for chunks and is handed records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from transfer_core.errors import DrsError
from transfer_core.jobs.model import Job
from transfer_core.protocol.wire.chunk_record import new_record, seal_record
from transfer_core.storage.file_hash import BEHIND_CHUNKS, FollowingHash
from transfer_core.storage.reader import Fingerprint, SourceFile

if TYPE_CHECKING:
    from transfer_core.protocol.sender import SenderSession


class Source(Protocol):
    """What is sent: see `storage.reader.SourceFile`."""

    fingerprint: Fingerprint

    def read_into(self, offset: int, *views: memoryview) -> None: ...

    def check_unchanged(self) -> None: ...

    def close(self) -> None: ...


class Letter:
    """A source that is in memory, and never changes."""

    def __init__(self, data: bytes | bytearray, number: int) -> None:
        self.fingerprint = Fingerprint(len(data), number, 0)
        self._data = memoryview(data)

    def read_into(self, offset: int, *views: memoryview) -> None:
        """See `SourceFile`."""
        for view in views:
            view[:] = self._data[offset : offset + len(view)]
            offset += len(view)

    def check_unchanged(self) -> None:
        """It is what it was."""

    def close(self) -> None:
        """There is nothing to let go of."""


@dataclass(slots=True, eq=False)
class OutgoingJob:
    """A job that the engine has under way."""

    job: Job
    source: Source
    chunk_bytes: int
    digest: FollowingHash
    number: int | None = None  # within the session, None while it has none
    failed: DrsError | None = None
    held: str = ""
    bytes_before: int = 0
    base_links: dict[str, int] = field(default_factory=dict)
    offered: bool = False  # to some session before
    carried: dict[str, int] = field(default_factory=dict)  # bytes by link, once it has arrived
    resent_bytes: int = 0
    known_digest: str | None = None
    stored_as: str = ""  # by the relay, once it has arrived, and with which hash
    file_hash: str = ""
    records: dict[int, bytearray] = field(default_factory=dict)  # chunks that were read before it was offered
    members: tuple[OutgoingJob, ...] = ()  # of a bundle, which stands for these
    bundle: OutgoingJob | None = None  # that this one is in

    @classmethod
    def open(cls, job: Job, chunk_bytes: int) -> OutgoingJob:
        """Open the source, in the state that the job asks for. Errors of the SourceError branch."""
        source = SourceFile.open(job.path, expected_source(job))
        return cls(
            job=job,
            source=source,
            chunk_bytes=chunk_bytes,
            digest=FollowingHash(source.fingerprint.size, chunk_bytes),
            bytes_before=job.bytes_done,
            base_links=dict(job.links),
        )

    @classmethod
    def of_letter(cls, job: Job, data: bytes | bytearray, number: int, chunk_bytes: int) -> OutgoingJob:
        """A job whose source is in memory; it is in no queue."""
        return cls(job, Letter(data, number), chunk_bytes, FollowingHash(len(data), chunk_bytes))

    @property
    def chunks(self) -> int:
        """How many chunks the source has."""
        return -(-self.source.fingerprint.size // self.chunk_bytes)

    @property
    def is_resumed(self) -> bool:
        """Whether the relay may have some of it."""
        return self.job.bytes_done > 0 or self.job.attempts > 1 or self.offered

    def offer_to(self, session: SenderSession) -> int:
        """Offer it; gives its number within that session. NameRefused."""
        row, source = self.job, self.source.fingerprint
        return session.open_file(
            file_id=row.file_id,
            path=row.dest_path,
            size=source.size,
            chunk_bytes=self.chunk_bytes,
            mtime_ns=source.mtime_ns,
            fingerprint=source.digest,
            priority=row.priority,
            position=row.position,
            resumed=self.is_resumed,
            is_read=bool(self.records),
        )

    def read_records(self, first: int, count: int) -> list[bytearray] | None:
        """The records of so many chunks, read at once; None and `failed` if the source can't be read any more."""
        if self.failed is not None:
            return None
        size, step = self.source.fingerprint.size, self.chunk_bytes
        offsets = range(first * step, (first + count) * step, step)
        made = [new_record(self.job.file_id, min(step, size - offset)) for offset in offsets]
        try:
            self.source.read_into(offsets[0], *(data for _, data in made))
            self.digest.catch_up(self._read_chunk, first, limit=BEHIND_CHUNKS * count)
        except DrsError as error:
            self.failed = error
            return None
        for chunk, (offset, (record, data)) in enumerate(zip(offsets, made, strict=True), first):
            seal_record(record, self.job.file_id, chunk, offset, len(data))
            self.digest.feed(chunk, data)
        return [record for record, _ in made]

    def hash_on(self) -> bool:
        """Hash some of what was not read in order; whether that was all. SourceChanged if it is another file by now."""
        if not self.digest.is_complete:
            self.source.check_unchanged()
            self.digest.catch_up(self._read_chunk, self.chunks)
        return self.digest.is_complete

    def finish_digest(self) -> str:
        """The whole file's hash; reads what was not read in order. SourceChanged if it is another file by now."""
        while not self.hash_on():
            pass
        self.source.check_unchanged()
        return self.digest.hexdigest()

    def finish_digest_early(self) -> None:
        """Once all was read in order, tell the hash at once: a small file need not come here again for it."""
        if self.known_digest is None and self.failed is None and self.digest.is_complete:
            try:
                self.known_digest = self.finish_digest()
            except DrsError as error:
                self.failed = error

    def _read_chunk(self, chunk: int) -> bytearray:
        offset = chunk * self.chunk_bytes
        data = bytearray(min(self.chunk_bytes, self.source.fingerprint.size - offset))
        self.source.read_into(offset, memoryview(data))
        return data

    def close(self) -> None:
        """Let go of the source."""
        self.source.close()


def expected_source(job: Job) -> Fingerprint | None:
    """The one state of its source that a job may send; None if any will do."""
    if job.source_mtime_ns is None or job.source_inode is None:
        return None
    return Fingerprint(job.size, job.source_mtime_ns, job.source_inode)
