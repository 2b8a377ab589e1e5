"""Thins samples for a picture: the lowest and highest value of each step on a fixed grid. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from transfer_core.events.telemetry import ThinnedSeries
from transfer_core.telemetry.decoders.base import SampleArray
from transfer_core.telemetry.sampler import Samples
from transfer_core.units import NS_PER_S

Longs = npt.NDArray[np.int64]


def step_for(start_ns: int, end_ns: int, points: int) -> int:
    """The step that needs at most `points` of them for a stretch; in whole seconds from one second on."""
    span_ns = max(1, end_ns - start_ns)
    step_ns = max(1, -(-span_ns // max(1, points - 1)))
    return step_ns if step_ns < NS_PER_S else -(-step_ns // NS_PER_S) * NS_PER_S


def first_and_last_step(start_ns: int, end_ns: int, step_ns: int) -> tuple[int, int]:
    """The numbers of the steps that a stretch touches; the end is not part of it."""
    return start_ns // step_ns, max(start_ns, end_ns - 1) // step_ns


def by_second(samples: Samples) -> list[tuple[int, Samples]]:
    """The rows of each second, by its number."""
    seconds = samples.time_ns // NS_PER_S
    cuts = np.flatnonzero(np.diff(seconds)) + 1
    bounds = [0, *cuts.tolist(), len(samples)]
    return [
        (
            int(seconds[first]),
            Samples(
                samples.source_id,
                samples.kind,
                samples.channels,
                samples.time_ns[first:last],
                samples.run[first:last],
                samples.values[first:last],
            ),
        )
        for first, last in itertools.pairwise(bounds)
    ]


def joined(*parts: Samples) -> Samples:
    """The rows of one stream after one another."""
    return Samples(
        parts[0].source_id,
        parts[0].kind,
        parts[0].channels,
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.run for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def extremes(values: SampleArray) -> tuple[SampleArray, SampleArray]:
    """The lowest and highest of each column, NaN where a column holds nothing else."""
    return np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)


def runs_of(samples: Samples) -> list[tuple[int, int, int, int]]:
    """Number, first and last time, and count of rows of each run in these rows."""
    cuts = np.flatnonzero(np.diff(samples.run)) + 1
    bounds = [0, *cuts.tolist(), len(samples)]
    return [
        (int(samples.run[first]), int(samples.time_ns[first]), int(samples.time_ns[last - 1]), last - first)
        for first, last in itertools.pairwise(bounds)
    ]


def series_of(
    source_id: str, channel: str, step_ns: int, parts: Sequence[tuple[Longs, SampleArray, SampleArray]]
) -> ThinnedSeries:
    """One series of steps, lows and highs from several streams, each in any order; empty steps have no point."""
    steps = np.concatenate([part[0] for part in parts]) if parts else np.empty(0, dtype=np.int64)
    if not len(steps):
        none = np.empty(0, dtype=np.float32)
        return ThinnedSeries(source_id, channel, step_ns, steps.astype(np.int64), none, none)
    order = np.argsort(steps, kind="stable")
    steps = steps[order]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(steps)) + 1))
    low = np.fmin.reduceat(np.concatenate([part[1] for part in parts])[order], starts)
    high = np.fmax.reduceat(np.concatenate([part[2] for part in parts])[order], starts)
    known = np.isfinite(low)
    times = steps[starts][known] * step_ns
    return ThinnedSeries(source_id, channel, step_ns, times, low[known], high[known])


def part_of(samples: Samples, channel: str, step_ns: int) -> tuple[Longs, SampleArray, SampleArray]:
    """Rows as a part for `series_of`."""
    column = samples.values[:, samples.channels.index(channel)]
    return samples.time_ns // step_ns, column, column
