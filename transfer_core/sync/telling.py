"""What a node tells its peers of its index, one batch at a time, and what it answers when they ask for chunks.

A small edit carries its chunks along; of more, the peer asks for what it lacks. What is told counts once the peer has
it for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from transfer_core.sync.content import Contents
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.index import Index
from transfer_core.sync.parcel import recipes_of
from transfer_core.sync.patch import make_patch
from transfer_core.sync.post import Sender
from transfer_core.sync.recipe import Recipe

ENTRIES_AT_ONCE = 1000
PIECES_AT_ONCE = 100_000  # some 2 MB of recipes
PACK_BYTES = 2 << 20
PUSH_BYTES = 512 * 1024
EDIT_PUSH_BYTES = 48 * 1024  # more of an edit is asked for, with hints, which is shorter
PATCH_WORTH = 0.75


class Telling:
    """See the module. Used by the node's thread."""

    def __init__(self, index: Index, contents: Contents, sender: Sender, *, passes_on: bool) -> None:
        """`passes_on`: chunks of others' edits go along unasked, too."""
        self._index, self._contents, self._sender, self._passes_on = index, contents, sender, passes_on
        self._under_way: dict[str, int] = {}  # peer -> number up to which a batch is under way

    def forget(self, peer: str) -> None:
        """What was under way to it is lost."""
        self._under_way.pop(peer, None)

    def is_telling(self, peer: str) -> bool:
        """Whether a batch is under way to it."""
        return peer in self._under_way

    def tell(self, peer: str) -> None:
        """Tell a peer what is new, unless a batch is on its way to it."""
        if peer in self._under_way:
            return
        known = self._index.peer(peer)
        if known.told < self._index.seq:
            up_to, entries, contents = self._batch(peer, known.told)
            self._under_way[peer] = up_to
            self._sender.send(
                peer,
                urgent=True,
                delivered=partial(self._delivered, peer, up_to),
                after=known.told,
                up_to=up_to,
                entries=tuple(entries),
                recipes=recipes_of({entry.content: recipe for entry, recipe in contents.items()}),
                chunks=self._along(peer, contents),
            )

    def _batch(self, peer: str, told: int) -> tuple[int, list[Entry], dict[Entry, Recipe]]:
        """What is told next, as much as a parcel can hold: up to which number, entries, and those whose content is news
        to the peer with their recipes."""
        limit = ENTRIES_AT_ONCE
        while True:
            up_to, entries = self._index.since(told, limit)
            contents = self._recipes_for(self._news_for(peer, entries))
            if len(entries) <= 1 or sum(map(len, contents.values())) <= PIECES_AT_ONCE:
                return up_to, entries, contents
            limit = len(entries) // 2

    def _delivered(self, peer: str, up_to: int) -> None:
        if self._under_way.get(peer) != up_to:
            return
        del self._under_way[peer]
        with self._index.change():
            known = self._index.peer(peer)
            self._index.put_peer(replace(known, told=max(known.told, up_to)))
        self.tell(peer)

    def _news_for(self, peer: str, entries: Iterable[Entry]) -> list[Entry]:
        """Files among these whose content the peer is not known to have."""
        return [
            entry for entry in entries if entry.kind is Kind.FILE and not self._index.peer_holds(peer, entry.content)
        ]

    def _recipes_for(self, news: Iterable[Entry]) -> dict[Entry, Recipe]:
        recipes = {entry: self._index.recipe(entry.content, entry.size) for entry in news}
        return {entry: recipe for entry, recipe in recipes.items() if recipe is not None}

    def _along(self, peer: str, contents: Mapping[Entry, Recipe]) -> tuple[tuple[bytes, bytes], ...]:
        """Chunks that the peer will need for small edits, so that it does not have to ask."""
        found: dict[bytes, bytes] = {}
        room = PUSH_BYTES
        for entry, recipe in contents.items():
            if not self._passes_on and entry.dot[0] != self._index.replica:
                continue
            many = len(recipe) > 1  # of a single one it has been asked already whether the peer has it
            known = [many and self._index.peer_holds_chunk(peer, piece.chunk) for piece in recipe]
            fresh = {piece.chunk: piece for piece, there in zip(recipe, known, strict=True) if not there}
            if sum(piece.length for piece in fresh.values()) > (min(room, EDIT_PUSH_BYTES) if any(known) else room):
                continue
            for chunk, piece in fresh.items():
                data = self._contents.find(chunk, (entry.path, piece.offset, piece.length))
                if data is not None:
                    found[chunk] = data
                    room -= len(data)
        return tuple(found.items())

    def answer(self, peer: str, wanted: Iterable[bytes], hints: Mapping[bytes, bytes]) -> None:
        """Send the chunks that a peer asks for, or what is new in them against what it says to have."""
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
                self._sender.send(peer, urgent=False, chunks=tuple(pack), patches=tuple(patches))
                pack, patches, held = [], [], 0
        if pack or missing or patches:
            self._sender.send(
                peer,
                urgent=held < PUSH_BYTES,
                chunks=tuple(pack),
                patches=tuple(patches),
                missing=tuple(missing),
            )
