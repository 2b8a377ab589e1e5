"""A file of a session, as the side that receives it knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Place = slice | NDArray[np.int64]
"""Which slices of a chunk some rows are: a run of them, as nearly always, or their numbers."""


@dataclass(slots=True, eq=False)
class PartialChunk:
    """A chunk of which some slices have arrived."""

    rows: NDArray[np.uint8]  # (slices, bytes of each)
    got: NDArray[np.bool_]
    left: int

    def has_room(self, place: Place) -> bool:
        """Whether it has such slices."""
        return bool(place.stop <= len(self.got) if isinstance(place, slice) else place.max() < len(self.got))

    def put(self, place: Place, data: NDArray[np.uint8]) -> int:
        """Keep these slices, each a row of `data`; gives how many bytes of them are new."""
        if isinstance(place, slice):
            if not np.count_nonzero(self.got[place]):
                self.rows[place] = data
                self.got[place] = True
                self.left -= len(data)
                return data.size
            place = np.arange(place.start, place.stop)
        fresh = ~self.got[place]  # what overtook or came twice
        place = place[fresh]
        self.rows[place] = data[fresh]
        self.got[place] = True
        self.left = len(self.got) - int(np.count_nonzero(self.got))
        return len(place) * int(data.shape[1])


class WholeChunk(NamedTuple):
    """A chunk that is complete and fits its hash, and how much memory it holds until it is written."""

    data: memoryview
    held_bytes: int


@dataclass(slots=True, eq=False)
class IncomingFile:
    """One file of the session, as the receiver knows it."""

    number: int
    file_id: str
    path: str
    size: int
    chunk_bytes: int
    chunks: int
    mtime_ns: int
    fingerprint: int
    priority: int
    accepted: bool = False
    have: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))  # handed over or on disk
    missing: int = 0  # chunks not handed over
    writing: int = 0  # chunks handed over, not written
    partial: dict[int, PartialChunk] = field(default_factory=dict)  # by chunk, as it was cut first
    recut: dict[int, dict[int, PartialChunk]] = field(default_factory=dict)  # by chunk and size of slices: cut again
    early: dict[int, WholeChunk] = field(default_factory=dict)  # they wait for the owner's answer
    digest: str | None = None
    verifying: bool = False

    def chunk_size(self, chunk: int) -> int:
        """Bytes of data in a chunk."""
        return min(self.chunk_bytes, self.size - chunk * self.chunk_bytes)
