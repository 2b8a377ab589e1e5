"""Puts a content together from chunks that arrived and any local file that holds them, each checked by its hash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache

import blake3
import zstandard

from transfer_core.errors import DrsError, FileHashMismatch, SourceError
from transfer_core.sync.chunker import chunk_id
from transfer_core.sync.entry import Entry
from transfer_core.sync.index import Index
from transfer_core.sync.recipe import Recipe
from transfer_core.sync.tree import Tree


class ChunkMissing(SourceError):
    """A chunk that should be here is not, or is another by now."""

    def __init__(self, chunk: bytes) -> None:
        super().__init__(f"chunk {chunk.hex()} is not here")
        self.chunk = chunk


@cache
def _packer() -> Callable[[bytes], bytes]:
    return zstandard.ZstdCompressor(level=1).compress


class PackedGauge:
    """Tells what a content would take if it were compressed and nothing else: of a long one every eighth piece."""

    _ALL_UP_TO = 4 << 20
    _EVERY = 8

    def __init__(self) -> None:
        self._seen = self._tried = self._packed = 0
        self._pack = _packer()

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for number, piece in enumerate(pieces):
            if self._seen < self._ALL_UP_TO or number % self._EVERY == 0:
                self._tried += len(piece)
                self._packed += min(len(piece), len(self._pack(piece)))
            self._seen += len(piece)
            yield piece

    @property
    def packed_bytes(self) -> int:
        """What it would have taken."""
        return self._packed * self._seen // self._tried if self._tried else 0


class Contents:
    """See the module. Used by the node's thread."""

    def __init__(self, tree: Tree, index: Index) -> None:
        self._tree, self._index = tree, index
        self._gone: set[bytes] = set()  # chunks that the index promised and the disk did not keep

    def missing(self, recipe: Recipe) -> dict[bytes, int]:
        """The chunks of a recipe that have to be fetched, with their lengths."""
        return {piece.chunk: piece.length for piece in recipe if not self.is_here(piece.chunk)}

    def is_here(self, chunk: bytes) -> bool:
        """Whether a chunk has arrived or should be in a file here."""
        if self._index.arrived.has(chunk):
            return True
        return chunk not in self._gone and bool(self._index.places(chunk))

    def find(self, chunk: bytes, place: tuple[str, int, int] | None = None) -> bytes | None:
        """A chunk from anywhere here; None if nowhere is what the index says. It is probably at `place`."""
        data = self._index.arrived.data(chunk)
        if data is None and place is not None:
            data = self._read(chunk, place)
        if data is None:
            found = (self._read(chunk, each) for each in self._index.places(chunk))
            data = next((each for each in found if each is not None), None)
        if data is None:
            self._gone.add(chunk)
        else:
            self._gone.discard(chunk)
        return data

    def _read(self, chunk: bytes, place: tuple[str, int, int]) -> bytes | None:
        try:
            data = self._tree.read_at(*place)
        except DrsError:
            return None
        return data if chunk_id(data) == chunk else None

    def pieces(self, entry: Entry, recipe: Recipe) -> Iterator[bytes]:
        """The content of an entry. ChunkMissing on the way; FileHashMismatch at the end if it is not what it said."""
        whole = blake3.blake3()
        for piece in recipe:
            data = self.find(piece.chunk)
            if data is None or len(data) != piece.length:
                raise ChunkMissing(piece.chunk)
            whole.update(data)
            yield data
        if whole.digest() != entry.content:
            raise FileHashMismatch(f"the chunks of {entry.path} do not make the content that was named")
