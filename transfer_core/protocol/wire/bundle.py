"""Many small files as one: what a bundle holds, byte for byte.

An agent that has many small files at once sends them as the content of one file of the session, whose path says so. A
file in a bundle then costs some bytes in its head, and no message, chunk or acknowledgement of its own. What is in it
is as untrusted as any offer.

    count u16
    for each file: size u32, mtime ns i64, fingerprint u64, BLAKE3 of the data (32 bytes), file id text, path text
    the data of all, in that order, with nothing in between

Its hash, as FILE_FINISH names it, is that of the head: this has the hashes of all the data in it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import blake3

from transfer_core.errors import RemoteProtocolError

BUNDLE_FILES_MAX = 1024
BUNDLE_BYTES_MAX = 2 * 1024 * 1024
BUNDLES_MAX = 32  # of one session, at once
_COUNT = struct.Struct(">H")
_FIXED = struct.Struct(">IqQ32sH")
_LENGTH = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class BundledFile:
    """One file of a bundle: what FILE_OPEN and FILE_FINISH would have said of it."""

    file_id: str
    path: str
    size: int
    mtime_ns: int
    fingerprint: int
    blake3: bytes

    @property
    def digest(self) -> str:
        """Its hash as FILE_FINISH names it."""
        return f"blake3:{self.blake3.hex()}"


def head_bytes(names: Sequence[tuple[str, str]]) -> int:
    """How long the head of a bundle of files with these ids and paths is."""
    texts = sum(len(_raw(file_id)) + len(_raw(path)) for file_id, path in names)
    return _COUNT.size + len(names) * (_FIXED.size + _LENGTH.size) + texts


def bundle_head(files: Sequence[BundledFile]) -> bytes:
    """The head; the data of all follows it."""
    parts = [_COUNT.pack(len(files))]
    for file in files:
        name, path = _raw(file.file_id), _raw(file.path)
        parts.append(_FIXED.pack(file.size, file.mtime_ns, file.fingerprint, file.blake3, len(name)))
        parts.extend((name, _LENGTH.pack(len(path)), path))
    return b"".join(parts)


def head_digest(bundle: bytes | bytearray | memoryview, files: Sequence[BundledFile]) -> str:
    """The hash of a bundle of these files."""
    head = memoryview(bundle)[: len(bundle) - sum(file.size for file in files)]
    return f"blake3:{blake3.blake3(head).hexdigest()}"


def open_bundle(bundle: memoryview) -> list[tuple[BundledFile, memoryview]]:
    """The files with their data. RemoteProtocolError if it makes no sense."""
    try:
        files, at = _open_head(bundle)
    except (struct.error, UnicodeDecodeError) as error:
        raise RemoteProtocolError("a bundle's head makes no sense") from error
    if len(bundle) - at != sum(file.size for file in files):
        raise RemoteProtocolError("a bundle is not as long as the files in it")
    if len({file.file_id for file in files}) < len(files):
        raise RemoteProtocolError("a bundle holds one file twice")
    found: list[tuple[BundledFile, memoryview]] = []
    for file in files:
        found.append((file, bundle[at : at + file.size]))
        at += file.size
    return found


def _open_head(bundle: memoryview) -> tuple[list[BundledFile], int]:
    (count,) = _COUNT.unpack_from(bundle)
    if not 0 < count <= BUNDLE_FILES_MAX:
        raise RemoteProtocolError(f"a bundle of {count} files")
    at = _COUNT.size
    files: list[BundledFile] = []
    for _ in range(count):
        size, mtime_ns, fingerprint, blake3, length = _FIXED.unpack_from(bundle, at)
        at += _FIXED.size
        file_id = str(_text(bundle, at, length), "utf-8")
        at += length
        (length,) = _LENGTH.unpack_from(bundle, at)
        at += _LENGTH.size
        path = str(_text(bundle, at, length), "utf-8", "surrogateescape")
        at += length
        files.append(BundledFile(file_id, path, size, mtime_ns, fingerprint, blake3))
    return files, at


def _text(bundle: memoryview, at: int, length: int) -> memoryview:
    if at + length > len(bundle):
        raise RemoteProtocolError("a bundle's head is cut short")
    return bundle[at : at + length]


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
