"""When a packet counts as lost, how bursty losses are, and whether loss has risen above what the path always loses.

Theory of operation. Detection is by time against the newest acknowledged packet, never by a count of packets: a
packet is lost when one sent a reordering window later has arrived. The window grows with the lateness of late
arrivals, which is seen before the first packet is given up too early (the idea of RACK, RFC 8985).

On radio, loss says nothing about congestion, so the loss that a path shows while its queue is in order is accepted
as its own. Loss windows run over packets whose fate became final in the order of their numbers, which is exact under
reordering. A window that loses more than the accepted share, by more than chance allows, is a rise; what a rise means
is for the controller to say, since only it knows the queue. Chance is widened by the burstiness of losses: with runs
of mean length 8, a window of n packets tells no more than one of n / 14 independent ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

from transfer_core.protocol.recovery.sent_packets import InOrder
from transfer_core.units import NS_PER_MS, NS_PER_S

LATENESS_KEPT_NS = 10 * NS_PER_S
WINDOW_MIN_NS = NS_PER_MS
LONG_RTT_NS = 400 * NS_PER_MS
RISE_LEAST = 0.02  # beyond chance: a smaller one costs less than the trial that would find out about it
_BURST_MEMORY = 8000
_VARIANCE_MIN = 0.0005
_LATENESS_BUCKETS = 10


class ReorderWindow:
    """How much later than a packet another must have been sent, for its arrival to prove the first one lost."""

    def __init__(self) -> None:
        self._buckets: list[tuple[int, int]] = []  # (when, greatest lateness), falling lateness
        self._lateness_ns = 0

    @property
    def lateness_ns(self) -> int:
        """The greatest lateness of the last ten seconds."""
        return self._lateness_ns

    def on_late(self, lateness_ns: int, now_ns: int) -> None:
        """A packet arrived after one that was sent so much later."""
        while self._buckets and self._buckets[-1][1] <= lateness_ns:
            self._buckets.pop()
        self._buckets.append((now_ns, lateness_ns))
        if len(self._buckets) > _LATENESS_BUCKETS:
            self._buckets.pop()
        self._lateness_ns = self._buckets[0][1]

    def expire(self, now_ns: int) -> None:
        """Forget what is older than ten seconds."""
        while self._buckets and self._buckets[0][0] < now_ns - LATENESS_KEPT_NS:
            self._buckets.pop(0)
        self._lateness_ns = self._buckets[0][1] if self._buckets else 0

    def window_ns(self, srtt_ns: int) -> int:
        """The window: an eighth of the round trip, or more where packets are known to come late."""
        usual_ns = srtt_ns // 8 if srtt_ns < LONG_RTT_NS else 50 * NS_PER_MS
        return max(usual_ns, min(5 * self._lateness_ns // 4, 3 * srtt_ns // 2), WINDOW_MIN_NS)


class Burstiness:
    """By how much bursts widen the chance in a count of losses: (1 + rho) / (1 - rho) of a two-state chain."""

    def __init__(self) -> None:
        self._lost = 0.0
        self._runs = 0.0
        self._acked = 0.0

    def add(self, part: InOrder) -> None:
        """Take packets with their final fate."""
        self._lost += part.lost
        self._runs += part.loss_runs
        self._acked += part.acked
        if self._lost + self._acked > _BURST_MEMORY:
            self._lost, self._runs, self._acked = self._lost / 2, self._runs / 2, self._acked / 2

    @property
    def factor(self) -> float:
        """1 for independent losses, 40 at most; 2 while too little is known."""
        if self._lost < 8 or self._acked < 8:
            return 2.0
        rho = max(0.0, 1 - self._runs / self._lost - self._runs / self._acked)
        return min(40.0, (1 + rho) / max(1 - rho, 0.025))


class Trend(Enum):
    """A loss window against the accepted loss."""

    FELL = auto()
    SAME = auto()
    ROSE = auto()


@dataclass(frozen=True, slots=True)
class LossWindow:
    """One full window."""

    packets: int
    loss: float
    send_rate: float  # bytes per second at which these packets were sent, 0 if they left at once
    trend: Trend


class LossWindows:
    """Collects windows, and holds the loss that is accepted as the path's own."""

    def __init__(self) -> None:
        self.accepted = 0.0
        self.accepted_rate = math.inf  # the send rate at which it was seen
        self.boost = 1.0  # widens the thresholds after each rise that proved random
        self.burstiness = Burstiness()
        self._clear()

    def _clear(self) -> None:
        self._lost = self._packets = self._bytes = self._ns = 0

    def restart(self) -> None:
        """Drop the window under way: the rate has changed, or the path was silent."""
        self._clear()

    def deviation(self, packets: int) -> float:
        """Standard deviation of the loss of so many packets, by chance alone."""
        accepted = self.accepted
        spread = self.burstiness.factor * self.boost * max(accepted * (1 - accepted), _VARIANCE_MIN)
        return math.sqrt(spread / max(packets, 1))

    def add(self, part: InOrder, packets_min: int, span_min_ns: int) -> LossWindow | None:
        """Take packets with their final fate; gives a window when one is full."""
        self.burstiness.add(part)
        self._lost += part.lost
        self._packets += part.lost + part.acked
        self._bytes += part.span_bytes
        self._ns += part.span_ns
        needed = packets_min * min(8.0, max(1.0, self.burstiness.factor / 2))
        if self._packets < needed or self._ns < span_min_ns:
            return None
        loss = self._lost / self._packets
        threshold = 4 * self.deviation(self._packets) + RISE_LEAST
        trend = Trend.SAME
        if loss < self.accepted - threshold:
            trend = Trend.FELL
        elif loss > self.accepted + threshold:
            trend = Trend.ROSE
        window = LossWindow(self._packets, loss, self._bytes * NS_PER_S / self._ns if self._ns else 0.0, trend)
        self.boost = max(1.0, self.boost * 0.995)
        self._clear()
        return window

    def accept(self, loss: float, share: float, send_rate: float) -> None:
        """Move the accepted loss towards this one."""
        self.accepted = min(0.98, max(0.0, self.accepted + share * (loss - self.accepted)))
        if send_rate > 0:
            self.accepted_rate = send_rate

    def widen(self) -> None:
        """A rise has proved to be random: be slower to suspect the next."""
        self.boost = min(4.0, self.boost * 1.5)
