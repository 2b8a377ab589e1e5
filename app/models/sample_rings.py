"""The last half hour of every link's figures, kept so that a plot can take it without copying. No Qt.

Theory of operation: each link has one float64 array of twice its capacity, one row a figure. A sample is written at its
slot and again one capacity further on, so the newest N samples are always one contiguous slice, whatever the position
of the wrap. Nothing is allocated as samples arrive. `None` is stored as NaN, which plots draw as a gap; a silence
longer than `GAP_S` gets a NaN sample of its own, so that no line is drawn across what nobody measured.

`bucket_*` thins a slice for a plot: time is cut into buckets on a fixed grid (so that a picture moves without
shimmering) and each bucket keeps its extremes, so that the shortest peak and the shortest dip stay to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transfer_core.events import LinkSample
from transfer_core.units import NS_PER_S

Floats = NDArray[np.float64]

CAPACITY = 18_000  # 30 min at 10 Hz
GAP_S = 1.0  # ten samples missed

_TIME, _THROUGHPUT, _RTT_P50, _RTT_P10, _RTT_P90, _LOSS, _SURE_LOSS = range(7)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one link's samples, oldest first. The arrays are views of the ring: read them at once, or copy."""

    t_s: Floats
    throughput_bps: Floats
    rtt_p50_ms: Floats
    rtt_p10_ms: Floats
    rtt_p90_ms: Floats
    loss: Floats
    sure_loss: Floats  # what of it is no chance

    def __len__(self) -> int:
        return len(self.t_s)

    def nearest(self, t_s: float, within_s: float) -> int | None:
        """Index of the sample nearest to a moment; None when there is none within `within_s` of it."""
        if not len(self.t_s):
            return None
        right = int(np.searchsorted(self.t_s, t_s))
        candidates = [i for i in (right - 1, right) if 0 <= i < len(self.t_s)]
        best = min(candidates, key=lambda i: abs(float(self.t_s[i]) - t_s))
        return best if abs(float(self.t_s[best]) - t_s) <= within_s else None


class SampleRing:
    """One link's ring. Times must not go back; a sample from before the newest is left out."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._rows: Floats = np.full((7, 2 * capacity), np.nan)
        self._next = 0  # slot of the next write, below capacity
        self._count = 0
        self._newest_s = -np.inf

    def __len__(self) -> int:
        return self._count

    def push(self, sample: LinkSample) -> None:
        """Keep one sample, in place of the oldest when full."""
        t_s = sample.t_ns / NS_PER_S
        if t_s <= self._newest_s:
            return
        if t_s - self._newest_s > GAP_S and self._count:
            self._write((self._newest_s + t_s) / 2, *[None] * (_SURE_LOSS - _TIME))
        rtts = sample.rtt_p50_ms, sample.rtt_p10_ms, sample.rtt_p90_ms
        self._write(t_s, sample.throughput_bps, *rtts, sample.loss, sample.sure_loss)
        self._newest_s = t_s

    def _write(self, *figures: float | None) -> None:
        column = np.array(figures, dtype=np.float64)  # None becomes NaN
        self._rows[:, self._next] = column
        self._rows[:, self._next + self.capacity] = column
        self._next = (self._next + 1) % self.capacity
        self._count = min(self._count + 1, self.capacity)

    def window(self, start_s: float, end_s: float) -> Window:
        """Samples with `start_s <= t <= end_s`, as views."""
        newest = self._next + self.capacity
        rows = self._rows[:, newest - self._count : newest]
        first = int(np.searchsorted(rows[_TIME], start_s, side="left"))
        last = int(np.searchsorted(rows[_TIME], end_s, side="right"))
        return Window(*rows[:, first:last])

    def copy(self) -> SampleRing:
        """The same samples, in memory of their own."""
        twin = SampleRing(0)
        twin.capacity = self.capacity
        twin._rows = self._rows.copy()
        twin._next, twin._count, twin._newest_s = self._next, self._count, self._newest_s
        return twin


class SampleRings:
    """A ring for each link that ever sent a sample."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._rings: dict[str, SampleRing] = {}
        self._empty = SampleRing(1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rings)

    def __getitem__(self, link: str) -> SampleRing:
        """The link's ring; an empty one for a link never heard of."""
        return self._rings.get(link, self._empty)

    def push(self, samples: Iterable[LinkSample]) -> None:
        """Keep these samples, oldest first within each link."""
        for sample in samples:
            ring = self._rings.get(sample.link)
            if ring is None:
                ring = self._rings[sample.link] = SampleRing(self._capacity)
            ring.push(sample)

    def copy(self) -> SampleRings:
        """A picture of now that later samples don't change."""
        twin = SampleRings(self._capacity)
        twin._rings = {link: ring.copy() for link, ring in self._rings.items()}
        return twin


@dataclass(frozen=True, slots=True)
class Buckets:
    """How samples fall into equal stretches of time. `starts` indexes the first sample of each stretch that has any."""

    starts: NDArray[np.intp]
    t_s: Floats  # where each such stretch begins
    width_s: float


def bucket(t_s: Floats, span_s: float, most: int) -> Buckets | None:
    """Cut `span_s` into `most` stretches on a fixed grid; None if the samples are few enough as they are."""
    if len(t_s) <= most:
        return None
    width_s = span_s / most
    cells = np.floor(t_s / width_s)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(cells)) + 1))
    return Buckets(starts, cells[starts] * width_s, width_s)


def bucket_max(values: Floats, buckets: Buckets) -> Floats:
    """The highest of each stretch; NaN where it holds nothing but gaps."""
    return np.fmax.reduceat(values, buckets.starts)


def bucket_min(values: Floats, buckets: Buckets) -> Floats:
    """The lowest of each stretch; NaN where it holds nothing but gaps."""
    return np.fmin.reduceat(values, buckets.starts)


def bucket_mean(values: Floats, buckets: Buckets) -> Floats:
    """The mean of each stretch over what was measured; NaN where it holds nothing but gaps."""
    known = np.isfinite(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), buckets.starts)
    counts = np.add.reduceat(known.astype(np.float64), buckets.starts)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def mean_line(t_s: Floats, values: Floats, span_s: float, points: int) -> tuple[Floats, Floats]:
    """A calm line of at most so many points, each the mean of its stretch; for the shape, not for the extremes."""
    buckets = bucket(t_s, span_s, points)
    if buckets is None:
        return t_s, values
    return buckets.t_s + buckets.width_s / 2, bucket_mean(values, buckets)


def thin_line(t_s: Floats, values: Floats, span_s: float, pixels: int) -> tuple[Floats, Floats]:
    """A line of at most one point a pixel that keeps each stretch's lowest and highest value."""
    x, y = thin_lines(t_s, values[np.newaxis], span_s, pixels)
    return x, values if x is t_s else y[0]


def thin_lines(
    t_s: Floats, values: NDArray[np.floating], span_s: float, pixels: int
) -> tuple[Floats, NDArray[np.floating]]:
    """Several lines over the same times, one a row, thinned together."""
    buckets = bucket(t_s, span_s, max(1, pixels // 2 - 1)) if len(t_s) > pixels else None
    if buckets is None:
        return t_s, values
    x = np.repeat(buckets.t_s, 2)
    x[0::2] += buckets.width_s * 0.25
    x[1::2] += buckets.width_s * 0.75
    low = np.fmin.reduceat(values, buckets.starts, axis=1)
    high = np.fmax.reduceat(values, buckets.starts, axis=1)
    # the two in the order in which the line goes, so that a slope down is no saw
    ends = np.append(buckets.starts[1:], len(t_s)) - 1
    falls = values[:, buckets.starts] > values[:, ends]
    y = np.empty((len(values), len(x)), dtype=values.dtype)
    y[:, 0::2] = np.where(falls, high, low)
    y[:, 1::2] = np.where(falls, low, high)
    return x, y
