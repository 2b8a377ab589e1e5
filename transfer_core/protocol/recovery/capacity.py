"""What the bottleneck lets through, and how long its queue is, read from acknowledgements.

Theory of operation. Every transmission has its own packet number, so the bytes that packet numbers advance by, over
the receiver's time between the arrivals of the newest ones, is what the queue lets through in sent terms; random loss
cancels out of it, at 70 % as at none. Measured over a round (until something sent after its begin is acknowledged).
Where packets overtake each other, the newest one's arrival is early by chance, so what has come in all until the
acknowledgement was made is counted instead, and the loss taken out. That errs by the packets under way at either end
that jitter pushes across it, a fortieth of a round, where the newest one's time errs by half of it. Above 30 % loss the
loss itself is known too badly; there the newest one's time stays, over several rounds.

The queue is the least one-way delay of late, less the least of ten seconds. Both clocks may be anything, since only
differences count, and may drift by the ten seconds' worth. A program that stood still let packets lie, and nothing was
heard of it meanwhile: of a delay as much is no queue. Two kinds of jitter are taken out of the rest. Where packets
overtake each other, the least of n samples spread over ml sits ml / (n + 1) above the floor by chance alone. Where the
delay as a whole wanders (radio), the least of ten seconds lies some deviations below the usual. Wandering is told from
a queue by its two sides: a queue that builds up lies above the running mean, one that drains below it, wandering on
both; so the smaller side counts. A little is left in: the saw of a CUBIC beside it in a short buffer looks like it, and
what is taken out makes the queue that really stands longer. On such a path rounds are as long as it takes to know a
rate to a twentieth.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

QUEUE_WINDOW_MIN_S = 0.004  # a program that was not scheduled for a while does not make a queue
ROUND_MIN_S = 0.004
ROUND_PACKETS = 8
ROUND_RTTS_MAX = 4.0
MIXED = 0.1  # of the round trip
COUNTED_LOSS_MAX = 0.3  # above it the loss is not known well enough to be taken out of a count
BASE_BUCKET_S = 0.5
BASE_KEPT_S = 10.0
JITTER_ROUNDS_MAX = 6
WANDER_MEAN_S = 0.04
WANDER_MEMORY_S = 1.0
WANDER_ALLOWED = 2.4  # deviations between the least of ten seconds and the least of a few milliseconds
WANDER_BORNE, WANDER_DROWNS = 0.30, 0.36  # of the queue target
WANDER_STEP_MIN_S = 0.003
WANDER_ROUND = 25.0
WANDER_ROUND_MAX_S = 1.0
DISPERSION_MAX = 500e6 / 8  # a train that is spread less is only known to be fast


@dataclass(frozen=True, slots=True)
class Sample:
    """What one acknowledgement of a new packet tells. Times in seconds; bytes are IP bytes in sent terms."""

    now_s: float
    largest: int  # packet number
    largest_tx_s: float
    largest_rx_s: float  # receiver's clock, any origin, does not wrap
    bytes_through: int  # sent up to and including `largest`
    bytes_sent: int  # sent in all
    next_pn: int
    received_total: int
    owd_s: float  # least one-way delay since the acknowledgement before, any origin
    packets_since: int  # how many packets that is the least of
    dispersion: float | None = None  # bytes per second of the opening train
    receiver_clock_s: float = 0.0  # as it stands there, common to all flows to one receiver; wraps
    told_rx_s: float = 0.0  # receiver's clock when it was said, of the origin of `largest_rx_s`
    loss: float = 0.0  # of late


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures, bytes per second."""

    arriving: float  # c: what the bottleneck let through
    sending: float  # S: how fast these packets were sent
    loss: float
    packets: int
    span_s: float


class QueueMeter:
    """The standing queue at the bottleneck."""

    def __init__(self) -> None:
        self.queue_s = 0.0
        self.wander_s = 0.0  # standard deviation of the delay that is not queue
        self.above_base_s = 0.0  # the same without regard to jitter
        self._keeps_base = False
        self._mean_s = 0.0
        self._above_s = self._below_s = 0.0
        self._before_s: float | None = None
        self._samples = 0
        self._base: deque[tuple[int, float]] = deque()  # (bucket, least), rising least: the front is the least of all
        self._recent: deque[tuple[float, float, int]] = deque()

    @property
    def base_s(self) -> float:
        """The one-way delay without a queue, any origin."""
        return self._base[0][1] if self._base else 0.0

    def on_sample(
        self, sample: Sample, rtt_min_s: float, lateness_s: float, target_s: float = 0.0, stalled_s: float = 0.0
    ) -> None:
        """Take the newest one-way delay. `target_s` is the queue that is aimed at; `stalled_s` of the delay may be due
        to a program that stood still."""
        bucket = int(sample.now_s / BASE_BUCKET_S)
        base, recent = self._base, self._recent
        while base and base[-1][1] >= sample.owd_s:
            base.pop()
        base.append((bucket, sample.owd_s))
        while not self._keeps_base and base[0][0] < bucket - int(BASE_KEPT_S / BASE_BUCKET_S):
            base.popleft()
        owd_s = max(base[0][1], sample.owd_s - stalled_s)
        self._note_wander(sample.now_s, owd_s)
        recent.append((sample.now_s, owd_s, sample.packets_since))
        horizon_s = sample.now_s - max(rtt_min_s / 2, QUEUE_WINDOW_MIN_S)
        while len(recent) > 1 and recent[0][0] < horizon_s:
            recent.popleft()
        least = min(each_s for _, each_s, _ in recent)
        jitter_s = 0.0
        if lateness_s > 0:
            jitter_s = 2 * lateness_s / (sum(packets for _, _, packets in recent) + 1)
        self.above_base_s = least - base[0][1]
        wandered_s = WANDER_ALLOWED * self.wander_s * self._wander_counts(target_s)
        self.queue_s = max(0.0, self.above_base_s - max(jitter_s, wandered_s))

    def _wander_counts(self, target_s: float) -> float:
        """How much of the wandering is taken out: none that a queue of this length bears, all of what drowns it."""
        over_s = self.wander_s - WANDER_BORNE * target_s
        return min(1.0, max(0.0, over_s / ((WANDER_DROWNS - WANDER_BORNE) * target_s))) if target_s else 1.0

    def _note_wander(self, now_s: float, owd_s: float) -> None:
        if self._before_s is None or now_s - self._before_s > 10 * WANDER_MEMORY_S:
            self._before_s, self._mean_s = now_s, owd_s
            return
        passed_s, self._before_s = now_s - self._before_s, now_s
        off_s = owd_s - self._mean_s
        self._mean_s += off_s * passed_s / (passed_s + WANDER_MEAN_S)
        most_s = WANDER_STEP_MIN_S + 4 * self.wander_s  # a queue that breaks in or drains at once is no wandering
        off_s = min(most_s, max(-most_s, off_s))
        self._samples += 1
        gain = max(passed_s / (passed_s + WANDER_MEMORY_S), 1 / (self._samples + 5))
        self._above_s += gain * (max(0.0, off_s) - self._above_s)
        self._below_s += gain * (max(0.0, -off_s) - self._below_s)
        self.wander_s = 3.0 * min(
            self._above_s, self._below_s
        )  # the mean of either side is about a third of a deviation

    def keep_base(self, keeps: bool) -> None:
        """Whether others keep a queue standing, so that ten seconds show no base. Afterwards it is as good as new."""
        self._keeps_base = keeps
        if not keeps and self._base:
            newest, least = self._base[-1][0], self._base[0][1]
            self._base.clear()
            self._base.append((newest, least))

    def limit(self, most_s: float) -> None:
        """The round trip has grown by no more than this, so neither can the queue have."""
        self.queue_s = min(self.queue_s, max(0.0, most_s))

    def forget_recent(self) -> None:
        """What was measured before a silence says nothing about now."""
        self._recent.clear()
        self.queue_s = 0.0

    def rebase(self) -> None:
        """The route has become longer: what is seen now is the base."""
        least = min((owd_s for _, owd_s, _ in self._recent), default=None)
        bucket = self._base[-1][0] if self._base else 0
        self._base.clear()
        if least is not None:
            self._base.append((bucket, least))
        self.queue_s = 0.0


class RoundMeter:
    """Cuts the flow of acknowledgements into rounds."""

    def __init__(self) -> None:
        self._begins: deque[Sample] = deque(maxlen=JITTER_ROUNDS_MAX)
        self._ends_pn = 0
        self._counts = False

    def restart(self) -> None:
        """Drop what was begun."""
        self._begins.clear()

    def on_sample(
        self, sample: Sample, rtt_min_s: float, lateness_s: float, wander_s: float = 0.0, *, is_growing: bool = False
    ) -> Round | None:
        """The round that this sample ends, if it ends one. `is_growing`: the rate doubles from round to round, so that
        several of them together would tell of one that is long past."""
        if not self._begins:
            self._begin(sample)
            return None
        begin = self._begins[-1]
        is_mixed = are_mixed(lateness_s, rtt_min_s)
        self._counts = is_mixed and sample.loss < COUNTED_LOSS_MAX
        if (
            sample.largest < self._ends_pn
            or self._is_too_few(sample, begin, rtt_min_s)
            or sample.now_s - begin.now_s < round_span_s(0.0 if self._counts else wander_s)
        ):
            return None
        rounds = 1
        if is_mixed and not self._counts and not is_growing:
            rounds = min(JITTER_ROUNDS_MAX, max(1, math.ceil(4 * lateness_s / rtt_min_s)))
        begin = self._begins[max(0, len(self._begins) - rounds)]
        measured = measure(begin, sample, counts=self._counts)
        self._begin(sample)
        return measured

    @staticmethod
    def _is_too_few(sample: Sample, begin: Sample, rtt_min_s: float) -> bool:
        """A round takes some packets to tell a rate; but where next to nothing goes, it has to end all the same."""
        packets = sample.largest - begin.largest
        return packets < ROUND_PACKETS and (packets < 2 or sample.now_s - begin.now_s < ROUND_RTTS_MAX * rtt_min_s)

    def so_far(self, sample: Sample) -> Round | None:
        """The round under way, if it is long enough to say anything."""
        if not self._begins or sample.largest - self._begins[-1].largest < ROUND_PACKETS:
            return None
        return measure(self._begins[-1], sample, counts=self._counts)

    def _begin(self, sample: Sample) -> None:
        self._begins.append(sample)
        self._ends_pn = sample.next_pn


def are_mixed(lateness_s: float, rtt_min_s: float) -> bool:
    """Whether packets overtake each other by so much that the newest one's arrival tells little."""
    return lateness_s > MIXED * rtt_min_s


def round_span_s(wander_s: float) -> float:
    """The least time that a round takes, by how much the delay wanders."""
    return max(ROUND_MIN_S, min(WANDER_ROUND * wander_s, WANDER_ROUND_MAX_S))


def measure(begin: Sample, end: Sample, *, counts: bool = False) -> Round | None:
    """Rates and loss between two samples; None if no time passed. `counts`: by what has come, not by the newest."""
    rx_s = end.told_rx_s - begin.told_rx_s if counts else end.largest_rx_s - begin.largest_rx_s
    tx_s = end.largest_tx_s - begin.largest_tx_s
    packets = end.largest - begin.largest
    if rx_s <= 0 or tx_s <= 0 or packets <= 0:
        return None
    passed = end.bytes_through - begin.bytes_through
    received = end.received_total - begin.received_total
    if counts:
        arriving = passed / packets * received / (1 - end.loss) / rx_s
        return Round(arriving, passed / tx_s, end.loss, packets, rx_s)
    return Round(passed / rx_s, passed / tx_s, min(1.0, max(0.0, 1 - received / packets)), packets, rx_s)
