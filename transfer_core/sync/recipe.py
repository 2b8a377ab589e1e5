"""A recipe: of which chunks, in which order, a file's content is made. Pure.

On the wire and in the index: for each chunk 16 bytes of its BLAKE3 and its length as u32, big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from transfer_core.errors import RemoteProtocolError

CHUNK_ID_BYTES = 16
CONTENT_ID_BYTES = 32
CHUNK_BYTES_MAX = 256 * 1024
CHUNKS_MAX = 1 << 22
_RECORD = struct.Struct(f">{CHUNK_ID_BYTES}sI")


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk of a file: its id, and where it lies."""

    chunk: bytes
    offset: int
    length: int


Recipe = tuple[Piece, ...]


def encode_recipe(recipe: Recipe) -> bytes:
    """The recipe as bytes."""
    return b"".join(_RECORD.pack(piece.chunk, piece.length) for piece in recipe)


def decode_recipe(data: bytes, size: int) -> Recipe:
    """The recipe of a file of `size` bytes. RemoteProtocolError if these bytes are none, or one of another size."""
    if len(data) % _RECORD.size or len(data) // _RECORD.size > CHUNKS_MAX:
        raise RemoteProtocolError("a recipe is malformed")
    pieces: list[Piece] = []
    offset = 0
    for chunk, length in _RECORD.iter_unpack(data):
        if not 0 < length <= CHUNK_BYTES_MAX:
            raise RemoteProtocolError(f"a recipe names a chunk of {length} bytes")
        pieces.append(Piece(chunk, offset, length))
        offset += length
    if offset != size:
        raise RemoteProtocolError(f"a recipe of {offset} bytes for a file of {size}")
    return tuple(pieces)
