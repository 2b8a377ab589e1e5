"""How fast a path may send: capacity is read from the receiver's clock, and a small queue is kept standing.

Theory of operation. While a small queue stands at the bottleneck, the link is always full, and the rate at which
packet numbers arrive is its capacity (see `capacity`): no probing is needed in steady state. The controller steers
the queue that it predicts from what is sent but not yet reflected in the newest acknowledgement,

    q_p = max(0, q + X / C - T)        X bytes sent after the newest acknowledged packet, T time since that was sent
    r   = C (1 + K (q_t - q_p) / max(RTT_min, 2 q_t))

which takes the delay out of the loop; steering by the measured queue swings for ever. The target q_t falls with the
logarithm of the rate: of two flows that see the same queue the smaller one wants a little more of it, and that is the
whole force towards fairness. No queue seen: if faster sending arrives as fast as it is sent, the rate grows, faster
each time. Now and then the queue is drained, so that the base delay stays known.

STARTUP sends a train back to back, whose spread at the receiver tells the order of the capacity; then doubles per
round until a queue shows or the train's figure is reached. CRUISE holds the queue. Loss is no sign of congestion while
the queue explains itself; a rise without a queue is put on trial (see `loss_trial`), and a rate that proved too high
is a ceiling, approached again in small steps. A controller for the company of buffer-filling flows would be a third
mode beside these two.

Rates are bytes per second in sent terms (lost packets included), times are seconds.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum, auto

from transfer_core.protocol.recovery.capacity import DISPERSION_MAX, QueueMeter, Round, RoundMeter, Sample, round_span_s
from transfer_core.protocol.recovery.loss import LossWindow, LossWindows, Trend
from transfer_core.protocol.recovery.loss_trial import Before, LossTrial, Verdict
from transfer_core.protocol.recovery.rtt import RttEstimator
from transfer_core.protocol.recovery.sent_packets import InOrder
from transfer_core.units import NS_PER_S

GAIN = 0.5
TRAIN_PACKETS = 10
BURST_ROOM_PACKETS = 132  # three bursts of 44: a fast path's acknowledgements come in lumps
QUEUE_TARGET_MIN_S = 0.003  # less is not told apart from two programs' own pauses
RATE_MAX = 2.5e9
WANDER_MATTERS = 0.1  # of the queue target
PAUSE_S = 0.1  # a round that spans more of a pause than this is void
IDLE_KEPT_S = 10.0
IDLE_FORGOTTEN_S = 60.0
_CEILING_KEPT_S = 10.0
_ROUTE_ROUNDS = 6


class Mode(Enum):
    """What the controller is doing."""

    STARTUP = auto()
    CRUISE = auto()


class Congestion:
    """One path's controller. Owns no clock, no packets, no count of what is in flight."""

    def __init__(self, now_s: float, rtt: RttEstimator, packet_bytes: int) -> None:
        self.mode = Mode.STARTUP
        self.packet_bytes = packet_bytes
        self.rtt = rtt
        self.lateness_s = 0.0
        self.queue = QueueMeter()
        self.losses = LossWindows()
        self._rounds = RoundMeter()
        self.rate = self._opening_rate()
        self.capacity = self.rate
        self._last: Sample | None = None
        self._dispersion: float | None = None
        self._has_train = False
        self._was_saturated = False
        self._speed_up = 1.0
        self._rises = 0
        self._misses = 0
        self._has_braked = False
        self._drain_due_s = now_s + self._drain_every_s()
        self._drained_rounds = 0
        self._high_queue_s = -math.inf
        self._suspicions = 0
        self._trial: LossTrial | None = None
        self._hold_until_s = -math.inf
        self._hold_factor = 1
        self._ceiling = 0.0
        self._may_step = False
        self._verify_at_s = math.inf
        self._verify_wait_s = 0.0
        self._history: deque[tuple[float, float]] = deque(maxlen=_ROUTE_ROUNDS)  # (queue, rate) of round ends

    # --- what others read

    @property
    def rtt_min_s(self) -> float:
        """The least round trip."""
        return self.rtt.min_ns / NS_PER_S

    @property
    def queue_target_s(self) -> float:
        """The queue to keep standing."""
        rtt_s = self.rtt.min_ns / NS_PER_S
        slope = min(9.2, max(1.0, 9.2 - math.log2(max(self.rate * 8e-6, 1e-3))))
        by_rtt = min((rtt_s / 20 + 0.0008) * slope, 0.15 * rtt_s + 0.010)
        by_packets = min(2.5 * self.packet_bytes / max(self.rate, 1.0), 0.030)
        return max(by_rtt, by_packets, QUEUE_TARGET_MIN_S)

    def in_flight_cap_bytes(self, reorder_s: float, ack_gap_s: float) -> float:
        """A safety net only, never the regulator."""
        standing_s = 1.5 * (self.rtt_min_s + 2 * self.queue_target_s) + reorder_s + 4 * ack_gap_s + 0.010
        return BURST_ROOM_PACKETS * self.packet_bytes + self.rate * standing_s

    # --- what it learns from

    def on_sample(self, sample: Sample) -> None:
        """Learn from an acknowledgement of something new, and set the rate anew when a round is over."""
        self._last = sample
        self.queue.on_sample(sample, self.rtt_min_s, self.lateness_s)
        if self.rtt.latest_ns is not None:
            self.queue.limit((self.rtt.latest_ns - self.rtt.min_ns) / NS_PER_S)
        target_s = self.queue_target_s
        if self.queue.queue_s > 1.5 * target_s:
            self._high_queue_s = sample.now_s
        elif self.queue.queue_s < 0.1 * target_s:
            self._drain_due_s = sample.now_s + self._drain_every_s()
        if sample.dispersion is not None and not self._has_train:
            self._take_dispersion(sample.dispersion)
        measured = self._rounds.on_sample(sample, self.rtt_min_s, self.lateness_s, self._wander_s())
        if measured is not None:
            self._has_braked = False
            self._end_round(sample, measured)
        elif not self._has_braked and (self.mode is Mode.STARTUP or self._speed_up > 1):
            self._brake(sample)

    def on_final(self, part: InOrder, now_s: float) -> None:
        """Packets have found their final fate, in order."""
        if self._trial is not None:
            verdict = self._trial.add(part)
            if verdict is not None:
                self._end_trial(self._trial, verdict, now_s)
        packets_min = 32 if self.mode is Mode.STARTUP else 128
        window = self.losses.add(part, packets_min, self.rtt.min_ns // 2)
        if window is not None:
            self._may_step = True
            if self._trial is None:
                self._on_window(window, now_s)

    def on_resume(self) -> None:
        """The path answers again after a silence: go on at the saved rate; what was being measured is void."""
        self._rounds.restart()
        self.losses.restart()
        self.queue.forget_recent()
        self._speed_up, self._rises, self._misses = 1.0, 0, 0
        if self._trial is not None:
            self.rate = self._trial.before.rate
            self._trial = None

    def on_idle(self, idle_s: float) -> bool:
        """The path is used again after a pause; True if it has to begin with a train."""
        if idle_s > self.rtt_min_s + PAUSE_S:
            self._rounds.restart()
        if idle_s <= IDLE_KEPT_S:
            return False
        if idle_s <= IDLE_FORGOTTEN_S:
            self.rate, self.capacity = self.rate / 2, self.capacity / 2
            return False
        self.mode = Mode.STARTUP
        self.rate = self.capacity = self._opening_rate()
        self._dispersion, self._has_train = None, True  # an old train must not be taken for a new one
        return True

    # --- rounds

    def _opening_rate(self) -> float:
        return TRAIN_PACKETS * self.packet_bytes / max(self.rtt_min_s, 0.001)

    def _drain_every_s(self) -> float:
        return max(5.0, 20 * self.rtt_min_s)

    def _take_dispersion(self, dispersion: float) -> None:
        self._has_train = True
        if self.mode is not Mode.STARTUP:
            return
        if dispersion <= DISPERSION_MAX:
            self._dispersion = dispersion
            self.rate = min(max(3 * self.rate, 0.7 * dispersion), 0.9 * dispersion)
        else:
            self.rate *= 3

    def _brake(self, sample: Sample) -> None:
        """A queue has shown while growing: settle at once, not at the round's end."""
        if self.queue.queue_s <= 0.7 * self.queue_target_s:
            return
        measured = self._rounds.so_far(sample)
        if measured is None or not self._is_filling(measured) or measured.span_s < 8 * self._wander_s():
            return
        self._has_braked = True
        keeps = self.mode is Mode.CRUISE and self._wander_s() > 0  # part of a round tells too little there
        self._cruise(sample, self.capacity if keeps else measured.arriving)

    def _is_filling(self, measured: Round) -> bool:
        """While growing a queue that is one shows in the rates, too; or else is so long that there's no doubt."""
        return measured.arriving < 0.95 * measured.sending or self.queue.queue_s > 2 * self.queue_target_s

    def _end_round(self, sample: Sample, measured: Round) -> None:
        if self._is_new_route(measured):
            return
        if self.mode is Mode.STARTUP:
            self._startup_round(sample, measured)
        else:
            self._cruise_round(sample, measured)
        self.rate = min(RATE_MAX, max(self.rate, self.packet_bytes / max(self.rtt_min_s, 0.010)))

    def _startup_round(self, sample: Sample, measured: Round) -> None:
        spread = self._dispersion
        if spread is not None and measured.arriving > 1.15 * spread:
            spread = self._dispersion = None  # the train was held up together: its figure is too small
        if self.queue.queue_s > self.queue_target_s and self._is_filling(measured):
            self._cruise(sample, measured.arriving)
        elif spread is not None and self.rate >= 0.85 * spread and measured.sending > 0.75 * spread:
            self._cruise(sample, spread)
        elif self._suspicions == 0 and self._trial is None and not self._is_short_of_data(measured):
            most = 0.95 * spread if spread is not None and self.rate < spread else RATE_MAX
            self.rate = max(self.rate, min(2 * self.rate, 2.5 * measured.arriving, most))

    def _cruise(self, sample: Sample, capacity: float) -> None:
        """Begin to hold the queue, at first without a rise."""
        self.mode = Mode.CRUISE
        self.capacity = capacity
        self._was_saturated, self._speed_up, self._rises, self._misses = True, 1.0, 0, 0
        if self._trial is None:
            self._steer(sample, most=1.0)

    def _steer(self, sample: Sample, most: float = 1.25) -> None:
        target_s = self.queue_target_s
        under_way = sample.bytes_sent - sample.bytes_through
        elapsed_s = sample.now_s - sample.largest_tx_s
        predicted_s = max(0.0, self.queue.queue_s + under_way / max(self.capacity, 1.0) - elapsed_s)
        # the rate stays until the next round ends, so that is the least time to put the queue right in
        span_s = max(self.rtt_min_s, 2 * target_s, round_span_s(self._wander_s()))
        factor = 1 + GAIN * (target_s - predicted_s) / span_s
        if self._wander_s() and not self._was_saturated:
            factor = max(factor, 1.05)  # enough to find out whether more arrives
        self.rate = self.capacity * min(most, max(0.5, factor))

    def _is_short_of_data(self, measured: Round) -> bool:
        return max(measured.sending, measured.arriving) < 0.6 * self.rate

    def _cruise_round(self, sample: Sample, measured: Round) -> None:
        target_s = self.queue_target_s
        if self.queue.queue_s > 0.35 * target_s:
            kept = self._kept_at_overflow(measured)
            arriving = measured.arriving * kept
            if kept == 1.0 and self._is_own_rate(measured):
                self.capacity = max(self.capacity, min(measured.arriving, measured.sending))
            else:
                is_sure = not self._was_saturated and not self._wander_s()
                self.capacity = arriving if is_sure else (self.capacity + arriving) / 2
            self._was_saturated, self._speed_up, self._rises = True, 1.0, 0
        else:
            self._was_saturated = False
            self._look_for_more(measured)
        is_held = sample.now_s < self._hold_until_s and self.queue.queue_s <= target_s
        if self._trial is not None or is_held or self._drain(sample):
            return
        before, is_short = self.rate, self._is_short_of_data(measured)
        if self._speed_up > 1 and self._suspicions == 0:
            self._grow(sample.now_s, target_s)
        else:
            self._steer(sample, most=1.0 if self._suspicions else 1.25)
            self.rate = min(self.rate, self._step_limit(sample.now_s, before))
        if is_short:
            self.rate = min(self.rate, before)

    def _wander_s(self) -> float:
        """How much the delay wanders, where that is enough to be mistaken for a queue."""
        wander_s = self.queue.wander_s
        return wander_s if wander_s > WANDER_MATTERS * self.queue_target_s else 0.0

    def _is_own_rate(self, measured: Round) -> bool:
        """Where the delay wanders, what looks like a queue may be none. Then arrivals tell only of the rate that was
        sent at, which the link carries; unless they are slower than that by more than wandering explains."""
        wander_s = self._wander_s()
        if not wander_s or self.queue.queue_s > 2 * (self.queue_target_s + wander_s):
            return False
        tolerance = min(0.2, max(0.05, 2.8 * wander_s / measured.span_s))
        return measured.arriving > (1 - tolerance) * measured.sending

    def _kept_at_overflow(self, measured: Round) -> float:
        """The bottleneck's queue is full: packet numbers advance by what was dropped there, too. Take that out."""
        accepted = self.losses.accepted
        noise = 4 * self.losses.deviation(measured.packets) + 0.02
        if self.queue.queue_s <= 2 * self.queue_target_s or measured.loss <= accepted + noise:
            return 1.0
        return min(1.0, (1 - measured.loss) / max(0.02, 1 - accepted))

    def _look_for_more(self, measured: Round) -> None:
        """No queue: if more than the capacity known so far is sent and arrives, that is the capacity."""
        if measured.sending > 1.02 * self.capacity and measured.arriving > 0.85 * measured.sending:
            self.capacity = measured.sending
            self._rises += 1
            self._misses = 0
            self._speed_up = min(2 * self._speed_up, 8.0)
            return
        self._misses += 1
        if self._misses >= 3:
            self._rises, self._speed_up = 0, 1.0

    def _grow(self, now_s: float, target_s: float) -> None:
        span_s = max(self.rtt_min_s, 2 * target_s, round_span_s(self._wander_s()) / 2)
        step = min(1.5, 1 + GAIN * self._speed_up * target_s / span_s)
        self.rate = min(self.rate * step, 1.8 * self.capacity, self._step_limit(now_s, self.rate))

    def _step_limit(self, now_s: float, rate: float) -> float:
        """After a ceiling was found: one small step per resolved loss window."""
        if now_s > self._hold_until_s + _CEILING_KEPT_S:
            return RATE_MAX
        if not self._may_step:
            return rate
        self._may_step = False
        return rate * (1.15 if rate > 1.15 * self._ceiling else 1.05)

    def _drain(self, sample: Sample) -> bool:
        """Now and then empty the queue, so that the base delay is seen again."""
        if self._drained_rounds == 0 and sample.now_s < self._drain_due_s:
            return False
        self._drained_rounds += 1
        if self.queue.queue_s < 0.1 * self.queue_target_s or self._drained_rounds > 3:
            self._drained_rounds = 0
            self._drain_due_s = sample.now_s + self._drain_every_s()
            return False
        self.rate = 0.75 * self.capacity
        return True

    def _is_new_route(self, measured: Round) -> bool:
        """A queue obeys: one that stays put while the rate falls is a longer way. Then measure it anew."""
        queue_s, target_s, rtt_s = self.queue.queue_s, self.queue_target_s, self.rtt_min_s
        history = self._history
        if queue_s <= max(1.25 * target_s, 0.22 * rtt_s) + 0.001 or self.mode is not Mode.CRUISE:
            history.clear()
            return False
        history.append((queue_s, self.rate))
        if len(history) < _ROUTE_ROUNDS:
            return False
        queues = [queue for queue, _ in history]
        is_constant = max(queues) - min(queues) < 0.04 * rtt_s + 0.001
        if not is_constant or history[0][1] < 1.25 * self.rate:
            return False
        history.clear()
        self.queue.rebase()
        self.rtt.rebase()
        self._rounds.restart()
        self.rate = self.capacity = max(self.capacity, measured.arriving)
        return True

    # --- loss

    def _on_window(self, window: LossWindow, now_s: float) -> None:
        losses = self.losses
        queue_s, target_s = self.queue.queue_s, self.queue_target_s
        spread = self._dispersion
        if self.mode is Mode.STARTUP and spread is not None and self.rate < 0.96 * spread:
            losses.accept(window.loss, 0.4, window.send_rate)  # far below what the train showed: no congestion
            return
        if losses.accepted_rate == math.inf:
            losses.accept(window.loss, 1.0, window.send_rate)  # the first, at the slow opening rate: the path's own
            return
        if window.trend is not Trend.ROSE:
            self._suspicions = 0
        if window.trend is Trend.FELL:
            losses.accept(window.loss, 0.6, window.send_rate)
        elif window.trend is Trend.SAME:
            # never let it creep up along with the rate: at a policer that would end nowhere
            grew = self._rises > 0 or window.send_rate > 1.03 * losses.accepted_rate
            if window.loss <= losses.accepted or not grew:
                losses.accept(window.loss, 0.15, window.send_rate)
        elif queue_s > 2 * target_s or now_s - self._high_queue_s < self._overflow_echo_s():
            return  # drops at a full queue, found late; the capacity has been corrected for them
        elif queue_s >= 0.8 * target_s:
            losses.accept(window.loss, 0.3, window.send_rate)
        elif now_s >= self._hold_until_s:
            self._suspicions += 1
            if self._suspicions >= 2:
                self._begin_trial(window)
            return
        if now_s >= self._verify_at_s and losses.accepted > 0.04 and queue_s < 0.35 * target_s:
            self._verify_at_s = math.inf
            self._begin_trial(window, verifying=True)

    def _overflow_echo_s(self) -> float:
        srtt_s = self.rtt.smoothed_ns / NS_PER_S
        return 2.5 * srtt_s + max(srtt_s / 8, 1.25 * self.lateness_s)

    def _begin_trial(self, window: LossWindow, *, verifying: bool = False) -> None:
        accepted = 0.0 if verifying else self.losses.accepted
        sending = window.send_rate or self.rate
        before = Before(window.loss, sending, self.rate, accepted)
        shrink = 0.85 if window.loss - accepted < 0.15 else 0.7
        rate = shrink * min(self.rate, sending)
        if self.mode is Mode.STARTUP:
            shrink = 0.5
            rate = min(0.5 * min(self.rate, sending), before.delivering / max(0.02, 1 - accepted))
        self._start_trial(before, shrink, rate, 0)

    def _start_trial(self, before: Before, shrink: float, rate: float, repeats: int) -> None:
        self.rate = max(rate, self.packet_bytes / max(self.rtt_min_s, 0.010))
        self.losses.restart()
        factor = self.losses.burstiness.factor * self.losses.boost
        self._trial = LossTrial(
            before,
            shrink=shrink,
            first_pn=self._last.next_pn if self._last is not None else 0,
            burst_factor=factor,
            span_min_s=self.rtt_min_s / 2,
            repeats=repeats,
        )

    def _end_trial(self, trial: LossTrial, verdict: Verdict, now_s: float) -> None:
        before = trial.before
        self._trial = None
        self.losses.restart()
        self._rounds.restart()
        if verdict is Verdict.UNSURE:
            now = Before(trial.loss, trial.sending, before.rate, before.accepted)
            self._start_trial(now, 0.85, 0.85 * min(self.rate, trial.sending), trial.repeats + 1)
            return
        self._suspicions = 0
        self._speed_up, self._rises, self._misses = 1.0, 0, 0
        if verdict is Verdict.CONGESTION:
            self._take_ceiling(min(before.delivering / max(0.02, 1 - before.accepted), before.rate), before, now_s)
        else:
            are_alike = abs(trial.loss - before.loss) < 0.1
            self.losses.accepted = (trial.loss + before.loss) / 2 if are_alike else trial.loss
            self.losses.accepted_rate = before.sending
            self.losses.widen()
            self.rate = before.rate
            self._verify_wait_s = min(30.0, max(1.0, 12 * self.rtt_min_s, 3 * self._verify_wait_s))
            self._verify_at_s = now_s + self._verify_wait_s
        if self.mode is Mode.STARTUP and verdict is Verdict.CONGESTION:
            self.mode = Mode.CRUISE
            self._was_saturated = False

    def _take_ceiling(self, ceiling: float, before: Before, now_s: float) -> None:
        """The bottleneck drops above this rate without a queue that could be seen: stay below it for a while."""
        is_again = self._ceiling > 0 and abs(ceiling / self._ceiling - 1) < 0.12
        self._hold_factor = min(4, 2 * self._hold_factor) if is_again else 1
        self._ceiling = ceiling
        self.rate = self.capacity = max(0.98 * ceiling, 0.45 * before.rate)
        self._hold_until_s = now_s + self._hold_factor * max(8 * self.rtt_min_s, 1.0)
        self._verify_wait_s, self._verify_at_s = 0.0, math.inf
