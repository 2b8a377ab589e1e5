"""Reads and writes at an offset, without a position that threads would have to share."""

from __future__ import annotations

import os
import sys
import threading

_POSITION = threading.Lock()


def read_by_seeking(fd: int, view: memoryview, offset: int) -> int:
    """For systems without `preadv`: moves the file's position, so one at a time. How much came, 0 at the end."""
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

    def read_some(fd: int, view: memoryview, offset: int) -> int:
        """Fill the view from that offset; how much came, 0 at the end of the file."""
        return os.preadv(fd, [view], offset)

    def write_some(fd: int, data: memoryview, offset: int) -> int:
        """Write at that offset; how much went."""
        return os.pwrite(fd, data, offset)


def read_at(fd: int, view: memoryview, offset: int) -> int:
    """Fill the view from that offset; how much came, less than its length only at the end of the file. OSError."""
    filled = 0
    while filled < len(view):
        got = read_some(fd, view[filled:] if filled else view, offset + filled)
        if not got:
            break
        filled += got
    return filled


def write_at(fd: int, data: memoryview, offset: int) -> None:
    """Write all of it at that offset. OSError; some of it may have been written then."""
    written = write_some(fd, data, offset)
    while written < len(data):
        written += write_some(fd, data[written:], offset + written)
