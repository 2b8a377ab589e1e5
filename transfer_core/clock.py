"""What a clock is. The real one lives in `engine/system.py`, the manual one in `sim/`."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two kinds of time that are never mixed."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only go forward; for intervals and deadlines."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC; for people and files. May jump."""
        ...
