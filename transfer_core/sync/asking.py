"""Which chunks a node lacks for what its peers have said, what it has asked for, and what comes of that.

A chunk that replaces another is asked for together with ids of what lies in its place, and may come as a patch of it;
one that does not come out right is asked for as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from transfer_core.errors import DrsError
from transfer_core.sync.chunker import chunk_id
from transfer_core.sync.entry import Kind
from transfer_core.sync.hints import stretches
from transfer_core.sync.index import Index, Todo
from transfer_core.sync.parcel import Parcel
from transfer_core.sync.patch import apply_patch, fine_ids, fine_pieces
from transfer_core.sync.post import Sender
from transfer_core.sync.tree import Tree
from transfer_core.units import NS_PER_S

ASK_AT_ONCE = 4096
ASK_BYTES = 16 << 20  # of one peer, on their way at a time
HINT_BYTES = 64 << 20  # of local files that are looked at for one question
ASK_AGAIN_NS = 3600 * NS_PER_S  # an answer may be long on its way; a peer that comes back is asked anew anyway
MISSED_AGAIN_NS = 60 * NS_PER_S
Key = tuple[str, str]  # a peer, and a path that it has said something of


class Asking:
    """See the module. Used by the node's thread."""

    def __init__(self, tree: Tree, index: Index, sender: Sender, monotonic_ns: Callable[[], int]) -> None:
        self._tree, self._index, self._sender, self._monotonic_ns = tree, index, sender, monotonic_ns
        self._lacking: dict[Key, dict[bytes, int]] = {}  # chunks with their lengths
        self._asked: dict[bytes, int] = {}  # chunk -> when it is asked for again
        self._hinted: dict[bytes, tuple[str, int, int]] = {}  # chunk -> the stretch that was told with the question
        self._unhinted: set[bytes] = set()  # chunks that did not come out of a patch

    def lacks(self, key: Key) -> bool:
        """Whether something has to come before this can be done."""
        return bool(self._lacking.get(key))

    def need(self, key: Key, chunks: dict[bytes, int]) -> None:
        """These chunks have to come, with their lengths."""
        self._lacking[key] = chunks

    def settle(self, key: Key) -> None:
        """It is done, or to be looked at anew."""
        self._lacking.pop(key, None)

    def forget(self, peer: str) -> None:
        """The peer can't be reached any more: what was asked of it may be asked again, of whom it may be."""
        for (of, _), lacking in self._lacking.items():
            if of == peer:
                for chunk in lacking:
                    self._asked.pop(chunk, None)

    def rest(self) -> None:
        """Nothing waits for anything."""
        self._unhinted.clear()
        self._hinted.clear()

    def keep(self, parcel: Parcel) -> list[bytes]:
        """Keep the chunks that came; those that came as patches and are right. Inside `Index.change`."""
        right = [(chunk, data) for chunk, data in parcel.chunks if chunk_id(data) == chunk]
        self._index.arrived.keep((chunk, data, parcel.stored.get(chunk, len(data))) for chunk, data in right)
        patched = self._take_patches(parcel)
        self._index.count("received_chunk_bytes", sum(parcel.stored.values()))
        return patched

    def arrived(self, peer: str, parcel: Parcel, patched: Iterable[bytes]) -> None:
        """What came is kept for good, and what the peer says to be gone is not waited for."""
        there = {*(chunk for chunk, _ in parcel.chunks), *patched}
        for chunk in there:
            self._asked.pop(chunk, None)
        for lacking in self._lacking.values():
            if lacking:
                for chunk in there:
                    lacking.pop(chunk, None)
        for chunk in parcel.missing:
            self._asked.pop(chunk, None)
        if parcel.missing:
            self._give_up_on(peer, set(parcel.missing))

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
                self._index.arrived.keep([(chunk, data, parcel.stored.get(chunk, len(patch)))])
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

    def ask(self, peers: Iterable[str], todo: Mapping[Key, Todo]) -> None:
        """Ask every peer for the next chunks, so many that what is on its way stays within bounds."""
        now_ns = self._monotonic_ns()
        wanted: dict[str, dict[bytes, None]] = {}
        room = dict.fromkeys(peers, ASK_BYTES)
        for (peer, _), lacking in self._lacking.items():
            for chunk, length in lacking.items():
                if room.get(peer, 0) <= 0:
                    break
                room[peer] -= length
                if self._asked.get(chunk, 0) <= now_ns:
                    wanted.setdefault(peer, {})[chunk] = None
        hints = self._hints({chunk for chunks in wanted.values() for chunk in chunks}, todo)
        for peer, chunks in wanted.items():
            asked = list(chunks)
            for at in range(0, len(asked), ASK_AT_ONCE):
                part = tuple(asked[at : at + ASK_AT_ONCE])
                self._asked.update(dict.fromkeys(part, now_ns + ASK_AGAIN_NS))
                told = {chunk: hints[chunk] for chunk in part if chunk in hints}
                self._sender.send(peer, urgent=True, wanted=part, hints=told)

    def _hints(self, wanted: set[bytes], todos: Mapping[Key, Todo]) -> dict[bytes, bytes]:
        """Ids of what is here where wanted chunks belong, for those that replace something."""
        hints: dict[bytes, bytes] = {}
        room = HINT_BYTES
        ids: dict[tuple[str, int, int], bytes] = {}
        for key, lacking in self._lacking.items():
            todo, mine = todos.get(key), self._index.entry(key[1])
            sought = (lacking.keys() & wanted) - self._unhinted
            if todo is None or mine is None or mine.kind is not Kind.FILE or not sought:
                continue
            old = self._index.recipe(mine.content, mine.size) or ()
            new = self._index.recipe(todo.entry.content, todo.entry.size) or ()
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
