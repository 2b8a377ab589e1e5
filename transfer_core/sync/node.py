"""One folder on one machine: scans, listens to peers, plans, fetches, applies, tells.

Theory of operation. A peer is another node of the same folder, reached through a `Post` that delivers parcels whole and
verified, or not at all; the node does not know how. What a peer says is kept (`Index.hear`) and worked off: decide,
fetch the chunks that are not here, apply. What changed here is told to every peer, one batch at a time, so that parcels
with entries arrive in order. A small edit carries its chunks along; more is asked for.

Nothing is lost with a parcel: entries that were not delivered are told again, chunks that did not come are asked for
again, and a node that lost its index says how far it has heard. All methods are called by one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from transfer_core.errors import DiskFull, DrsError, RemoteProtocolError
from transfer_core.sync.applier import Applier
from transfer_core.sync.asking import Asking
from transfer_core.sync.chronicle import Saving
from transfer_core.sync.content import ChunkMissing, Contents
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.index import Index, Peer, Todo
from transfer_core.sync.parcel import Parcel
from transfer_core.sync.planner import Action, Adopt, Decision, Write, apply_order, decide
from transfer_core.sync.post import Post, Sender
from transfer_core.sync.recipe import Recipe, decode_recipe
from transfer_core.sync.scanner import Scanner, ScanResult
from transfer_core.sync.telling import Telling
from transfer_core.sync.tree import TargetChanged, Tree
from transfer_core.sync.version import Dot
from transfer_core.units import NS_PER_S

APPLY_AT_ONCE = 256
LOOK_AT_ONCE = 200
PREPARE_BYTES = 64 << 20
CHUNKS_LOOKED_AT = 100_000
TRIES_MAX = 5


@dataclass(slots=True)
class Told:
    """What the node reports of one turn, for people."""

    applied: list[Entry] = field(default_factory=list)
    conflicts: list[Entry] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)  # (path, why)


class Node:
    """See the module."""

    def __init__(
        self,
        folder: str,
        name: str,
        tree: Tree,
        index: Index,
        post: Post,
        wall_ns: Callable[[], int],
        monotonic_ns: Callable[[], int],
        say: str = "",
        passes_on: bool = True,
    ) -> None:
        """`passes_on`: chunks of others' edits go along unasked, too, as at a relay; else who lacks them asks."""
        self.folder, self.index, self._say = folder, index, say
        self._tree, self._wall_ns = tree, wall_ns
        self._scanner = Scanner(tree, index, wall_ns, name)
        self._contents = Contents(tree, index)
        self._applier = Applier(tree, index, self._scanner, self._contents)
        self._sender = Sender(folder, name, index, post)
        self._asking = Asking(tree, index, self._sender, monotonic_ns)
        self._telling = Telling(index, self._contents, self._sender, passes_on=passes_on)
        self._todo: dict[tuple[str, str], Todo] = {(each.peer, each.entry.path): each for each in index.todo()}
        self._peers: set[str] = set()

    # --- peers

    def add_peer(self, peer: str) -> None:
        """Keep in touch with a peer from now on."""
        if peer not in self._peers:
            self._peers.add(peer)
            known = self.index.peer(peer)
            self._sender.send(peer, urgent=True, heard=known.heard, say=self._say)
            self.tell()

    def remove_peer(self, peer: str) -> None:
        """It can't be reached any more: what was under way to it, or asked of it, will be again."""
        self._peers.discard(peer)
        self._telling.forget(peer)
        self._asking.forget(peer)

    def tell(self) -> None:
        """Tell every peer what is new, unless a batch is on its way to it."""
        for peer in sorted(self._peers):
            self._telling.tell(peer)

    # --- what happens here

    def scan(self, *, deletes_are_meant: bool = False) -> ScanResult:
        """Look at the whole folder and tell what changed. FolderGone, MassDelete."""
        result = ScanResult()
        for _ in self.scan_in_steps(result, deletes_are_meant=deletes_are_meant):
            pass
        return result

    def scan_in_steps(self, result: ScanResult, *, deletes_are_meant: bool = False) -> Iterator[None]:
        """The same, told while it goes on; between the steps anything else may be done."""
        for _ in self._scanner.scan(result, deletes_are_meant=deletes_are_meant):
            self.tell()
            yield
        self.tell()

    def look(self, paths: Iterable[str]) -> ScanResult:
        """Look at some paths, and at what is in those that are new folders; tell what changed. FolderGone."""
        result, wanted = ScanResult(), list(paths)
        for at in range(0, len(wanted), LOOK_AT_ONCE):
            with self.index.change():
                for path in wanted[at : at + LOOK_AT_ONCE]:
                    self._scanner.look(path, result)
        self.tell()
        return result

    @property
    def waiting(self) -> list[Todo]:
        """What peers have said and is not done here, with what keeps it."""
        return list(self._todo.values())

    # --- what comes

    def receive(self, peer: str, parcel: Parcel) -> None:
        """Take a parcel in; all of it is durable when this returns. RemoteProtocolError, DiskFull."""
        if parcel.folder != self.folder:
            raise RemoteProtocolError(f"a parcel for another folder, {parcel.folder!a}")
        with self.index.change():
            known = self._meet(peer, parcel)
            self._take_entries(known, parcel)
            patched = self._asking.keep(parcel)
        self._asking.arrived(peer, parcel, patched)
        if parcel.wanted:
            self._telling.answer(peer, parcel.wanted, parcel.hints)

    def _meet(self, peer: str, parcel: Parcel) -> Peer:
        """Note whose index this is; a new one begins anew on both sides."""
        known = self.index.peer(peer)
        if known.replica != parcel.sender:
            if known.replica:
                self.index.forget_peer_index(peer)
                for key in [key for key in self._todo if key[0] == peer]:
                    del self._todo[key]
            known = Peer(peer, parcel.sender, parcel.name, 0, 0)
            self._telling.forget(peer)
            self.index.put_peer(known)
            if not parcel.entries or parcel.after > 0:
                self._sender.send(peer, urgent=True, heard=0)
        if parcel.heard is not None and parcel.heard < known.told and not self._telling.is_telling(peer):
            known = replace(known, told=parcel.heard)
            self.index.put_peer(known)
        return known

    def _take_entries(self, known: Peer, parcel: Parcel) -> None:
        if not parcel.entries:
            return
        for entry in parcel.entries:
            data = parcel.recipes.get(entry.content)
            if data is not None and entry.kind is Kind.FILE:
                self.index.put_recipe(entry.content, entry.size, decode_recipe(data, entry.size))
        for said in self.index.hear(known.peer, parcel.entries):
            key = (known.peer, said.path)
            if said == self.index.entry(said.path):  # it has this from here
                self._todo.pop(key, None)
            else:
                self._todo[key] = Todo(known.peer, said, "")
            self._asking.settle(key)
        if parcel.after <= known.heard:
            self.index.put_peer(replace(known, name=parcel.name, heard=max(known.heard, parcel.up_to)))
        else:  # some were lost: all that came counts, and what lies between is asked for
            self._sender.send(known.peer, urgent=True, heard=known.heard)

    # --- work

    def work(self) -> Told:
        """Do what can be done by now, ask for what lacks, tell what changed. DiskFull and such are reported."""
        told = Told()
        ready = self._ready()
        for at in range(0, len(ready), APPLY_AT_ONCE):
            batch = ready[at : at + APPLY_AT_ONCE]
            try:
                with self.index.change():
                    self.index.look_up({todo.entry.path for todo in batch})
                    self._prepare(batch)
                    goes_on = all(self._work_off(todo, told) for todo in batch)
                    self._tree.settle()
            finally:
                self._applier.forget_prepared()
            if not goes_on:
                break
        if not self._todo:
            self._asking.rest()
            with self.index.change():
                self.index.arrived.drop_all()
        self._asking.ask(self._peers, self._todo)
        self.tell()
        return told

    def _prepare(self, batch: Sequence[Todo]) -> None:
        """Stage what the batch will write, as far as everything is here."""
        writes: list[Write] = []
        known: dict[bytes, Recipe] = {}
        held = 0
        for todo in batch:
            local = self.index.entry(todo.entry.path)
            if todo.entry.kind is not Kind.FILE or (local is not None and local.is_live):
                continue  # few are edits, and those may come out another way
            recipes, lacking, why = self._recipes([Write(todo.entry)])
            held += todo.entry.size
            if not lacking and not why and held <= PREPARE_BYTES:
                writes.append(Write(todo.entry))
                known |= recipes
        self._applier.prepare(writes, known)

    def _ready(self) -> list[Todo]:
        """What may be done now, in its order. A file whose content others still need is deleted after them."""
        ready = [todo for key, todo in self._todo.items() if not self._asking.lacks(key)]
        if all(todo.entry.is_live for todo in ready):
            return sorted(ready, key=lambda todo: apply_order(todo.entry))
        needed = self._chunks_of(ready)
        awaited = self._chunks_of(todo for key, todo in self._todo.items() if self._asking.lacks(key))
        kept_for_later = [todo for todo in ready if self._gives(todo, awaited)]
        first = [todo for todo in ready if todo not in kept_for_later]
        return sorted(first, key=lambda todo: (self._gives(todo, needed), apply_order(todo.entry)))

    def _chunks_of(self, todos: Iterable[Todo]) -> set[bytes]:
        """The chunks that these files are made of; of very many only some."""
        chunks: set[bytes] = set()
        for todo in todos:
            if todo.entry.kind is Kind.FILE and len(chunks) < CHUNKS_LOOKED_AT:
                recipe = self.index.recipe(todo.entry.content, todo.entry.size) or ()
                chunks.update(piece.chunk for piece in recipe)
        return chunks

    def _gives(self, todo: Todo, chunks: set[bytes]) -> bool:
        """Whether it deletes a file here that holds some of these chunks."""
        mine = None if todo.entry.is_live or not chunks else self.index.entry(todo.entry.path)
        if mine is None or mine.kind is not Kind.FILE:
            return False
        return any(piece.chunk in chunks for piece in self.index.recipe(mine.content, mine.size) or ())

    def _work_off(self, todo: Todo, told: Told) -> bool:
        """One path; False if nothing more can be done now."""
        key = (todo.peer, todo.entry.path)
        if self._tree.is_ignored(todo.entry.path):
            return self._wait(todo, "it is ignored here", told)
        for _ in range(TRIES_MAX):
            decision = self._decide(todo.entry)
            recipes, lacking, why = self._recipes(decision.actions)
            if why:
                return self._wait(todo, why, told)
            if lacking:
                self._asking.need(key, lacking)
                return True
            wire = {content: self.index.arrived.stored_bytes(recipe) for content, recipe in recipes.items()}
            try:
                packed = self._applier.apply(decision.actions, recipes)
            except TargetChanged:
                continue
            except ChunkMissing as error:
                lengths = {piece.chunk: piece.length for recipe in recipes.values() for piece in recipe}
                self._asking.need(key, {error.chunk: lengths[error.chunk]})
                return True
            except DiskFull as error:
                self._wait(todo, error.message, told)
                return False
            except DrsError as error:
                return self._wait(todo, error.message, told)
            self._done(todo, decision, told)
            self._count(decision, wire, packed)
            for recipe in recipes.values():
                self.index.arrived.drop(recipe)
            return True
        return self._wait(todo, "it is being edited here", told)

    def _decide(self, entry: Entry) -> Decision:
        local = self.index.entry(entry.path)
        holds = local is not None and local.kind is Kind.FOLDER and self._holds_something_else(entry)
        decision = decide(local, entry, holds_something=holds, next_dot=self._next_dot)
        actions: list[Action] = []
        for action in decision.actions:
            if isinstance(action, Write) and action.entry.path != entry.path:
                actions.extend(decide(self.index.entry(action.entry.path), action.entry).actions)
            else:
                actions.append(action)
        return replace(decision, actions=tuple(actions))

    def _holds_something_else(self, entry: Entry) -> bool:
        """Whether something stays in a folder once all is done that peers have said so far."""
        inside = entry.path + "/"
        if any(key[1].startswith(inside) and not todo.entry.is_live for key, todo in self._todo.items()):
            return False  # the rest is decided once these are gone
        return self.index.holds_something(entry.path)

    def _next_dot(self) -> Dot:
        return self.index.next_dot(max(0, self._wall_ns() // NS_PER_S))

    def _recipes(self, actions: Iterable[Action]) -> tuple[dict[bytes, Recipe], dict[bytes, int], str]:
        """Recipes of what is to be written, the chunks that lack for them, and why it can't be done at all."""
        recipes: dict[bytes, Recipe] = {}
        lacking: dict[bytes, int] = {}
        for action in actions:
            if not isinstance(action, Write):
                continue
            entry = action.entry
            recipe = self.index.recipe(entry.content, entry.size)
            if recipe is None:
                return {}, {}, "the peer did not say what it is made of"
            recipes[entry.content] = recipe
            lacking.update(self._contents.missing(recipe))
        return recipes, lacking, ""

    def _wait(self, todo: Todo, why: str, told: Told) -> bool:
        told.waiting.append((todo.entry.path, why))
        if why != todo.why:
            waiting = replace(todo, why=why)
            self._todo[todo.peer, todo.entry.path] = waiting
            self.index.say_why(todo, why)
        return True

    def _done(self, todo: Todo, decision: Decision, told: Told) -> None:
        key = (todo.peer, todo.entry.path)
        del self._todo[key]
        self._asking.settle(key)
        self.index.done(todo)
        at_ns = max(0, self._wall_ns())
        if decision.conflict is not None:
            told.conflicts.append(decision.conflict)
            self.index.note(
                at_ns, "conflict", todo.entry.path, f"two edits; {decision.conflict.by}'s is kept beside it"
            )
        for action in decision.actions:
            if not isinstance(action, Adopt) and hasattr(action, "entry"):
                told.applied.append(action.entry)
                what = "received" if action.entry.is_live else "deleted"
                self.index.note(at_ns, what, action.entry.path, f"from {todo.entry.by}")

    def _count(self, decision: Decision, wire: dict[bytes, int], packed: dict[bytes, int]) -> None:
        """What was received, what crossed the wire for it, and what compression alone would have made of it."""
        for action in decision.actions:
            if isinstance(action, Write):
                content = action.entry.content
                saving = Saving(
                    action.entry.path, max(0, self._wall_ns()), 1, action.entry.size, wire[content], packed[content]
                )
                self.index.saved(saving)
                self.index.count("received_files", 1)
                self.index.count("received_file_bytes", saving.size_bytes)
                self.index.count("received_wire_bytes", saving.wire_bytes)
                self.index.count("received_packed_bytes", saving.packed_bytes)
