"""Half an hour of plot points for one link, in memory of fixed size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from transfer_core.events import LinkSample

KEPT_POINTS = 30 * 60 * 10  # 30 minutes at 10 Hz


class SampleRing:
    """The newest points of one link, oldest first. None is kept as not-a-number."""

    def __init__(self, link: str, capacity: int = KEPT_POINTS) -> None:
        self._link = link
        self._times: npt.NDArray[np.int64] = np.zeros(capacity, np.int64)
        self._values: npt.NDArray[np.float32] = np.zeros((capacity, 6), np.float32)
        self._count = 0

    def __len__(self) -> int:
        """How many points are kept."""
        return min(self._count, len(self._times))

    def append(self, sample: LinkSample) -> None:
        """Keep a point; it is newer than all the others. The oldest one goes when there is no room."""
        slot = self._count % len(self._times)
        self._times[slot] = sample.t_ns
        self._values[slot] = (
            _or_nan(sample.throughput_bps),
            _or_nan(sample.rtt_p50_ms),
            _or_nan(sample.rtt_p10_ms),
            _or_nan(sample.rtt_p90_ms),
            _or_nan(sample.loss),
            _or_nan(sample.sure_loss),
        )
        self._count += 1

    def since(self, t_ns: int) -> list[LinkSample]:
        """The points at or after that time, oldest first."""
        slots = np.arange(self._count - len(self), self._count) % len(self._times)
        slots = slots[int(np.searchsorted(self._times[slots], t_ns)) :]
        return [
            LinkSample(self._link, at_ns, *(None if value != value else value for value in values))  # noqa: PLR0124
            for at_ns, values in zip(self._times[slots].tolist(), self._values[slots].tolist(), strict=True)
        ]


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
