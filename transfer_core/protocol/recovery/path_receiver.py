"""What has arrived on a path, and when to say so.

An acknowledgement goes out about four times in a round trip, more often when many get lost, so that about four of
them survive: after 25 packets, a quarter of the round trip or 25 ms, each times the share that arrives. The first
ones go three times, since the start hangs on them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX, Ack, Train
from transfer_core.units import NS_PER_MS

ACK_PACKETS = 25
ACK_DELAY_MAX_NS = 25 * NS_PER_MS
ACK_GAP_MIN_NS = NS_PER_MS // 2  # at high rates: no more than 2,000 acknowledgements a second
EARLY_PACKETS = 100  # until so many have arrived, each acknowledgement is sent three times
EARLY_REPEAT_NS = 4 * NS_PER_MS
TRAIN_SPAN = 3  # packets that left together and arrived at least so far apart tell the dispersion
TRAIN_TOLD_PACKETS = 1000
LOSS_WINDOW_PACKETS = 40
LOSS_GAIN = 0.2
_US_MASK = 0xFFFFFFFF


def signed32(value: int) -> int:
    """A difference of two clocks mod 2**32 as a signed number."""
    return (value + 0x80000000 & _US_MASK) - 0x80000000


class PathReceiver:
    """Marks packets as they arrive; judges which are fresh; builds acknowledgements."""

    def __init__(self) -> None:
        self._seen = np.zeros(4096, np.bool_)
        self._mask = 4095
        self.floor = 0
        self.largest = -1
        self.received_total = 0
        self._largest_rx_us = 0
        self._min_owd_us: int | None = None
        self._told_owd_us = 0
        self._pending = 0
        self._ack_due_ns: int | None = None
        self._last_ack_ns = -ACK_GAP_MIN_NS
        self._repeats = 0
        self._rtt_ns = 100 * NS_PER_MS
        self._loss = 0.0
        self._loss_from = (0, 0)
        self._train: Train | None = None
        self._train_tx_us = -1
        self.acks_built = 0

    @property
    def loss(self) -> float:
        """Share of the peer's packets that do not arrive, smoothed."""
        return self._loss

    def set_rtt_hint_ns(self, rtt_ns: int) -> None:
        """The round trip, as the sending half of this path knows it."""
        self._rtt_ns = rtt_ns

    def is_fresh(self, pns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these were not seen yet, and lie within the window."""
        fresh: NDArray[np.bool_] = (pns >= self.floor) & (pns < self.floor + WINDOW_PACKETS_MAX)
        fresh &= ~(self._seen[pns & self._mask] & (pns <= self.largest) & (pns < self.floor + len(self._seen)))
        return fresh

    def on_received(
        self,
        pns: NDArray[np.int64],
        tx_us: NDArray[np.uint32],
        floors: NDArray[np.int64],
        now_ns: int,
        ack_eliciting: bool,
    ) -> None:
        """Mark fresh packets that arrived together. `tx_us` is the sender's clock mod 2**32."""
        now_us = now_ns // 1000 & _US_MASK
        newest = int(pns.max())
        self._move_floor(int(floors.max()))
        self._make_room(newest)
        places = pns & self._mask
        fresh = int(np.count_nonzero(~self._seen[places]))
        self._seen[places] = True
        self.received_total += fresh
        owd_us = int((np.uint32(now_us) - tx_us).view(np.int32).min())
        self._min_owd_us = owd_us if self._min_owd_us is None else min(self._min_owd_us, owd_us)
        if self.received_total <= TRAIN_TOLD_PACKETS:
            self._note_train(pns, tx_us, now_us)
        if newest > self.largest:
            self.largest = newest
            self._largest_rx_us = now_us
            self._note_loss()
        if ack_eliciting:
            self._schedule(fresh, now_ns)

    def _move_floor(self, floor: int) -> None:
        if floor <= self.floor:
            return
        if floor - self.floor >= len(self._seen):
            self._seen[:] = False
        else:
            start, end = self.floor & self._mask, floor & self._mask
            if start < end:
                self._seen[start:end] = False
            else:
                self._seen[start:] = False
                self._seen[:end] = False
        self.floor = floor

    def _make_room(self, newest: int) -> None:
        while newest - self.floor >= len(self._seen):
            held = np.arange(self.floor, self.floor + len(self._seen))
            grown = np.zeros(2 * len(self._seen), np.bool_)
            grown[held & (len(grown) - 1)] = self._seen[held & self._mask]
            self._seen, self._mask = grown, len(grown) - 1

    def _note_train(self, pns: NDArray[np.int64], tx_us: NDArray[np.uint32], now_us: int) -> None:
        """Follow the first run of packets that left together, which is told by their common send time."""
        train = self._train
        if train is not None and train.last_pn - train.first_pn >= TRAIN_SPAN and int(tx_us[0]) != self._train_tx_us:
            return
        if train is None or int(tx_us[0]) != self._train_tx_us:
            self._train_tx_us = int(tx_us[0])
            self._train = Train(int(pns[0]), now_us, int(pns[0]), now_us)
        elif int(pns[0]) > train.last_pn:
            self._train = Train(train.first_pn, train.first_rx_us, int(pns[-1]), now_us)

    def _note_loss(self) -> None:
        largest, total = self._loss_from
        passed = self.largest - largest
        if passed >= LOSS_WINDOW_PACKETS:
            lost = min(1.0, max(0.0, 1 - (self.received_total - total) / passed))
            self._loss += LOSS_GAIN * (lost - self._loss)
            self._loss_from = (self.largest, self.received_total)

    def _schedule(self, fresh: int, now_ns: int) -> None:
        self._pending += fresh
        share = max(0.02, 1 - self._loss)
        enough = self._pending >= max(2, ACK_PACKETS * share)
        delay_ns = 0 if enough else int(min(self._rtt_ns / 4, ACK_DELAY_MAX_NS) * share)
        due_ns = max(now_ns + delay_ns, self._last_ack_ns + ACK_GAP_MIN_NS)
        if self._ack_due_ns is None or due_ns < self._ack_due_ns:
            self._ack_due_ns = due_ns
        if self.received_total < EARLY_PACKETS:
            self._repeats = 3

    def next_ack_ns(self) -> int | None:
        """When an acknowledgement is due; None if there is nothing to say."""
        return self._ack_due_ns

    def build_ack(self, now_ns: int, window_chunks: int) -> Ack:
        """The acknowledgement to send now."""
        self._pending = 0
        self._last_ack_ns = now_ns
        self._repeats -= 1
        self._ack_due_ns = now_ns + EARLY_REPEAT_NS if self._repeats > 0 else None
        self.acks_built += 1
        count = max(0, self.largest - self.floor + 1)
        received = self._seen[np.arange(self.floor, self.floor + count) & self._mask]
        if self._min_owd_us is not None:
            self._told_owd_us, self._min_owd_us = self._min_owd_us, None
        train = self._train if self.received_total < TRAIN_TOLD_PACKETS else None
        if train is not None and train.last_pn - train.first_pn < TRAIN_SPAN:
            train = None
        return Ack(
            largest=self.largest,
            largest_rx_us=self._largest_rx_us,
            hold_us=(now_ns // 1000 - self._largest_rx_us) & _US_MASK,
            received_total=self.received_total,
            min_owd_us=self._told_owd_us,
            floor=min(self.floor, self.largest + 1),
            received=received,
            window_chunks=min(window_chunks, 65535),
            train=train,
        )
