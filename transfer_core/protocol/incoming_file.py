"""A file of a session, as the side that receives it knows it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True, eq=False)
class PartialChunk:
    """A chunk of which some slices have arrived."""

    rows: NDArray[np.uint8]  # (slices, bytes of each)
    got: NDArray[np.bool_]
    left: int

    def put(self, slices: NDArray[np.int64], data: NDArray[np.uint8]) -> int:
        """Keep these slices, each a row of `data`; gives how many bytes of them are new."""
        fresh = ~self.got[slices]
        count = int(np.count_nonzero(fresh))
        is_run = count == len(slices) and bool((np.diff(slices) == 1).all())  # what overtook or came twice is none
        if is_run:
            self.rows[slices[0] : slices[-1] + 1] = data
        elif count:
            slices = slices[fresh]
            self.rows[slices] = data[fresh]
        self.got[slices] = True
        self.left = len(self.got) - int(np.count_nonzero(self.got))
        return count * int(data.shape[1])


@dataclass(frozen=True, slots=True)
class WholeChunk:
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
