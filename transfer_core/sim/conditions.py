"""What one simulated link is like, in the units and names of a simulation file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from transfer_core.errors import ConfigError

BURST_LENGTH_DATAGRAMS = 8.0
"""Mean length of a loss burst; radio fades at these rates eat about this many datagrams in a row."""

_UPPER_LIMITS: Mapping[str, float] = {
    "rate_mbps": 100_000.0,
    "delay_ms": 60_000.0,
    "jitter_ms": 10_000.0,
    "loss": 1.0,
    # with bursts of 8 datagrams and gaps of at least one, no more than 8 of 9 can be lost
    "burst_loss": 0.85,
    "queue_ms": 60_000.0,
}


@dataclass(frozen=True, slots=True)
class LinkConditions:
    """The same in each direction. ConfigError names the key that can't be."""

    rate_mbps: float = 100.0  # Mbit/s of IP packets
    delay_ms: float = 0.0  # one way
    jitter_ms: float = 0.0  # standard deviation of the delay
    loss: float = 0.0  # 0..1, each datagram on its own
    burst_loss: float = 0.0  # 0..1, average loss caused by bursts of about 8 datagrams
    queue_ms: float = 100.0  # what does not start to leave within this time is dropped

    def __post_init__(self) -> None:
        """Refuse what no link can be."""
        for key, limit in _UPPER_LIMITS.items():
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{key} is {value!r}; it must be a number")
            if not math.isfinite(value) or not 0 <= value <= limit:
                raise ConfigError(f"{key} is {value}; it must be from 0 to {limit:g}")
        if self.rate_mbps <= 0:
            raise ConfigError("rate_mbps is 0; it must be more (use kill = true to stop a link)")

    def changed(self, values: Mapping[str, float]) -> LinkConditions:
        """These conditions with some keys replaced. ConfigError names a key that is unknown or can't be."""
        for key in values:
            if key not in _UPPER_LIMITS:
                raise ConfigError(f"{key!r} is no condition of a link", hint=f"Use {', '.join(CONDITION_KEYS)}.")
        return replace(self, **values)


CONDITION_KEYS: tuple[str, ...] = tuple(field.name for field in fields(LinkConditions))
"""The keys of a simulation file that describe a link."""
