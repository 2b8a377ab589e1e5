"""Makes writes and renames survive a loss of power, as far as each system lets a program ask for that."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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


def sync_folder(folder: Path) -> None:
    """Make new, renamed and deleted names in a folder durable; Windows does it by itself. OSError."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
