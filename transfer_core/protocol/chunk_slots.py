"""The chunks that are on their way: one slot each, with what every slice of it has come to.

A slot's slices are tracked in two-dimensional arrays, a row for each slot, so that a whole acknowledgement is worked
off in a few array operations. A sent slice is named by a tag: generation << 40 | slot << 16 | slice; the generation
tells a late acknowledgement for the slot's former tenant from one for the present tenant.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Slices = range | NDArray[np.int64]
"""Slices of a chunk by their numbers: a run of them, as those never sent are, or some."""

FIRST_SLICES = 64  # columns at first; larger chunks make room
SLICE_MASK = 0xFFFF  # of a tag
_GENERATIONS = 1 << 22


@dataclass(slots=True, eq=False)
class ChunkSlot:
    """One chunk in flight: its record as rows of slices."""

    number: int
    generation: int
    file: int
    chunk: int
    rows: NDArray[np.uint8]  # (slices, slice_bytes)
    slices: int = field(init=False)
    slice_bytes: int = field(init=False)
    left: int = field(init=False)  # slices not acknowledged yet
    unsent_from: int = 0
    begun_by: int | None = None  # the path that sends what was never sent of it
    lost: int = 0  # slices that are waiting to be sent again
    carried: dict[int, int] = field(default_factory=dict)  # slices that each path has brought, by its number

    def __post_init__(self) -> None:
        self.slices, self.slice_bytes = self.rows.shape
        self.left = self.slices

    def tags(self, slices: Slices) -> NDArray[np.int64]:
        """The tags of these slices."""
        name = self.generation << 40 | self.number << 16
        if isinstance(slices, range):
            return np.arange(name + slices.start, name + slices.stop)
        return slices | name


Picked = list[tuple[ChunkSlot, Slices]]
"""Slices of chunks, all of one size, to be sent together."""


class ChunkSlots:
    """A fixed pool of slots."""

    def __init__(self, capacity: int) -> None:
        self._slots: list[ChunkSlot | None] = [None] * capacity
        self._free = list(range(capacity - 1, -1, -1))
        self.held_bytes = 0
        self._generations: NDArray[np.int64] = np.zeros(capacity, np.int64)
        self._acked = np.ones((capacity, FIRST_SLICES), np.bool_)
        self._lost = np.zeros((capacity, FIRST_SLICES), np.bool_)
        self._copies = np.zeros((capacity, FIRST_SLICES), np.uint8)

    @property
    def free(self) -> int:
        """Slots without a tenant."""
        return len(self._free)

    @property
    def used(self) -> int:
        """Slots with a tenant."""
        return len(self._slots) - len(self._free)

    def take(self, file: int, chunk: int, rows: NDArray[np.uint8]) -> ChunkSlot:
        """Give a chunk a slot. The caller checks `free` first."""
        number = self._free.pop()
        slices = len(rows)
        if slices > self._acked.shape[1]:
            more = ((0, 0), (0, slices - self._acked.shape[1]))
            self._acked = np.pad(self._acked, more, constant_values=True)
            self._lost = np.pad(self._lost, more)
            self._copies = np.pad(self._copies, more)
        self._acked[number, :slices] = False
        self._copies[number] = 0
        slot = ChunkSlot(number, int(self._generations[number]), file, chunk, rows)
        self._slots[number] = slot
        self.held_bytes += rows.nbytes
        return slot

    def release(self, slot: ChunkSlot) -> None:
        """Take the slot back; what is still in flight for it will be ignored."""
        self.held_bytes -= slot.rows.nbytes
        self._generations[slot.number] = (slot.generation + 1) % _GENERATIONS
        self._acked[slot.number] = True
        self._lost[slot.number] = False
        self._slots[slot.number] = None
        self._free.append(slot.number)

    def _current(self, tags: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Slot and slice numbers of the tags whose generation is the present one and that are not acknowledged."""
        numbers = (tags >> 16) & 0xFFFFFF
        slices = tags & 0xFFFF
        live = (self._generations[numbers] == tags >> 40) & ~self._acked[numbers, slices]
        return numbers[live], slices[live]

    def unacknowledged(self, tags: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of these tags whose slices are still needed."""
        numbers = (tags >> 16) & 0xFFFFFF
        live = (self._generations[numbers] == tags >> 40) & ~self._acked[numbers, tags & 0xFFFF]
        needed: NDArray[np.int64] = tags[live]
        return needed

    def acknowledge(self, tags: NDArray[np.int64]) -> list[tuple[ChunkSlot, int]]:
        """Mark slices as arrived; gives each touched slot with how many of its slices were new."""
        numbers, slices = self._current(tags)
        self._acked[numbers, slices] = True
        self._lost[numbers, slices] = False
        touched = _distinct(numbers)
        arrived = np.count_nonzero(self._acked[touched], axis=1).tolist()
        lost = np.count_nonzero(self._lost[touched], axis=1).tolist()
        news: list[tuple[ChunkSlot, int]] = []
        columns = self._acked.shape[1]
        for slot, there, waiting in zip(self._tenants(touched), arrived, lost, strict=True):
            left = columns - there  # what lies beyond a slot's last slice is marked, too
            news.append((slot, slot.left - left))
            slot.left, slot.lost = left, waiting
        return news

    def lose(self, tags: NDArray[np.int64]) -> list[ChunkSlot]:
        """Mark slices to be sent again; gives the slots that have some now."""
        numbers, slices = self._current(tags)
        self._lost[numbers, slices] = True
        numbers = _distinct(numbers)
        touched = self._tenants(numbers)
        for slot, waiting in zip(touched, np.count_nonzero(self._lost[numbers], axis=1).tolist(), strict=True):
            slot.lost = waiting
        return touched

    def _tenants(self, numbers: NDArray[np.int64]) -> list[ChunkSlot]:
        return [slot for number in numbers.tolist() if (slot := self._slots[number]) is not None]

    def take_lost(self, slot: ChunkSlot, most: int) -> NDArray[np.int64]:
        """Up to `most` lost slices of a slot, which count as sent from now on."""
        slices = np.flatnonzero(self._lost[slot.number])[:most]
        self._lost[slot.number, slices] = False
        slot.lost -= len(slices)
        return slices

    def find(self, tag: int) -> tuple[ChunkSlot, int] | None:
        """Slot and slice of a tag, None if it is not needed any more."""
        number = (tag >> 16) & 0xFFFFFF
        slot = self._slots[number]
        if slot is None or slot.generation != tag >> 40 or self._acked[number, tag & 0xFFFF]:
            return None
        return slot, tag & 0xFFFF

    def copies(self, tags: NDArray[np.int64]) -> NDArray[np.uint8]:
        """How many copies of each of these slices were made."""
        copies: NDArray[np.uint8] = self._copies[(tags >> 16) & 0xFFFFFF, tags & 0xFFFF]
        return copies

    def count_copies(self, tags: NDArray[np.int64]) -> None:
        """Note one more copy of each of these slices."""
        numbers, slices = (tags >> 16) & 0xFFFFFF, tags & 0xFFFF
        self._copies[numbers, slices] = np.minimum(self._copies[numbers, slices], 250) + 1


def _distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each of these slot numbers once, in rising order."""
    return np.flatnonzero(np.bincount(numbers))
