"""One agent, and one relay, per state directory: a lock that the kernel drops when its holder dies, however it dies.

The lock file itself stays behind and means nothing; only the lock on it does. It tells who holds it, for people.
Byte 0 is what Windows locks, which also keeps others from reading it, so the text begins after it.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import psutil

from transfer_core.errors import DiskFull, StateError, StateLocked

_TEXT_AT = 1
_TEXT_BYTES_MAX = 4096
_HINT = "Check its permissions, or use another --state directory."
_FULL = {errno.ENOSPC, errno.EDQUOT}
_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}


class StateLock:
    """Held from `acquire` to `release`, or to the end of the process. `what` is `agent` or `relay`."""

    def __init__(self, state_dir: Path, what: str) -> None:
        self._path = state_dir / f"{what}.lock"
        self._what = what
        self._fd: int | None = None

    def acquire(self, since: str) -> None:
        """Take it; does nothing if it is held already.

        StateLocked names the holder, StateError what is wrong; DiskFull if the holder can't be written down.
        """
        if self._fd is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(f"{self._path} can't be opened: {error.strerror}", hint=_HINT) from error
        try:
            self._lock(fd)
            self._write_holder(fd, since)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def _lock(self, fd: int) -> None:
        try:
            _lock(fd)
        except OSError as error:
            if error.errno in _HELD:
                message = f"another {self._what} works in {self._path.parent}{_read_holder(fd)}"
                raise StateLocked(message) from error
            hint = "Use a --state directory on a local disk."
            raise StateError(f"{self._path} can't be locked: {error.strerror}", hint=hint) from error

    def _write_holder(self, fd: int, since: str) -> None:
        text = json.dumps({"pid": os.getpid(), "since": since})
        try:
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, b" " * _TEXT_AT + text.encode())
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull(f"no room left for {self._path}") from error
            raise StateError(f"{self._path} can't be written: {error.strerror}", hint=_HINT) from error

    def is_held(self) -> bool:
        """Whether somebody works on this state, as far as its note tells: nothing is locked to find out."""
        try:
            fd = os.open(self._path, os.O_RDONLY)
        except OSError:
            return False
        try:
            pid = _holder(fd).get("pid")
        finally:
            os.close(fd)
        return isinstance(pid, int) and psutil.pid_exists(pid)

    def fileno(self) -> int:
        """Of the lock, while it is held: a process that inherits it holds it too."""
        assert self._fd is not None
        return self._fd

    def release(self) -> None:
        """Let it go. May be called twice."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def _read_holder(fd: int) -> str:
    """` (process 4711, since ...)`; empty if the holder has not written it yet."""
    holder = _holder(fd)
    return f" (process {holder['pid']}, since {holder['since']})" if {"pid", "since"} <= holder.keys() else ""


def _holder(fd: int) -> dict[str, object]:
    os.lseek(fd, _TEXT_AT, os.SEEK_SET)
    try:
        holder = json.loads(os.read(fd, _TEXT_BYTES_MAX))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
