"""What acknowledgements have spoken about, and what they still have to: the newest packet, a span, a silence's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.recovery.ack import Ack
from transfer_core.protocol.recovery.sent_packets import KEPT_BELOW_FLOOR, SentPackets


class Told:
    """The receiver's word on one path. Spans are packet numbers, the end not included."""

    def __init__(self) -> None:
        self.newest = -1  # the newest packet that is known to have arrived
        self.untold: tuple[int, int] | None = None  # given up in a silence, and nobody has said what became of them
        self._span = (0, 0)  # packets that the acknowledgement before spoke about

    def floor(self, packets: SentPackets) -> int:
        """The lowest packet whose fate is to be told.

        It is the lowest in flight; or the first that a silence gave up, until an acknowledgement has said whether it
        arrived: when it was the acknowledgements that were lost, nothing that is there is sent again.
        """
        if self.untold is None:
            return packets.floor
        return min(packets.floor, max(self.untold[0], packets.next_pn - KEPT_BELOW_FLOOR))

    def on_ack(self, ack: Ack) -> bool:
        """Note what it speaks about; whether its newest packet is newer than those before."""
        is_news = ack.largest > self.newest
        if is_news:
            self.newest = ack.largest
        self._span = (ack.floor, ack.floor + len(ack.received))
        if self.untold is not None and ack.floor <= self.untold[0] and self.untold[1] <= ack.largest:
            self.untold = None
        return is_news

    def on_given_up(self, first_pn: int, end_pn: int) -> None:
        """A silence gave these up, and those between that it gave up before."""
        self.untold = (first_pn if self.untold is None else self.untold[0], end_pn)

    def lateness_ns(self, arrived: NDArray[np.int64], packets: SentPackets) -> int | None:
        """How much older than the newest the oldest of these is that was told missing, with something newer there.

        `arrived` are rows of `packets` that the acknowledgement tells of which `on_ack` takes next; None if none is
        late.
        """
        begin, end = self._span
        end = min(end, self.newest)
        if begin < end and len(arrived) and packets.knows(self.newest):
            earliest_ns = packets.earliest_sent_ns(arrived, begin, end)
            if earliest_ns is not None:
                return packets.sent_at_ns(self.newest) - earliest_ns
        return None
