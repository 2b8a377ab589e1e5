"""How fast a path may send: capacity is read from the receiver's clock, and a small queue is kept standing.

Theory of operation. Every packet has its own number, so the rate at which packet numbers advance at the receiver is
what the bottleneck lets through, and random loss cancels out of it, at 70 % as at none. While a small queue stands
at the bottleneck that rate is the capacity itself; no probing is needed. The controller steers the queue that it
predicts from what is sent but not yet reflected in the newest acknowledgement, which takes the delay out of the
loop. Loss is no sign of congestion while a queue is seen; a rise of loss without any queue (a policer, a very short
buffer) is tried out: send slower for a while, and see whether the loss follows the rate.

STARTUP doubles per round until a queue shows or the opening train's dispersion is reached; CRUISE holds the queue.
Rates are bytes per second in sent terms (lost packets included), times are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

GAIN = 0.5
DISPERSION_MAX = 500e6 / 8  # a train faster than this is only known to be fast
FAST_RATE = 400e6 / 8  # beyond this, host scheduling is noisier than any queue
FAST_QUEUE_S = 0.004
ROUND_MIN_S = 0.002
JITTER_ROUND = 50  # a round is so many mean steps of the delay long, so that its rate is known to about a tenth
JITTER_ALLOWED = 6  # of the mean step of the delay: about what its least value strays from the least of all
BASE_BUCKET_S = 0.5
BASE_KEPT_S = 10.0
RATE_MAX = 2e9


class Mode(Enum):
    """What the controller is doing."""

    STARTUP = auto()
    CRUISE = auto()


@dataclass(frozen=True, slots=True)
class RateSample:
    """What one acknowledgement tells; times in seconds, sizes in bytes."""

    now_s: float
    largest: int  # packet number
    largest_tx_s: float
    largest_rx_s: float  # receiver's clock, unwrapped
    bytes_to_largest: int  # sent up to and including it
    bytes_sent: int  # sent in all
    next_pn: int
    received_total: int
    owd_s: float  # least one-way delay since the last acknowledgement, any origin
    packets_since: int  # packets that it is the least of
    rtt_s: float | None
    acked: int
    lost: int
    lateness_s: float  # greatest reordering lateness of late
    dispersion: float | None  # bytes per second of the opening train


class Congestion:
    """One path's controller. Owns no clock, no packets, no counters of what is in flight."""

    def __init__(self, now_s: float, rtt_s: float | None, packet_bytes: int) -> None:
        self.mode = Mode.STARTUP
        self.packet_bytes = packet_bytes
        self.srtt_s = rtt_s
        self.rttvar_s = (rtt_s or 0.1) / 2
        self.rtt_min_s = rtt_s or 0.1
        self._rtt_known = rtt_s is not None
        self.rate = 10 * packet_bytes / max(self.rtt_min_s, 0.001)
        self.capacity = self.rate
        self.queue_s = 0.0
        self.loss_accepted = 0.0
        self.lateness_s = 0.0
        self._base: list[tuple[float, float]] = []  # (bucket start, least one-way delay)
        self._recent_owd: list[tuple[float, float, int]] = []
        self._owd_before: tuple[float, float] | None = None
        self._step_s = 0.0
        self._round_pn = 0
        self._round: RateSample | None = None
        self._dispersion: float | None = None
        self._got_train = False
        self._was_saturated = False
        self._speed_up = 1.0
        self._rises = 0
        self._misses = 0
        self._braked = False
        self._drain_due_s = now_s + 5.0
        self._draining_rounds = 0
        self._high_queue_s = -1e9
        self._window_acked = 0
        self._window_lost = 0
        self._window_from: tuple[float, int] = (now_s, 0)
        self._suspect = 0
        self._trial: tuple[float, float, float] | None = None  # rate before, loss before, judge from
        self._trial_counts = [0, 0]
        self._hold_until_s = 0.0

    # --- what others read

    @property
    def queue_target_s(self) -> float:
        """The queue to keep standing. Its slope over the rate is what makes flows fair to each other."""
        x = min(9.2, max(1.0, 9.2 - math.log2(max(self.rate * 8e-6, 1e-3))))
        by_rtt = min((self.rtt_min_s / 20 + 0.0008) * x, 0.15 * self.rtt_min_s + 0.010)
        by_packets = min(2.5 * self.packet_bytes / max(self.rate, 1.0), 0.030)
        fast = FAST_QUEUE_S if self.rate > FAST_RATE else 0.0
        return max(by_rtt, by_packets, fast)

    @property
    def reorder_window_s(self) -> float:
        """A packet is lost when one sent this much later has been acknowledged."""
        srtt = self.srtt_s or 0.1
        usual = srtt / 8 if srtt < 0.4 else 0.050
        return max(usual, min(1.25 * self.lateness_s, 1.5 * srtt), 0.001)

    def in_flight_cap_bytes(self, ack_gap_s: float) -> float:
        """A safety net only, never the regulator."""
        standing = 1.5 * (self.rtt_min_s + 2 * self.queue_target_s) + self.reorder_window_s + 4 * ack_gap_s + 0.010
        return 44 * self.packet_bytes + self.rate * standing

    # --- what it learns from

    def on_ack(self, sample: RateSample) -> None:
        """Learn from an acknowledgement, and set the rate anew when a round is over."""
        self._note_rtt(sample)
        self.lateness_s = max(sample.lateness_s, self.lateness_s * 0.999)
        self._note_queue(sample)
        self._note_loss(sample)
        if self._round is None:
            self._round = sample
            self._round_pn = sample.next_pn
        if sample.dispersion is not None and not self._got_train:
            self._take_dispersion(sample.dispersion)
        round_s = max(ROUND_MIN_S, min(self.rtt_min_s, 0.5) * 0.5, JITTER_ROUND * self._step_s)
        long_enough = sample.now_s - self._round.now_s >= round_s
        if sample.largest >= self._round_pn and sample.largest - self._round.largest >= 8 and long_enough:
            self._end_round(sample)
        elif (self.mode is Mode.STARTUP or self._speed_up > 1) and not self._braked:
            self._brake(sample)

    def _note_rtt(self, sample: RateSample) -> None:
        rtt = sample.rtt_s
        if rtt is None:
            return
        if self.srtt_s is None or not self._rtt_known:
            self.srtt_s, self.rttvar_s, self.rtt_min_s = rtt, rtt / 2, rtt
            self._rtt_known = True
            self.rate = max(self.rate, 10 * self.packet_bytes / max(rtt, 0.001))
            return
        self.rttvar_s += (abs(rtt - self.srtt_s) - self.rttvar_s) / 4
        self.srtt_s += (rtt - self.srtt_s) / 8
        self.rtt_min_s = min(self.rtt_min_s, rtt)

    def _note_queue(self, sample: RateSample) -> None:
        bucket = math.floor(sample.now_s / BASE_BUCKET_S) * BASE_BUCKET_S
        if self._base and self._base[-1][0] == bucket:
            self._base[-1] = (bucket, min(self._base[-1][1], sample.owd_s))
        else:
            self._base.append((bucket, sample.owd_s))
            while self._base[0][0] < sample.now_s - BASE_KEPT_S:
                self._base.pop(0)
        base = min(owd for _, owd in self._base)
        recent = self._recent_owd
        recent.append((sample.now_s, sample.owd_s, sample.packets_since))
        horizon = sample.now_s - max(self.rtt_min_s / 2, ROUND_MIN_S)
        while len(recent) > 1 and recent[0][0] < horizon:
            recent.pop(0)
        packets = sum(count for _, _, count in recent)
        self._note_jitter(sample)
        jitter = max(2 * self.lateness_s / (packets + 1), JITTER_ALLOWED * self._step_s)
        self.queue_s = max(0.0, min(owd for _, owd, _ in recent) - base - jitter)
        if sample.rtt_s is not None:
            self.queue_s = min(self.queue_s, max(0.0, sample.rtt_s - self.rtt_min_s))
        if self.queue_s > 1.5 * self.queue_target_s:
            self._high_queue_s = sample.now_s
        if self.queue_s < 0.1 * self.queue_target_s:
            self._drain_due_s = sample.now_s + max(5.0, 20 * self.rtt_min_s)

    def _note_jitter(self, sample: RateSample) -> None:
        """How far the delay jumps from one acknowledgement to the next: a radio's does, a queue's hardly."""
        if self._owd_before is not None:
            before_s, owd_s = self._owd_before
            passed_s = max(sample.now_s - before_s, 1e-6)
            own_s = 0.25 * min(passed_s, 0.1) if self._speed_up > 1 or self.mode is Mode.STARTUP else 0.0
            step_s = max(0.0, abs(sample.owd_s - owd_s) - own_s)
            self._step_s += 0.05 * (min(step_s, 0.1) - self._step_s)
        self._owd_before = (sample.now_s, sample.owd_s)

    def _take_dispersion(self, dispersion: float) -> None:
        self._got_train = True
        if dispersion <= DISPERSION_MAX:
            self._dispersion = dispersion
            self.rate = min(max(3 * self.rate, 0.7 * dispersion), 0.9 * dispersion)
        else:
            self.rate *= 3

    def _brake(self, sample: RateSample) -> None:
        """A queue has shown while growing: settle at once."""
        if self.queue_s <= 0.7 * self.queue_target_s or self._round is None:
            return
        passed_s = sample.largest_rx_s - self._round.largest_rx_s
        passed = sample.bytes_to_largest - self._round.bytes_to_largest
        if passed_s < ROUND_MIN_S or passed < 8 * self.packet_bytes:
            return
        self._braked = True
        self._cruise(sample, passed / passed_s, first=True)

    # --- rounds

    def _end_round(self, sample: RateSample) -> None:
        before = self._round
        assert before is not None
        self._round, self._round_pn, self._braked = sample, sample.next_pn, False
        rx_s = sample.largest_rx_s - before.largest_rx_s
        tx_s = sample.largest_tx_s - before.largest_tx_s
        passed = sample.bytes_to_largest - before.bytes_to_largest
        if rx_s <= 0 or tx_s <= 0:
            return
        arriving, sending = passed / rx_s, passed / tx_s
        packets = sample.largest - before.largest
        loss = min(1.0, max(0.0, 1 - (sample.received_total - before.received_total) / packets))
        if self.mode is Mode.STARTUP:
            self._startup_round(sample, arriving, sending)
        else:
            self._cruise_round(sample, arriving, sending, loss, packets)
        self.rate = min(RATE_MAX, max(self.rate, self.packet_bytes / max(self.rtt_min_s, 0.01)))

    def _startup_round(self, sample: RateSample, arriving: float, sending: float) -> None:
        disp = self._dispersion
        if disp is not None and arriving > 1.15 * disp:
            disp = self._dispersion = None
        if self.queue_s > self.queue_target_s:
            self._cruise(sample, arriving, first=True)
        elif disp is not None and self.rate >= 0.85 * disp and sending > 0.75 * disp:
            self._cruise(sample, disp, first=True)
        elif max(arriving, sending) >= 0.6 * self.rate and self._suspect == 0:
            ceiling = 0.95 * disp if disp is not None and self.rate < disp else RATE_MAX
            self.rate = max(self.rate, min(2 * self.rate, 2.5 * arriving, ceiling))

    def _cruise(self, sample: RateSample, capacity: float, *, first: bool) -> None:
        self.mode = Mode.CRUISE
        self.capacity = capacity
        self._was_saturated, self._speed_up, self._rises, self._misses = True, 1.0, 0, 0
        self._steer(sample, most=1.0 if first else 1.25)

    def _steer(self, sample: RateSample, most: float = 1.25) -> None:
        """Set the rate from the predicted queue: what is under way, drained at the capacity since it was sent."""
        target = self.queue_target_s
        under_way = sample.bytes_sent - sample.bytes_to_largest
        elapsed_s = sample.now_s - sample.largest_tx_s
        predicted_s = max(0.0, self.queue_s + under_way / self.capacity - elapsed_s)
        factor = 1 + GAIN * (target - predicted_s) / max(self.rtt_min_s, 2 * target)
        self.rate = self.capacity * min(most, max(0.5, factor))

    def _cruise_round(self, sample: RateSample, arriving: float, sending: float, loss: float, packets: int) -> None:
        target = self.queue_target_s
        if self.queue_s > 0.35 * target:
            noise = 4 * math.sqrt(max(self.loss_accepted * (1 - self.loss_accepted), 0.0005) / packets) + 0.02
            measured = arriving
            if self.queue_s > 2 * target and loss > self.loss_accepted + noise:
                measured = arriving * (1 - loss) / max(0.05, 1 - self.loss_accepted)
            if 0.95 * sending < arriving < 1.05 * sending:  # that is our own rate: the link carries it at least
                self.capacity = max(self.capacity, measured)
            else:
                self.capacity = (self.capacity + measured) / 2 if self._was_saturated else measured
            self._was_saturated, self._speed_up, self._rises = True, 1.0, 0
        else:
            self._was_saturated = False
            if sending > 1.02 * self.capacity and arriving > 0.85 * sending:
                self.capacity = sending
                self._rises += 1
                self._misses = 0
                self._speed_up = min(2 * self._speed_up, 8.0)
            else:
                self._misses += 1
                if self._misses >= 3:
                    self._rises, self._speed_up = 0, 1.0
        if self._trial is not None or sample.now_s < self._hold_until_s:
            return
        if self._drain(sample):
            return
        idle = max(sending, arriving) < 0.6 * self.rate
        before = self.rate
        if self._speed_up > 1 and self._suspect == 0:
            step = min(1.5, 1 + GAIN * self._speed_up * target / max(self.rtt_min_s, 2 * target))
            self.rate = min(self.rate * step, 1.8 * self.capacity)
        else:
            self._steer(sample, most=1.0 if self._suspect else 1.25)
        if idle:
            self.rate = min(self.rate, before)

    def _drain(self, sample: RateSample) -> bool:
        """Now and then empty the queue, so that the base delay is seen again."""
        if self._draining_rounds == 0 and sample.now_s < self._drain_due_s:
            return False
        self._draining_rounds += 1
        if self.queue_s < 0.1 * self.queue_target_s or self._draining_rounds > 3:
            self._draining_rounds = 0
            self._drain_due_s = sample.now_s + max(5.0, 20 * self.rtt_min_s)
            return False
        self.rate = 0.75 * self.capacity
        return True

    # --- loss

    def _note_loss(self, sample: RateSample) -> None:
        self._window_acked += sample.acked
        self._window_lost += sample.lost
        if self._trial is not None and sample.now_s >= self._trial[2]:
            self._trial_counts[0] += sample.acked
            self._trial_counts[1] += sample.lost
            self._judge_trial(sample)
        packets = self._window_acked + self._window_lost
        since_s, since_bytes = self._window_from
        passed_s = sample.now_s - since_s
        if packets < 128 or passed_s < max(self.rtt_min_s / 2, 0.05):
            return
        loss = self._window_lost / packets
        sent_rate = (sample.bytes_sent - since_bytes) / passed_s
        self._window_acked = self._window_lost = 0
        self._window_from = (sample.now_s, sample.bytes_sent)
        accepted = self.loss_accepted
        threshold = 4 * math.sqrt(2 * max(accepted * (1 - accepted), 0.0005) / packets) + 0.005
        overflow = sample.now_s - self._high_queue_s < 2.5 * (self.srtt_s or 0.1) + self.reorder_window_s
        if self.mode is Mode.STARTUP and self._dispersion is not None and self.rate < 0.96 * self._dispersion:
            self.loss_accepted += 0.4 * (loss - accepted)  # far below what the train showed: no congestion
        elif loss < accepted - threshold:
            self.loss_accepted += 0.6 * (loss - accepted)
        elif loss <= accepted + threshold:
            if loss < accepted or self._rises == 0:
                self.loss_accepted += 0.15 * (loss - accepted)
            self._suspect = 0
        elif overflow:
            return
        elif self.queue_s >= 0.8 * self.queue_target_s:
            self.loss_accepted += 0.3 * (loss - accepted)
        elif self._trial is None and sample.now_s >= self._hold_until_s:
            self._suspect += 1
            if self._suspect >= 2:
                self._begin_trial(sample, loss, sent_rate)

    def _begin_trial(self, sample: RateSample, loss: float, sent_rate: float) -> None:
        """Send slower for a while: does the loss follow the rate?"""
        shrink = 0.85 if loss - self.loss_accepted < 0.15 else 0.7
        before = min(self.rate, max(sent_rate, 1.0))
        self._trial = (before, loss, sample.now_s + (self.srtt_s or 0.1) + self.reorder_window_s)
        self._trial_counts = [0, 0]
        self.rate = shrink * before

    def _judge_trial(self, sample: RateSample) -> None:
        assert self._trial is not None
        before, loss_before, _ = self._trial
        acked, lost = self._trial_counts
        packets = acked + lost
        if packets < 200:
            return
        loss = lost / packets
        fell = loss_before - loss
        could_fall = loss_before - max(self.loss_accepted, 1 - (1 - loss_before) * before / max(self.rate, 1.0))
        self._trial, self._suspect = None, 0
        if could_fall > 0.005 and fell > 0.5 * could_fall:
            ceiling = before * (1 - loss_before) / max(0.05, 1 - self.loss_accepted)
            self.rate = self.capacity = max(0.98 * ceiling, 0.45 * before)
            self._hold_until_s = sample.now_s + max(8 * self.rtt_min_s, 1.0)
            if self.mode is Mode.STARTUP:
                self._cruise(sample, self.capacity, first=True)
        else:
            self.loss_accepted = loss
            self.rate = before
