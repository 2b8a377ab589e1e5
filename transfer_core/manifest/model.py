"""A file as a row of chunks, and which of them are done.

Theory of operation. A file of `size` bytes is cut into chunks of `chunk_bytes`, the last one perhaps shorter; an empty
file has none. One bit per chunk says whether it is done: 64 KiB chunks of a 1 TB file take 2 MB. The bits live in one
`bytearray`, bit `i` at byte `i // 8`, least significant first, and a numpy view of the same memory serves whatever
touches many bits at once. So that a checkpoint writes only what changed, the bits are divided into pages of 32,768
(4 KiB of bitmap, 2 GiB of file) and each change marks its page.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from transfer_core.errors import IntegrityError

PAGE_BITS = 32_768
PAGE_BYTES = PAGE_BITS // 8
_WINDOW_BYTES = 131_072  # how much is unpacked at once when runs are listed: 1 MB of memory


def chunk_count(size: int, chunk_bytes: int) -> int:
    """How many chunks a file of `size` bytes has; 0 for an empty one."""
    return -(-size // chunk_bytes)


def chunk_extent(chunk: int, size: int, chunk_bytes: int) -> tuple[int, int]:
    """Where a chunk lies in its file: offset and length in bytes. IndexError when the file has no such chunk."""
    if not 0 <= chunk < chunk_count(size, chunk_bytes):
        raise IndexError(f"chunk {chunk} of a file with {chunk_count(size, chunk_bytes)}")
    offset = chunk * chunk_bytes
    return offset, min(chunk_bytes, size - offset)


class Bitmap:
    """A fixed number of bits, all clear at first. Ranges are half-open: `start` is in, `stop` is not."""

    __slots__ = ("_bits", "_bytes", "_count", "_dirty", "_front", "_view")

    def __init__(self, bits: int) -> None:
        if bits < 0:
            raise ValueError(f"a bitmap of {bits} bits")
        self._bits = bits
        self._bytes = bytearray((bits + 7) // 8)
        self._view: npt.NDArray[np.uint8] = np.frombuffer(self._bytes, dtype=np.uint8)
        self._count = 0
        self._front = 0  # no bit before this one is clear
        self._dirty: set[int] = set()

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview, bits: int) -> Bitmap:
        """The inverse of `to_bytes`; no page is dirty. IntegrityError if the length or the padding is wrong."""
        bitmap = cls(bits)
        if len(data) != len(bitmap._bytes):
            raise IntegrityError(f"a bitmap of {bits} bits has {len(bitmap._bytes)} bytes, not {len(data)}")
        if bits % 8 and data[-1] >> (bits % 8):
            raise IntegrityError(f"a bitmap of {bits} bits has bits set beyond its end")
        bitmap._bytes[:] = data
        bitmap._count = bitmap._count_bytes(0, len(bitmap._bytes))
        return bitmap

    def to_bytes(self) -> bytes:
        """All bits, bit 0 first and least significant first; padding bits are clear."""
        return bytes(self._bytes)

    def __len__(self) -> int:
        """How many bits there are, set or not."""
        return self._bits

    def __contains__(self, bit: int) -> bool:
        """Whether the bit is set; False beyond the end."""
        return 0 <= bit < self._bits and bool(self._bytes[bit >> 3] >> (bit & 7) & 1)

    def __eq__(self, other: object) -> bool:
        """Same length, same bits."""
        if not isinstance(other, Bitmap):
            return NotImplemented
        return self._bits == other._bits and self._bytes == other._bytes

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def count(self) -> int:
        """How many bits are set."""
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether every bit is set; a bitmap without bits is full."""
        return self._count == self._bits

    def set(self, bit: int) -> bool:
        """Set one bit; True if it was clear. IndexError beyond the end."""
        if not 0 <= bit < self._bits:
            raise IndexError(f"bit {bit} of a bitmap of {self._bits}")
        place, mask = bit >> 3, 1 << (bit & 7)
        if self._bytes[place] & mask:
            return False
        self._bytes[place] |= mask
        self._count += 1
        self._dirty.add(bit // PAGE_BITS)
        return True

    def set_range(self, start: int, stop: int) -> int:
        """Set bits `start` to `stop`; returns how many were clear. IndexError beyond the end."""
        return self._fill(start, stop, True)

    def clear_range(self, start: int, stop: int) -> int:
        """Clear bits `start` to `stop`; returns how many were set. IndexError beyond the end."""
        cleared = self._fill(start, stop, False)
        if cleared:
            self._front = min(self._front, start)
        return cleared

    def runs(self) -> Iterator[tuple[int, int]]:
        """The longest possible ranges of set bits, in order. The bitmap must not change meanwhile."""
        return self._runs(True)

    def missing_runs(self) -> Iterator[tuple[int, int]]:
        """The longest possible ranges of clear bits, in order. The bitmap must not change meanwhile."""
        return self._runs(False)

    def first_missing(self, start: int = 0) -> int | None:
        """The first clear bit at or after `start`, None if there is none."""
        bit = max(start, self._front)
        found = self._scan_for_missing(bit)
        if start <= self._front:
            self._front = found
        return found if found < self._bits else None

    def take_dirty_pages(self) -> list[tuple[int, bytes]]:
        """The pages that changed since the last call, as (page number, its bytes), in order.

        They count as clean from now on: if writing them fails, hand their numbers to `mark_dirty`.
        """
        pages = sorted(self._dirty)
        self._dirty.clear()
        return [(page, bytes(self._bytes[page * PAGE_BYTES : (page + 1) * PAGE_BYTES])) for page in pages]

    def mark_dirty(self, page: int) -> None:
        """Have a page given out by the next `take_dirty_pages` although nothing in it changed."""
        if not 0 <= page * PAGE_BITS < self._bits:
            raise IndexError(f"page {page} of a bitmap of {self._bits} bits")
        self._dirty.add(page)

    def load_page(self, page: int, data: bytes | memoryview) -> None:
        """Put back a page that `take_dirty_pages` gave out; it is clean. IntegrityError if it can't be that page."""
        first, last = page * PAGE_BYTES, min((page + 1) * PAGE_BYTES, len(self._bytes))
        if page < 0 or first >= last or len(data) != last - first:
            raise IntegrityError(f"page {page} of a bitmap of {self._bits} bits can't have {len(data)} bytes")
        if last == len(self._bytes) and self._bits % 8 and data[-1] >> (self._bits % 8):
            raise IntegrityError(f"page {page} has bits set beyond the end of a bitmap of {self._bits} bits")
        self._count -= self._count_bytes(first, last)
        self._bytes[first:last] = data
        self._count += self._count_bytes(first, last)
        self._dirty.discard(page)
        self._front = min(self._front, page * PAGE_BITS)

    def _fill(self, start: int, stop: int, value: bool) -> int:
        if not 0 <= start <= stop <= self._bits:
            raise IndexError(f"bits {start} to {stop} of a bitmap of {self._bits}")
        if start == stop:
            return 0
        first, last = start >> 3, (stop - 1) >> 3
        before = self._count_bytes(first, last + 1)
        head = 0xFF << (start & 7) & 0xFF
        tail = 0xFF >> (7 - (stop - 1 & 7))
        if first == last:
            self._fill_byte(first, head & tail, value)
        else:
            self._fill_byte(first, head, value)
            self._view[first + 1 : last] = 0xFF if value else 0
            self._fill_byte(last, tail, value)
        change = self._count_bytes(first, last + 1) - before
        if change:
            self._count += change
            self._dirty.update(range(start // PAGE_BITS, (stop - 1) // PAGE_BITS + 1))
        return abs(change)

    def _fill_byte(self, place: int, mask: int, value: bool) -> None:
        if value:
            self._bytes[place] |= mask
        else:
            self._bytes[place] &= ~mask & 0xFF

    def _count_bytes(self, first: int, last: int) -> int:
        return int(np.bitwise_count(self._view[first:last]).sum())

    def _scan_for_missing(self, bit: int) -> int:
        if bit >= self._bits:
            return self._bits
        place = bit >> 3
        rest = self._bytes[place] >> (bit & 7)
        if rest != 0xFF >> (bit & 7):
            return min(bit + _lowest_clear(rest), self._bits)
        tail = self._view[place + 1 :]
        skip = int(np.argmax(tail != 0xFF)) if len(tail) else 0
        if not len(tail) or tail[skip] == 0xFF:
            return self._bits
        return min((place + 1 + skip) * 8 + _lowest_clear(int(tail[skip])), self._bits)

    def _runs(self, wanted: bool) -> Iterator[tuple[int, int]]:
        begun: int | None = None
        for first in range(0, len(self._bytes), _WINDOW_BYTES):
            window = self._view[first : first + _WINDOW_BYTES]
            base = first * 8
            bits = np.unpackbits(window, bitorder="little", count=min(len(window) * 8, self._bits - base))
            edges = np.flatnonzero(np.diff(bits)) + 1
            places = [0, *edges.tolist()]
            inside = bool(bits[0]) is wanted
            for place in places:
                if inside and begun is None:
                    begun = base + place
                elif not inside and begun is not None:
                    yield begun, base + place
                    begun = None
                inside = not inside
        if begun is not None:
            yield begun, self._bits


def _lowest_clear(byte: int) -> int:
    return (~byte & (byte + 1)).bit_length() - 1
