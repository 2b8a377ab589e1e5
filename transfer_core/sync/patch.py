"""Patches: a chunk told by what the asker has near its place, so that a small edit does not cost a whole chunk. Pure.

Who lacks a chunk cuts the stretch of his own file where it belongs into fine pieces of some 500 bytes, by content
again, and sends their ids along with the question (`fine_ids`). Who has the chunk cuts it the same way and answers with
the numbers of the pieces that the other has and the bytes of those that he hasn't (`make_patch`). What comes of it
(`apply_patch`) counts only if its hash is the chunk's, so that a wrong guess costs one more question and nothing else:
that is why the ids may be short. An edit costs about one piece and a half, and a piece's id wherever its chunk goes on.

    patch: u16 number of a piece, u8 how many from there; or 0xFFFF, u16 length and so many bytes; again and again
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import blake3

from transfer_core.errors import RemoteProtocolError
from transfer_core.sync.recipe import CHUNK_BYTES_MAX

FINE_ID_BYTES = 5
PIECES_MAX = 8192
_AVERAGE, _LEAST, _MOST = 512, 64, 2048
_LITERAL = 0xFFFF
_RUN_MAX = 0xFF
_U16 = struct.Struct(">H")
_RUN = struct.Struct(">HB")


@cache
def _cutter() -> Any:
    from pyfastcdc import FastCDC  # noqa: PLC0415 - only those who sync pay for it

    return FastCDC(avg_size=_AVERAGE, min_size=_LEAST, max_size=_MOST).cut_buf


def fine_pieces(data: bytes) -> list[bytes]:
    """The fine pieces of a stretch; of a long one only the first."""
    if len(data) <= _LEAST:
        return [data] if data else []
    return [bytes(piece.data) for piece in _cutter()(data)][:PIECES_MAX]


def fine_ids(pieces: Sequence[bytes]) -> bytes:
    """Their ids, one after the other."""
    return b"".join(blake3.blake3(piece).digest(FINE_ID_BYTES) for piece in pieces)


def make_patch(chunk: bytes, ids: bytes) -> bytes:
    """The chunk as a patch for somebody who has the pieces of these ids."""
    numbers = {ids[at : at + FINE_ID_BYTES]: at // FINE_ID_BYTES for at in range(0, len(ids), FINE_ID_BYTES)}
    parts: list[bytes] = []
    literal = bytearray()
    first = count = 0
    for piece in fine_pieces(chunk):
        number = numbers.get(blake3.blake3(piece).digest(FINE_ID_BYTES))
        if count and (number != first + count or count == _RUN_MAX):
            parts.append(_RUN.pack(first, count))
            count = 0
        if number is None or number >= _LITERAL:
            literal += piece
            continue
        parts += _literals(literal)
        literal.clear()
        first = first if count else number
        count += 1
    if count:
        parts.append(_RUN.pack(first, count))
    return b"".join(parts + _literals(literal))


def _literals(data: bytearray) -> list[bytes]:
    pieces = [bytes(data[at : at + _LITERAL]) for at in range(0, len(data), _LITERAL)]
    return [_U16.pack(_LITERAL) + _U16.pack(len(piece)) + piece for piece in pieces]


def apply_patch(patch: bytes, pieces: Sequence[bytes]) -> bytes:
    """The chunk that a patch makes of these pieces. RemoteProtocolError if it can't be one."""
    parts: list[bytes] = []
    held = at = 0
    try:
        while at < len(patch):
            (number,) = _U16.unpack_from(patch, at)
            if number == _LITERAL:
                (length,) = _U16.unpack_from(patch, at + 2)
                at += 4
                parts.append(patch[at : at + length])
                if len(parts[-1]) != length:
                    raise RemoteProtocolError("a patch is cut short")
                at += length
            else:
                _, count = _RUN.unpack_from(patch, at)
                at += _RUN.size
                if not 0 < count <= len(pieces) - number:
                    raise RemoteProtocolError("a patch names pieces that are not there")
                parts.append(b"".join(pieces[number : number + count]))
            held += len(parts[-1])
            if held > CHUNK_BYTES_MAX:
                raise RemoteProtocolError("a patch makes more than a chunk")
    except (struct.error, IndexError) as error:
        raise RemoteProtocolError("a patch makes no sense") from error
    return b"".join(parts)
