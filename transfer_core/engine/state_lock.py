"""One agent, and one relay, per state directory: a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from transfer_core.errors import StateLocked


class StateLock:
    """Held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, state_dir: Path, what: str) -> None:
        self._path = state_dir / f"{what}.lock"
        self._what = what
        self._fd: int | None = None

    def acquire(self, since: str) -> None:
        """Take it. StateLocked names the holder."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(fd)
        except OSError as error:
            holder = os.pread(fd, 4096, 1).decode(errors="replace").strip() if hasattr(os, "pread") else ""
            os.close(fd)
            raise StateLocked(
                f"another {self._what} works in {self._path.parent}" + (f" ({holder})" if holder else "")
            ) from error
        os.ftruncate(fd, 0)
        os.write(fd, b" " + json.dumps({"pid": os.getpid(), "since": since}).encode())
        self._fd = fd

    def release(self) -> None:
        """Let it go. May be called twice."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
