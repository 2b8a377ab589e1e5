"""Where one sender's runs begin and end, and which of its frames are no samples. Pure.

A clock that goes back is a reset: a new run begins. When a race is over the game goes on sending position (0, 0, 0):
two such frames in a row end the run, and nothing is a sample until the position is another one. Since the first of the
two is no sample either, a single one that ends a batch is held back until the next frame says what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transfer_core.telemetry.decoders.base import SampleArray, TimeArray

_POSITION = ("PositionX", "PositionY", "PositionZ")


@dataclass(frozen=True, slots=True)
class Judged:
    """The samples among some frames; `run[i]` is the run of row i. `dropped` counts frames after a race's end."""

    time_ns: npt.NDArray[np.int64]
    run: npt.NDArray[np.int32]
    values: SampleArray
    dropped: int


class RunTracker:
    """One stream of one sender. Frames come in the order of arrival, all with the same channels."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        self._position = [channels.index(name) for name in _POSITION] if set(_POSITION) <= set(channels) else None
        self.run = 1
        self.over = False  # the newest frames were empty
        self._clock_s: float | None = None
        self._held: tuple[npt.NDArray[np.int64], TimeArray | None, SampleArray] | None = None

    def judge(self, time_ns: npt.NDArray[np.int64], clock_s: TimeArray | None, values: SampleArray) -> Judged:
        """The samples among the held and these frames. `clock_s` is the sender's own clock, None if it sends none."""
        if self._held is not None:
            held_ns, held_s, held = self._held
            time_ns, values = np.concatenate((held_ns, time_ns)), np.concatenate((held, values))
            clock_s = None if clock_s is None or held_s is None else np.concatenate((held_s, clock_s))
            self._held = None
        keep, hold = self._kept(values)
        dropped = int(len(keep) - np.count_nonzero(keep)) - hold
        if hold:
            self._held = (time_ns[-1:], None if clock_s is None else clock_s[-1:], values[-1:])
        if not keep.all():
            time_ns, values = time_ns[keep], values[keep]
            clock_s = None if clock_s is None else clock_s[keep]
        return Judged(time_ns, self._runs(clock_s, len(time_ns)), values, dropped)

    def _kept(self, values: SampleArray) -> tuple[npt.NDArray[np.bool_], int]:
        """Which frames are samples, and whether (1 or 0) the last one has to wait."""
        if self._position is None or not len(values):
            return np.ones(len(values), dtype=np.bool_), 0
        empty = np.asarray(~values[:, self._position].any(axis=1), dtype=np.bool_)
        if not empty.any():
            self.over = False
            return ~empty, 0
        before, after = np.roll(empty, 1), np.roll(empty, -1)
        before[0], after[-1] = self.over, False
        gone = empty & (before | after)
        alone_at_end = bool(empty[-1] and not gone[-1])
        if not alone_at_end:
            self.over = bool(gone[-1])
        keep = ~gone
        if alone_at_end:
            self.over = False
            keep[-1] = False
        return keep, int(alone_at_end)

    def _runs(self, clock_s: TimeArray | None, count: int) -> npt.NDArray[np.int32]:
        if clock_s is None or not count:
            return np.full(count, self.run, dtype=np.int32)
        before = np.concatenate(([clock_s[0] if self._clock_s is None else self._clock_s], clock_s[:-1]))
        runs = self.run + np.cumsum(clock_s < before)
        self._clock_s = float(clock_s[-1])
        self.run = int(runs[-1])
        return runs.astype(np.int32)
