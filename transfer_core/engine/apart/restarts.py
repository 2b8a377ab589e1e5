"""When an engine that ended unasked is started again: soon, then later, then not before a person says so. Pure."""

from __future__ import annotations

from transfer_core.units import NS_PER_S

WAITS_S = (0.0, 2.0, 10.0)
STEADY_S = 60.0  # who ran for so long has not failed in a row


class Restarts:
    """Counts failures in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def wait_s(self, lived_ns: int) -> float | None:
        """It has ended after so long: how long to wait before the next start; None: no more."""
        if lived_ns >= STEADY_S * NS_PER_S:
            self._failures = 0
        self._failures += 1
        return WAITS_S[self._failures - 1] if self._failures <= len(WAITS_S) else None

    def forgive(self) -> None:
        """A person says that it is worth another try."""
        self._failures = 0
