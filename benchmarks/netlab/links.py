"""The links that several figures use."""

from __future__ import annotations

from benchmarks.netlab.lab import LinkSpec
from transfer_core.sim.conditions import LinkConditions

RATE_MBPS = 50.0


def one(rtt_ms: float, loss: float = 0.0, *, queue_ms: float | None = None) -> LinkSpec:
    """50 Mbit/s; loss in each direction; a queue of one round trip, at least 100 ms."""
    queue_ms = max(100.0, rtt_ms) if queue_ms is None else queue_ms
    return LinkSpec("line", LinkConditions(rate_mbps=RATE_MBPS, delay_ms=rtt_ms / 2, loss=loss, queue_ms=queue_ms))


def named(name: str, rate_mbps: float, rtt_ms: float, *, loss: float = 0.0, burst_loss: float = 0.0) -> LinkSpec:
    """A queue of 200 ms."""
    conditions = LinkConditions(
        rate_mbps=rate_mbps, delay_ms=rtt_ms / 2, loss=loss, burst_loss=burst_loss, queue_ms=200.0
    )
    return LinkSpec(name, conditions)


RADIO = (
    named("wifi", 80, 16, loss=0.01),
    named("lte", 20, 60, loss=0.005),
    named("5g", 100, 30, burst_loss=0.003),
)
"""What a paddock has. The best one is `5g`."""
