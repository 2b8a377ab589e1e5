"""Reads and writes at an offset, without a position that threads would have to share."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

_POSITION = threading.Lock()


def read_by_seeking(fd: int, views: Sequence[memoryview], offset: int) -> int:
    """For systems without `preadv`: moves the file's position, so one at a time. How much came, 0 at the end."""
    view = views[0]
    with _POSITION:
        os.lseek(fd, offset, os.SEEK_SET)
        data = os.read(fd, len(view))
    view[: len(data)] = data
    return len(data)


def write_by_seeking(fd: int, data: memoryview, offset: int) -> int:
    """For systems without `pwrite`, likewise. How much went."""
    with _POSITION:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)


if sys.platform == "win32":
    read_some, write_some = read_by_seeking, write_by_seeking
else:

    def read_some(fd: int, views: Sequence[memoryview], offset: int) -> int:
        """Fill the views from that offset, one after another; how much came, 0 at the end of the file."""
        return os.preadv(fd, views, offset)

    def write_some(fd: int, data: memoryview, offset: int) -> int:
        """Write at that offset; how much went."""
        return os.pwrite(fd, data, offset)


def read_at(fd: int, views: Sequence[memoryview], offset: int) -> int:
    """Fill the views from that offset, one after another, none of them empty; with one call, where the system can.

    How much came, less than there is room for only at the end of the file. OSError.
    """
    filled, rest = 0, list(views)
    while rest:
        got = read_some(fd, rest, offset + filled)
        if not got:
            break
        filled += got
        while rest and got >= len(rest[0]):
            got -= len(rest.pop(0))
        if got:
            rest[0] = rest[0][got:]
    return filled


def write_at(fd: int, data: memoryview, offset: int) -> None:
    """Write all of it at that offset. OSError; some of it may have been written then."""
    written = write_some(fd, data, offset)
    while written < len(data):
        written += write_some(fd, data[written:], offset + written)
