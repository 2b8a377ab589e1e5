"""Gives a file its final name without ever overwriting another one; lets two files change places."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_NOT_HERE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})


def rename_new(source: Path | str, target: Path | str) -> None:
    """Rename; FileExistsError if there is something of that name. Other OSErrors pass."""
    if sys.platform == "win32":
        Path(source).rename(target)  # refuses to overwrite
    elif not _rename_exclusively(source, target):
        _link_and_unlink(Path(source), Path(target))


def _link_and_unlink(source: Path, target: Path) -> None:
    """A crash in between leaves both names to the same file, and nothing lost."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        # A file system with neither, such as FAT: another program could come between, the relay itself can't.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        source.rename(target)
    else:
        source.unlink()


def swap(a: Path, b: Path) -> bool:
    """Let two files change places in one step; False, and nothing done, where the system can't. OSErrors pass."""
    return _rename_with(a, b, _RENAME_EXCHANGE)


def _rename_exclusively(source: Path | str, target: Path | str) -> bool:
    """Linux can do it in one step; False where the system or the file system does not have it."""
    return _rename_with(source, target, _RENAME_NOREPLACE)


def _rename_with(source: Path | str, target: Path | str, flag: int) -> bool:
    if _RENAMEAT2 is None:
        return False
    if _RENAMEAT2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(target))


# In glibc since 2.28.
_RENAMEAT2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
