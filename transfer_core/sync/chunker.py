"""Cuts content into chunks where the content itself says so (FastCDC 2020), and names chunks and content by BLAKE3.

An insert moves everything behind it; cuts that follow the content move along, so only the chunks around the edit are
new. Text and logs up to 256 MiB get small chunks (16 KiB on average), since they see small edits; everything else gets
64 KiB. What is text is told by the first bytes, not by the name, so that a renamed file is cut as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import blake3

from transfer_core.sync.recipe import CHUNK_BYTES_MAX, CHUNK_ID_BYTES, Piece, Recipe

TEXT_AVERAGE_BYTES = 16 * 1024
OTHER_AVERAGE_BYTES = 64 * 1024
WINDOW_BYTES = 1024 * 1024  # with its chunks it stays in the processor's cache
_SNIFF_BYTES = 4096
_SMALL_CHUNKS_UP_TO = 256 << 20
_NOT_IN_TEXT = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))


@dataclass(frozen=True, slots=True)
class Cut:
    """A content, hashed and cut."""

    content: bytes
    size: int
    recipe: Recipe


def chunk_id(data: bytes | memoryview) -> bytes:
    """The name of a chunk."""
    return blake3.blake3(data).digest(CHUNK_ID_BYTES)


def content_id(data: bytes) -> bytes:
    """The name of a whole content."""
    return blake3.blake3(data).digest()


def average_bytes(head: bytes, size: int) -> int:
    """How large the chunks of a content should be, told by its first bytes and its size."""
    is_text = head[:_SNIFF_BYTES].translate(None, _NOT_IN_TEXT) == head[:_SNIFF_BYTES]
    return TEXT_AVERAGE_BYTES if is_text and size <= _SMALL_CHUNKS_UP_TO else OTHER_AVERAGE_BYTES


@cache
def _cutter(average: int) -> Callable[[bytes], Any]:
    from pyfastcdc import FastCDC  # noqa: PLC0415 - only those who sync pay for it

    cut: Callable[[bytes], Any] = FastCDC(
        avg_size=average, min_size=average // 4, max_size=min(average * 4, CHUNK_BYTES_MAX)
    ).cut_buf
    return cut


def cut(pieces: Iterable[bytes], size: int = 0) -> Cut:
    """Hash and cut a content that comes in pieces of any size, with bounded memory; `size` is what is expected."""
    whole = blake3.blake3()
    recipe: list[Piece] = []
    offset, average = 0, 0
    parts: list[bytes] = []  # of the window; the first is what the one before gave back
    held = 0
    for piece in pieces:
        whole.update(piece)
        parts.append(piece)
        held += len(piece)
        if held >= WINDOW_BYTES:
            window = b"".join(parts)
            average = average or average_bytes(window, size)
            offset, rest = _cut_window(window, average, offset, recipe, is_last=False)
            parts, held = [rest], len(rest)
    if held:
        window = b"".join(parts)
        offset, _ = _cut_window(window, average or average_bytes(window, size), offset, recipe, is_last=True)
    return Cut(whole.digest(), offset, tuple(recipe))


def _cut_window(data: bytes, average: int, offset: int, recipe: list[Piece], *, is_last: bool) -> tuple[int, bytes]:
    """Cut what is here; the last chunk may go on in the next window, so it is given back."""
    is_one = len(data) <= average // 4
    found = [memoryview(data)] if is_one else [chunk.data for chunk in _cutter(average)(data)]
    rest = b"" if is_last else bytes(found.pop())
    for chunk in found:
        recipe.append(Piece(chunk_id(chunk), offset, len(chunk)))
        offset += len(chunk)
    return offset, rest
