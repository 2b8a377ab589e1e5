"""Room on the disk without data in it: holes that need not be written, room that is set aside before it is.

Room is set aside in windows around what is written, never for the whole file, so that a sparse source stays sparse.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from typing import cast

import numpy as np

_FALLOC_FL_KEEP_SIZE = 1  # linux/falloc.h
_WORD = 8


def is_zero(data: memoryview) -> bool:
    """Whether there is nothing but zeros in it."""
    size = len(data)
    if not size or data[0] or data[size - 1] or data[size // 2]:
        return not size  # nearly all data that is not zero ends here
    words = size // _WORD * _WORD
    return not np.frombuffer(data[:words], np.uint64).any() and not any(data[words:])


def is_hole(fd: int, offset: int, size: int) -> bool:
    """Whether that region of the file reads as zeros because nothing is there. False where it can't be told."""
    if not hasattr(os, "SEEK_DATA"):
        return False
    try:
        return os.lseek(fd, offset, os.SEEK_DATA) >= offset + size
    except OSError as error:
        return error.errno == errno.ENXIO  # no data from here to the end


def set_aside(fd: int, offset: int, size: int) -> bool:
    """Have the disk keep room there, in one piece if it can, and leave the data alone; False if it can't."""
    return _FALLOCATE is not None and _FALLOCATE(fd, _FALLOC_FL_KEEP_SIZE, offset, size) == 0


def _load_fallocate() -> Callable[[int, int, int, int], int] | None:
    """Linux's own call: `posix_fallocate` writes zeros where the file system can't set room aside."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    call = ctypes.CDLL(None, use_errno=True).fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return cast("Callable[[int, int, int, int], int]", call)


_FALLOCATE = _load_fallocate()
