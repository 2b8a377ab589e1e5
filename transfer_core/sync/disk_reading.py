"""The folder on a real disk, as far as it is looked at and read: see `tree.Tree`.

No symbolic link is followed: one in the way of a path refuses it. Where many files are handled one by one, their paths
are text: making a `Path` costs more than what is asked of the system.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from transfer_core.errors import NameRefused, SourceError, SourceMissing, SourceUnreadable
from transfer_core.storage.plain_open import PLAIN
from transfer_core.sync.entry import Kind
from transfer_core.sync.naming import Ignored, folded, why_not_synced
from transfer_core.sync.tree import PRIVATE, Listing, Stat

READ_BYTES = 1 << 20
IGNORE_FILE = ".drsignore"
MARKER = "marker"


class DiskReading:
    """One folder below `root`. `folder` is what its marker says. Used by one thread."""

    def __init__(self, root: Path, folder: str) -> None:
        self.root, self._folder = root, folder
        self._base, self._private = os.fspath(root), root / PRIVATE
        self._ignored = Ignored(())
        self._ignored_of: tuple[int, int] | None = None
        self._asked = ("", False)  # the last folder that was asked for, and whether it is ignored
        self._folds: bool | None = None

    # --- looking

    def is_there(self) -> bool:
        """See `Tree`."""
        try:
            return (self._private / MARKER).read_text(encoding="utf-8") == self._folder
        except (OSError, UnicodeDecodeError):
            return False

    def walk(self, listing: Listing, folder: str = "") -> Iterator[tuple[str, Stat]]:
        """See `Tree`."""
        if not folder:
            self._read_ignored()
        else:
            present = self.stat(folder)
            if present is None:
                return
            yield folder, present
            if present.kind is not Kind.FOLDER:
                return
        waiting = [f"{folder}/" if folder else ""]
        while waiting:
            prefix = waiting.pop()
            try:
                with os.scandir(self.root / prefix if prefix else self.root) as entries:
                    yield from self._walk_folder(prefix, entries, listing, waiting)
            except OSError as error:
                if not prefix:
                    raise SourceUnreadable(f"{self.root} can't be read: {error.strerror or error}") from error
                listing.unknown.add(prefix[:-1])
                listing.reports.append((prefix[:-1], f"it can't be read: {error.strerror or error}"))

    def _walk_folder(
        self, prefix: str, entries: Iterable[os.DirEntry[str]], listing: Listing, waiting: list[str]
    ) -> Iterator[tuple[str, Stat]]:
        seen: dict[str, str] = {}
        for entry in entries:
            path = prefix + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if self._ignored.match(path, is_folder=is_folder):
                continue
            found = self._stat_of(entry, path, listing)
            if found is None:
                continue
            twin = seen.setdefault(folded(entry.name), entry.name)
            if twin != entry.name:
                listing.reports.append((path, f"other systems take it and {twin} for the same name"))
            if is_folder:
                waiting.append(path + "/")
            yield path, found

    def _stat_of(self, entry: os.DirEntry[str], path: str, listing: Listing) -> Stat | None:
        why, is_fatal = why_not_synced(entry.name)
        if why:
            listing.reports.append((path, why))
        if is_fatal:
            return None
        try:
            found = stat_of(entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return None
        except OSError as error:
            listing.unknown.add(path)
            listing.reports.append((path, f"it can't be read: {error.strerror or error}"))
            return None
        if found is None:
            what = "a symbolic link" if entry.is_symlink() else "neither a file nor a folder"
            listing.unknown.add(path)
            listing.reports.append((path, f"it is {what}, which is not synced"))
        return found

    def stat(self, path: str) -> Stat | None:
        """See `Tree`."""
        if self.is_ignored(path):
            return None
        try:
            place = self._place(path)
            found = stat_of(os.lstat(place))
        except (NameRefused, FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SourceUnreadable(f"{path} can't be looked at: {error.strerror or error}") from error
        return found if found is None or self._is_named_so(place) else None

    def _is_named_so(self, place: str) -> bool:
        """Whether what is there has this very name, on a disk that takes others for the same."""
        folder, name = os.path.split(place)
        return not self._is_folding() or name in os.listdir(folder)  # noqa: PTH208

    def is_ignored(self, path: str) -> bool:
        """See `Tree`: it, or a folder that it is in, is ignored."""
        folder = path.rpartition("/")[0]
        if folder != self._asked[0]:
            at, inside = 0, False
            while not inside and (at := folder.find("/", at + 1)) > 0:
                inside = self._ignored.match(folder[:at], is_folder=True)
            self._asked = (folder, inside or (folder != "" and self._ignored.match(folder, is_folder=True)))
        return self._asked[1] or self._ignored.match_either(path)

    def _read_ignored(self) -> None:
        try:
            found = (self.root / IGNORE_FILE).stat()
            if self._ignored_of != (found.st_mtime_ns, found.st_size):
                lines = (self.root / IGNORE_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
                self._ignored, self._ignored_of = Ignored(lines), (found.st_mtime_ns, found.st_size)
                self._asked = ("", False)
        except FileNotFoundError:
            self._ignored, self._ignored_of, self._asked = Ignored(()), None, ("", False)
        except OSError as error:
            raise SourceUnreadable(f"{IGNORE_FILE} can't be read: {error.strerror or error}") from error

    def _is_folding(self) -> bool:
        """Whether this disk takes `A` and `a` for the same."""
        if self._folds is None:
            self._folds = (self._private / MARKER.upper()).exists()
        return self._folds

    # --- reading

    def read(self, path: str) -> Iterator[bytes]:
        """See `Tree`."""
        fd = self._open(path)
        try:
            while piece := os.read(fd, READ_BYTES):
                yield piece
        except OSError as error:
            raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}") from error
        finally:
            os.close(fd)

    def read_at(self, path: str, offset: int, length: int) -> bytes:
        """See `Tree`."""
        fd = self._open(path)
        try:
            os.lseek(fd, offset, os.SEEK_SET)
            parts: list[bytes] = []
            while length > 0 and (piece := os.read(fd, length)):
                parts.append(piece)
                length -= len(piece)
            return b"".join(parts)
        except OSError as error:
            raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}") from error
        finally:
            os.close(fd)

    def _open(self, path: str) -> int:
        try:
            return os.open(self._place(path), os.O_RDONLY | PLAIN)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SourceMissing(f"{path} is gone") from error
        except NameRefused as error:
            raise SourceError(error.message) from error
        except OSError as error:
            raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}") from error

    def _place(self, path: str) -> str:
        """Where a path lies; NameRefused if it would lead through anything but folders."""
        at = 0
        while (at := path.find("/", at + 1)) > 0:
            if not stat.S_ISDIR(os.lstat(f"{self._base}/{path[:at]}").st_mode):
                raise NameRefused(f"{path[:at]} is in the way of {path}: it is no folder")
        return f"{self._base}/{path}"


def stat_of(found: os.stat_result) -> Stat | None:
    """As a `Stat`; None for what is neither file nor folder."""
    if stat.S_ISDIR(found.st_mode):
        return Stat(Kind.FOLDER)
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stat(
        Kind.FILE,
        found.st_size,
        found.st_mtime_ns,
        found.st_ino,
        found.st_ctime_ns,
        bool(found.st_mode & 0o100) and os.name != "nt",
    )
