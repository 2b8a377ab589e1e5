"""Somebody else keeps the bottleneck's buffer full: how that is noticed, met, and found to be over.

Theory of operation. A controller that holds a small queue yields to one that fills the buffer (TCP's CUBIC): it slows
down because of a queue that is not its own, until it has next to nothing. But a queue of one's own obeys: send less,
and it shrinks. One that stays long while the rate is lowered round after round belongs to somebody else, or is no queue
at all but a longer way; a longer way is there at once and stays to the millisecond (`QueueWatch`). Another flow of ours
may keep more standing than it knows, until the next drain, in which all of ours take part; so one has to have been
tried. Two that leave the queue tell a flow that has little left as much of one that comes and goes with its owner's
losses.

Beside a buffer filler only a window is fair (`Competition`). It grows as CUBIC's does. It shrinks when the queue shows
that the others have shrunk, not at each drop: whoever paces evenly sees most of the drops at a full buffer, and would
end with little; what did not fit is given up at once all the same. Drops on the radio are no overflow: what counts is
loss beyond what the path had before, and only while the queue is long. Pacing is a little faster than the window
drains, so that the window limits and not the pacer.

Now and then the window is cut for some rounds. The part of the queue that answers is this flow's share of the line,
since the windows of the others do not change meanwhile. A small share is put right; two large ones in a row mean that
the company has gone. Flows of this kind would keep each other here, so every ten seconds, when the queue shrinks, which
all of them see at the same time, they get out of the way: if nobody keeps the queue up then, it is over for all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

ROUNDS = 6
COMPANY_QUEUE = 2.0  # times the target: what two or three of this kind hold together is no company
YIELDED = 1.2  # times the present rate before: else it has not been tried whether the queue obeys
STAYS = 0.8  # a queue that is this much of what it was a round before has not obeyed
GROWTH = 0.4  # packets per s**3, as in RFC 9438
RENO_GROWTH = 0.53  # packets per round at least
SHRINK = 0.85
DIP = 0.85  # of the longest queue of the last rounds: others have shrunk
PACED = 1.15
TEST_EVERY_S = 5.0
TEST_CUT = 0.7
TEST_ROUNDS = 3
SHARE_MIN = 0.4  # a smaller one is put right,
RAMP = 1.15  # by so much each round
YIELD_ROUNDS = 4
ALONE = 0.8  # this much of the queue answered
TEST_AGAIN_S = 0.75  # where the answer has to be confirmed, or the share was small
YIELD_EVERY_S = 10.0
YIELD_TO = 0.9  # of what the line holds without a queue
EMPTY_ROUNDS = 4
KEPT = 0.5  # of the target: a drain that leaves so much has drained nothing,
KEPT_DRAINS = 2  # and so many in a row tell a flow that is starved that somebody else keeps it up
STARVED = 0.5  # of what it has carried of late


class Finding(Enum):
    """What a queue is that does not obey."""

    NOTHING = auto()
    LONGER_WAY = auto()
    COMPANY = auto()


class QueueWatch:
    """Looks at the queue at the end of each round while the rate is steered by it."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=ROUNDS)  # (queue, rate)
        self._stayed = 0
        self._has_drained = False
        self._kept_drains = 0
        self._calm_s = self._jump_s = 0.0  # the queue before it was noticed, and how much longer it was then

    @property
    def rate_before(self) -> float:
        """The rate when it was first noticed."""
        return self._seen[0][1] if self._seen else 0.0

    def forget(self) -> None:
        """What was seen means nothing any more."""
        self._seen.clear()
        self._stayed = 0
        self._has_drained = False

    def on_drained(self, queue_s: float, target_s: float) -> None:
        """All flows to this receiver have tried to empty the queue at the same time; so much is left of it."""
        self._has_drained = bool(self._seen)
        self._kept_drains = self._kept_drains + 1 if queue_s > KEPT * target_s else 0

    def on_round(
        self, queue_s: float, target_s: float, rtt_min_s: float, rate: float, much: float, *, is_starved: bool = False
    ) -> Finding:
        """Take the queue and the rate at a round's end. `much`: a rate whose fall the queue would feel.

        `is_starved`: the rate is a small part of what the path has carried of late.
        """
        if is_starved and self._kept_drains >= KEPT_DRAINS and queue_s > KEPT * target_s:
            self._kept_drains = 0
            return Finding.COMPANY
        if queue_s <= max(1.25 * target_s, 0.22 * rtt_min_s) + 0.001:
            self.forget()
            self._calm_s = queue_s
            return Finding.NOTHING
        stays = bool(self._seen) and queue_s > STAYS * self._seen[-1][0]
        self._stayed = self._stayed + 1 if stays else 0
        if not self._seen:
            self._jump_s = queue_s - self._calm_s
        self._seen.append((queue_s, rate))
        if len(self._seen) < ROUNDS:
            return Finding.NOTHING
        queues = [queue for queue, _ in self._seen]
        noise_s = 0.04 * rtt_min_s + 0.001
        is_constant = max(queues) - min(queues) < noise_s
        # a flow that has next to nothing can't tell by slowing down
        if is_constant and self._jump_s > 2 * noise_s and self.rate_before >= max(1.25 * rate, much):
            return Finding.LONGER_WAY
        is_high = min(queues) > min(COMPANY_QUEUE * target_s, 0.5 * rtt_min_s + 0.010)
        has_yielded = self.rate_before >= YIELDED * rate or self.rate_before < much
        is_company = is_high and has_yielded and self._has_drained and self._stayed >= ROUNDS - 1
        return Finding.COMPANY if is_company else Finding.NOTHING


class Competition:
    """The window beside a buffer filler. Bytes in sent terms, seconds."""

    def __init__(self, now_s: float, window: float, packet_bytes: int) -> None:
        self.window = window
        self._packet_bytes = packet_bytes
        self._most = window  # where it last overflowed
        self._begin_window = window
        self._begin_s = now_s
        self._queue_s = self._queue_most_s = 0.0
        self._last: deque[float] = deque(maxlen=4)  # queues at the ends of rounds
        self._shrunk_s = now_s
        self._line = window  # what the line holds of this flow without a queue
        self._lost = self._packets = 0
        self._counted_s = self._overflow_s = now_s
        self._look: _Look | None = None
        self._test_due_s = now_s + TEST_AGAIN_S
        self._yield_due_s = now_s + YIELD_EVERY_S
        self._was_alone = self._is_small = False
        self._empty_rounds = 0

    def rate(self, srtt_s: float) -> float:
        """The pacing rate for the window."""
        return PACED * self.window / srtt_s

    def on_round(
        self, now_s: float, rtt_min_s: float, srtt_s: float, queue_s: float, arriving: float, is_empty: bool
    ) -> bool:
        """Set the window for the next round; True if the company has gone, or there is too little to send."""
        self._line = arriving * rtt_min_s
        self._last.append(queue_s)
        is_dip = queue_s < DIP * max(self._last) and now_s > self._shrunk_s + 3 * srtt_s
        self._queue_s, self._queue_most_s = queue_s, max(queue_s, 0.99 * self._queue_most_s)
        self._empty_rounds = self._empty_rounds + 1 if is_empty else 0
        look = self._look
        if look is None:
            self._grow(now_s, srtt_s)
            if is_dip:
                self._shrink(now_s)
            elif now_s >= self._test_due_s and now_s > self._overflow_s + 3 * srtt_s:
                self._look = _Look(self.window, queue_s, TEST_ROUNDS, is_test=True)
                self.window *= TEST_CUT
            return self._empty_rounds >= EMPTY_ROUNDS
        look.rounds -= 1
        if look.rounds and not is_empty:
            return False
        self._look = None
        self._shrunk_s = now_s
        self._begin(now_s, look.window)
        if not look.is_test:
            self._yield_due_s = now_s + YIELD_EVERY_S
            return is_empty
        return self._judge((look.queue_s - queue_s) * arriving / (look.window * (1 - TEST_CUT)), now_s) or is_empty

    def _judge(self, share: float, now_s: float) -> bool:
        """The share of the queue that answered to the cut is this flow's share of the line."""
        is_alone = share > ALONE
        if is_alone and self._was_alone:
            return True
        self._was_alone = is_alone
        self._is_small = share < SHARE_MIN
        self._test_due_s = now_s + (TEST_AGAIN_S if is_alone or self._is_small else TEST_EVERY_S)
        return False

    def on_final(self, lost: int, packets: int, accepted: float, now_s: float, srtt_s: float) -> None:
        """Packets have found their fate; `accepted` is the loss that the path has anyway."""
        self._lost += lost
        self._packets += packets
        expected = accepted * self._packets
        is_over = self._lost > expected + 2 * (expected * (1 - accepted)) ** 0.5 + 0.5
        if is_over and self._queue_s > 0.4 * self._queue_most_s and now_s > self._overflow_s + 1.5 * srtt_s:
            self._overflow(self._lost - expected, now_s)
        elif now_s <= self._counted_s + srtt_s:
            return
        self._lost = self._packets = 0
        self._counted_s = now_s

    def _grow(self, now_s: float, srtt_s: float) -> None:
        if self._is_small:
            self._begin(now_s, RAMP * self.window)
            self._most = self.window
            return
        packet, passed_s = self._packet_bytes, now_s - self._begin_s
        plateau_s = (max(0.0, self._most - self._begin_window) / packet / GROWTH) ** (1 / 3)
        cubic = self._most + GROWTH * packet * (passed_s - plateau_s) ** 3
        reno = self._begin_window + RENO_GROWTH * packet * passed_s / srtt_s
        self.window = max(self.window, min(max(cubic, reno), 1.5 * self.window))

    def _begin(self, now_s: float, window: float) -> None:
        self.window = self._begin_window = max(window, 4.0 * self._packet_bytes)
        self._begin_s = now_s

    def _overflow(self, lost: float, now_s: float) -> None:
        """What did not fit was too much; more is given up when the others do so, too, which the queue shows."""
        look, self._look = self._look, None
        window = (self.window if look is None else look.window) - lost * self._packet_bytes
        self._begin(now_s, window)
        self._most = self.window
        self._overflow_s = now_s
        self._is_small = False  # until the next test
        if look is not None and look.is_test:
            self._test_due_s = now_s + TEST_AGAIN_S
        else:
            self._may_yield(now_s)

    def _shrink(self, now_s: float) -> None:
        self._most = self.window
        self._shrunk_s = now_s
        self._last.clear()
        self._begin(now_s, SHRINK * self.window)
        self._may_yield(now_s)

    def _may_yield(self, now_s: float) -> None:
        """Others shrink now, perhaps because they are of this kind, too: be out of the way for some rounds."""
        if now_s >= self._yield_due_s:
            self._look = _Look(self.window, 0.0, YIELD_ROUNDS, is_test=False)
            self.window = min(self.window, YIELD_TO * self._line)


@dataclass(slots=True)
class _Look:
    """The window is smaller for some rounds, to see what the queue does."""

    window: float  # to go back to
    queue_s: float
    rounds: int
    is_test: bool  # of being alone; else a yielding
