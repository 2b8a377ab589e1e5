"""How a small queue is held at the bottleneck, and how more capacity is found where none shows.

Theory of operation. At the end of each round the queue is either seen, and then the rate at which packet numbers
arrived is the capacity; or it is not, and then more may be there: if faster sending arrived as fast as it was sent,
that is the capacity, and the next step is larger. The queue that is steered by is the one that will be found by what is
sent now, and the rate is set so that it comes to its target within the time until the next round (see `congestion`).
Now and then the queue is drained, and let fill again (see `standing_queue`).

Rates are bytes per second in sent terms (lost packets included), times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.protocol.recovery.capacity import Round, round_span_s
from transfer_core.protocol.recovery.standing_queue import DRAIN_RATE, EMPTY, Drain, DrainLength, LastingDistance
from transfer_core.protocol.recovery.start import QUEUE_SEEN

GAIN = 0.5
LEAD = 0.5  # of what the rate is steered by is expected to arrive: a share of a line follows the rate
LEAD_RTT_S = 0.060  # less of it on a shorter way, whose queue would swing
STEER_LEAST, STEER_MOST = 0.5, 1.25  # of the capacity
REFILL_ROUNDS = 3  # after a drain a queue that is empty does not mean that more would go
AS_TOLD_LEAST, AS_TOLD_MOST = 0.8, 1.15  # of what the opening train or the newest queue told
MISSES_MOST = 3  # rounds in which no more arrived, until growth begins anew


@dataclass(frozen=True, slots=True)
class Standing:
    """How a path stands at the end of a round."""

    now_s: float
    receiver_clock_s: float
    rate: float
    queue_s: float
    base_s: float  # the delay without a queue
    target_s: float
    rtt_min_s: float
    wander_s: float  # of the delay, where that is enough to be mistaken for a queue
    under_way_bytes: float  # sent after the newest acknowledged packet,
    elapsed_s: float  # since that was sent


class Cruise:
    """Holds one path's queue. Owns no clock and no packets."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.told: float | None = None  # the capacity, by the opening train or the newest queue
        self._has_queue = False
        self._speed_up = 1.0
        self._rises = 0
        self._misses = 0
        self._drain = Drain()
        self._drain_length = DrainLength()
        self._refill_rounds = 0
        self._lasting = LastingDistance()

    # --- what others read

    @property
    def is_growing(self) -> bool:
        """Whether faster sending has arrived as fast as it was sent."""
        return self._rises > 0

    @property
    def is_leaping(self) -> bool:
        """Whether the steps grow."""
        return self._speed_up > 1

    @property
    def is_draining(self) -> bool:
        """Whether the queue is being drained."""
        return self._drain.is_under_way

    @property
    def is_drained(self) -> bool:
        """Whether the queue is empty, or nearly, on purpose."""
        return self._drain.is_under_way or self._refill_rounds > 0

    def has_drained_enough(self, now_s: float) -> bool:
        """Whether the drain that is under way has done its work, though that is yet to be seen."""
        return self._drain.is_under_way and self._drain_length.is_over(now_s)

    # --- what happens to it

    def begin(self, capacity: float) -> None:
        """A queue has shown, and this is the capacity."""
        self.capacity = capacity
        self._has_queue = True
        self.settle()

    def begin_below_a_ceiling(self) -> None:
        """The rate is limited without a queue."""
        self._has_queue = False
        self.settle()

    def settle(self) -> None:
        """Growth begins anew."""
        self._speed_up, self._rises, self._misses = 1.0, 0, 0

    def forget_base(self) -> None:
        """The delay without a queue has become another, or was not to be seen for a while."""
        self._drain_length.forget()

    # --- rounds

    def learn(self, measured: Round, now: Standing, kept: float) -> None:
        """What a round tells of the capacity; of what arrived, `kept` is what was not dropped at a full queue."""
        if now.queue_s > QUEUE_SEEN * now.target_s:
            if kept == 1.0 and _is_own_rate(measured, now):
                self.capacity = max(self.capacity, min(measured.arriving, measured.sending))
            else:
                arriving = measured.arriving * kept
                is_sure = not self._has_queue and not now.wander_s
                self.capacity = arriving if is_sure else (self.capacity + arriving) / 2
            self._has_queue, self._speed_up, self._rises = True, 1.0, 0
            self._refill_rounds, self.told = 0, self.capacity
        elif self._refill_rounds:
            self._refill_rounds -= 1
        else:
            self._has_queue = False
            self._look_for_more(measured)

    def _look_for_more(self, measured: Round) -> None:
        """No queue: if more than the capacity known so far is sent and arrives, that is the capacity."""
        if measured.sending > 1.02 * self.capacity and measured.arriving > 0.85 * measured.sending:
            self.capacity = measured.sending
            self._rises += 1
            self._misses = 0
            self._speed_up = 1.0 if self._is_as_told() else min(2 * self._speed_up, 8.0)
            return
        self._misses += 1
        if self._misses >= MISSES_MOST:
            self._rises, self._speed_up = 0, 1.0

    def _is_as_told(self) -> bool:
        """Whether the capacity is about what the opening train or the newest queue told: then there is little more to
        be found, or another flow has made room for a while, and a leap would fill the queue."""
        if self.told is None:
            return False
        if not self._drain_length.has_ended and not self._drain.had_nothing_to_do:
            return True  # another's queue may be taken for the base delay, so that its end is not seen
        return AS_TOLD_LEAST * self.told < self.capacity < AS_TOLD_MOST * self.told

    def drained_rate(self, now: Standing) -> float | None:
        """The rate of the next round if the queue is to be drained in it, so that the base delay is seen again."""
        is_empty = now.queue_s < EMPTY * now.target_s
        drains, length = self._drain.on_round(now.receiver_clock_s, now.rtt_min_s, is_empty), self._drain_length
        if drains:
            length.begin(now.now_s, now.rtt_min_s, self._predicted_s(now), now.target_s, now.base_s, self.capacity)
            return (1.0 if length.is_over(now.now_s) else DRAIN_RATE) * self.capacity
        if drains is None:
            self._refill_rounds = REFILL_ROUNDS
            length.end(now.target_s, now.base_s, self.capacity, is_empty)
        return None

    def grown_rate(self, now: Standing) -> float:
        """The rate of the next round where more has been found in one after the other."""
        span_s = max(now.rtt_min_s, 2 * now.target_s, round_span_s(now.wander_s) / 2)
        step = min(1.5, 1 + GAIN * self._speed_up * now.target_s / span_s)
        return min(now.rate * step, 1.8 * self.capacity)

    def steered_rate(self, now: Standing, most: float = STEER_MOST) -> float:
        """The rate of the next round that brings the queue to its target; up to `most` of the capacity."""
        # the rate stays until the next round ends, so that is the least time to put the queue right in
        span_s = max(now.rtt_min_s, 2 * now.target_s, round_span_s(now.wander_s))
        factor = 1 + GAIN * (now.target_s - self._predicted_s(now) + self._lasting_s(now)) / span_s
        if now.wander_s and not self._has_queue:
            factor = max(factor, 1.05)  # enough to find out whether more arrives
        factor = min(most, max(STEER_LEAST, factor))
        rate = self.capacity * factor
        if self._has_queue and most > 1:
            self.capacity *= 1 + LEAD * min(1.0, now.rtt_min_s / LEAD_RTT_S) * (factor - 1)
        return rate

    def _lasting_s(self, now: Standing) -> float:
        if not self._has_queue or not self._drain_length.has_found_base:
            self._lasting.forget()
        elif self._refill_rounds:
            self._lasting.pause()
        else:
            self._lasting.on_round(now.now_s, now.target_s - now.queue_s, now.rtt_min_s + now.target_s)
        return self._lasting.weighed_s(now.rtt_min_s, now.target_s)

    def _predicted_s(self, now: Standing) -> float:
        """The queue as it will be found by what is sent now."""
        return max(0.0, now.queue_s + now.under_way_bytes / max(self.capacity, 1.0) - now.elapsed_s)


def _is_own_rate(measured: Round, now: Standing) -> bool:
    """Where the delay wanders, what looks like a queue may be none. Then arrivals tell only of the rate that was sent
    at, which the link carries; unless they are slower than that by more than wandering explains."""
    if not now.wander_s or now.queue_s > 2 * (now.target_s + now.wander_s):
        return False
    tolerance = min(0.2, max(0.05, 2.8 * now.wander_s / measured.span_s))
    return measured.arriving > (1 - tolerance) * measured.sending
