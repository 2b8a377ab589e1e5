"""How much of an upload's age does not count: time for which nobody could go on with it.

Theory of operation. A record's time is one of the wall clock, which may be set at any moment, also while the relay is
off. A gap there may be a clock that was set or a relay that was off: these can't be told apart, and need not be, since
in neither has anybody stayed away. So what the wall clock went ahead of the clock that only goes forward since it was
last seen is a pause, and every record's time is moved on by it. A clock that was set back leaves times in the future,
which become this moment. Both make an upload live longer, never shorter.
"""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.clock import Clock
from transfer_core.storage.staleness import STEP_NS
from transfer_core.units import NS_PER_S

KEPT_EVERY_NS = 300 * NS_PER_S  # a relay that is killed takes so much for a pause at most


def after_pause(updated_ns: int, pause_ns: int, now_ns: int) -> int:
    """When something came last, as if the pause had not been; never in the future."""
    return min(updated_ns + pause_ns, now_ns)


@dataclass(frozen=True, slots=True)
class Look:
    """Both clocks, and the pause since the last look in nanoseconds, 0 if there was none."""

    monotonic_ns: int
    wall_ns: int
    pause_ns: int
    is_to_be_kept: bool


class Pauses:
    """Asked now and then. `seen_ns` is the wall clock when the relay was last seen to run, None if it never was."""

    def __init__(self, clock: Clock, seen_ns: int | None) -> None:
        self._clock = clock
        self._monotonic_ns = clock.monotonic_ns()
        self._wall_ns = clock.wall_ns() if seen_ns is None else seen_ns
        self._kept_ns: int | None = None  # of the clock that only goes forward

    def look(self) -> Look:
        """How it is; the same pause again until `passed` is told of it."""
        monotonic_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        ahead_ns = (wall_ns - self._wall_ns) - (monotonic_ns - self._monotonic_ns)
        pause_ns = ahead_ns if ahead_ns > STEP_NS else 0
        is_due = self._kept_ns is None or monotonic_ns - self._kept_ns >= KEPT_EVERY_NS
        return Look(monotonic_ns, wall_ns, pause_ns, is_to_be_kept=is_due or abs(ahead_ns) > STEP_NS)

    def passed(self, look: Look) -> None:
        """Records tell nothing of that pause any more, and if it was to be kept, it is on the disk."""
        self._monotonic_ns, self._wall_ns = look.monotonic_ns, look.wall_ns
        if look.is_to_be_kept:
            self._kept_ns = look.monotonic_ns
