"""Whether nobody has written to a file for long, though the wall clock may be set meanwhile.

A file's time is one of the wall clock. A clock that is set forward makes every file older than it is, so after that no
file is called stale before the whole time has passed by the clock that only goes forward.
"""

from __future__ import annotations

from transfer_core.clock import Clock
from transfer_core.units import NS_PER_S

STEP_NS = NS_PER_S  # less is how clocks are kept right


class Staleness:
    """Asked now and then. `limit_ns` is how long a stale file has not been written to."""

    def __init__(self, clock: Clock, limit_ns: int) -> None:
        self._clock, self._limit_ns = clock, limit_ns
        self._ahead_ns = clock.wall_ns() - clock.monotonic_ns()
        self._doubted_until_ns = clock.monotonic_ns()

    def is_stale(self, mtime_ns: int) -> bool:
        """Whether a file with that time of change is."""
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        before_ns, self._ahead_ns = self._ahead_ns, wall_ns - now_ns
        if self._ahead_ns > before_ns + STEP_NS:
            self._doubted_until_ns = now_ns + self._limit_ns
        return now_ns >= self._doubted_until_ns and wall_ns - mtime_ns >= self._limit_ns
