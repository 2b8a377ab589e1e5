"""A whole file's hash, computed in order behind the moving front of its chunks."""

from __future__ import annotations

from collections.abc import Callable

import blake3

CATCH_UP_CHUNKS = 256


class FollowingHash:
    """BLAKE3 over chunks fed in order; what was passed over is read back later. Used by one thread at a time."""

    def __init__(self, size: int, chunk_bytes: int) -> None:
        self._hasher = blake3.blake3()
        self._chunks = -(-size // chunk_bytes)
        self.front = 0

    @property
    def is_complete(self) -> bool:
        """Every chunk is in it."""
        return self.front >= self._chunks

    def feed(self, chunk: int, data: memoryview | bytes | bytearray) -> bool:
        """Take a chunk if it is the next one; False if it is not."""
        if chunk != self.front:
            return False
        self._hasher.update(data)
        self.front += 1
        return True

    def catch_up(self, read_chunk: Callable[[int], bytes | bytearray], available: int) -> None:
        """Read on from the front, a bounded number of chunks, up to chunk `available`."""
        for chunk in range(self.front, min(available, self.front + CATCH_UP_CHUNKS)):
            self.feed(chunk, read_chunk(chunk))

    def hexdigest(self) -> str:
        """The hash, named by its algorithm."""
        return f"blake3:{self._hasher.hexdigest()}"
