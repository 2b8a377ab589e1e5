"""What a person may ask of folder sync, answered from the databases and the disk; see `service.sync`.

No agent has to run: what is asked for is written down, and a running agent follows it. A conflict is resolved by moving
files, as a person would, so that the agent finds the outcome as any other edit; what is dropped lies in the trash.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.errors import ConflictError, DrsError, NotFoundError, UsageError
from transfer_core.events.sync import (
    SyncConflictView,
    SyncFigures,
    SyncFileView,
    SyncFolderView,
    SyncHappening,
    SyncPeerView,
    SyncSavingView,
    SyncState,
    SyncVectorView,
    SyncVersionView,
)
from transfer_core.sync.disk_tree import DiskTree
from transfer_core.sync.entry import Entry, is_conflict_copy
from transfer_core.sync.index import Index
from transfer_core.sync.shares import Share, ShareStore, check_name
from transfer_core.sync.tree import PRIVATE
from transfer_core.sync.version import Order, order
from transfer_core.units import utc_iso

KEEP = ("mine", "theirs", "both")
_COPY = re.compile(r"\.conflict-[^/]{1,20}-[0-9a-f]{16}(?=\.[^./]*\Z|\Z)")


class FolderVerbs:
    """See the module. Safe from any thread."""

    def __init__(
        self, state_folder: Path, clock: Clock, relays: Callable[[], Sequence[str]], runs: Callable[[], bool]
    ) -> None:
        """`relays` names the paired ones; `runs` tells whether an agent works on this state."""
        self._clock, self._relays, self._runs = clock, relays, runs
        self.store = ShareStore(state_folder, utc_iso(clock.wall_ns()))

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    # --- what is shared

    def share(self, directory: str, name: str, to: str) -> SyncFolderView:
        """Share a folder through a relay under a new name. UsageError, ConflictError, NotFoundError."""
        return self._begin(directory, name, to, "share")

    def accept(self, name: str, directory: str, relay: str = "") -> SyncFolderView:
        """Take part in a folder that a relay has; `relay` may be left out if only one is paired."""
        known = list(self._relays())
        if not relay and len(known) != 1:
            raise UsageError("which relay has that folder?", hint=f"Say --from with one of: {', '.join(known) or '-'}.")
        Path(directory).mkdir(parents=True, exist_ok=True)
        return self._begin(directory, name, relay or known[0], "accept")

    def _begin(self, directory: str, name: str, relay: str, intent: str) -> SyncFolderView:
        root = Path(directory).resolve()
        if relay not in self._relays():
            raise NotFoundError(f"no relay {relay} is paired", hint="Pair one with `drs-sync pair TOKEN`.")
        if not root.is_dir():
            raise UsageError(f"{directory} is no folder", hint="Name a folder that is there.")
        if (root / PRIVATE / "marker").exists():
            raise ConflictError(f"{root} is a shared folder already", hint="`drs-sync sync leave` it first.")
        check_name(name)
        for suffix in ("", "-wal", "-shm"):  # an index of a folder of that name that was left
            self.store.index_path(name).with_name(f"{name}.sqlite3{suffix}").unlink(missing_ok=True)
        share = Share(name, str(root), relay, intent)
        self.store.add(share)
        try:
            DiskTree(root, name).adopt()
        except DrsError:
            self.store.remove(name)
            raise
        return self._view(self.store.share(name))

    def leave(self, name: str) -> None:
        """Share it no more on this machine; its files stay here and everywhere else."""
        share = self.store.share(name)
        self.store.remove(name)
        DiskTree(Path(share.path), name).release()

    def pause(self, names: Sequence[str]) -> None:
        """Hold these, all if none is named."""
        for name in names or [share.name for share in self.store.shares()]:
            self.store.set_paused(name, True)

    def resume(self, names: Sequence[str], *, deletes_are_meant: bool = False) -> None:
        """Let them go on; `deletes_are_meant` answers the question after more than half of a folder is gone."""
        if deletes_are_meant and len(names) != 1:
            raise UsageError("deletes can be meant for one folder at a time", hint="Name the folder.")
        for name in names or [share.name for share in self.store.shares()]:
            self.store.set_paused(name, False, deletes_are_meant=deletes_are_meant)

    def status(self, name: str | None = None) -> list[SyncFolderView]:
        """How the folders stand, as the agent last said. NotFoundError."""
        return [self._view(share) for share in ([self.store.share(name)] if name else self.store.shares())]

    def _view(self, share: Share) -> SyncFolderView:
        view = _said(share)
        if not self._runs():
            return _with_state(view, SyncState.IDLE, "no agent runs on this machine")
        if share.paused and view.state is not SyncState.PAUSED:
            return _with_state(view, SyncState.PAUSED, "held by hand")
        return view

    # --- what is in it

    @contextmanager
    def _index(self, share: Share) -> Iterator[Index | None]:
        path = self.store.index_path(share.name)
        if not path.exists():
            yield None
            return
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
        try:
            db.row_factory = sqlite3.Row
            yield Index(db, None)
        finally:
            db.close()

    def peer_ids(self, name: str) -> list[str]:
        """The other machines of a folder: at a relay, the keys of agents."""
        with self._index(self.store.share(name)) as index:
            return [] if index is None else [peer.peer for peer in index.peers() if peer.replica]

    def _chosen(self, name: str | None) -> list[Share]:
        return [self.store.share(name)] if name else self.store.shares()

    def files(self, name: str, *, find: str = "", limit: int = 500) -> list[SyncFileView]:
        """Files and folders in it, deleted ones too, newest edit first."""
        with self._index(self.store.share(name)) as index:
            entries = [] if index is None else index.newest(find, limit)
        return [SyncFileView(e.path, e.kind.name.lower(), e.size, e.by, _at(e)) for e in entries]

    def history(self, name: str | None = None, *, limit: int = 200) -> list[SyncHappening]:
        """What happened, newest first."""
        lines: list[SyncHappening] = []
        for share in self._chosen(name):
            with self._index(share) as index:
                rows = [] if index is None else index.history(limit)
            lines += [SyncHappening(utc_iso(at), share.name, what, path, text) for at, what, path, text in rows]
        return sorted(lines, key=lambda line: line.at, reverse=True)[:limit]

    def savings(self, name: str | None = None, *, limit: int = 200) -> list[SyncSavingView]:
        """What crossed the wire for each received file, newest first."""
        found: list[SyncSavingView] = []
        for share in self._chosen(name):
            with self._index(share) as index:
                rows = [] if index is None else index.savings(limit)
            found += [
                SyncSavingView(
                    share.name, r.path, utc_iso(r.at_ns), r.times, r.size_bytes, r.wire_bytes, r.packed_bytes
                )
                for r in rows
            ]
        return sorted(found, key=lambda row: row.at, reverse=True)[:limit]

    def vectors(self, name: str, path: str) -> list[SyncVectorView]:
        """What this machine and its peers have of a path, with the version vectors. NotFoundError."""
        share = self.store.share(name)
        with self._index(share) as index:
            mine = None if index is None else index.entry(path)
            if index is None or mine is None:
                raise NotFoundError(f"{name} has no {path}", hint="Look at what is there on the Sync page.")
            names = {peer.peer: peer.name or peer.peer for peer in index.peers()}
            found = [_vector("here", mine, "here")]
            for peer, entry in index.heard_of(path):
                found.append(_vector(names.get(peer, peer), entry, _standing(entry, mine)))
        return found

    # --- conflicts

    def conflicts(self, name: str | None = None) -> list[SyncConflictView]:
        """Files that were edited on two sides at once, newest first."""
        found: list[SyncConflictView] = []
        for share in self._chosen(name):
            with self._index(share) as index:
                if index is None:
                    continue
                for copy in index.conflict_copies():
                    if is_conflict_copy(copy.path) and _COPY.search(copy.path):
                        found.append(_conflict(share.name, index, copy))
        return sorted(found, key=lambda each: each.beside.at, reverse=True)

    def resolve(self, path: str, keep: str, *, folder: str | None = None) -> list[str]:
        """Resolve the conflicts of a path, or that of one copy; what was done, in words.

        `mine` keeps what was edited on this machine (what is in place, if that can't be told), `theirs` the other,
        `both` gives the copy a name of its own. NotFoundError, UsageError.
        """
        if keep not in KEEP:
            raise UsageError(f"{keep!r} can't be kept", hint=f"Say --keep with one of: {', '.join(KEEP)}.")
        found = [each for each in self.conflicts(folder) if self._is_meant(each, path)]
        if not found:
            raise NotFoundError(f"no conflict at {path}", hint="List them with `drs-sync sync conflicts`.")
        if len({each.folder for each in found}) > 1:
            raise UsageError(f"{path} has conflicts in several folders", hint="Name one with --folder.")
        return [self._resolve(each, keep) for each in found]

    def _is_meant(self, conflict: SyncConflictView, path: str) -> bool:
        root = Path(self.store.share(conflict.folder).path)
        meant = {path, Path(path).as_posix()}
        resolved = Path(path).resolve()
        if resolved.is_relative_to(root):
            meant.add(resolved.relative_to(root).as_posix())
        return bool(meant & {conflict.path, conflict.beside.path})

    def _resolve(self, conflict: SyncConflictView, keep: str) -> str:
        share = self.store.share(conflict.folder)
        tree = DiskTree(Path(share.path), share.name)
        beside, place = tree.stat(conflict.beside.path), tree.stat(conflict.path)
        if beside is None:
            raise ConflictError(f"{conflict.beside.path} has just been moved", hint="Look at the conflicts again.")
        copy_is_mine = conflict.beside.is_mine and not (conflict.in_place is not None and conflict.in_place.is_mine)
        if keep == "both":
            name = _free_name(tree, conflict)
            tree.move(conflict.beside.path, name, beside)
            return f"both are kept: {conflict.path} and {name}"
        if place is None or (keep == "mine") == copy_is_mine:
            if place is not None:
                tree.trash(conflict.path, place)
            tree.move(conflict.beside.path, conflict.path, beside)
            return f"{conflict.path} is {conflict.beside.whose}'s now; the other is in the trash"
        tree.trash(conflict.beside.path, beside)
        return f"{conflict.path} stays; {conflict.beside.whose}'s is in the trash"


def _free_name(tree: DiskTree, conflict: SyncConflictView) -> str:
    """`setup (pit2).json`, or with a number."""
    folder, _, name = conflict.path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    stem, ending = (stem, dot + suffix) if stem else (name, "")
    who = re.sub(r"[^\w.-]+", "-", conflict.beside.by) or "other"
    for number in range(1, 1000):
        mark = who if number == 1 else f"{who} {number}"
        path = (f"{folder}/" if folder else "") + f"{stem} ({mark}){ending}"
        if tree.stat(path) is None:
            return path
    raise ConflictError(f"there is no free name for {conflict.path}")


def _conflict(folder: str, index: Index, copy: Entry) -> SyncConflictView:
    path = _COPY.sub("", copy.path)
    place = index.entry(path)
    return SyncConflictView(
        folder,
        path,
        None if place is None or not place.is_live else _version_view(index, place),
        _version_view(index, copy),
    )


def _version_view(index: Index, entry: Entry) -> SyncVersionView:
    return SyncVersionView(
        entry.path, entry.by, _at(entry), entry.size, entry.content[:8].hex(), entry.dot[0] == index.replica
    )


def _vector(holder: str, entry: Entry, standing: str) -> SyncVectorView:
    return SyncVectorView(
        holder, entry.kind.name.lower(), entry.size, entry.by, _at(entry), dict(entry.version), standing
    )


def _standing(entry: Entry, mine: Entry) -> str:
    if entry.same_content(mine):
        return "same"
    words = {Order.BEFORE: "older", Order.AFTER: "newer", Order.CONCURRENT: "concurrent", Order.EQUAL: "same"}
    return words[order(entry.version, mine.version)]


def _at(entry: Entry) -> str:
    return utc_iso(entry.at_ns)


def _said(share: Share) -> SyncFolderView:
    """What the agent last said of it."""
    blank = SyncFolderView(share.name, share.path, share.relay, SyncState.OFFLINE, "not looked at yet", 0, 0, 0, 0)
    if not share.standing:
        return blank
    said = json.loads(share.standing)
    said["state"] = SyncState(said["state"])
    said["peers"] = tuple(SyncPeerView(**peer) for peer in said["peers"])
    said["reports"] = tuple((path, why) for path, why in said["reports"])
    said["figures"] = SyncFigures(**said["figures"])
    return SyncFolderView(**said)


def _with_state(view: SyncFolderView, state: SyncState, text: str) -> SyncFolderView:
    return replace(view, state=state, text=text)
