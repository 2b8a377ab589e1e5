"""One folder on one machine: scans, listens to peers, plans, fetches, applies, tells.

Theory of operation. A peer is another node of the same folder, reached through a `Post` that delivers parcels whole and
verified, or not at all; the node does not know how. What a peer says is kept (`Index.hear`) and worked off: decide,
fetch the chunks that are not here, apply. What changed here is told to every peer, one batch at a time, so that parcels
with entries arrive in order. A small edit carries its chunks along; more is asked for.

Nothing is lost with a parcel: entries that were not delivered are told again, chunks that did not come are asked for
again, and a node that lost its index says how far it has heard. All methods are called by one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from transfer_core.errors import DiskFull, DrsError, RemoteProtocolError
from transfer_core.sync.applier import Applier
from transfer_core.sync.chunker import chunk_id
from transfer_core.sync.content import ChunkMissing, Contents
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.hints import stretches
from transfer_core.sync.index import Index, Peer, Saving, Todo
from transfer_core.sync.parcel import Parcel, recipes_of
from transfer_core.sync.patch import apply_patch, fine_ids, fine_pieces, make_patch
from transfer_core.sync.planner import Action, Adopt, Decision, Write, apply_order, decide
from transfer_core.sync.recipe import Recipe, decode_recipe
from transfer_core.sync.scanner import Scanner, ScanResult
from transfer_core.sync.tree import TargetChanged, Tree
from transfer_core.sync.version import Dot
from transfer_core.units import NS_PER_S

ENTRIES_AT_ONCE = 1000
RECIPE_BYTES_AT_ONCE = 2 << 20
PACK_BYTES = 2 << 20
PUSH_BYTES = 512 * 1024
ASK_AT_ONCE = 4096
ASK_BYTES = 16 << 20  # of one peer, on their way at a time
APPLY_AT_ONCE = 256
LOOK_AT_ONCE = 200
PREPARE_BYTES = 64 << 20
CHUNKS_LOOKED_AT = 100_000
EDIT_PUSH_BYTES = 48 * 1024  # more of an edit is asked for, with hints, which is shorter
HINT_BYTES = 64 << 20  # of local files that are looked at for one question
PATCH_WORTH = 0.75
ASK_AGAIN_NS = 3600 * NS_PER_S  # an answer may be long on its way; a peer that comes back is asked anew anyway
MISSED_AGAIN_NS = 60 * NS_PER_S
TRIES_MAX = 5


class Post(Protocol):
    """The way to the peers."""

    def send(self, peer: str, parcel: Parcel, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Deliver a parcel some time; `delivered` is called in the node's thread once the peer has it for good.

        A parcel that can't be delivered any more is followed by `Node.remove_peer`, and `add_peer` when it can be.
        """
        ...


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
        self._passes_on = passes_on
        self.folder, self.name, self.index, self._say = folder, name, index, say
        self._tree, self._post, self._wall_ns, self._monotonic_ns = tree, post, wall_ns, monotonic_ns
        self._scanner = Scanner(tree, index, wall_ns, name)
        self._contents = Contents(tree, index)
        self._applier = Applier(tree, index, self._scanner, self._contents)
        self._todo: dict[tuple[str, str], Todo] = {(each.peer, each.entry.path): each for each in index.todo()}
        self._lacking: dict[tuple[str, str], dict[bytes, int]] = {}  # chunks with their lengths
        self._asked: dict[bytes, int] = {}  # chunk -> when it is asked for again
        self._hinted: dict[bytes, tuple[str, int, int]] = {}  # chunk -> the stretch that was told with the question
        self._unhinted: set[bytes] = set()  # chunks that did not come out of a patch
        self._telling: dict[str, int] = {}  # peer -> number up to which a batch is under way
        self._peers: set[str] = set()

    # --- peers

    def add_peer(self, peer: str) -> None:
        """Keep in touch with a peer from now on."""
        if peer not in self._peers:
            self._peers.add(peer)
            known = self.index.peer(peer)
            self._send(peer, replace(self._blank(), heard=known.heard, say=self._say), urgent=True)
            self.tell()

    def remove_peer(self, peer: str) -> None:
        """It can't be reached any more: what was under way to it, or asked of it, will be again."""
        self._peers.discard(peer)
        self._telling.pop(peer, None)
        for (of, _), lacking in self._lacking.items():
            if of == peer:
                for chunk in lacking:
                    self._asked.pop(chunk, None)

    def _blank(self) -> Parcel:
        return Parcel(self.folder, self.index.replica, self.name)

    def _send(self, peer: str, parcel: Parcel, *, urgent: bool, delivered: Callable[[], None] | None = None) -> None:
        self._post.send(peer, parcel, urgent=urgent, delivered=delivered)

    # --- what happens here

    def scan(self, *, deletes_are_meant: bool = False) -> ScanResult:
        """Look at the whole folder and tell what changed. FolderGone, MassDelete."""
        result = self._scanner.scan(deletes_are_meant=deletes_are_meant)
        self.tell()
        return result

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
            for chunk, data in parcel.chunks:
                if chunk_id(data) == chunk:
                    self.index.keep_chunk(chunk, data, parcel.stored.get(chunk, len(data)))
            patched = self._take_patches(parcel)
            self.index.count("received_chunk_bytes", sum(parcel.stored.values()))
        self._arrived([*(chunk for chunk, _ in parcel.chunks), *patched])
        for chunk in parcel.missing:
            self._asked.pop(chunk, None)
        if parcel.missing:
            self._give_up_on(peer, set(parcel.missing))
        if parcel.wanted:
            self._answer(peer, parcel.wanted, parcel.hints)

    def _meet(self, peer: str, parcel: Parcel) -> Peer:
        """Note whose index this is; a new one begins anew on both sides."""
        known = self.index.peer(peer)
        if known.replica != parcel.sender:
            if known.replica:
                self.index.forget_peer_index(peer)
                for key in [key for key in self._todo if key[0] == peer]:
                    del self._todo[key]
            known = Peer(peer, parcel.sender, parcel.name, 0, 0)
            self._telling.pop(peer, None)
            self.index.put_peer(known)
            if not parcel.entries or parcel.after > 0:
                self._send(peer, replace(self._blank(), heard=0), urgent=True)
        if parcel.heard is not None and parcel.heard < known.told and peer not in self._telling:
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
            self._todo[key] = Todo(known.peer, said, "")
            self._lacking.pop(key, None)
        if parcel.after <= known.heard:
            self.index.put_peer(replace(known, name=parcel.name, heard=max(known.heard, parcel.up_to)))
        else:  # some were lost: all that came counts, and what lies between is asked for
            self._send(known.peer, replace(self._blank(), heard=known.heard), urgent=True)

    def _arrived(self, chunks: Iterable[bytes]) -> None:
        there = set(chunks)
        for chunk in there:
            self._asked.pop(chunk, None)
        for lacking in self._lacking.values():
            if lacking:
                for chunk in there:
                    lacking.pop(chunk, None)

    def _take_patches(self, parcel: Parcel) -> list[bytes]:
        """Chunks that were told by what is here already; one that does not come out right is asked for as it is."""
        there: list[bytes] = []
        for chunk, patch in parcel.patches:
            place = self._hinted.pop(chunk, None)
            try:
                pieces = [] if place is None else fine_pieces(self._tree.read_at(*place))
                data = apply_patch(patch, pieces)
            except DrsError:
                data = b""
            if chunk_id(data) == chunk:
                self.index.keep_chunk(chunk, data, parcel.stored.get(chunk, len(patch)))
                there.append(chunk)
            else:
                self._unhinted.add(chunk)
                self._asked.pop(chunk, None)
        return there

    def _give_up_on(self, peer: str, chunks: set[bytes]) -> None:
        """The peer's file is another by now: its new entry is on the way; until then there is nothing to do."""
        for key, lacking in self._lacking.items():
            if key[0] == peer:
                missed = lacking.keys() & chunks
                self._asked.update(dict.fromkeys(missed, self._monotonic_ns() + MISSED_AGAIN_NS))

    def _answer(self, peer: str, wanted: Iterable[bytes], hints: Mapping[bytes, bytes]) -> None:
        pack: list[tuple[bytes, bytes]] = []
        patches: list[tuple[bytes, bytes]] = []
        missing: list[bytes] = []
        held = 0
        for chunk in wanted:
            data = self._contents.find(chunk)
            if data is None:
                missing.append(chunk)
                continue
            patch = make_patch(data, hints[chunk]) if chunk in hints else data
            if len(patch) < PATCH_WORTH * len(data):
                patches.append((chunk, patch))
            else:
                pack.append((chunk, data))
            held += min(len(patch), len(data))
            if held >= PACK_BYTES:
                self._send(peer, replace(self._blank(), chunks=tuple(pack), patches=tuple(patches)), urgent=False)
                pack, patches, held = [], [], 0
        if pack or missing or patches:
            last = replace(self._blank(), chunks=tuple(pack), patches=tuple(patches), missing=tuple(missing))
            self._send(peer, last, urgent=held < PUSH_BYTES)

    # --- work

    def work(self) -> Told:
        """Do what can be done by now, ask for what lacks, tell what changed. DiskFull and such are reported."""
        told = Told()
        ready = self._ready()
        for at in range(0, len(ready), APPLY_AT_ONCE):
            batch = ready[at : at + APPLY_AT_ONCE]
            try:
                with self.index.change():
                    self._prepare(batch)
                    goes_on = all(self._work_off(todo, told) for todo in batch)
                    self._tree.settle()
            finally:
                self._applier.forget_prepared()
            if not goes_on:
                break
        if not self._todo:
            self._unhinted.clear()
            self._hinted.clear()
            with self.index.change():
                self.index.drop_chunks()
        self._ask()
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
        ready = [todo for key, todo in self._todo.items() if not self._lacking.get(key)]
        if all(todo.entry.is_live for todo in ready):
            return sorted(ready, key=lambda todo: apply_order(todo.entry))
        needed = self._chunks_of(ready)
        awaited = self._chunks_of(todo for key, todo in self._todo.items() if self._lacking.get(key))
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
                self._lacking[key] = lacking
                return True
            wire = {content: self.index.stored_bytes(recipe) for content, recipe in recipes.items()}
            try:
                packed = self._applier.apply(decision.actions, recipes)
            except TargetChanged:
                continue
            except ChunkMissing as error:
                lengths = {piece.chunk: piece.length for recipe in recipes.values() for piece in recipe}
                self._lacking[key] = {error.chunk: lengths[error.chunk]}
                return True
            except DiskFull as error:
                self._wait(todo, error.message, told)
                return False
            except DrsError as error:
                return self._wait(todo, error.message, told)
            self._done(todo, decision, told)
            self._count(decision, wire, packed)
            for recipe in recipes.values():
                self.index.drop_chunks_of(recipe)
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
        self._lacking.pop(key, None)
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

    # --- asking and telling

    def _ask(self) -> None:
        """Ask every peer for the next chunks, so many that what is on its way stays within bounds."""
        now_ns = self._monotonic_ns()
        wanted: dict[str, dict[bytes, None]] = {}
        room = dict.fromkeys(self._peers, ASK_BYTES)
        for (peer, _), lacking in self._lacking.items():
            for chunk, length in lacking.items():
                if room.get(peer, 0) <= 0:
                    break
                room[peer] -= length
                if self._asked.get(chunk, 0) <= now_ns:
                    wanted.setdefault(peer, {})[chunk] = None
        hints = self._hints({chunk for chunks in wanted.values() for chunk in chunks})
        for peer, chunks in wanted.items():
            asked = list(chunks)
            for at in range(0, len(asked), ASK_AT_ONCE):
                part = tuple(asked[at : at + ASK_AT_ONCE])
                self._asked.update(dict.fromkeys(part, now_ns + ASK_AGAIN_NS))
                told = {chunk: hints[chunk] for chunk in part if chunk in hints}
                self._send(peer, replace(self._blank(), wanted=part, hints=told), urgent=True)

    def _hints(self, wanted: set[bytes]) -> dict[bytes, bytes]:
        """Ids of what is here where wanted chunks belong, for those that replace something."""
        hints: dict[bytes, bytes] = {}
        room = HINT_BYTES
        ids: dict[tuple[str, int, int], bytes] = {}
        for key, lacking in self._lacking.items():
            todo, mine = self._todo.get(key), self.index.entry(key[1])
            sought = (lacking.keys() & wanted) - self._unhinted
            if todo is None or mine is None or mine.kind is not Kind.FILE or not sought:
                continue
            old = self.index.recipe(mine.content, mine.size) or ()
            new = self.index.recipe(todo.entry.content, todo.entry.size) or ()
            for chunk, offset, length in stretches(old, new, sought):
                place = (key[1], offset, length)
                if place not in ids and room >= length:
                    room -= length
                    ids[place] = self._fine_ids(place)
                if ids.get(place):
                    self._hinted[chunk] = place
                    hints[chunk] = ids[place]
        return hints

    def _fine_ids(self, place: tuple[str, int, int]) -> bytes:
        try:
            return fine_ids(fine_pieces(self._tree.read_at(*place)))
        except DrsError:
            return b""

    def tell(self) -> None:
        """Tell every peer what is new, unless a batch is on its way to it."""
        for peer in sorted(self._peers):
            if peer in self._telling:
                continue
            known = self.index.peer(peer)
            if known.told >= self.index.seq:
                continue
            up_to, entries, news, recipes = self._batch(peer, known.told)
            self._telling[peer] = up_to
            parcel = replace(
                self._blank(),
                after=known.told,
                up_to=up_to,
                entries=tuple(entries),
                recipes=recipes,
                chunks=self._along(peer, news),
            )
            self._send(peer, parcel, urgent=True, delivered=partial(self._delivered, peer, up_to))

    def _batch(self, peer: str, told: int) -> tuple[int, list[Entry], list[Entry], dict[bytes, bytes]]:
        """What is told next, as much as a parcel can hold: up to which number, entries, those whose content is news to
        the peer, recipes."""
        limit = ENTRIES_AT_ONCE
        while True:
            up_to, entries = self.index.since(told, limit)
            news = self._news_for(peer, entries)
            recipes = self._recipes_for(news)
            if len(entries) <= 1 or sum(map(len, recipes.values())) <= RECIPE_BYTES_AT_ONCE:
                return up_to, entries, news, recipes
            limit = len(entries) // 2

    def _delivered(self, peer: str, up_to: int) -> None:
        if self._telling.get(peer) != up_to:
            return
        del self._telling[peer]
        with self.index.change():
            known = self.index.peer(peer)
            self.index.put_peer(replace(known, told=max(known.told, up_to)))
        self.tell()

    def _news_for(self, peer: str, entries: Iterable[Entry]) -> list[Entry]:
        """Files among these whose content the peer is not known to have."""
        return [
            entry for entry in entries if entry.kind is Kind.FILE and not self.index.peer_holds(peer, entry.content)
        ]

    def _recipes_for(self, news: Iterable[Entry]) -> dict[bytes, bytes]:
        contents: dict[bytes, Recipe] = {}
        for entry in news:
            recipe = self.index.recipe(entry.content, entry.size)
            if recipe is not None:
                contents[entry.content] = recipe
        return recipes_of(contents)

    def _along(self, peer: str, news: Iterable[Entry]) -> tuple[tuple[bytes, bytes], ...]:
        """Chunks that the peer will need for small edits, so that it does not have to ask."""
        found: dict[bytes, bytes] = {}
        room = PUSH_BYTES
        for entry in news:
            if not self._passes_on and entry.dot[0] != self.index.replica:
                continue
            recipe = self.index.recipe(entry.content, entry.size) or ()
            known = [self.index.peer_holds_chunk(peer, piece.chunk) for piece in recipe]
            fresh = {piece.chunk: piece.length for piece, there in zip(recipe, known, strict=True) if not there}
            if sum(fresh.values()) > (min(room, EDIT_PUSH_BYTES) if any(known) else room):
                continue
            for chunk in fresh:
                data = self._contents.find(chunk)
                if data is not None:
                    found[chunk] = data
                    room -= len(data)
        return tuple(found.items())
