"""Randomness that comes out the same for the same seed. For tests and simulations only: it is no secret."""

from __future__ import annotations

import numpy as np


class SeededEntropy:
    """Implements `Entropy`."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def token_bytes(self, count: int) -> bytes:
        """The seed's next `count` bytes."""
        return self._rng.bytes(count)

    def uniform(self) -> float:
        """The seed's next number from 0 up to, not including, 1."""
        return float(self._rng.random())
