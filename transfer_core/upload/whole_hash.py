"""Hashes of a whole file: they follow behind what is sent in order, and read from the disk what was sent before."""

from __future__ import annotations

import hashlib
from typing import Any

import blake3

from transfer_core.storage.reader import SourceFile


class WholeHash:
    """BLAKE3 of a whole file, and MD5 if asked, fed with what passes in order; the rest is read from the disk."""

    def __init__(self, source: SourceFile, with_md5: bool) -> None:
        self._source = source
        self._hashers: dict[str, Any] = {"blake3": blake3.blake3()}
        if with_md5:
            self._hashers["md5"] = hashlib.md5(usedforsecurity=False)
        self.front = 0

    def feed(self, offset: int, data: bytes) -> None:
        """Take a piece if it goes on from the front, or overlaps it."""
        if offset <= self.front < offset + len(data):
            fresh = memoryview(data)[self.front - offset :]
            for hasher in self._hashers.values():
                hasher.update(fresh)
            self.front += len(fresh)

    def finish(self, check: Any) -> None:
        """Read what has not passed."""
        buffer = bytearray(1 << 20)
        size = self._source.fingerprint.size
        while self.front < size:
            check()
            view = memoryview(buffer)[: min(len(buffer), size - self.front)]
            self._source.read_into(self.front, view)
            self.feed(self.front, bytes(view))

    def hexdigest(self, algorithm: str) -> str:
        """Of what was fed."""
        return str(self._hashers[algorithm].hexdigest())
