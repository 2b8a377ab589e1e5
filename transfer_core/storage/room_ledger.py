"""What several processes that write to one disk have promised of it, each on a line of its own in shared memory.

Who promises more takes the turn, which is a lock on a file and ends with its process; who promises less only writes its
line, since a sum that is read too large promises too little. A process that died keeps its line until it runs again.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

import numpy as np

from transfer_core.errors import StateError

if sys.platform != "win32":
    import fcntl

TURN_FILE = "relay.room"
_LINE_BYTES = 8


class Ledger(Protocol):
    """Where one process says what it has promised, and sees what others have."""

    def turn(self) -> AbstractContextManager[None]:
        """Only one process at a time promises more."""
        ...

    def others_bytes(self) -> int:
        """What the others have promised and not yet written."""
        ...

    def say(self, claimed_bytes: int) -> None:
        """What this one has promised and not yet written."""
        ...


_NOBODY = nullcontext()


class OwnLedger:
    """Of one that is alone."""

    def turn(self) -> AbstractContextManager[None]:
        """Nobody has to be waited for."""
        return _NOBODY

    def others_bytes(self) -> int:
        """There are no others."""
        return 0

    def say(self, claimed_bytes: int) -> None:
        """Nobody listens."""


def make_ledger(lines: int) -> int:
    """A file descriptor of shared memory for so many processes; Linux only. StateError."""
    if sys.platform != "linux":
        raise StateError("this system has no memory for several processes", hint="Leave --workers out.")
    fd = os.memfd_create("drs-sync-room")
    os.ftruncate(fd, lines * _LINE_BYTES)
    return fd


class SharedLedger:
    """Line `line` of the ledger behind `fd`, emptied; the turn is taken by a file in `state_dir`. StateError."""

    def __init__(self, fd: int, line: int, state_dir: Path) -> None:
        self._memory = mmap.mmap(fd, 0)
        self._lines = np.frombuffer(self._memory, np.int64)  # one store is one write: nobody reads half of it
        self._line = line
        path = state_dir / TURN_FILE
        try:
            self._turn_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"{path} can't be opened: {error.strerror}", hint="Check its permissions.") from error
        self.say(0)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See `Ledger`. Used by one thread at a time."""
        fcntl.flock(self._turn_fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turn_fd, fcntl.LOCK_UN)

    def others_bytes(self) -> int:
        """See `Ledger`."""
        return int(self._lines.sum()) - int(self._lines[self._line])

    def say(self, claimed_bytes: int) -> None:
        """See `Ledger`."""
        self._lines[self._line] = claimed_bytes

    def close(self) -> None:
        """Promise nothing, and let go of it."""
        if self._turn_fd >= 0:
            self.say(0)
            os.close(self._turn_fd)
            self._turn_fd = -1
            del self._lines
            self._memory.close()
