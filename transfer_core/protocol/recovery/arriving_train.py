"""The receiver's half of a train (`opening_train.py`): the first and the last arrival of packets that left together.

Packets that left together are known by their common send time. Where the system stamps arrivals, its stamps count: a
program that wakes a millisecond late is handed a train over 100 Mbit/s whole. By the times at which they were read, of
packets that were read together only the last one's arrival is known; these count where there are no stamps, or where
these tell nothing, since something on the way hands over what it has together, too.

looked for          the newest run of packets that left together, as long as none was long enough
found               it is told, until much data has come; packets that left with it make it longer
over                its packets overtook each other, or it has been told for long
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.recovery.ack import Train

SPAN = 3  # packets that left together and were read at least so far apart tell the dispersion,
STAMPED_SPAN = 6  # and that came at least so far apart, since most bursts of data are shorter,
STAMPED_US = 50  # unless it was within so long
TOLD_PACKETS = 1000  # of data; so long the train is looked for, and told


class ArrivingTrain:
    """Of one path."""

    def __init__(self) -> None:
        self._read: Train | None = None
        self._stamped: Train | None = None
        self._tx_us = -1
        self._is_over = False
        self._looked_from = 0  # packets received before

    @property
    def is_over(self) -> bool:
        """Whether arrivals need not be told of any more."""
        return self._is_over

    @property
    def told(self) -> Train | None:
        """The train, if it is long enough to tell something."""
        if _spans(self._stamped, STAMPED_SPAN, STAMPED_US):
            return self._stamped
        return self._read if _spans(self._read, SPAN, 0) else None

    def look_again(self, received_total: int) -> None:
        """Pings alone have come for a while: what begins after them begins with a train of its own."""
        self._read, self._stamped, self._is_over, self._tx_us = None, None, False, -1
        self._looked_from = received_total

    def on_arrived(
        self,
        pns: NDArray[np.int64],
        tx_us: NDArray[np.uint32],
        received_total: int,
        now_us: int,
        stamps_us: Sequence[int],
    ) -> None:
        """Packets were read together, at `now_us`; `stamps_us` as in `endpoint.Received`."""
        if received_total - self._looked_from > TOLD_PACKETS:
            self._end()
            return
        same = tx_us == self._tx_us
        if not same.any():
            if self.told is not None:
                return
            self._tx_us, self._read, self._stamped = int(tx_us[-1]), None, None
            same = tx_us == self._tx_us
        pns = pns[same]
        if self._overtook(pns, bool(stamps_us)):
            self._end()  # out of order: the spread means nothing
            return
        self._note_read(pns, now_us)
        if stamps_us:
            self._note_stamped(pns, np.array(stamps_us, np.int64)[same])

    def _overtook(self, pns: NDArray[np.int64], in_order: bool) -> bool:
        """`in_order`: they are in the order in which they came."""
        if self._read is not None and int(pns[0]) < self._read.last_pn:
            return True
        return in_order and bool((pns[1:] < pns[:-1]).any())

    def _note_read(self, pns: NDArray[np.int64], now_us: int) -> None:
        last = int(pns[-1])
        begun = self._read
        self._read = (
            Train(last, now_us, last, now_us) if begun is None else replace(begun, last_pn=last, last_rx_us=now_us)
        )

    def _note_stamped(self, pns: NDArray[np.int64], stamps_us: NDArray[np.int64]) -> None:
        begun = self._stamped
        if begun is None:
            begun = Train(int(pns[0]), int(stamps_us[0]), int(pns[0]), int(stamps_us[0]))
        later = np.flatnonzero(np.diff(stamps_us, prepend=begun.last_rx_us))  # others came with the one before
        if len(later):
            begun = replace(begun, last_pn=int(pns[later[-1]]), last_rx_us=int(stamps_us[later[-1]]))
        self._stamped = begun

    def _end(self) -> None:
        self._read, self._stamped, self._is_over = None, None, True


def _spans(train: Train | None, packets: int, least_us: int) -> bool:
    if train is None or train.last_pn - train.first_pn < packets:
        return False
    return train.last_rx_us - train.first_rx_us & 0xFFFFFFFF >= least_us
