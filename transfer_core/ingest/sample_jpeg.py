"""Makes JPEG files of an exact size that every viewer opens: a test picture, and random bytes beside it. Pure.

The picture is grey and made of flat blocks of 8 x 8 pixels, so that only the DC coefficient of each block is coded
(baseline JPEG, ITU-T T.81: Huffman table K.3 for DC, one code for "end of block"). It shows the frame's number and a
bar that moves from frame to frame. Comment segments with random bytes fill the file up, since a camera's frames can't
be compressed either.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_BLOCK = 8
_MARKER_BYTES = 4
_COMMENT_MAX = 65_533
_DC_COUNTS = bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
_DC_CODES = (0b00, 0b010, 0b011, 0b100, 0b101, 0b110, 0b1110, 0b11110, 0b111110)
_DC_BITS = (2, 3, 3, 3, 3, 3, 4, 5, 6)
_GLYPHS = {
    "0": "111101101101111", "1": "010110010010111", "2": "111001111100111", "3": "111001111001111",
    "4": "101101111001001", "5": "111100111001111", "6": "111100111101111", "7": "111001001001001",
    "8": "111101111101111", "9": "111101111001111",
}  # fmt: skip
_SHAPES = {digit: np.array([int(bit) for bit in bits], np.uint8).reshape(5, 3) for digit, bits in _GLYPHS.items()}


def sample_picture(width: int, height: int, number: int) -> NDArray[np.uint8]:
    """One grey value for each block: a slope, a moving bar, the number in large digits."""
    columns, rows = max(-(-width // _BLOCK), 1), max(-(-height // _BLOCK), 1)
    slope = np.linspace(40, 160, columns)[None, :] + np.linspace(0, 40, rows)[:, None]
    picture = slope.astype(np.uint8)
    at = number * 3 % columns
    picture[:, at : at + max(columns // 20, 1)] = 235
    scale = max(min(columns // 40, rows // 10), 1)
    left, top = scale * 2, scale * 2
    for digit in f"{number:09d}":
        large = _SHAPES[digit].repeat(scale, axis=0).repeat(scale, axis=1)
        place = picture[top : top + large.shape[0], left : left + large.shape[1]]
        place[large[: place.shape[0], : place.shape[1]] == 1] = 250
        left += 4 * scale
    return picture


def encode_jpeg(picture: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """Head and tail of a file of these blocks; comments may stand between the two."""
    rows, columns = picture.shape
    head = b"\xff\xd8" + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    tail = (
        _segment(0xDB, b"\0" + b"\x08" * 64)
        + _segment(0xC0, struct.pack(">BHHB", 8, rows * _BLOCK, columns * _BLOCK, 1) + b"\1\x11\0")
        + _segment(0xC4, b"\0" + _DC_COUNTS + bytes(range(12)))
        + _segment(0xC4, b"\x10" + b"\1" + b"\0" * 15 + b"\0")
        + _segment(0xDA, b"\1\1\0\0\x3f\0")
    )
    return head, tail + _scan(picture) + b"\xff\xd9"


def _segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


def _scan(picture: NDArray[np.uint8]) -> bytes:
    """The entropy-coded blocks: for each the category of the DC difference, its bits, and the end of the block."""
    levels = picture.astype(np.int32).ravel() - 128
    differences = np.diff(levels, prepend=0)
    magnitudes = np.abs(differences)
    category = np.zeros(len(differences), np.int32)
    for bit in range(8):
        category += magnitudes >= 1 << bit
    extra = np.where(differences >= 0, differences, differences + (1 << category) - 1)
    codes, lengths = np.array(_DC_CODES)[category], np.array(_DC_BITS)[category]
    words = ((codes << category) | extra) << 1
    bits = lengths + category + 1
    aligned = (words << (16 - bits)).astype(">u2")
    spread = np.unpackbits(aligned.view(np.uint8).reshape(-1, 2), axis=1)
    stream = spread[np.arange(16)[None, :] < bits[:, None]]
    padded = np.concatenate([stream, np.ones(-len(stream) % 8, np.uint8)])
    return np.packbits(padded).tobytes().replace(b"\xff", b"\xff\0")


def fill_comments(room: int, filler: memoryview) -> list[bytes | memoryview]:
    """Comment segments of `room` bytes in all, which is 0 or at least four; `filler` has that many bytes."""
    parts: list[bytes | memoryview] = []
    at = 0
    while room > 0:
        body = min(room - _MARKER_BYTES, _COMMENT_MAX)
        if 0 < room - _MARKER_BYTES - body < _MARKER_BYTES:
            body -= _MARKER_BYTES  # what is left has to hold a marker
        parts += [struct.pack(">BBH", 0xFF, 0xFE, body + 2), filler[at : at + body]]
        at += body
        room -= body + _MARKER_BYTES
    return parts


def jpeg_of_size(picture: NDArray[np.uint8], size: int, filler: memoryview) -> list[bytes | memoryview]:
    """The parts of a file of `size` bytes; of more if the picture alone takes more."""
    head, tail = encode_jpeg(picture)
    room = size - len(head) - len(tail)
    return [head, *fill_comments(room if room >= _MARKER_BYTES else 0, filler), tail]
