"""Files on their way to the relay's disk: what was offered, what of it is written, and what is durable."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import WriteFailed
from transfer_core.storage.file_hash import BEHIND_CHUNKS, FollowingHash
from transfer_core.storage.free_space import Room
from transfer_core.storage.incoming import IncomingFile
from transfer_core.storage.relay_store import IncomingRecord


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that an agent wants to send."""

    agent: bytes
    file_id: str
    path: str
    size: int
    chunk_bytes: int
    mtime_ns: int
    fingerprint: int

    @property
    def key(self) -> tuple[bytes, str]:
        """Whose it is, and which."""
        return self.agent, self.file_id

    @property
    def chunks(self) -> int:
        """How many chunks it has."""
        return -(-self.size // self.chunk_bytes)

    def is_of(self, known: Offer | IncomingRecord) -> bool:
        """Whether it is the very file that something is known of."""
        facts = (known.size, known.chunk_bytes, known.fingerprint)
        return facts == (self.size, self.chunk_bytes, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is in its place."""

    digest: str
    stored_as: str


@dataclass(slots=True, eq=False)
class Arriving:
    """A file under way. Written by the write thread, made durable by the sync thread."""

    offer: Offer
    target: str  # its place, as a path: an object each costs as much as writing a small file
    file: IncomingFile
    number: int | None  # in the database, None for a small file
    written: NDArray[np.bool_]
    durable: NDArray[np.bool_]
    digest: FollowingHash
    opened: int = 1  # how often it was offered
    dirty: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)  # of what is written and dirty; never held over I/O
    open_lock: threading.Lock = field(default_factory=threading.Lock)  # held while the file must stay open

    def write(self, chunk: int, offset: int, data: memoryview) -> None:
        """Write a chunk. DiskFull, WriteFailed."""
        self.file.write_chunk(offset, data)
        with self.lock:
            self.written[chunk] = True
            self.dirty.add(chunk)

    def follow(self, chunk: int, data: memoryview) -> None:
        """Hash a chunk that was written, if it is its turn, and behind it some that came early."""
        self.digest.feed(chunk, data)
        with suppress(WriteFailed):  # it is read again at the end, which says what is wrong with the disk
            for _ in range(BEHIND_CHUNKS):
                front = self.digest.front
                if front >= self.offer.chunks or not self.written[front]:
                    break
                self.digest.feed(front, self._read(front))

    def _read(self, chunk: int) -> bytearray:
        offset = chunk * self.offer.chunk_bytes
        return self.file.read(offset, min(self.offer.chunk_bytes, self.offer.size - offset))

    def hash_on(self) -> bool:
        """Once all is written, hash some of what is left; whether that was the end. WriteFailed."""
        with self.open_lock:
            self.digest.catch_up(self._read, self.offer.chunks)
        return self.digest.is_complete

    def whole_hash(self) -> str:
        """The hash of all of it, once all is written. WriteFailed."""
        while not self.hash_on():
            pass
        return self.digest.hexdigest()

    def sync(self) -> list[int]:
        """The chunks written since the last time, synced now unless it is small. StorageError: they count as lost."""
        with self.open_lock:
            with self.lock:
                chunks, self.dirty = sorted(self.dirty), set()
            if chunks and self.number is not None:
                self.file.sync()
        if chunks:
            self.durable[chunks] = True
        return chunks

    def close(self, *, delete: bool) -> None:
        """Let go of the part file, which stays if it can be gone on with."""
        with self.open_lock, self.lock:
            if delete or self.number is None:
                self.file.abandon()
            else:
                self.file.close()
                self.dirty.clear()


class UnderWay:
    """The files under way, and the room that is promised to each. Safe from any thread."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._files: dict[tuple[bytes, str], Arriving] = {}
        self._lock = threading.Lock()

    def find(self, key: tuple[bytes, str]) -> Arriving | None:
        """The file of that agent and id."""
        with self._lock:
            return self._files.get(key)

    def offered_again(self, offer: Offer) -> Arriving | None:
        """The file, if it is under way already; another one with its id is not."""
        with self._lock:
            present = self._files.get(offer.key)
            if present is None or not offer.is_of(present.offer):
                return None
            present.opened += 1
            return present

    def add(self, arriving: Arriving) -> None:
        """A file is under way from now on."""
        with self._lock:
            self._files[arriving.offer.key] = arriving

    def drop(self, arriving: Arriving, *, opened: int | None = None) -> bool:
        """It is under way no more, and its room is free. False if it was not, or was offered more often than that."""
        with self._lock:
            is_here = self._files.get(arriving.offer.key) is arriving and opened in (None, arriving.opened)
            if is_here:
                del self._files[arriving.offer.key]
                self._room.release(arriving.offer.key)
        return is_here

    def drop_all(self) -> list[Arriving]:
        """None is under way any more, and their room stays promised: the relay ends."""
        with self._lock:
            files = list(self._files.values())
            self._files.clear()
        return files

    def all(self) -> list[Arriving]:
        """All of them, in the order in which they came."""
        with self._lock:
            return list(self._files.values())

    def of(self, agent: bytes) -> list[tuple[Arriving, int]]:
        """Those of an agent, each with how often it was offered."""
        return [(each, each.opened) for each in self.all() if each.offer.agent == agent]
