"""A whole file's hash, computed in order behind the moving front of its chunks.

Chunks come in any order, over several links; a hash wants them in order. What comes in order is hashed as it passes,
from memory. What came early is read back from the disk when the front reaches it: two for each that comes, and what is
left at the end a bounded number at a time, so that one thread can serve many files. After a restart the front begins at
0 and catches up the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import blake3

from transfer_core.errors import IntegrityError

CATCH_UP_CHUNKS = 64
BEHIND_CHUNKS = 2  # are read back for each that comes, so that little is left at the end
BLAKE3 = "blake3"
SHA256 = "sha256"
_READ_BYTES = 1 << 20


class _Hasher(Protocol):
    def update(self, data: memoryview | bytes | bytearray, /) -> object: ...

    def hexdigest(self) -> str: ...


def _new_hasher(algorithm: str) -> _Hasher:
    if algorithm == BLAKE3:
        return blake3.blake3()
    if algorithm == SHA256:
        return hashlib.sha256()
    raise IntegrityError(f"the hash {algorithm!a} is not known here", hint=f"Use {BLAKE3} or {SHA256}.")


def algorithm_of(digest: str) -> str:
    """`blake3` for `blake3:1f…`. IntegrityError if it is neither of the two."""
    algorithm, colon, _ = digest.partition(":")
    if not colon or algorithm not in (BLAKE3, SHA256):
        raise IntegrityError(f"{digest[:80]!a} is no hash that is known here")
    return algorithm


class FollowingHash:
    """A hash over chunks fed in order; what was passed over is read back later. Used by one thread at a time."""

    def __init__(self, size: int, chunk_bytes: int, algorithm: str = BLAKE3) -> None:
        self._algorithm = algorithm
        self._hasher = _new_hasher(algorithm)
        self._chunks = -(-size // chunk_bytes)
        self.front = 0

    @property
    def is_complete(self) -> bool:
        """Every chunk is in it."""
        return self.front >= self._chunks

    def feed(self, chunk: int, data: memoryview | bytes | bytearray) -> bool:
        """Take a chunk if it is the next one; False if it is not."""
        if chunk != self.front or chunk >= self._chunks:
            return False
        self._hasher.update(data)
        self.front += 1
        return True

    def catch_up(
        self, read_chunk: Callable[[int], bytes | bytearray], available: int, *, limit: int = CATCH_UP_CHUNKS
    ) -> int:
        """Read on from the front up to, not including, chunk `available`, at most `limit` chunks; how many it was.

        What `read_chunk` raises passes; the hash goes on from where it was.
        """
        first = self.front
        for chunk in range(first, min(available, self._chunks, first + limit)):
            self.feed(chunk, read_chunk(chunk))
        return self.front - first

    def hexdigest(self) -> str:
        """The hash of what was fed, named by its algorithm: `blake3:1f…`."""
        return f"{self._algorithm}:{self._hasher.hexdigest()}"


def hash_of_file(path: Path, algorithm: str = BLAKE3) -> str:
    """A file's hash, read from the disk with bounded memory. OSError."""
    hasher = _new_hasher(algorithm)
    with path.open("rb", buffering=0) as file:
        while data := file.read(_READ_BYTES):
            hasher.update(data)
    return f"{algorithm}:{hasher.hexdigest()}"
