"""Reads a source file by offset, and notices when it is not the file any more that was opened.

A file's size, time of change and inode together are its fingerprint. They are compared after each read, so that what
has been read is of the fingerprint's state: a change in place shows in the open file, a replacement shows by its name.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from transfer_core.errors import SourceChanged, SourceMissing, SourceUnreadable
from transfer_core.storage.positional import read_at

READ_AHEAD_BYTES = 128 * 1024  # what the system reads ahead without being asked
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one state of a source from another."""

    size: int
    mtime_ns: int
    inode: int

    @property
    def digest(self) -> int:
        """The fingerprint as 64 bits, for the wire."""
        mixed = self.size * 0x9E3779B97F4A7C15 ^ self.mtime_ns * 0xC2B2AE3D27D4EB4F ^ self.inode * 0x165667B19E3779F9
        return mixed & 0xFFFFFFFFFFFFFFFF


class SourceFile:
    """An open source. Threads may read at once; closed when none does."""

    def __init__(self, path: str | Path, fd: int, fingerprint: Fingerprint) -> None:
        self.path = path
        self.fingerprint = fingerprint
        self._fd = fd

    @classmethod
    def open(cls, path: str | Path, expected: Fingerprint | None = None) -> SourceFile:
        """Open a regular file, or a link to one. SourceMissing, SourceUnreadable; SourceChanged if not `expected`."""
        try:
            # A device is never opened, since that alone can have an effect.
            _require_regular(path, os.stat(path))  # noqa: PTH116 - a path each would cost as much as opening the file
            fd = os.open(path, _OPEN_FLAGS)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SourceMissing(f"{path} is gone") from error
        except (OSError, ValueError) as error:
            raise SourceUnreadable(f"{path} can't be opened: {getattr(error, 'strerror', None) or error}") from error
        try:
            facts = os.fstat(fd)
            _require_regular(path, facts)
            if sys.platform == "linux" and facts.st_size > READ_AHEAD_BYTES:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            fingerprint = _fingerprint(facts)
            if expected is not None and fingerprint != expected:
                raise SourceChanged(f"{path} is not as it was when it was queued")
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd, fingerprint)

    def read_into(self, offset: int, *views: memoryview) -> None:
        """Fill the views from that offset, one after another; none of them is empty.

        SourceChanged if the file is not as it was, SourceUnreadable if it fails.
        """
        try:
            filled = read_at(self._fd, views, offset)
            facts = os.fstat(self._fd)
        except OSError as error:
            raise SourceUnreadable(f"{self.path} can't be read: {error.strerror or error}") from error
        if filled < sum(map(len, views)) or facts.st_size < self.fingerprint.size:
            raise SourceChanged(f"{self.path} has become shorter while it was sent")
        if facts.st_mtime_ns != self.fingerprint.mtime_ns or facts.st_size != self.fingerprint.size:
            raise SourceChanged(f"{self.path} changed while it was sent")

    def check_unchanged(self) -> None:
        """SourceChanged if there is another state, or another file, under its name; SourceMissing if it is gone."""
        try:
            here = os.stat(self.path)  # noqa: PTH116 - as above
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SourceMissing(f"{self.path} went away while it was sent") from error
        except OSError as error:
            raise SourceUnreadable(f"{self.path} can't be looked at: {error.strerror or error}") from error
        if _fingerprint(here) != self.fingerprint:
            raise SourceChanged(f"{self.path} changed while it was sent")

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _require_regular(path: str | Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        kind = "a folder" if stat.S_ISDIR(facts.st_mode) else "no regular file"
        raise SourceUnreadable(f"{path} is {kind}", hint="Queue regular files.")


def _fingerprint(facts: os.stat_result) -> Fingerprint:
    return Fingerprint(facts.st_size, facts.st_mtime_ns, facts.st_ino)
