"""What has arrived on a path, and when to say so.

Theory of operation. Each acknowledgement tells of everything since the sender's floor, so that one that gets through
is enough. They go out after 25 packets, a quarter of the round trip or 25 ms, each times the share of packets that
arrives, so that about four of them survive per round trip at any loss; at high rates at most one in a sixteenth of
the round trip (and never more than a thousand a second, five hundred once the rate is found, or half of that where more
than sixteen packets come in a millisecond), since each costs the sender some work. The first ones go three times,
because the start hangs on them.

Arrivals are kept as one array of marks from a little below the floor; what is still wanted is moved to its front when
it is full.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX, Ack
from transfer_core.protocol.recovery.arriving_train import ArrivingTrain
from transfer_core.units import NS_PER_MS

ACK_PACKETS = 25
OPENING_PACKETS = 8  # of the ten that a sender begins with
ACK_DELAY_MAX_NS = 25 * NS_PER_MS
ACK_GAP_MIN_NS = 2 * NS_PER_MS
START_GAP_MIN_NS = NS_PER_MS  # for the first
START_PACKETS = 8192  # packets of a path, while its rate is found
FAST_GAP_MIN_NS = 4 * NS_PER_MS  # where the work on acknowledgements would cost some of the rate:
FAST_PACKETS_PER_MS = 16
ACK_GAP_MAX_NS = 5 * NS_PER_MS
EARLY_PACKETS = 100  # until so many have arrived, each acknowledgement is sent three times
EARLY_TIMES = 3
EARLY_REPEAT_NS = 4 * NS_PER_MS
QUIET_NS = 5_000_000_000  # a path on which
QUIET_PACKETS = 64  # fewer arrive in that time carries no data: the next train is another one
LOSS_WINDOW_PACKETS = 40
LOSS_GAIN = 0.2
_FIRST_MARKS = 8192
_RTT_UNKNOWN_NS = 100 * NS_PER_MS
_US_MASK = 0xFFFFFFFF


def signed32(value: int) -> int:
    """A difference of two clocks mod 2**32 as a signed number."""
    return (value + 0x80000000 & _US_MASK) - 0x80000000


class PathReceiver:
    """Marks packets as they arrive; judges which are fresh; builds acknowledgements."""

    def __init__(self) -> None:
        self.floor = 0
        self.largest = -1
        self.received_total = 0
        self.acks_built = 0
        self.loss = 0.0  # share of the peer's packets that do not arrive, smoothed
        self._marks: NDArray[np.bool_] = np.zeros(_FIRST_MARKS, np.bool_)
        self._origin = 0  # packet number of the first mark
        self._largest_rx_us = 0
        self._min_owd_us: int | None = None
        self._told_owd_us = 0
        self._pending = 0
        self._ack_due_ns: int | None = None
        self._last_ack_ns: int | None = None
        self._is_fast = False
        self._repeats = 0
        self._rtt_ns = _RTT_UNKNOWN_NS
        self._loss_from = (-1, 0)
        self._train = ArrivingTrain()
        self._looked_from = (0, 0)  # packets received before, and when

    def set_rtt_hint_ns(self, rtt_ns: int) -> None:
        """The round trip, as the sending half of this path knows it."""
        self._rtt_ns = rtt_ns

    # --- arrivals

    def is_fresh(self, pns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these would be taken: not seen yet, not below the sender's floor, not too far ahead. Marks none."""
        if len(pns) == 1:  # most often, and numpy is slow with little
            return np.array((self._is_one_fresh(int(pns[0])),))
        fresh: NDArray[np.bool_] = (pns >= self.floor) & (pns < self.floor + WINDOW_PACKETS_MAX)
        places = pns - self._origin
        known = fresh & (places < len(self._marks))
        if known.all():
            fresh = ~self._marks[places]
        else:
            fresh[known] = ~self._marks[places[known]]
        if not (pns[1:] > pns[:-1]).all():
            first = np.zeros(len(pns), np.bool_)
            first[np.unique(pns, return_index=True)[1]] = True
            fresh &= first
        return fresh

    def _is_one_fresh(self, pn: int) -> bool:
        if not self.floor <= pn < self.floor + WINDOW_PACKETS_MAX:
            return False
        place = pn - self._origin
        return place >= len(self._marks) or not self._marks[place]

    def on_fresh(
        self,
        pns: NDArray[np.int64],
        tx_us: NDArray[np.uint32],
        floors: NDArray[np.int64],
        now_ns: int,
        ack_eliciting: bool,
        stamps_us: Sequence[int] = (),
    ) -> None:
        """Mark packets that arrived together, at least one, all of which `is_fresh` has just found to be so.

        `tx_us` is the sender's clock mod 2**32, `floors` the sender's floor, both as each packet carried them;
        `stamps_us` as in `endpoint.Received`. Only what the session has authenticated may be told here: floors are
        believed.
        """
        count = len(pns)
        now_us = now_ns // 1000 & _US_MASK
        is_one = count == 1
        newest = int(pns[0] if is_one else pns.max())
        if newest - self._origin >= len(self._marks):
            self._make_room(newest)
        self._marks[pns - self._origin] = True
        self.floor = max(self.floor, int(floors[0] if is_one else floors.max()))
        if now_ns - self._looked_from[1] >= QUIET_NS:
            self._look_for_train_again(now_ns)
        self.received_total += count
        owd_us = signed32(now_us - int(tx_us[0])) if is_one else int((np.uint32(now_us) - tx_us).view(np.int32).min())
        self._min_owd_us = owd_us if self._min_owd_us is None else min(self._min_owd_us, owd_us)
        if not self._train.is_over:
            self._train.on_arrived(pns, tx_us, self.received_total, now_us, stamps_us)
        if newest > self.largest:
            self.largest = newest
            self._largest_rx_us = now_us
            self._note_loss()
        if ack_eliciting:
            self._schedule(count, now_ns)

    def _make_room(self, newest: int) -> None:
        keep_from = max(self._origin, self.floor)
        rows = len(self._marks)
        while 2 * (newest - keep_from + 1) > rows:
            rows *= 2
        marks = np.zeros(rows, np.bool_)
        kept = self._marks[keep_from - self._origin :]
        marks[: len(kept)] = kept
        self._marks, self._origin = marks, keep_from

    def _look_for_train_again(self, now_ns: int) -> None:
        """Pings alone have come for a while: what begins after them begins with a train of its own."""
        total, _ = self._looked_from
        if self.received_total - total < QUIET_PACKETS:
            self._train.look_again(self.received_total)
        self._looked_from = (self.received_total, now_ns)

    def _note_loss(self) -> None:
        largest, total = self._loss_from
        passed = self.largest - largest
        if passed >= LOSS_WINDOW_PACKETS:
            lost = min(1.0, max(0.0, 1 - (self.received_total - total) / passed))
            self.loss += LOSS_GAIN * (lost - self.loss)
            self._loss_from = (self.largest, self.received_total)

    # --- acknowledgements

    def _schedule(self, eliciting: int, now_ns: int) -> None:
        self._pending += eliciting
        share = max(0.02, 1 - self.loss)
        enough = self._pending >= max(2, ACK_PACKETS * share) or self._is_opening(now_ns)
        due_ns = now_ns if enough else now_ns + int(min(self._rtt_ns / 4, ACK_DELAY_MAX_NS) * share)
        if self._last_ack_ns is not None:
            gap_ns = min(ACK_GAP_MAX_NS, max(self._least_gap_ns(), self._rtt_ns // 16)) * share
            due_ns = max(due_ns, self._last_ack_ns + int(gap_ns))
        if self._ack_due_ns is None or due_ns < self._ack_due_ns:
            self._ack_due_ns = due_ns
        if self.received_total <= EARLY_PACKETS:
            self._repeats = EARLY_TIMES

    def _least_gap_ns(self) -> int:
        if self.received_total <= START_PACKETS:
            return START_GAP_MIN_NS
        return FAST_GAP_MIN_NS if self._is_fast else ACK_GAP_MIN_NS

    def _is_opening(self, now_ns: int) -> bool:
        """Whether much has come at once after a pause: the sender waits for word of it before it goes on."""
        has_paused = self._last_ack_ns is None or now_ns - self._last_ack_ns > ACK_DELAY_MAX_NS
        return has_paused and self._pending >= OPENING_PACKETS

    def next_ack_ns(self) -> int | None:
        """When an acknowledgement is due; None if there is nothing to say."""
        return self._ack_due_ns

    def build_ack(self, now_ns: int, window_chunks: int) -> Ack:
        """The acknowledgement to send now; may be asked for before it is due, too."""
        passed_ns = now_ns - (self._last_ack_ns or 0)
        self._is_fast = self._pending * NS_PER_MS >= FAST_PACKETS_PER_MS * passed_ns
        self._pending = 0
        self._last_ack_ns = now_ns
        self._repeats = max(0, self._repeats - 1)
        self._ack_due_ns = now_ns + EARLY_REPEAT_NS if self._repeats else None
        self.acks_built += 1
        if self._min_owd_us is not None:
            self._told_owd_us, self._min_owd_us = self._min_owd_us, None
        floor = min(self.floor, self.largest + 1)
        return Ack(
            largest=max(self.largest, 0),
            largest_rx_us=self._largest_rx_us,
            hold_us=(now_ns // 1000 - self._largest_rx_us) & _US_MASK,
            received_total=self.received_total,
            min_owd_us=self._told_owd_us,
            floor=floor,
            received=self._marks[floor - self._origin : self.largest + 1 - self._origin].copy(),
            window_chunks=min(window_chunks, 0xFFFF),
            train=self._train.told,
            turn=self.acks_built,
        )
