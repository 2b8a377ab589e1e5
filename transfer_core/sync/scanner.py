"""Finds what people changed in the folder: compares the disk with the index and enters each difference as an edit.

Theory of operation. A file whose size, times and inode are those of its entry is taken as untouched; what differs is
read, hashed and cut. A file that changes while it is read, or did so a moment ago, is left for the next scan. What is
not found is deleted, with two guards: the root must be there with its marker, and when more than half of a larger
folder is gone at once, a person is asked first. What can't be read is unknown, never deleted.

A crash between a rename and the index's commit leaves content on the disk that the index does not know. If a peer's
entry says exactly that content, it is that entry, not a new edit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from transfer_core.errors import ConflictError, SourceError
from transfer_core.sync.chunker import Cut, cut
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.index import Index
from transfer_core.sync.tree import Listing, Stat, StillChanging, Tree
from transfer_core.sync.version import NEVER, includes, with_dot
from transfer_core.units import NS_PER_MS, NS_PER_S

SMALL_FOLDER = 4  # paths; so small a folder may be emptied without a question
RACY_NS = 100 * NS_PER_MS
ENTER_AT_ONCE = 200
FILE_BYTES_MAX = 8 << 30  # above this its recipe would not fit a parcel


class FolderGone(ConflictError):
    """The root of a synced folder is not there, or is not the one that was shared."""

    code = "E_SYNC_FOLDER_GONE"
    default_hint = "Mount the disk or put the folder back, then `drs-sync sync resume`."


class MassDelete(ConflictError):
    """More than half of a synced folder is gone at once."""

    code = "E_SYNC_MASS_DELETE"
    default_hint = "Put the files back, or say `drs-sync sync resume NAME --deletes-are-meant`."


@dataclass(slots=True)
class ScanResult:
    """What a scan came to."""

    edited: list[Entry] = field(default_factory=list)
    deleted: list[Entry] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)  # (path, why): looked at again next time
    reports: list[tuple[str, str]] = field(default_factory=list)  # (path, what is not synced and why)


class Scanner:
    """See the module. Used by the node's thread."""

    def __init__(self, tree: Tree, index: Index, wall_ns: Callable[[], int], name: str) -> None:
        self._tree, self._index, self._wall_ns, self._name = tree, index, wall_ns, name

    def scan(self, result: ScanResult, *, deletes_are_meant: bool = False) -> Iterator[None]:
        """Look at everything, and enter what differs in steps, between which the node may do anything else.

        FolderGone, MassDelete: then no delete was entered.
        """
        if not self._tree.is_there():
            raise FolderGone("the folder is not there, or its marker is missing")
        listing = Listing()
        left = self._index.marks()
        live = len(left)
        changed = [(path, stat) for path, stat in self._tree.walk(listing) if left.pop(path, 0) != stat.mark]
        gone = [path for path in left if self._is_gone(path, listing)]
        if 2 * len(gone) > live > SMALL_FOLDER and not deletes_are_meant:
            raise MassDelete(f"{len(gone)} of {live} files and folders are gone at once")
        result.reports += listing.reports
        for at in range(0, len(changed), ENTER_AT_ONCE):
            some = changed[at : at + ENTER_AT_ONCE]
            with self._index.change():
                self._index.look_up(path for path, _ in some)
                for path, stat in some:
                    self._look_into(path, stat, self._index.entry(path), result)
            yield
        if gone:
            if not self._tree.is_there():
                raise FolderGone("the folder has just gone, or its marker")
            with self._index.change():
                for path in gone:
                    self._enter_gone(path, result)

    def _enter_gone(self, path: str, result: ScanResult) -> None:
        """It was not there when the folder was walked; it may be by now."""
        entry = self._index.entry(path)
        if entry is not None and entry.is_live and self._tree.stat(path) is None:
            result.deleted.append(self._enter(path, Kind.DELETED, entry, None, None))

    def _is_gone(self, path: str, listing: Listing) -> bool:
        """Whether a path that the walk did not meet is not there, as far as can be told."""
        if path in listing.unknown:
            return False
        at = path.rfind("/")
        while at > 0:
            if path[:at] in listing.unknown:
                return False
            at = path.rfind("/", 0, at)
        return not self._tree.is_ignored(path)

    def look(self, path: str, result: ScanResult | None = None) -> ScanResult:
        """Look at one path, and into it if it is a new folder. FolderGone: then nothing was entered."""
        result = result or ScanResult()
        if not self._tree.is_there():
            raise FolderGone("the folder is not there, or its marker is missing")
        stat, entry = self._tree.stat(path), self._index.entry(path)
        if stat is None:
            if entry is not None and entry.is_live and not self._tree.is_ignored(path):
                with self._index.change():
                    result.deleted.append(self._enter(path, Kind.DELETED, entry, None, None))
        elif stat.kind is Kind.FOLDER and (entry is None or entry.kind is not Kind.FOLDER):
            listing = Listing()
            with self._index.change():
                for inside, found in self._tree.walk(listing, path):
                    self._look_into(inside, found, self._index.entry(inside), result)
            result.reports += listing.reports
        else:
            self._look_into(path, stat, entry, result)
        return result

    def _look_into(self, path: str, stat: Stat, entry: Entry | None, result: ScanResult) -> None:
        if stat.kind is Kind.FOLDER:
            if entry is None or entry.kind is not Kind.FOLDER:
                with self._index.change():
                    result.edited.append(self._enter(path, Kind.FOLDER, entry, None, stat))
            return
        if stat.size > FILE_BYTES_MAX:
            result.unread.append((path, "it is larger than folder sync takes; send it with `drs-sync send`"))
            return
        try:
            found = cut(self._tree.read(path), stat.size)
            self._check_rests(path, stat)
        except SourceError as error:
            result.unread.append((path, error.message))
            return
        cached = stat if self._wall_ns() - max(stat.mtime_ns, stat.ctime_ns) > RACY_NS or self._is_odd(stat) else None
        with self._index.change():
            if entry is not None and entry.kind is Kind.FILE and entry.content == found.content:
                self._keep_content(entry, stat, cached, result)
            else:
                result.edited.append(self._enter(path, Kind.FILE, entry, found, stat, cached))

    def _check_rests(self, path: str, before: Stat) -> None:
        if self._tree.stat(path) != before:
            raise StillChanging(f"{path} changed while it was read")

    def _is_odd(self, stat: Stat) -> bool:
        """A file from the future: its times say nothing of now."""
        return max(stat.mtime_ns, stat.ctime_ns) - self._wall_ns() > 60 * NS_PER_S

    def _keep_content(self, entry: Entry, stat: Stat, cached: Stat | None, result: ScanResult) -> None:
        if entry.executable == stat.executable:
            self._index.put_stat(entry.path, cached)
            return
        version = with_dot(entry.version, self._index.next_dot(self._floor()))
        changed = replace(entry, version=version, executable=stat.executable)  # the content's own edit stays named
        self._index.put(changed, cached)
        result.edited.append(changed)

    def _enter(
        self,
        path: str,
        kind: Kind,
        entry: Entry | None,
        found: Cut | None,
        stat: Stat | None,
        cached: Stat | None = None,
    ) -> Entry:
        said = self._said_by_a_peer(path, kind, entry, found)
        if said is not None:
            self._index.put(said, cached, None if found is None else found.recipe)
            return said
        dot = self._index.next_dot(self._floor())
        made = Entry(
            path=path,
            kind=kind,
            version=with_dot(NEVER if entry is None else entry.version, dot),
            dot=dot,
            size=0 if found is None else found.size,
            content=b"" if found is None else found.content,
            mtime_ns=0 if found is None or stat is None else max(0, stat.mtime_ns),
            executable=stat is not None and kind is Kind.FILE and stat.executable,
            by=self._name,
            at_ns=max(0, self._wall_ns()),
        )
        self._index.put(made, cached, None if found is None else found.recipe)
        self._index.note(made.at_ns, "deleted" if kind is Kind.DELETED else "edited", path, "here")
        return made

    def _said_by_a_peer(self, path: str, kind: Kind, entry: Entry | None, found: Cut | None) -> Entry | None:
        content = b"" if found is None else found.content
        before = NEVER if entry is None else entry.version
        for _, said in self._index.heard_of(path):
            if said.kind is kind and said.content == content and includes(said.version, before):
                return said
        return None

    def _floor(self) -> int:
        return max(0, self._wall_ns() // NS_PER_S)
