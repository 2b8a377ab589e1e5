"""The newest rows of one stream, in a ring that grows up to its limit. Pure; the feed's lock guards it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from transfer_core.telemetry.decoders.base import SampleArray

ROWS_FIRST = 256
ROWS_MAX = 6144  # a minute at 100 Hz


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows first to `end`, oldest first. `complete` says that none was missing before them."""

    time_ns: npt.NDArray[np.int64]
    run: npt.NDArray[np.int32]
    values: SampleArray
    end: int
    complete: bool


class Ring:
    """Rows are numbered from 0 as they come."""

    def __init__(self, channels: tuple[str, ...], rows_max: int = ROWS_MAX) -> None:
        self.channels = channels
        self.column = {name: at for at, name in enumerate(channels)}
        self.end = 0
        self._rows_max = rows_max
        self._allot(min(ROWS_FIRST, rows_max))

    def _allot(self, rows: int) -> None:
        self._rows = rows
        self._time = np.empty(rows, dtype=np.int64)
        self._run = np.empty(rows, dtype=np.int32)
        self._values = np.empty((rows, len(self.channels)), dtype=np.float32)

    def append(self, time_ns: npt.NDArray[np.int64], run: npt.NDArray[np.int32], values: SampleArray) -> None:
        """Add rows; the oldest go."""
        count = len(time_ns)
        if self.end + count > self._rows and self._rows < self._rows_max:
            self._grow(self.end + count)
        if count > self._rows:
            self.end += count - self._rows
            time_ns, run, values = time_ns[-self._rows :], run[-self._rows :], values[-self._rows :]
            count = self._rows
        at = self.end % self._rows
        first = min(count, self._rows - at)
        pairs: tuple[tuple[Any, Any], ...] = ((self._time, time_ns), (self._run, run), (self._values, values))
        for kept, new in pairs:
            kept[at : at + first] = new[:first]
            kept[: count - first] = new[first:]
        self.end += count

    def _grow(self, needed: int) -> None:
        """Only before the ring has come round, so that rows keep their places."""
        kept = (self._time, self._run, self._values)
        filled = min(self.end, self._rows)
        self._allot(min(self._rows_max, max(needed, 2 * self._rows)))
        self._time[:filled], self._run[:filled], self._values[:filled] = (column[:filled] for column in kept)

    def since(self, first: int, limit: int | None = None) -> Rows:
        """Rows from number `first` on, of those that are kept; at most the newest `limit`."""
        oldest = max(0, self.end - self._rows)
        begin = min(max(first, oldest), self.end)
        complete = first >= oldest
        if limit is not None:
            complete &= self.end - begin <= limit
            begin = max(begin, self.end - limit)
        at, count = begin % self._rows, self.end - begin
        places = slice(at, at + count)
        if at + count <= self._rows:
            return Rows(
                self._time[places].copy(), self._run[places].copy(), self._values[places].copy(), self.end, complete
            )
        order = np.arange(at, at + count) % self._rows
        return Rows(self._time[order], self._run[order], self._values[order], self.end, complete)
