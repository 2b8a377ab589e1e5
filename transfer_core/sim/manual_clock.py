"""A clock that stands still until it is moved."""

from __future__ import annotations

from transfer_core.units import NS_PER_S

DEFAULT_WALL_NS = 1_800_000_000 * NS_PER_S
"""2027-01-15T08:00:00Z, so that a date in a test is recognised as made up."""


class ManualClock:
    """Implements `Clock`. Both times advance together; the wall clock can also be made to jump."""

    def __init__(self, monotonic_ns: int = 0, wall_ns: int = DEFAULT_WALL_NS) -> None:
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds that only go forward."""
        return self._monotonic_ns

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return self._wall_ns

    def advance(self, by_ns: int) -> None:
        """Let time pass. ValueError if it would go back."""
        if by_ns < 0:
            raise ValueError(f"time can't go back by {-by_ns} ns")
        self._monotonic_ns += by_ns
        self._wall_ns += by_ns

    def jump_wall(self, by_ns: int) -> None:
        """Set the wall clock forward or back, as NTP or a person does."""
        self._wall_ns += by_ns
