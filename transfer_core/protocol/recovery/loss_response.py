"""What loss means for the rate: the path's own, an overflow that the queue explains, or a reason for a trial.

Theory of operation. Loss is no sign of congestion while a queue is seen and in order: the share that is lost then is
accepted as the path's own. Drops at a full queue are found late, when it may be gone, so the time of the last long
queue is kept. Only a rise without a queue, twice in a row, is put on trial (`loss_trial`). A trial that finds
congestion gives a ceiling: the rate stays below it for a while, steered by the queue as ever, and comes near again in
small steps, one per window of packets with known fate. One that finds random loss is repeated later, since a wrong one
must not last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from transfer_core.protocol.recovery.loss import LossWindow, LossWindows, Trend
from transfer_core.protocol.recovery.loss_trial import Before, LossTrial, Verdict
from transfer_core.protocol.recovery.sent_packets import InOrder

CEILING_KEPT_S = 10.0
EXPLAINED_WINDOWS = 2  # in which a queue is seen: one may be a program's pause
QUESTIONED_LOSS = 0.04  # a smaller one that is accepted in error does no harm


@dataclass(frozen=True, slots=True)
class Situation:
    """How the path stands when packets have found their fate. Bytes per second, seconds."""

    now_s: float
    rate: float
    queue_s: float
    target_s: float
    is_startup: bool
    is_growing: bool
    dispersion: float | None
    rtt_min_s: float
    srtt_s: float
    lateness_s: float
    next_pn: int
    packet_bytes: int
    is_drained: bool = False  # the queue is empty since it was drained on purpose

    @property
    def rate_min(self) -> float:
        """A packet each round trip."""
        return self.packet_bytes / max(self.rtt_min_s, 0.010)

    @property
    def overflow_echo_s(self) -> float:
        """So long after a long queue its drops may still be found."""
        return 2.5 * self.srtt_s + max(self.srtt_s / 8, 1.25 * self.lateness_s)


@dataclass(frozen=True, slots=True)
class Order:
    """What the rate is to be. `settles`: what was being measured is void, and growth begins anew."""

    rate: float
    capacity: float | None = None
    settles: bool = False
    ends_startup: bool = False


class LossResponse:
    """One path's. The controller obeys its orders, and lets the rate be while it `is_trying`."""

    def __init__(self) -> None:
        self.losses = LossWindows()
        self.suspicions = 0
        self._explained = 0  # windows in a row with a rise beside a queue
        self.long_queue_s = -math.inf  # when one was seen last
        self._trial: LossTrial | None = None
        self._hold_until_s = -math.inf
        self._hold_factor = 1
        self._ceiling = 0.0
        self._held = 0.0  # the rate that was set below the ceiling
        self._may_step = False
        self._verify_at_s = math.inf
        self._verify_wait_s = 0.0

    @property
    def is_trying(self) -> bool:
        """Whether a trial is under way."""
        return self._trial is not None

    def is_holding(self, now_s: float) -> bool:
        """Whether the rate stays below a ceiling that was found a short while ago."""
        return now_s < self._hold_until_s

    def step_limit(self, now_s: float, rate: float) -> float:
        """The most that the rate may become. After a ceiling was found, what is held below it: a rate that a queue, or
        what looked like one, has lowered since then rises to that freely. Later, one small step per loss window."""
        if now_s > self._hold_until_s + CEILING_KEPT_S:
            return math.inf
        if self.is_holding(now_s) or rate < self._held:
            return self._held
        if not self._may_step:
            return rate
        self._may_step = False
        return rate * (1.15 if rate > 1.15 * self._ceiling else 1.05)

    def give_up(self) -> float | None:
        """What was being measured is void. The rate from before a trial, if one was under way."""
        self.losses.restart()
        trial, self._trial = self._trial, None
        return trial.before.rate if trial is not None else None

    def on_final(self, part: InOrder, now: Situation) -> Order | None:
        """Packets have found their final fate, in order; gives an order if they change something."""
        order: Order | None = None
        if self._trial is not None:
            verdict = self._trial.add(part)
            if verdict is not None:
                order = self._end_trial(self._trial, verdict, now)
        window = self.losses.add(part, 32 if now.is_startup else 128, int(now.rtt_min_s * 5e8))
        if window is not None:
            self._may_step = True
            if self._trial is None:
                order = self._on_window(window, now) or order
        return order

    def _on_window(self, window: LossWindow, now: Situation) -> Order | None:
        losses = self.losses
        if losses.accepted_rate == math.inf:
            losses.accept(window.loss, 1.0, window.send_rate)  # the first, at the slow opening rate: the path's own
            return None
        if now.is_startup and now.dispersion is not None and now.rate < 0.96 * now.dispersion:
            losses.accept(window.loss, 0.4, window.send_rate)  # far below what the train showed: no congestion
            return None
        if window.trend is Trend.ROSE:
            return self._on_rise(window, now)
        self.suspicions = self._explained = 0
        if window.trend is Trend.FELL:
            losses.accept(window.loss, 0.6, window.send_rate)
        else:
            # never let it creep up along with the rate: at a policer that would end nowhere
            grew = now.is_growing or window.send_rate > 1.03 * losses.accepted_rate
            if window.loss <= losses.accepted or not grew:
                losses.accept(window.loss, 0.15, window.send_rate)
        has_queue = now.queue_s >= 0.35 * now.target_s or now.is_drained  # then loss is none of the bottleneck's
        if now.now_s >= self._verify_at_s and losses.accepted > QUESTIONED_LOSS and not has_queue:
            self._verify_at_s = math.inf
            return self._begin_trial(window, now, accepted=0.0)
        return None

    def _on_rise(self, window: LossWindow, now: Situation) -> Order | None:
        if now.queue_s > 2 * now.target_s or now.now_s - self.long_queue_s < now.overflow_echo_s:
            return None  # drops at a full queue, found late; the capacity has been corrected for them
        if now.queue_s >= 0.8 * now.target_s:
            self._explained += 1
            if self._explained >= EXPLAINED_WINDOWS:
                self.losses.accept(window.loss, 0.3, window.send_rate)
            return None
        self._explained = 0
        if now.now_s >= self._hold_until_s:
            self.suspicions += 1
            if self.suspicions >= 2:
                return self._begin_trial(window, now, accepted=self.losses.accepted)
        return None

    # --- trials

    def _begin_trial(self, window: LossWindow, now: Situation, *, accepted: float) -> Order:
        sending = window.send_rate or now.rate
        before = Before(window.loss, sending, now.rate, accepted)
        shrink = 0.85 if window.loss - accepted < 0.15 else 0.7
        rate = shrink * min(now.rate, sending)
        if now.is_startup:
            shrink = 0.5
            rate = min(0.5 * min(now.rate, sending), before.delivering / max(0.02, 1 - accepted))
        return Order(self._start_trial(before, shrink, rate, 0, now))

    def _start_trial(self, before: Before, shrink: float, rate: float, repeats: int, now: Situation) -> float:
        self.losses.restart()
        self._trial = LossTrial(
            before,
            shrink=shrink,
            first_pn=now.next_pn,
            burst_factor=self.losses.burstiness.factor * self.losses.boost,
            span_min_s=now.rtt_min_s / 2,
            repeats=repeats,
        )
        return max(rate, now.rate_min)

    def _end_trial(self, trial: LossTrial, verdict: Verdict, now: Situation) -> Order:
        before, losses = trial.before, self.losses
        self._trial = None
        losses.restart()
        if verdict is Verdict.UNSURE:
            again = Before(trial.loss, trial.sending, before.rate, before.accepted)
            rate = 0.85 * min(now.rate, trial.sending)
            return Order(self._start_trial(again, 0.85, rate, trial.repeats + 1, now), settles=True)
        self.suspicions = 0
        if verdict is Verdict.CONGESTION:
            return self._take_ceiling(before, now)
        are_alike = abs(trial.loss - before.loss) < 0.1
        losses.accepted = (trial.loss + before.loss) / 2 if are_alike else trial.loss
        losses.accepted_rate = before.sending
        losses.widen()
        self._verify_wait_s = min(30.0, max(1.0, 12 * now.rtt_min_s, 3 * self._verify_wait_s))
        self._verify_at_s = now.now_s + self._verify_wait_s
        return Order(before.rate, settles=True)

    def _take_ceiling(self, before: Before, now: Situation) -> Order:
        """The bottleneck drops above this rate without a queue that could be seen: stay below it for a while."""
        ceiling = min(before.delivering / max(0.02, 1 - before.accepted), before.rate)
        is_again = self._ceiling > 0 and abs(ceiling / self._ceiling - 1) < 0.12
        self._hold_factor = min(4, 2 * self._hold_factor) if is_again else 1
        self._ceiling = ceiling
        self._hold_until_s = now.now_s + self._hold_factor * max(8 * now.rtt_min_s, 1.0)
        self._verify_wait_s = 0.0
        # what drops without a queue may have dropped what was accepted, too
        self._verify_at_s = self._hold_until_s if before.accepted > QUESTIONED_LOSS else math.inf
        self._held = max(0.98 * ceiling, now.rate_min)
        return Order(self._held, capacity=self._held, settles=True, ends_startup=now.is_startup)
