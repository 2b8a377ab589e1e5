"""A file that arrives: `NAME.part` beside its place, synced before anything is said to be there, renamed when verified.

Theory of operation. The part file has its full size from the start, and is a hole at first. Room is set aside in
windows as writing proceeds; chunks of zeros that fall into a hole stay a hole, so that a sparse source stays sparse.
`sync` covers the file's data, and its name when it is new; only after it returns may a checkpoint name what was written
before. A sync that failed has perhaps thrown data away and the next would not tell, so the file takes no more after
that: open it again and send what no checkpoint names. A part file has one owner, by a lock that ends with the process.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from transfer_core.errors import DiskFull, StorageError, WriteFailed
from transfer_core.storage.durable import start_sync, sync_file, sync_folder, sync_inode
from transfer_core.storage.file_hash import algorithm_of, hash_of_file
from transfer_core.storage.holes import is_hole, is_zero, set_aside
from transfer_core.storage.plain_open import PLAIN
from transfer_core.storage.positional import read_at, write_at
from transfer_core.storage.rename import rename_new
from transfer_core.storage.safe_path import free_names, part_path

if sys.platform != "win32":
    import fcntl

__all__ = ["WINDOW_BYTES", "IncomingFile", "part_path", "storage_error"]

WINDOW_BYTES = 16 * 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_OPEN_FLAGS = os.O_RDWR | PLAIN
_CREATE_FLAGS = _OPEN_FLAGS | os.O_CREAT | os.O_EXCL


def storage_error(error: OSError, path: Path | str) -> StorageError:
    """The error of our tree for a refusal by the system."""
    if error.errno in _FULL:
        return DiskFull(f"no room left for {Path(path).name}")
    return WriteFailed(f"{path} can't be written: {error.strerror or error}")


class IncomingFile:
    """An open `.part`. One thread may write while another reads or syncs; the rest is for one thread at a time."""

    def __init__(self, part: Path | str, size: int, fd: int, *, created: bool) -> None:
        self._part = os.fspath(part)  # text: a path object each costs more than writing a small file
        self.size = size
        self.created = created
        self._fd = fd
        self._name_is_durable = not created
        self._broken: StorageError | None = None
        self._has_mtime = False
        self._ready = False  # synced as a whole, only the name is missing
        self._windows_set_aside: set[int] = set()
        self._sets_aside = size > WINDOW_BYTES

    @classmethod
    def open(cls, part: Path, size: int, *, is_new: bool = False) -> IncomingFile:
        """Open the part file again, or create it, `size` bytes long. DiskFull, WriteFailed.

        `is_new` says that none is expected there; should there be one nevertheless, it is not opened.
        """
        created = is_new
        try:
            try:
                fd = os.open(part, _CREATE_FLAGS if is_new else _OPEN_FLAGS, 0o644)
            except FileNotFoundError:
                if is_new:
                    raise
                fd = os.open(part, _CREATE_FLAGS, 0o644)
                created = True
            try:
                _take(fd, part)
                if created or os.fstat(fd).st_size != size:
                    os.ftruncate(fd, size)
            except BaseException:
                os.close(fd)
                if created:
                    part.unlink()
                raise
        except OSError as error:
            raise storage_error(error, part) from error
        return cls(part, size, fd, created=created)

    @classmethod
    def write_whole(cls, part: str, data: memoryview) -> IncomingFile | None:
        """Make a part file that has this content, all of it. DiskFull, WriteFailed, and then there is none.

        None, and nothing done, if something of that name is there.
        """
        try:
            fd = os.open(part, _CREATE_FLAGS, 0o644)
        except FileExistsError:
            return None
        except OSError as error:
            raise storage_error(error, part) from error
        try:
            _lock(fd, part)
            write_at(fd, data, 0)
        except BaseException as error:
            os.close(fd)
            os.unlink(part)  # noqa: PTH108 - as above
            if isinstance(error, OSError):
                raise storage_error(error, part) from error
            raise
        return cls(part, len(data), fd, created=True)

    @property
    def part(self) -> Path:
        """Where it lies."""
        return Path(self._part)

    def write_chunk(self, offset: int, data: memoryview) -> None:
        """Write a chunk. DiskFull, WriteFailed; then nothing is known of what is there, so write it again later."""
        self._has_mtime = False
        try:
            if is_zero(data) and is_hole(self._fd, offset, len(data)):
                return
            if self._sets_aside:
                self._set_aside(offset // WINDOW_BYTES)
            write_at(self._fd, data, offset)
        except OSError as error:
            raise storage_error(error, self._part) from error

    def _set_aside(self, window: int) -> None:
        if window in self._windows_set_aside:
            return
        self._windows_set_aside.add(window)
        offset = window * WINDOW_BYTES
        # A disk that can't keep a whole window may still have room for the chunk: the write itself decides.
        self._sets_aside = set_aside(self._fd, offset, min(WINDOW_BYTES, self.size - offset))

    def read(self, offset: int, size: int) -> bytearray:
        """Read back. WriteFailed if the disk does not give it."""
        data = bytearray(size)
        try:
            filled = read_at(self._fd, (memoryview(data),), offset)
        except OSError as error:
            raise WriteFailed(f"{self.part} can't be read back: {error.strerror or error}") from error
        if filled != size:
            raise WriteFailed(f"{self.part} is shorter than it was")
        return data

    def sync(self) -> None:
        """Return when everything written before is on the disk. DiskFull, WriteFailed, from then on for ever."""
        self._require_usable()
        try:
            sync_file(self._fd)
            if not self._name_is_durable:
                sync_folder(self.part.parent)
                self._name_is_durable = True
        except OSError as error:
            self._broken = storage_error(error, self._part)
            raise self._broken from error

    def _require_usable(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._fd < 0:
            raise WriteFailed(f"{self.part} is closed")

    def begin_ready(self, mtime_ns: int) -> None:
        """Do what of `make_ready` does not wait for the disk; many files begun so are ready sooner. Never fails."""
        if self._ready or self._broken is not None or self._fd < 0:
            return
        with suppress(OSError):  # `make_ready` will say so
            self._set_mtime(mtime_ns)
            start_sync(self._fd)
            self._has_mtime = True

    def make_ready(self, mtime_ns: int) -> None:
        """Sync all of it, so that only the name is missing. DiskFull, WriteFailed."""
        if self._ready:
            return
        self._require_usable()
        try:
            if not self._has_mtime:  # a time set anew would have to be synced anew
                self._set_mtime(mtime_ns)
            sync_inode(self._fd)
        except OSError as error:
            self._broken = storage_error(error, self._part)
            raise self._broken from error
        self._ready = True

    def take_place(self, target: Path, *, digest: str | None = None) -> Path:
        """`take_name` with paths."""
        return Path(self.take_name(os.fspath(target), digest=digest))

    def take_name(self, target: str, *, digest: str | None = None) -> str:
        """Give what is ready its name without overwriting anything, and let go of it; gives the name that it got.

        That is `target`, or `name (2).ext` and so on if something else is there. With `digest`, the hash of this file,
        a file there with the same content is replaced by this one instead. The name is durable once its folder is
        synced. WriteFailed: call it again, or `abandon`.
        """
        try:
            final = self._take_name(target, digest)
        except OSError as error:
            raise storage_error(error, self._part) from error
        self.close()
        return final

    def finish(self, target: Path, mtime_ns: int, *, digest: str | None = None) -> Path:
        """`make_ready`, `take_place`, and sync the folder. DiskFull, WriteFailed: call it again, or `abandon`."""
        self.make_ready(mtime_ns)
        try:
            final = Path(self._take_name(os.fspath(target), digest))
            sync_folder(final.parent)
        except OSError as error:
            raise storage_error(error, self._part) from error
        self.close()
        return final

    def _take_name(self, target: str, digest: str | None) -> str:
        if sys.platform == "win32":
            self.close()  # an open file can't be renamed there
        if target == self._part:
            return target  # an earlier call came this far
        try:
            rename_new(self._part, target)
        except FileExistsError:
            return self._take_free_name(Path(target), digest)
        self._part = target
        return target

    def _take_free_name(self, target: Path, digest: str | None) -> str:
        """One of the names beside `target`, or that of a file there with the same content."""
        for candidate in free_names(target):
            if candidate == self.part:
                break
            try:
                rename_new(self._part, candidate)
            except FileExistsError:
                if candidate.samefile(self._part):
                    self.part.unlink()  # a crash between link and unlink; a rename would do nothing
                elif digest is not None and _has_content(candidate, self.size, digest):
                    self.part.replace(candidate)
                else:
                    continue
            self._part = os.fspath(candidate)
            break
        return self._part

    def _set_mtime(self, mtime_ns: int) -> None:
        if mtime_ns <= 0:
            return
        try:
            os.utime(self._fd if os.utime in os.supports_fd else self._part, ns=(mtime_ns, mtime_ns))
        except OverflowError:
            return  # a time that this system can't express is no reason to refuse the data

    def is_there(self) -> bool:
        """Whether it still has a name: somebody may have deleted it, and what is written would be lost."""
        try:
            return self._fd >= 0 and os.fstat(self._fd).st_nlink > 0
        except OSError:
            return False

    def abandon(self) -> None:
        """Delete it. WriteFailed."""
        self.close()
        try:
            self.part.unlink(missing_ok=True)
        except OSError as error:
            raise WriteFailed(f"{self.part} can't be deleted: {error.strerror or error}") from error

    def close(self) -> None:
        """Let go of it; the part file stays. May be called twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _take(fd: int, part: Path) -> None:
    """Own a part file, or WriteFailed: only a regular file that nobody else writes."""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise WriteFailed(f"{part} is in the way: it is no part file")
    _lock(fd, part)


def _lock(fd: int, part: Path | str) -> None:
    """Be its only writer, or WriteFailed."""
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WriteFailed(f"{part} is written by another transfer") from error
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise  # some network file systems have no locks


def _has_content(path: Path, size: int, digest: str) -> bool:
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode) or facts.st_size != size:
        return False
    return hash_of_file(path, algorithm_of(digest)) == digest
