"""Notices that the wall clock was set back, by the clock that only goes forward."""

from __future__ import annotations

from transfer_core.clock import Clock
from transfer_core.units import NS_PER_S

STEP_NS = NS_PER_S  # less is how clocks are kept right


class WallClockWatch:
    """Asked now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ns = self._ahead_now_ns()

    def _ahead_now_ns(self) -> int:
        return self._clock.wall_ns() - self._clock.monotonic_ns()

    def was_set_back(self) -> bool:
        """Whether it was since the last call, by more than a second."""
        before_ns, self._ahead_ns = self._ahead_ns, self._ahead_now_ns()
        return self._ahead_ns < before_ns - STEP_NS
