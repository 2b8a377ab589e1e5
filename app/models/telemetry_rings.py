"""The last minute of every source's samples, in rings that a plot reads without copying. No Qt.

Like `sample_rings`: each row is written twice, one capacity apart, so that the newest rows are always one contiguous
slice. A stretch without samples gets a row of NaN, so that no line is drawn across it, and so does the start of a run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.models.telemetry_channels import Floats, column
from transfer_core.events.telemetry import SampleBlock
from transfer_core.units import NS_PER_S

CAPACITY = 8192  # a minute at 100 Hz, and some
GAP_S = 0.5
Seconds = NDArray[np.float64]


class TelemetryRing:
    """One source's rows of some channels."""

    def __init__(self, channels: tuple[str, ...], capacity: int = CAPACITY) -> None:
        self.channels = channels
        self.cursor = 0
        self._capacity = capacity
        self._t = np.zeros(2 * capacity)
        self._values = np.full((2 * capacity, len(channels)), np.nan, dtype=np.float32)
        self._next = self._count = 0
        self._run = 0
        self.newest_ns = 0
        self.restarts = 0  # how often it began anew

    def __len__(self) -> int:
        return self._count

    def take(self, block: SampleBlock) -> None:
        """Keep newer rows; those that do not follow take the place of all."""
        self.cursor = block.cursor
        if block.restart:
            self._next = self._count = 0
            self.restarts += 1
        if not len(block.time_ns):
            return
        t = block.time_ns / NS_PER_S
        before = self._t[self._next + self._capacity - 1] if self._count else t[0]
        run_before = self._run if self._count else block.run[0]
        breaks = np.flatnonzero((np.diff(t, prepend=before) > GAP_S) | (np.diff(block.run, prepend=run_before) != 0))
        values = np.asarray(block.values, dtype=np.float32)
        if len(breaks):
            t = np.insert(t, breaks, t[breaks] - 1e-6)
            values = np.insert(values, breaks, np.nan, axis=0)
        self._write(t[-self._capacity :], values[-self._capacity :])
        self._run = int(block.run[-1])
        self.newest_ns = int(block.time_ns[-1])

    def _write(self, t: Seconds, values: Floats) -> None:
        places = (self._next + np.arange(len(t))) % self._capacity
        for shift in (0, self._capacity):
            self._t[places + shift] = t
            self._values[places + shift] = values
        self._next = (self._next + len(t)) % self._capacity
        self._count = min(self._count + len(t), self._capacity)

    def window(self, start_s: float, end_s: float) -> tuple[Seconds, Floats]:
        """Rows with `start_s <= t <= end_s`, as views: read them at once, or copy."""
        end = self._next + self._capacity
        rows = slice(end - self._count, end)
        t = self._t[rows]
        first, last = np.searchsorted(t, [start_s, end_s + 1e-9]).tolist()
        return t[first:last], self._values[rows][first:last]

    def count_between(self, start_s: float, end_s: float) -> int:
        """How many rows a window has."""
        end = self._next + self._capacity
        first, last = np.searchsorted(self._t[end - self._count : end], [start_s, end_s + 1e-9]).tolist()
        return int(last - first)

    def channel(self, name: str, start_s: float, end_s: float) -> tuple[Seconds, Floats] | None:
        """One channel in a window, worked out if need be; None if this source lacks it."""
        t, values = self.window(start_s, end_s)
        found = column(name, self.channels, values)
        return None if found is None else (t, found)

    def rows(self, names: Sequence[str], start_s: float, end_s: float) -> tuple[Seconds, Floats, tuple[int, ...]]:
        """Several channels in a window, one a row, and which of `names` they are; those it lacks are left out."""
        t, values = self.window(start_s, end_s)
        found = [(place, column(name, self.channels, values)) for place, name in enumerate(names)]
        there = [(place, one) for place, one in found if one is not None]
        lines = np.empty((len(there), len(t)), dtype=np.float32)
        for row, (_, one) in enumerate(there):
            lines[row] = one
        return t, lines, tuple(place for place, _ in there)

    def value_at(self, name: str, t_s: float, within_s: float = GAP_S) -> float | None:
        """The newest value not after a moment, unless it is older than `within_s`."""
        _, values = self.window(t_s - within_s, t_s)
        found = column(name, self.channels, values[-1:])
        if found is None or not len(found) or not np.isfinite(found[-1]):
            return None
        return float(found[-1])

    def copy(self) -> TelemetryRing:
        """A picture of now that later rows don't change."""
        twin = TelemetryRing(self.channels, 1)
        twin._capacity = self._capacity
        twin._t, twin._values = self._t.copy(), self._values.copy()
        twin._next, twin._count, twin._run = self._next, self._count, self._run
        twin.newest_ns, twin.cursor, twin.restarts = self.newest_ns, self.cursor, self.restarts
        return twin
