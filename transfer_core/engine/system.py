"""The real clock and the real randomness, in one place."""

from __future__ import annotations

import os
import random
import time


class SystemClock:
    """See `clock.Clock`."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only go forward."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()


class SystemEntropy:
    """See `entropy.Entropy`."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def token_bytes(self, count: int) -> bytes:
        """From the operating system."""
        return os.urandom(count)

    def uniform(self) -> float:
        """From 0 up to, not including, 1."""
        return self._random.random()
