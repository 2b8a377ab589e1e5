"""A file that arrives: `NAME.part` beside its place, synced before anything is said to be there, renamed when verified.

Chunks of zeros that fall into a hole stay a hole, so that a sparse source stays sparse.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from transfer_core.errors import DiskFull, StorageError, WriteFailed
from transfer_core.storage.safe_path import free_name

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_OPEN_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_ZEROS = bytes(1 << 20)


def storage_error(error: OSError, path: Path) -> StorageError:
    """The error of our tree for a refusal by the system."""
    if error.errno in _FULL:
        return DiskFull(f"no room left for {path.name}")
    return WriteFailed(f"{path} can't be written: {error.strerror or error}")


class IncomingFile:
    """An open `.part`. Chunk writes may come from one thread while another syncs."""

    def __init__(self, part: Path, size: int, fd: int, *, created: bool) -> None:
        self.part = part
        self.size = size
        self.created = created
        self._fd = fd

    @classmethod
    def open(cls, part: Path, size: int) -> IncomingFile:
        """Open or create the part file. DiskFull, WriteFailed."""
        created = False
        try:
            try:
                fd = os.open(part, _OPEN_FLAGS)
            except FileNotFoundError:
                fd = os.open(part, _OPEN_FLAGS | os.O_CREAT | os.O_EXCL, 0o644)
                created = True
            if os.fstat(fd).st_size != size:
                os.ftruncate(fd, size)
        except OSError as error:
            raise storage_error(error, part) from error
        return cls(part, size, fd, created=created)

    def write_chunk(self, offset: int, data: memoryview) -> None:
        """Write a chunk. DiskFull, WriteFailed."""
        try:
            if self.created and data == _ZEROS[: len(data)]:
                return  # a new part file reads as zeros where nothing was written
            written = 0
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], offset + written)
        except OSError as error:
            raise storage_error(error, self.part) from error

    def read(self, offset: int, size: int) -> bytes:
        """Read back. WriteFailed if the disk does not give it."""
        try:
            data = os.pread(self._fd, size, offset)
        except OSError as error:
            raise storage_error(error, self.part) from error
        if len(data) != size:
            raise WriteFailed(f"{self.part} is shorter than it was")
        return data

    def sync(self) -> None:
        """Return when everything written is on the disk."""
        try:
            getattr(os, "fdatasync", os.fsync)(self._fd)
        except OSError as error:
            raise storage_error(error, self.part) from error

    def finish(self, target: Path, mtime_ns: int) -> Path:
        """Sync, give it its name without overwriting anything, sync the folder; gives the name it got."""
        try:
            if mtime_ns > 0:
                os.utime(self._fd if os.utime in os.supports_fd else self.part, ns=(mtime_ns, mtime_ns))
            os.fsync(self._fd)
            final = free_name(target)
            os.rename(self.part, final)
            sync_folder(final.parent)
        except OSError as error:
            raise storage_error(error, self.part) from error
        self.close()
        return final

    def abandon(self) -> None:
        """Delete it."""
        self.close()
        self.part.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it; the part file stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable; systems that can't open folders do it by themselves."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def part_path(target: Path) -> Path:
    """Where a file's part lies."""
    return target.with_name(target.name + ".part")
