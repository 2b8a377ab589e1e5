"""Loss has risen and no queue is seen: is it congestion after all? Send slower for a while, and see.

Theory of operation. A policer, or a buffer too short to show as delay, drops what is above its rate; radio loses its
share at any rate. So the rate is lowered once, to d times what it was, and the loss of the packets sent from then on
is compared with the loss before. Let f be the share that arrives, T before and t now. Were it congestion, f would
rise to f_c = min(1 - accepted loss, f_T S_T / S_t); x = (f_t - f_T) / (f_c - f_T) is how much of that came true.
The first slower stretch may still be mixed with what a token bucket had saved up, so a value in between is not
judged, but tried again from where it stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

from transfer_core.protocol.recovery.sent_packets import InOrder
from transfer_core.units import NS_PER_S

REPEATS_MAX = 5
PACKETS_MAX = 4000


class Verdict(Enum):
    """What a trial found."""

    CONGESTION = auto()
    RANDOM = auto()
    UNSURE = auto()


@dataclass(frozen=True, slots=True)
class Before:
    """How it was before the rate was lowered."""

    loss: float
    sending: float  # bytes per second that left
    rate: float  # pacing rate
    accepted: float  # loss accepted as the path's own

    @property
    def delivering(self) -> float:
        """Bytes per second that arrived."""
        return self.sending * (1 - self.loss)


class LossTrial:
    """One trial under way, from packet `first_pn` on."""

    def __init__(
        self, before: Before, *, shrink: float, first_pn: int, burst_factor: float, span_min_s: float, repeats: int = 0
    ) -> None:
        self.before = before
        self.first_pn = first_pn
        self.repeats = repeats
        self._burst_factor = burst_factor
        self._span_min_s = span_min_s
        needed = 25 * burst_factor * before.loss / (max(1 - before.loss, 0.02) * (1 / shrink - 1) ** 2)
        self._needed = min(PACKETS_MAX, max(100.0, needed))
        self._lost = self._packets = self._bytes = self._ns = 0

    @property
    def loss(self) -> float:
        """The loss since the rate was lowered."""
        return self._lost / max(1, self._packets)

    @property
    def sending(self) -> float:
        """Bytes per second sent since the rate was lowered."""
        return self._bytes * NS_PER_S / self._ns if self._ns else self.before.sending

    def add(self, part: InOrder) -> Verdict | None:
        """Take packets with their final fate; gives the verdict when there is enough to judge."""
        if part.first_pn < self.first_pn:
            return None
        self._lost += part.lost
        self._packets += part.lost + part.acked
        self._bytes += part.span_bytes
        self._ns += part.span_ns
        before, span_s = self.before, self._ns / NS_PER_S
        if self._packets >= 64 and span_s >= self._span_min_s / 2:
            is_back = self.loss <= before.accepted + 0.02 and before.loss > before.accepted + 0.1
            if is_back:
                return Verdict.CONGESTION
        if self._packets < self._needed or span_s < self._span_min_s:
            return None
        return self._judge()

    def _judge(self) -> Verdict:
        before = self.before
        arrived_before, arrived = 1 - before.loss, 1 - self.loss
        could = min(1 - before.accepted, arrived_before * before.sending / max(self.sending, 1.0)) - arrived_before
        if could <= 0.002:
            return Verdict.RANDOM
        came_true = (arrived - arrived_before) / could
        deviation = math.sqrt(self._burst_factor * max(before.loss * arrived_before, 0.0005) / self._packets)
        is_clear = came_true >= 0.6 and arrived - arrived_before > 1.5 * deviation
        if came_true > 0.2 and not is_clear and self.repeats < REPEATS_MAX:
            return Verdict.UNSURE
        return Verdict.CONGESTION if came_true >= 0.5 else Verdict.RANDOM
