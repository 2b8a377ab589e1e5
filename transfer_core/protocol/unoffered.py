"""Data that is here before the offer of its file is kept, so that an offer that was lost costs only its own way.

Offers are messages, which come in order; data that left behind one may be there first. What is not acknowledged tells
the sender nothing: where nothing else is on its way, it would take the path for silent before it sent the offer again,
and all the data with it. So such data is kept and acknowledged, within a bound of memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.incoming_file import Place
from transfer_core.protocol.path import Path

ENTRY_BYTES = 512  # what one takes beside its data, so that many tiny ones count, too


@dataclass(frozen=True, slots=True)
class EarlySlices:
    """Slices of one chunk that arrived together."""

    path: Path
    chunk: int
    place: Place
    data: NDArray[np.uint8]


class Unoffered:
    """See the module. It keeps `bytes_max` at most."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held_bytes = 0
        self._kept: dict[int, list[EarlySlices]] = {}

    def keep(self, number: int, path: Path, chunk: int, place: Place, data: NDArray[np.uint8]) -> bool:
        """Keep a copy of these; False if there is no room."""
        size = data.nbytes + ENTRY_BYTES
        if self._held_bytes + size > self._bytes_max:
            return False
        self._held_bytes += size
        self._kept.setdefault(number, []).append(EarlySlices(path, chunk, place, data.copy()))
        return True

    def take(self, number: int) -> list[EarlySlices]:
        """What is kept of a file that is offered now. Files before it are offered no more, and are forgotten."""
        if not self._kept:
            return []
        found = self._kept.pop(number, [])
        gone = [found, *(self._kept.pop(other) for other in [each for each in self._kept if each < number])]
        self._held_bytes -= sum(each.data.nbytes + ENTRY_BYTES for slices in gone for each in slices)
        return found
