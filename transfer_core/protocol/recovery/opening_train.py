"""Trains: packets sent back to back, whose spread at the receiver's clock tells the order of a path's rate.

none so far         the path begins with one: pings ahead of the data, or the first data
begun               it counts from then on; one that was sent before tells nothing of the way as it is
void                it took longer by the receiver's clock than it was under way, or less than no time: that clock
                    jumped meanwhile
gone                so many packets were in flight at once that it was one; the next pause may want another
"""

from __future__ import annotations

from transfer_core.protocol.recovery.ack import Train
from transfer_core.protocol.recovery.path_receiver import signed32
from transfer_core.protocol.recovery.sent_packets import SentPackets
from transfer_core.units import NS_PER_MS, NS_PER_S, NS_PER_US

AGAIN_NS = 200 * NS_PER_MS  # so long, and two round trips, a train is waited for
TELLS_NS = NS_PER_S  # an opening train that is older tells nothing


class OpeningTrain:
    """The newest train of one path."""

    def __init__(self) -> None:
        self.has_gone = False  # whether all of it was in flight at once
        self._begun_ns: int | None = None
        self._is_void = False

    @property
    def is_begun(self) -> bool:
        """Whether there was one at all."""
        return self._begun_ns is not None

    def is_awaited(self, now_ns: int, rtt_ns: int) -> bool:
        """Whether the answer to one may still come."""
        return self._begun_ns is not None and now_ns - self._begun_ns <= AGAIN_NS + 2 * rtt_ns

    def begin(self, now_ns: int) -> None:
        """One goes at this instant."""
        self._begun_ns, self._is_void = now_ns, False

    def begin_with_data(self, now_ns: int) -> None:
        """What is sent from now on is one. One that was cut short, since its data came bit by bit, goes on."""
        if self._begun_ns is None or now_ns - self._begun_ns > TELLS_NS:
            self.begin(now_ns)
        self.has_gone = False

    def bytes_per_s(self, told: Train, packets: SentPackets, now_ns: int) -> float | None:
        """What a train that the receiver tells of says of the rate; None if it says nothing."""
        if (
            not packets.knows(told.first_pn)
            or not packets.knows(told.last_pn)
            or (self._begun_ns is not None and packets.sent_at_ns(told.first_pn) < self._begun_ns)
        ):
            return None
        span_us = signed32(told.last_rx_us - told.first_rx_us)
        self._is_void |= not 0 <= span_us * NS_PER_US <= now_ns - packets.sent_at_ns(told.first_pn)
        passed = packets.bytes_through(told.last_pn) - packets.bytes_through(told.first_pn)
        return passed * 1e6 / max(span_us, 1) if passed > 0 and not self._is_void else None
