"""The queue that a path keeps standing at its bottleneck: how long it is to be, and when it is drained.

Theory of operation. The target rises by one step for each halving of the rate, so that of two flows on a line, which
see the same queue, the smaller one wants a little more of it. That is the whole force towards equal shares, so the
target never stops rising, though it comes near to a bound. It works only while both know the same base delay: one that
begins in another's queue takes that queue for the base; it sees less of it than there is, and so gets more. So the
queue is drained now and then, and by all at the same time: when the receiver's clock, which all flows to one receiver
are told, passes a multiple of the same span. Each by itself would only make room for the others.

The force is weak on a long way, whose rate is set anew but four times a second. Yet where the queue stays between the
targets of two flows, its distance from each lasts, and for a flow alone it does not; so what lasts of it is weighed
more (`LastingDistance`), though only where a drain has just found the base delay as it was known: else the distance
may be nothing but an error of that.

A queue that is gone is seen a round trip later, and on a long way the line stands idle meanwhile. So a drain ends as
soon as so little has gone that the queue must be empty. Only who knows the base delay can tell: two drains have found
it as it was, and the capacity has not changed since, as it does when another flow comes or goes.
"""

from __future__ import annotations

import math
from functools import lru_cache

QUEUE_TARGET_MIN_S = 0.003  # less is not told apart from two programs' own pauses
STEP = 1.6  # for each halving of the rate: of a twentieth of the round trip and this,
STEP_MORE_S = 0.0008
STEP_RTT = 0.075  # but no more of the round trip: beside CUBIC a short one's buffer is soon full
NO_QUEUE_LOG2_MBPS = 8.0  # a path of so many doublings of a megabit per second would need none
PACKETS_MIN = 2.5
PACKETS_MIN_S = 0.030
MOST_RTT, MOST_S = 0.25, 0.018  # the longest queue: a part of the round trip, and this
STEPS_IN_MOST = 4.4  # so many halvings fit below it, or flows on a slow line would all want the same;
STEPS_A_SECOND, STEPS_MOST = 13.0, 7.0  # and more on a longer way, up to this
BEND = 0.8  # of the longest: from here on it is only come near to
EVERY_MIN_S = 4.0
EVERY_RTTS = 20
DRAIN_RATE = 0.75  # of the capacity
DRAIN_ROUNDS = 3
EMPTY = 0.1  # of the target
ABOUT = 0.25  # of the target: so far off a base delay is still about as it was known
SLACK = 0.25  # of the target more than is predicted to be there
SAME_CAPACITY = 0.1
CONFIRMED = 2  # drains that have to have found the base delay as it was known
LONG_RTT_S = 0.1  # on a shorter way the idle time is short, and flows come to equal shares sooner by whole drains
LASTING_GAIN = 3.0  # for what lasts of the queue's distance from its target,
LASTING_RTT_S = 0.2  # less of it on a shorter way, where equal shares come soon without
LASTING_ROUNDS = 10  # round trips and queues, over which it is averaged
LASTING_MOST = 0.5  # of the target
_KNEE = 1 / math.log(2)  # from here on the target falls as the rate grows, without a bend


@lru_cache(maxsize=256)  # asked for several times a turn, with figures that change once an acknowledgement
def queue_target_s(rtt_s: float, rate: float, packet_bytes: int) -> float:
    """The queue to keep standing at that least round trip and rate, bytes per second."""
    halvings = NO_QUEUE_LOG2_MBPS - math.log2(max(rate * 8e-6, 1e-3))
    if halvings < _KNEE:
        halvings = _KNEE * 2 ** (halvings - _KNEE)
    most = MOST_RTT * rtt_s + MOST_S
    steps = min(STEPS_MOST, STEPS_IN_MOST + STEPS_A_SECOND * rtt_s)
    step = min(STEP * min(rtt_s / 20 + STEP_MORE_S, STEP_RTT * rtt_s), most / steps)
    by_rtt, bend = step * halvings, BEND * most
    if by_rtt > bend:
        by_rtt = most - (most - bend) * math.exp((bend - by_rtt) / (most - bend))
    by_packets = min(PACKETS_MIN * packet_bytes / max(rate, 1.0), PACKETS_MIN_S)
    return max(by_rtt, by_packets, QUEUE_TARGET_MIN_S)


class Drain:
    """When the queue is drained, and for how many rounds."""

    def __init__(self) -> None:
        self.had_nothing_to_do = False  # at a turn, of which the queue was empty anyway
        self._turn: int | None = None
        self._rounds = 0

    @property
    def is_under_way(self) -> bool:
        """Whether the queue is being drained."""
        return self._rounds > 0

    def on_round(self, receiver_clock_s: float, rtt_min_s: float, is_empty: bool) -> bool | None:
        """Whether to drain in the next round; None at the end of a drain. A queue that is empty anyway is not drained.

        The least round trip decides how often, by a power of two, so that flows of different round trips meet.
        """
        if self._rounds == 0:
            every_s = max(EVERY_MIN_S, 2.0 ** math.ceil(math.log2(max(EVERY_RTTS * rtt_min_s, 1e-3))))
            before, self._turn = self._turn, int(receiver_clock_s / every_s)
            if before is None or before == self._turn:
                return False
            if is_empty:
                self.had_nothing_to_do = True
                return False
        elif is_empty or self._rounds >= DRAIN_ROUNDS:
            self._rounds = 0
            return None
        self._rounds += 1
        return True


class DrainLength:
    """How long the rate is lowered in a drain. Times in seconds, `capacity` in bytes per second."""

    def __init__(self) -> None:
        self._over_s = math.inf
        self._base_before_s: float | None = None  # as the drain under way began
        self._confirmed_at = 0.0  # the capacity when a drain found the base delay as it was known
        self._confirmed = 0  # how often in a row
        self.has_found_base = False  # the last drain, about as it was known
        self.has_ended = False  # any drain

    def begin(
        self, now_s: float, rtt_min_s: float, queue_s: float, target_s: float, base_s: float, capacity: float
    ) -> None:
        """A drain begins, with that queue ahead of what is sent now; nothing happens if one is under way."""
        if self._base_before_s is not None:
            return
        self._base_before_s, self._over_s = base_s, math.inf
        if self._confirmed >= CONFIRMED and rtt_min_s >= LONG_RTT_S and self._is_same(capacity):
            self._over_s = now_s + (queue_s + SLACK * target_s) / (1 - DRAIN_RATE)

    def is_over(self, now_s: float) -> bool:
        """Whether so little has gone that the queue is empty, though that is yet to be seen."""
        return now_s >= self._over_s

    def end(self, target_s: float, base_s: float, capacity: float, is_empty: bool) -> None:
        """The drain is over; it found this base delay, and the queue empty or not."""
        before_s, self._base_before_s, self._over_s = self._base_before_s, None, math.inf
        self.has_ended = True
        error_s = abs(base_s - before_s) if before_s is not None and is_empty else math.inf
        self.has_found_base = error_s < ABOUT * target_s
        is_right = error_s < EMPTY * target_s
        self._confirmed = self._confirmed + 1 if is_right and self._is_same(capacity) else int(is_right)
        self._confirmed_at = capacity

    def _is_same(self, capacity: float) -> bool:
        return abs(capacity - self._confirmed_at) < SAME_CAPACITY * self._confirmed_at

    def forget(self) -> None:
        """The base delay has become another, or was not to be seen for a while."""
        self._base_before_s, self._confirmed, self.has_found_base = None, 0, False


class LastingDistance:
    """How far below its target the queue stays, on the average of some rounds. Times in seconds."""

    def __init__(self) -> None:
        self._distance_s = 0.0
        self._learned_s: float | None = None  # when

    def on_round(self, now_s: float, distance_s: float, round_s: float) -> None:
        """The queue is so far below its target at the end of a round, which takes about that long."""
        if self._learned_s is not None:
            part = min(1.0, (now_s - self._learned_s) / (LASTING_ROUNDS * round_s))
            self._distance_s += part * (distance_s - self._distance_s)
        self._learned_s = now_s

    def pause(self) -> None:
        """The queue is being filled again: what is seen of it tells nothing."""
        self._learned_s = None

    def forget(self) -> None:
        """What has been seen means nothing any more."""
        self._distance_s, self._learned_s = 0.0, None

    def weighed_s(self, rtt_s: float, target_s: float) -> float:
        """What to add to the distance that is steered by."""
        most_s = LASTING_MOST * target_s
        return LASTING_GAIN * min(1.0, rtt_s / LASTING_RTT_S) * max(-most_s, min(most_s, self._distance_s))
