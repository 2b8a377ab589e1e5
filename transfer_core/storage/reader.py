"""Reads a source file by offset, and notices when it is not the file any more that was opened."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from transfer_core.errors import SourceChanged, SourceMissing, SourceUnreadable


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
    """An open source. Used by one thread at a time."""

    def __init__(self, path: Path, fd: int, fingerprint: Fingerprint) -> None:
        self.path = path
        self.fingerprint = fingerprint
        self._fd = fd

    @classmethod
    def open(cls, path: Path) -> SourceFile:
        """SourceMissing, SourceUnreadable; only regular files."""
        try:
            fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError as error:
            raise SourceMissing(f"{path} is gone") from error
        except (OSError, ValueError) as error:
            raise SourceUnreadable(f"{path} can't be opened: {getattr(error, 'strerror', None) or error}") from error
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            os.close(fd)
            raise SourceUnreadable(f"{path} is no regular file")
        return cls(path, fd, _fingerprint(facts))

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill the view from that offset. SourceChanged if the file ends before, SourceUnreadable if it fails."""
        filled = 0
        while filled < len(view):
            try:
                got = os.preadv(self._fd, [view[filled:]], offset + filled)
            except OSError as error:
                raise SourceUnreadable(f"{self.path} can't be read: {error.strerror or error}") from error
            if got == 0:
                raise SourceChanged(f"{self.path} has become shorter while it was sent")
            filled += got

    def check_unchanged(self) -> None:
        """SourceChanged if size or time of change differ from when it was opened, SourceMissing if it is gone."""
        try:
            here = os.stat(self.path)
        except FileNotFoundError as error:
            raise SourceMissing(f"{self.path} went away while it was sent") from error
        except OSError as error:
            raise SourceUnreadable(f"{self.path} can't be looked at: {error.strerror or error}") from error
        if _fingerprint(here) != self.fingerprint:
            raise SourceChanged(f"{self.path} changed while it was sent")

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _fingerprint(facts: os.stat_result) -> Fingerprint:
    return Fingerprint(facts.st_size, facts.st_mtime_ns, facts.st_ino)
