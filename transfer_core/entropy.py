"""What a source of randomness is. The real one lives in `engine/system.py`, the seeded one in `sim/`."""

from __future__ import annotations

from typing import Protocol


class Entropy(Protocol):
    """Where keys, identifiers and jitter come from."""

    def token_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        ...

    def uniform(self) -> float:
        """A number from 0 up to, not including, 1."""
        ...
