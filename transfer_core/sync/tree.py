"""What a node asks of the folder on the disk: a small file system, so that a simulated one can crash at every step.

Paths are '/'-separated, below the root. What `keep_as` has done is durable when it returns; staged contents are once
`sync_staged` returns, and other names once `settle` does, so that many files cost little more than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from transfer_core.errors import ConflictError, NameRefused, SourceError
from transfer_core.sync.entry import Kind

PRIVATE = ".drs-sync"
"""The folder in the root that is the sync's own: marker, files under way, trash. Never synced."""


class TargetChanged(ConflictError):
    """What is at the path is not what the index says: somebody has just edited it."""


class NameClash(NameRefused):
    """Another name is there that this system takes for the same."""


class StillChanging(SourceError):
    """A file changed while it was read; it is read again once it rests."""


@dataclass(frozen=True, slots=True)
class Stat:
    """Enough of a file's metadata to tell whether it was touched since."""

    kind: Kind
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0
    ctime_ns: int = 0
    executable: bool = False

    @property
    def mark(self) -> int:
        """A number that tells this from any other stat; never 0."""
        return hash((self.kind, self.size, self.mtime_ns, self.inode, self.ctime_ns, self.executable)) or 1

    def is_same_file(self, other: Stat | None) -> bool:
        """Not touched since, as far as one can tell; other names for a file change nothing but its `ctime`."""
        if other is None or self.kind is not other.kind:
            return False
        mine, theirs = (self.size, self.mtime_ns, self.inode), (other.size, other.mtime_ns, other.inode)
        return self.kind is Kind.FOLDER or mine == theirs


@dataclass(slots=True)
class Listing:
    """What a walk could not take: what could not be read is unknown, not gone."""

    unknown: set[str] = field(default_factory=set)  # paths; everything below them too
    reports: list[tuple[str, str]] = field(default_factory=list)  # (path, what is not synced and why)


class Tree(Protocol):
    """One folder. OSErrors come as errors of `transfer_core.errors`: DiskFull, WriteFailed, SourceError."""

    def is_there(self) -> bool:
        """Whether the root is there with this folder's marker: an unmounted disk is not an emptied folder."""
        ...

    def walk(self, listing: Listing, folder: str = "") -> Iterator[tuple[str, Stat]]:
        """Everything that is not ignored below the root, or in one folder of it with the folder itself."""
        ...

    def is_ignored(self, path: str) -> bool:
        """Whether a path is left alone here: neither looked at nor written, and never taken for deleted."""
        ...

    def stat(self, path: str) -> Stat | None:
        """What is at a path under exactly this name; None if nothing is, or what is ignored."""
        ...

    def read(self, path: str) -> Iterator[bytes]:
        """A file's content in pieces. SourceError."""
        ...

    def read_at(self, path: str, offset: int, length: int) -> bytes:
        """Part of a file, perhaps shorter than asked for. SourceError."""
        ...

    def stage(self, pieces: Iterable[bytes], mtime_ns: int, executable: bool) -> str:
        """Write a content under a name that nobody sees; its token, which `sync_staged` has to see before `publish`.

        DiskFull, WriteFailed.
        """
        ...

    def sync_staged(self, tokens: Sequence[str]) -> None:
        """Make staged contents durable, many for little more than the time of one. DiskFull, WriteFailed."""
        ...

    def publish(self, token: str, path: str, expected: Stat | None) -> Stat:
        """Give a staged content its name, in one step; what `expected` stood there goes to the trash.

        TargetChanged if something else is there by now; NameClash, NameRefused, WriteFailed.
        """
        ...

    def discard(self, token: str) -> None:
        """Drop a staged content."""
        ...

    def make_folder(self, path: str) -> Stat:
        """Make a folder, if it isn't there. TargetChanged if something else is, NameClash, WriteFailed."""
        ...

    def trash(self, path: str, expected: Stat) -> None:
        """Move a file into the trash, or remove an empty folder. TargetChanged if it is another, or not empty."""
        ...

    def keep_as(self, path: str, to: str, expected: Stat) -> None:
        """Make another name, or a copy, of a file, where there must be nothing. TargetChanged, NameClash."""
        ...

    def settle(self) -> None:
        """Make all names durable that were given or taken since. WriteFailed."""
        ...

    def set_executable(self, path: str, executable: bool) -> Stat:
        """Set a file's right to be run. WriteFailed."""
        ...
