"""Makes writes and renames survive a loss of power, as far as each system lets a program ask for that."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

if sys.platform == "darwin":
    import fcntl

    def sync_file(fd: int) -> None:
        """Return when data and size are on the disk; a plain fsync of macOS stops at the drive's own cache."""
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)

    sync_inode = sync_file

elif sys.platform == "win32":

    def sync_file(fd: int) -> None:
        """Return when data and size are on the disk."""
        os.fsync(fd)

    sync_inode = sync_file

else:

    def sync_file(fd: int) -> None:
        """Return when data and size are on the disk."""
        os.fdatasync(fd)

    def sync_inode(fd: int) -> None:
        """The same, and the time of change with it."""
        os.fsync(fd)


def start_sync(fd: int) -> None:
    """Have the system begin to write the data of a file, if it can be told to; promises nothing, and does not wait.

    Of files of which all was begun so, the first one's sync makes a journal commit that covers the others' as well.
    """
    if _SYNC_FILE_RANGE is not None:
        _SYNC_FILE_RANGE(fd, 0, 0, _SYNC_FILE_RANGE_WRITE)


def _load_sync_file_range() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
    if call is not None:
        call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return cast("Callable[[int, int, int, int], int] | None", call)


_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h
_SYNC_FILE_RANGE = _load_sync_file_range()


def sync_folder(folder: Path | str) -> None:
    """Make new, renamed and deleted names in a folder durable; Windows does it by itself. OSError."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
