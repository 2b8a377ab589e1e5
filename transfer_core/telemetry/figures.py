"""Rate, loss, jitter and age of one sender, from the last few hundred datagrams. Pure.

The period is the median interval: senders are irregular, and no rate is assumed. Loss is told by gaps in the sender's
own clock. A sender is stale when nothing has come for two of the longest intervals that are usual for it (the 95th
percentile, at least the period), so that one that arrives in bursts does not flicker.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from transfer_core.telemetry.decoders.base import TimeArray
from transfer_core.units import NS_PER_MS, NS_PER_S

KEPT = 512
ENOUGH = 8  # intervals, before anything is said
STALE_PERIODS = 2
UNKNOWN_PERIOD_NS = NS_PER_S // 2  # of a sender whose period is not known yet
GAP_PERIODS = 1.6  # more between two datagrams' own times is a gap


class Figures:
    """Numbers of one sender. Times are of arrival, ns, in order."""

    def __init__(self) -> None:
        self._arrivals: deque[npt.NDArray[np.int64]] = deque(maxlen=KEPT)
        self._clock: deque[TimeArray] = deque(maxlen=KEPT)
        self._usual_ns: int | None = None
        self.period_ns: int | None = None
        self.jitter_ms: float | None = None
        self.loss: float | None = None
        self.last_ns = 0

    def note(self, arrivals_ns: npt.NDArray[np.int64], clock_s: TimeArray | None) -> None:
        """Learn from datagrams that have arrived. `clock_s` are the sender's own times."""
        if not len(arrivals_ns):
            return
        self.last_ns = int(arrivals_ns[-1])
        self._arrivals.append(arrivals_ns[-KEPT:])
        if clock_s is not None:
            self._clock.append(clock_s[-KEPT:])

    def reckon(self) -> None:
        """Bring the figures up to date; costs more than `note`, so it is done when somebody looks."""
        intervals = np.diff(_newest(self._arrivals))
        if len(intervals) < ENOUGH:
            return
        self.period_ns = max(1, int(np.median(intervals)))
        steps = np.diff(_newest(self._clock))
        steps = steps[steps > 0]  # the rest are resets
        if len(steps) >= ENOUGH:
            period_s = float(np.median(steps))
            # datagrams may arrive in bursts, so the sender's clock knows its period better
            self.period_ns = max(1, int(period_s * NS_PER_S))
            missing = float(np.sum(np.round(steps[steps > GAP_PERIODS * period_s] / period_s) - 1))
            self.loss = missing / (len(steps) + missing)
        self.jitter_ms = float(np.quantile(np.abs(intervals - np.median(intervals)), 0.99)) / NS_PER_MS
        self._usual_ns = max(self.period_ns, int(np.quantile(intervals, 0.95)))

    @property
    def rate_hz(self) -> float | None:
        """Datagrams a second, None until it is known."""
        return None if self.period_ns is None else NS_PER_S / self.period_ns

    def stale(self, now_ns: int) -> bool:
        """Whether what it sent last is old."""
        return now_ns - self.last_ns > STALE_PERIODS * (self._usual_ns or UNKNOWN_PERIOD_NS)


def _newest(kept: deque[Any]) -> Any:
    """The newest values as one array, which is kept in place of the pieces."""
    if not kept:
        return np.empty(0)
    whole = np.concatenate(kept)[-KEPT:]
    kept.clear()
    kept.append(whole)
    return whole
