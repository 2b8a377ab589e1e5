"""Makes a peer's entries true on the disk, one path at a time, so that a crash leaves the old file or the new one.

Theory of operation. A new content is staged under a hidden name and synced. Right before the rename the target is
looked at once more: if it is not the file that the index knows, somebody has just edited it, and nothing is done but
to enter that edit. What is replaced or deleted stays in the trash. The index is committed last: what a crash leaves
between is found by the next scan, which knows the entry again by its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transfer_core.errors import DrsError
from transfer_core.sync.content import Contents, PackedGauge
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.index import Index
from transfer_core.sync.planner import NOTHING, Action, Adopt, KeepAside, MakeFolder, Write, decide, merge
from transfer_core.sync.recipe import Recipe
from transfer_core.sync.scanner import Scanner
from transfer_core.sync.tree import Stat, TargetChanged, Tree


class Applier:
    """See the module. Used by the node's thread; each verb within the index's `change`."""

    def __init__(self, tree: Tree, index: Index, scanner: Scanner, contents: Contents) -> None:
        self._tree, self._index, self._scanner, self._contents = tree, index, scanner, contents
        self._prepared: dict[Entry, tuple[str, int]] = {}  # token, and what it would be if only compressed

    def prepare(self, writes: Iterable[Write], recipes: dict[bytes, Recipe]) -> None:
        """Stage what is about to be applied, all of it synced at once. What can't be now, `apply` will say."""
        fresh: list[str] = []
        for action in writes:
            if action.entry in self._prepared:
                continue
            try:
                self._prepared[action.entry] = staged = self._stage(action.entry, recipes[action.entry.content])
            except DrsError:
                break
            fresh.append(staged[0])
        try:
            self._tree.sync_staged(fresh)
        except DrsError:
            self.forget_prepared()

    def forget_prepared(self) -> None:
        """Drop what was staged and not applied."""
        for token, _ in self._prepared.values():
            self._tree.discard(token)
        self._prepared.clear()

    def _stage(self, entry: Entry, recipe: Recipe) -> tuple[str, int]:
        gauge = PackedGauge()
        pieces = gauge.passing(self._contents.pieces(entry, recipe))
        return self._tree.stage(pieces, entry.mtime_ns, entry.executable), gauge.packed_bytes

    def apply(self, actions: Sequence[Action], recipes: dict[bytes, Recipe]) -> dict[bytes, int]:
        """Do what was decided about one path. All contents must be here. Gives what each would be if only compressed.

        TargetChanged: somebody edited it meanwhile, the edit has been entered, decide again. ChunkMissing, NameClash,
        DiskFull, WriteFailed: nothing was done, try again later.
        """
        staged: dict[str, str] = {}
        packed: dict[bytes, int] = {}
        try:
            for action in actions:
                if isinstance(action, Write):
                    entry = action.entry
                    prepared = self._prepared.pop(entry, None)
                    token, packed_bytes = prepared or self._stage(entry, recipes[entry.content])
                    staged[entry.path], packed[entry.content] = token, packed_bytes
                    if prepared is None:
                        self._tree.sync_staged([token])
            for action in actions:
                self._apply(action, staged, recipes)
        finally:
            for token in staged.values():
                self._tree.discard(token)
        return packed

    def _apply(self, action: Action, staged: dict[str, str], recipes: dict[bytes, Recipe]) -> None:
        if isinstance(action, KeepAside):
            self._keep_aside(action)
        elif isinstance(action, Write):
            self._write(action.entry, staged.pop(action.entry.path), recipes[action.entry.content])
        elif isinstance(action, Adopt):
            self._adopt(action.entry)
        elif isinstance(action, MakeFolder):
            present = self._present(action.entry.path)
            if present is not None and present.kind is Kind.FILE:
                self._tree.trash(action.entry.path, present)
            self._index.put(action.entry, self._tree.make_folder(action.entry.path))
        else:
            present = self._present(action.entry.path)
            if present is not None:
                self._tree.trash(action.entry.path, present)
            self._index.put(action.entry, None)

    def _write(self, entry: Entry, token: str, recipe: Recipe) -> None:
        try:
            present = self._present(entry.path)
            if present is not None and present.kind is Kind.FOLDER:
                self._tree.trash(entry.path, present)
                present = None
            stat = self._tree.publish(token, entry.path, present)
        except BaseException:
            self._tree.discard(token)
            raise
        self._index.put(entry, stat, recipe)

    def _adopt(self, entry: Entry) -> None:
        present = self._present(entry.path)
        if entry.kind is Kind.FILE and present is not None and present.executable != entry.executable:
            present = self._tree.set_executable(entry.path, entry.executable)
        self._index.put(entry, present)

    def _keep_aside(self, action: KeepAside) -> None:
        """Give the losing file its second name, unless the copy was made before, or made and removed by a person."""
        present, copy = self._present(action.path), action.copy
        if self._tree.stat(copy.path) is not None:
            self._scanner.look(copy.path)
        known = self._index.entry(copy.path)
        if present is None or decide(known, copy) == NOTHING:
            return
        if known is None or not known.is_live:
            self._tree.keep_as(action.path, copy.path, present)
        mine = self._index.entry(action.path)
        recipe = None if mine is None else self._index.recipe(mine.content, mine.size)
        self._index.put(copy if known is None else merge(known, copy)[0], None, recipe)

    def _present(self, path: str) -> Stat | None:
        """What is on the disk, which must be what the index says; else the difference is entered. TargetChanged."""
        entry, known, present = self._index.entry(path), self._index.stat(path), self._tree.stat(path)
        if entry is None or not entry.is_live:
            if present is None:
                return None
        elif present is not None:
            both_folders = entry.kind is Kind.FOLDER and present.kind is Kind.FOLDER
            if both_folders or (known is not None and known.is_same_file(present)):
                return present
        looked = self._scanner.look(path)
        if looked.unread or self._index.entry(path) != entry:
            raise TargetChanged(f"{path} has just been edited")
        now = self._tree.stat(path)
        if now is not present and (present is None or not present.is_same_file(now)):
            raise TargetChanged(f"{path} is being edited")
        return present
