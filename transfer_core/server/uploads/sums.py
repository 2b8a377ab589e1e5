"""Checksums of uploads: reading what a client declares, and hashing a file while it comes in.

What comes in order is hashed from memory as it is written. What comes out of order, or came before a restart, is read
back once at the end. When bytes that were hashed are dropped, hashing begins anew at the front of the file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Protocol

import blake3

from transfer_core.errors import UsageError

BLAKE3 = "blake3"
ALGORITHMS = ("sha1", "sha256", "sha512", "md5", BLAKE3)
_BY_HEX_DIGITS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEX = re.compile(r"[0-9a-f]+")
_READ_BYTES = 1 << 20


class Hasher(Protocol):
    """What hashes have in common."""

    def update(self, data: memoryview | bytes | bytearray, /) -> object: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...


def new_hasher(algorithm: str) -> Hasher:
    """An empty hash. UsageError if there is no such algorithm here."""
    if algorithm == BLAKE3:
        return blake3.blake3()
    if algorithm in ALGORITHMS:
        return hashlib.new(algorithm, usedforsecurity=False)
    raise UsageError(f"the checksum {algorithm[:40]!a} is not known here", hint=f"Use {', '.join(ALGORITHMS)}.")


def parse_checksum(text: str) -> str:
    """`md5:…` for 32 hexadecimal digits, and so on; a name in front, such as `blake3:`, stands. Empty for none.

    UsageError if it is no checksum of an algorithm that is known here.
    """
    stripped = text.strip().lower()
    if not stripped:
        return ""
    named, _, digits = stripped.rpartition(":")
    if not _HEX.fullmatch(digits):
        raise UsageError(f"{text[:80]!a} is no checksum", hint="Write it in hexadecimal digits.")
    algorithm = named or _BY_HEX_DIGITS.get(len(digits), "")
    if not algorithm or len(digits) != 2 * len(new_hasher(algorithm).digest()):
        raise UsageError(f"{text[:80]!a} is no checksum that is known here", hint=f"Use {', '.join(ALGORITHMS)}.")
    return f"{algorithm}:{digits}"


def parse_tus_checksum(text: str) -> str:
    """The value of `Upload-Checksum`: an algorithm, a blank and the digest in base64. UsageError."""
    algorithm, _, encoded = text.strip().partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("Upload-Checksum is not in base64") from error
    if not digest:
        raise UsageError("Upload-Checksum names no digest")
    return parse_checksum(f"{algorithm}:{digest.hex()}")


def same_sum(found: str, declared: str) -> bool:
    """Whether two checksums in the form of `parse_checksum` are the same."""
    return hmac.compare_digest(found, declared)


class PieceSum:
    """The checksum of one piece that is streamed, against the declared one; none declared always fits."""

    def __init__(self, declared: str) -> None:
        self._declared = declared
        self._algorithm = declared.partition(":")[0]
        self._hasher = new_hasher(self._algorithm) if declared else None

    def update(self, data: memoryview | bytes | bytearray) -> None:
        """Take the next bytes."""
        if self._hasher is not None:
            self._hasher.update(data)

    @property
    def fits(self) -> bool:
        """Whether what was taken is what was declared."""
        return self._hasher is None or same_sum(f"{self._algorithm}:{self._hasher.hexdigest()}", self._declared)


class FrontSums:
    """BLAKE3, and the declared algorithm if it is another one, over a file up to its front. One thread at a time."""

    def __init__(self, declared: str) -> None:
        self._names = {BLAKE3, declared.partition(":")[0]} - {""}
        self.reset()

    def reset(self) -> None:
        """Begin anew: bytes that were taken are not in the file after all."""
        self._hashers = {name: new_hasher(name) for name in self._names}
        self.front = 0

    def feed(self, offset: int, data: memoryview | bytes | bytearray) -> None:
        """Take what was written there, if it is next; what is not next is read back by `finish`."""
        if offset == self.front:
            for hasher in self._hashers.values():
                hasher.update(data)
            self.front += len(data)

    def finish(self, size: int, read: Callable[[int, int], bytes | bytearray]) -> dict[str, str]:
        """Take the rest with `read(offset, count)`; the sums by algorithm, as `md5:…`. What `read` raises passes."""
        while self.front < size:
            self.feed(self.front, read(self.front, min(_READ_BYTES, size - self.front)))
        return {name: f"{name}:{hasher.hexdigest()}" for name, hasher in self._hashers.items()}
