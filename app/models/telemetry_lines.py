"""One source's lines, thinned to what a plot has room for, and kept from frame to frame. No Qt.

Theory of operation: time is cut into cells on a fixed grid, and each cell keeps the lowest and the highest value of
each line, and the first and the last one, which tell the order of the two. As rows come, only the newest cell changes
and new ones follow, so a frame costs what has come since the one before, however long the stretch that is shown. All
is worked out anew when the ring began anew, or other lines or another grid are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.models.telemetry_rings import Seconds, TelemetryRing

Values = NDArray[np.float32]
Lines = tuple[Seconds, Values, tuple[int, ...]]


@dataclass(slots=True)
class _Cells:
    """Stretches that hold samples, oldest first: their numbers on the grid, and a column of each array for each."""

    number: NDArray[np.int64]
    low: Values
    high: Values
    first: Values
    last: Values
    is_new: NDArray[np.bool_]  # nothing leads to it: a gap or another run came before

    @classmethod
    def of(cls, t: Seconds, values: Values, width_s: float) -> _Cells:
        """Cut rows of samples, a line a row of `values`."""
        numbers = np.floor(t / width_s).astype(np.int64)
        gaps: NDArray[np.bool_] = np.all(np.isnan(values), axis=0)
        before = np.flatnonzero(gaps[:-1])
        numbers[before] = numbers[before + 1]  # a gap belongs to what comes behind it
        starts = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1))
        ends = np.append(starts[1:], len(t)) - 1
        return cls(
            numbers[starts],
            np.fmin.reduceat(values, starts, axis=1),
            np.fmax.reduceat(values, starts, axis=1),
            values[:, starts],
            values[:, ends],
            np.logical_or.reduceat(gaps, starts),
        )

    def join(self, later: _Cells) -> _Cells:
        """Followed by rows that came later; the first of their cells may be our last."""
        if not len(self.number):
            return later
        shared = int(later.number[0] == self.number[-1])
        if shared:
            self.low[:, -1] = np.fmin(self.low[:, -1], later.low[:, 0])
            self.high[:, -1] = np.fmax(self.high[:, -1], later.high[:, 0])
            self.last[:, -1] = later.last[:, 0]
            self.is_new[-1] |= later.is_new[0]
        if len(later.number) == shared:
            return self
        return _Cells(
            np.concatenate((self.number, later.number[shared:])),
            np.concatenate((self.low, later.low[:, shared:]), axis=1),
            np.concatenate((self.high, later.high[:, shared:]), axis=1),
            np.concatenate((self.first, later.first[:, shared:]), axis=1),
            np.concatenate((self.last, later.last[:, shared:]), axis=1),
            np.concatenate((self.is_new, later.is_new[shared:])),
        )

    def between(self, first: int, last: int) -> _Cells:
        """Those whose numbers are within."""
        begin, end = np.searchsorted(self.number, (first, last + 1)).tolist()
        if begin == 0 and end == len(self.number):
            return self
        some = slice(begin, end)
        return _Cells(
            self.number[some],
            self.low[:, some],
            self.high[:, some],
            self.first[:, some],
            self.last[:, some],
            self.is_new[some],
        )


class ThinnedLines:
    """Lines of one source, followed from frame to frame."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._ring: TelemetryRing | None = None
        self._cells: _Cells | None = None
        self._lanes: tuple[int, ...] = ()
        self._seen_s = -np.inf

    def follow(self, ring: TelemetryRing, names: tuple[str, ...], end_s: float, span_s: float, most: int) -> Lines:
        """Times, values a line a row, and which of `names` they are; as they are where they are few enough."""
        start_s = end_s - span_s
        if ring.count_between(start_s, end_s) <= 2 * most:
            self._ring = None
            return ring.rows(names, start_s, end_s)
        width_s = span_s / most
        key = (names, width_s, ring.restarts)
        if ring is not self._ring or key != self._key:
            self._ring, self._key, self._cells, self._seen_s = ring, key, None, -np.inf
        t, values, self._lanes = ring.rows(names, np.nextafter(max(self._seen_s, start_s - width_s), np.inf), np.inf)
        if len(t):
            cells = _Cells.of(t, values, width_s)
            self._cells = cells if self._cells is None else self._cells.join(cells)
            self._seen_s = float(t[-1])
        if self._cells is None:
            return t, values, self._lanes
        first, last = int(np.floor(start_s / width_s)), int(np.floor(end_s / width_s))
        self._cells = self._cells.between(first, np.iinfo(np.int64).max - 1)
        return _drawn(self._cells.between(first, last), width_s, self._lanes)


def _drawn(cells: _Cells, width_s: float, lanes: tuple[int, ...]) -> Lines:
    """Two points a cell, in the order in which the line goes, so that a slope down is no saw."""
    t = np.repeat(cells.number * width_s, 2)
    t[0::2] += 0.25 * width_s
    t[1::2] += 0.75 * width_s
    falls = cells.first > cells.last
    y = np.empty((len(cells.low), len(t)), dtype=np.float32)
    y[:, 0::2] = np.where(falls, cells.high, cells.low)
    y[:, 1::2] = np.where(falls, cells.low, cells.high)
    breaks = 2 * np.flatnonzero(cells.is_new[1:]) + 2
    if len(breaks):
        t = np.insert(t, breaks, t[breaks] - 1e-6)
        y = np.insert(y, breaks, np.nan, axis=1)
    return t, y, lanes
