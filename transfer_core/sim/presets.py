"""Links as people meet them at a race track. Round figures from field reports, good for tests and demonstrations.

Each is one direction's view, used for both: `delay_ms` is half the round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from transfer_core.sim.conditions import LinkConditions


def wifi() -> LinkConditions:
    """Paddock Wi-Fi: 80 Mbit/s, 10 ms round trip, 3 ms jitter, 0.5 % loss left after retries, 100 ms of queue."""
    return LinkConditions(rate_mbps=80, delay_ms=5, jitter_ms=3, loss=0.005, burst_loss=0, queue_ms=100)


def lte() -> LinkConditions:
    """LTE uplink: 20 Mbit/s, 60 ms round trip, 8 ms jitter, 0.1 % loss, and the deep queue (300 ms) it is known for."""
    return LinkConditions(rate_mbps=20, delay_ms=30, jitter_ms=8, loss=0.001, burst_loss=0, queue_ms=300)


def five_g() -> LinkConditions:
    """5G mid-band uplink: 100 Mbit/s, 24 ms round trip, 4 ms jitter, 0.1 % loss and 0.2 % in fades, 150 ms of queue."""
    return LinkConditions(rate_mbps=100, delay_ms=12, jitter_ms=4, loss=0.001, burst_loss=0.002, queue_ms=150)


def satellite() -> LinkConditions:
    """Low-orbit satellite uplink: 15 Mbit/s, 50 ms round trip, 7 ms jitter, 0.2 % loss, 1 % in bursts at handovers."""
    return LinkConditions(rate_mbps=15, delay_ms=25, jitter_ms=7, loss=0.002, burst_loss=0.01, queue_ms=200)


def stadium() -> LinkConditions:
    """A crowded cell: 2 Mbit/s, 160 ms round trip, 40 ms jitter, 3 % and 5 % burst loss, 800 ms of queue."""
    return LinkConditions(rate_mbps=2, delay_ms=80, jitter_ms=40, loss=0.03, burst_loss=0.05, queue_ms=800)


PRESETS: Mapping[str, Callable[[], LinkConditions]] = {
    "wifi": wifi,
    "lte": lte,
    "5g": five_g,
    "satellite": satellite,
    "stadium": stadium,
}
"""By the name that people use."""
