"""How fast a path may send: capacity is read from the receiver's clock, and a small queue is kept standing.

Theory of operation. While a small queue stands at the bottleneck, the link is always full, and the rate at which
packet numbers arrive is its capacity (see `capacity`): no probing is needed in steady state. The controller steers
the queue that it predicts from what is sent but not yet reflected in the newest acknowledgement,

    q_p = max(0, q + X / C - T)        X bytes sent after the newest acknowledged packet, T time since that was sent
    r   = C (1 + K (q_t - q_p) / max(RTT_min, 2 q_t))

which takes the delay out of the loop; steering by the measured queue swings for ever. The target q_t falls with the
logarithm of the rate, so that flows on one line come to equal shares, and the queue is drained now and then, so that
the base delay stays known (see `standing_queue`). A flow that shares a line gets as it sends; so half of each change of
the rate (less on a short way) is taken for a change of its capacity at once, which halves the time to equal shares. No
queue seen: if faster sending arrives as fast as it is sent, the rate grows, faster each time.

STARTUP finds the rate (see `start`). CRUISE holds the queue. Loss is no sign of congestion while the queue explains
itself; a rise without a queue is put on trial (see `loss_response`), and a rate that proved too high is a ceiling,
approached again in small steps. COMPETE holds a window beside a flow that fills the buffer (`company`).

After a pause of more than ten seconds a path begins anew, yet at half of what it carried, as RFC 9959 (careful resume)
has it: a train goes with the first data, and tells a round trip later what of the rest is still there.

Rates are bytes per second in sent terms (lost packets included), times are seconds.
"""

from __future__ import annotations

from enum import Enum, auto

from transfer_core.protocol.recovery.capacity import (
    QUEUE_WINDOW_MIN_S,
    QueueMeter,
    Round,
    RoundMeter,
    Sample,
    are_mixed,
    round_span_s,
)
from transfer_core.protocol.recovery.company import Competition, Finding, QueueWatch
from transfer_core.protocol.recovery.loss import LossWindows
from transfer_core.protocol.recovery.loss_response import LossResponse, Situation
from transfer_core.protocol.recovery.rtt import RttEstimator
from transfer_core.protocol.recovery.sent_packets import InOrder
from transfer_core.protocol.recovery.standing_queue import (
    DRAIN_RATE,
    EMPTY,
    Drain,
    DrainLength,
    LastingDistance,
    queue_target_s,
)
from transfer_core.protocol.recovery.start import (
    QUEUE_SEEN,
    RATE_MAX,
    SHORT_OF_DATA,
    Found,
    Seen,
    Start,
    filling_rate,
    may_be_jitter,
)
from transfer_core.units import NS_PER_S

GAIN = 0.5
LEAD = 0.5  # of what the rate is steered by is expected to arrive: a share of a line follows the rate
LEAD_RTT_S = 0.060  # less of it on a shorter way, whose queue would swing
REFILL_ROUNDS = 3  # after a drain a queue that is empty does not mean that more would go
TRAIN_PACKETS = 10
AS_TOLD_LEAST, AS_TOLD_MOST = 0.8, 1.15  # of what the opening train or the newest queue told
BURST_ROOM_PACKETS = 132  # three bursts of 44: a fast path's acknowledgements come in lumps
WANDER_MATTERS = 0.1  # of the queue target
STALL_PACKETS = 3  # a gap between acknowledgements in which so many would have gone is no stall
STALL_LOSS_MAX = 0.05
PAUSE_S = 0.1  # a round that spans more of a pause than this is void
IDLE_KEPT_S = 10.0
COMPANY_LOSS_MAX = 0.1  # a flow that fills buffers lives on no such path; few acknowledgements get through, though
IDLE_FORGOTTEN_S = 600.0
RESUMED_SHARE = 0.5  # of a capacity that was known before a pause, until a train has told it anew (RFC 9959)
RESUMED_RTTS_MAX, RESUMED_RTT_SLACK_NS = 2, 20_000_000


class Mode(Enum):
    """What the controller is doing."""

    STARTUP = auto()
    CRUISE = auto()
    COMPETE = auto()


class Congestion:
    """One path's controller. Owns no clock, no packets, no count of what is in flight."""

    def __init__(self, rtt: RttEstimator, packet_bytes: int) -> None:
        self.mode = Mode.STARTUP
        self.packet_bytes = packet_bytes
        self.rtt = rtt
        self.lateness_s = 0.0
        self.queue = QueueMeter()
        self.response = LossResponse()
        self._rounds = RoundMeter()
        self.rate = self._opening_rate()
        self.capacity = self.rate
        self._last: Sample | None = None
        self._start = Start(self.rate)
        self._told: float | None = None  # the capacity, by the opening train or the newest queue
        self._was_saturated = False
        self._speed_up = 1.0
        self._rises = 0
        self._misses = 0
        self._has_braked = False
        self._drain = Drain()
        self._drain_length = DrainLength()
        self._refill_rounds = 0
        self._lasting = LastingDistance()
        self._watch = QueueWatch()
        self._competition: Competition | None = None
        self._capacity_most = self.capacity  # of late

    # --- what others read

    @property
    def rtt_min_s(self) -> float:
        """The least round trip."""
        return self.rtt.min_ns / NS_PER_S

    @property
    def losses(self) -> LossWindows:
        """Loss, and what of it is accepted as the path's own."""
        return self.response.losses

    @property
    def needs_train(self) -> bool:
        """Whether nothing has told the order of the rate so far."""
        return self.mode is Mode.STARTUP and not self._start.has_train

    @property
    def queue_target_s(self) -> float:
        """The queue to keep standing."""
        return queue_target_s(self.rtt.min_ns / NS_PER_S, self.rate, self.packet_bytes)

    def in_flight_cap_bytes(self, reorder_s: float, ack_gap_s: float) -> float:
        """A safety net only, never the regulator."""
        if self._competition is not None:
            return self._competition.window + self.rate * ack_gap_s
        standing_s = 1.5 * (self.rtt_min_s + 2 * self.queue_target_s) + reorder_s + 4 * ack_gap_s + 0.010
        return BURST_ROOM_PACKETS * self.packet_bytes + self.rate * standing_s

    # --- what it learns from

    def on_sample(self, sample: Sample) -> None:
        """Learn from an acknowledgement of something new, and set the rate anew when a round is over."""
        if self._last is None:
            self.rate = max(self.rate, self._opening_rate())  # the round trip was a guess before
        stalled_s = self._stalled_s(sample)
        self._last = sample
        self.queue.on_sample(sample, self.rtt_min_s, self.lateness_s, self.queue_target_s, stalled_s)
        if self.rtt.latest_ns is not None:
            self.queue.limit((self.rtt.latest_ns - self.rtt.min_ns) / NS_PER_S)
        target_s = self.queue_target_s
        if self.queue.queue_s > 1.5 * target_s:
            self.response.long_queue_s = sample.now_s
        if sample.dispersion is not None and not self._start.has_train:
            self._take_train(sample.dispersion)
        measured = self._rounds.on_sample(
            sample, self.rtt_min_s, self.lateness_s, self._wander_s(), is_growing=self.mode is Mode.STARTUP
        )
        if measured is not None:
            self._has_braked = False
            self._end_round(sample, measured)
        elif not self._has_braked and (self.mode is Mode.STARTUP or self._speed_up > 1):
            self._brake(sample)
        drains = self._drain.is_under_way and self.mode is Mode.CRUISE and not self.response.is_trying
        if drains and self._drain_length.is_over(sample.now_s):
            self.rate = max(self.rate, self.capacity)

    def _stalled_s(self, sample: Sample) -> float:
        """How much longer than usual nothing was heard: so long either program may have let packets lie. Where much is
        lost, acknowledgements are, too, so that a gap tells nothing."""
        if self._last is None or sample.loss > STALL_LOSS_MAX:
            return 0.0
        usual_s = max(self.rtt_min_s, QUEUE_WINDOW_MIN_S, STALL_PACKETS * self.packet_bytes / self.rate)
        return max(0.0, sample.now_s - self._last.now_s - usual_s)

    def on_final(self, part: InOrder, now_s: float) -> None:
        """Packets have found their final fate, in order."""
        if self._competition is not None:
            srtt_s = self.rtt.smoothed_ns / NS_PER_S
            self._competition.on_final(part.lost, part.lost + part.acked, self.losses.accepted, now_s, srtt_s)
            return
        order = self.response.on_final(part, self._situation(now_s))
        if order is None:
            return
        self.rate = order.rate
        if order.capacity is not None:
            self.capacity = order.capacity
        if order.settles:
            self._rounds.restart()
            self._speed_up, self._rises, self._misses = 1.0, 0, 0
        if order.ends_startup:
            self.mode = Mode.CRUISE
            self._was_saturated = False

    def _situation(self, now_s: float) -> Situation:
        return Situation(
            now_s=now_s,
            rate=self.rate,
            queue_s=self.queue.queue_s,
            target_s=self.queue_target_s,
            is_startup=self.mode is Mode.STARTUP,
            is_growing=self._rises > 0,
            dispersion=self._start.dispersion,
            rtt_min_s=self.rtt_min_s,
            srtt_s=self.rtt.smoothed_ns / NS_PER_S,
            lateness_s=self.lateness_s,
            next_pn=self._last.next_pn if self._last is not None else 0,
            packet_bytes=self.packet_bytes,
            is_drained=self._drain.is_under_way or self._refill_rounds > 0,
        )

    def on_resume(self) -> None:
        """The path answers again after a silence: go on at the saved rate; what was being measured is void."""
        self._rounds.restart()
        self.queue.forget_recent()
        self._speed_up, self._rises, self._misses = 1.0, 0, 0
        rate_before = self.response.give_up()
        if rate_before is not None:
            self.rate = rate_before

    def on_idle(self, idle_s: float) -> bool:
        """The path is used again after a pause; True if it has to begin with a train."""
        if idle_s > self.rtt_min_s + PAUSE_S:
            self._rounds.restart()
            if self.mode is Mode.CRUISE and not self.response.is_trying:
                self.rate = max(self.rate, self.capacity)  # it may have been draining a queue that is gone by now
        train = self._start.dispersion
        if self.mode is Mode.STARTUP and train is not None and idle_s <= IDLE_KEPT_S:
            # it went ahead of the data
            self.rate = max(self.rate, filling_rate(train, self.rtt_min_s, self.packet_bytes))
        if self.needs_train and idle_s > min(self.rtt_min_s + PAUSE_S, IDLE_KEPT_S):
            return True  # what has gone so far was not enough to learn anything from
        if idle_s <= IDLE_KEPT_S:
            return False
        known = 0.0 if idle_s > IDLE_FORGOTTEN_S or not self._is_same_way() else self._known_capacity()
        if self._competition is not None:
            self._leave_competition()
        self.mode = Mode.STARTUP
        self.rate = self.capacity = max(self._opening_rate(), RESUMED_SHARE * known)
        self._start, self._told = Start(self.rate), None
        return True

    def _known_capacity(self) -> float:
        """What the path carried before a pause, or a train that went ahead of the data told of it; 0 for nothing."""
        return self.capacity if self.mode is not Mode.STARTUP else self._start.dispersion or 0.0

    def _is_same_way(self) -> bool:
        """Whether the round trip, which pings tell in a pause, is about what it was when the capacity was known."""
        latest_ns, least_ns = self.rtt.latest_ns, self.rtt.min_ns
        return latest_ns is not None and latest_ns < RESUMED_RTTS_MAX * least_ns + RESUMED_RTT_SLACK_NS

    # --- rounds

    def _opening_rate(self) -> float:
        return TRAIN_PACKETS * self.packet_bytes / max(self.rtt_min_s, 0.001)

    def _take_train(self, dispersion: float) -> None:
        rate = self._start.on_train(dispersion, self.rate)
        if self.mode is Mode.STARTUP:
            self.rate, self._told = rate, self._start.told

    def _brake(self, sample: Sample) -> None:
        """A queue has shown while growing: settle at once, not at the round's end."""
        if self.queue.queue_s <= 0.7 * self.queue_target_s:
            return
        measured = self._rounds.so_far(sample)
        if measured is None or not self._is_filling(measured) or measured.span_s < 8 * self._wander_s():
            return
        if self.mode is Mode.STARTUP and self._may_be_jitter(measured):
            return
        self._has_braked = True
        keeps = self.mode is Mode.CRUISE and self._wander_s() > 0  # part of a round tells too little there
        self._cruise(sample, self.capacity if keeps else measured.arriving)

    def _is_filling(self, measured: Round) -> bool:
        """While growing a queue that is one shows in the rates, too; or else is so long that there's no doubt."""
        kept = 0.85 if are_mixed(self.lateness_s, self.rtt_min_s) else 0.95
        return measured.arriving < kept * measured.sending or self.queue.queue_s > 2 * self.queue_target_s

    def _end_round(self, sample: Sample, measured: Round) -> None:
        if self.mode is Mode.STARTUP:
            self._startup_round(sample, measured)
        elif self._competition is not None:
            self._compete_round(self._competition, sample, measured)
        elif self._is_not_ours(sample, measured):
            pass
        else:
            self._cruise_round(sample, measured)
        self.rate = min(RATE_MAX, max(self.rate, self.packet_bytes / max(self.rtt_min_s, 0.010)))

    def _startup_round(self, sample: Sample, measured: Round) -> None:
        found = self._start.on_round(measured, self._seen(measured))
        if isinstance(found, Found):
            self._cruise(sample, found.capacity)
        else:
            self.rate = found

    def _may_be_jitter(self, measured: Round) -> bool:
        jitter_s = self.rtt.jitter_ns / NS_PER_S - self.packet_bytes / self.rate  # what packets wait for each other
        return may_be_jitter(measured.packets, self.queue.queue_s, self.queue_target_s, jitter_s)

    def _seen(self, measured: Round) -> Seen:
        tells = not self._may_be_jitter(measured)
        return Seen(
            rate=self.rate,
            queue_s=self.queue.queue_s if tells else 0.0,
            target_s=self.queue_target_s,
            rtt_min_s=self.rtt_min_s,
            packet_bytes=self.packet_bytes,
            is_filling=tells and self._is_filling(measured),
            is_mixed=are_mixed(self.lateness_s, self.rtt_min_s),
            is_calm=self.response.suspicions == 0 and not self.response.is_trying,
        )

    def _cruise(self, sample: Sample, capacity: float) -> None:
        """Begin to hold the queue, at first without a rise."""
        self.mode = Mode.CRUISE
        self.capacity = capacity
        self._was_saturated, self._speed_up, self._rises, self._misses = True, 1.0, 0, 0
        if not self.response.is_trying:
            self._steer(sample, most=1.0)

    def _steer(self, sample: Sample, most: float = 1.25) -> None:
        target_s = self.queue_target_s
        predicted_s = self._predicted_s(sample)
        # the rate stays until the next round ends, so that is the least time to put the queue right in
        span_s = max(self.rtt_min_s, 2 * target_s, round_span_s(self._wander_s()))
        lasting_s = self._lasting_s(sample.now_s, target_s)
        factor = 1 + GAIN * (target_s - predicted_s + lasting_s) / span_s
        if self._wander_s() and not self._was_saturated:
            factor = max(factor, 1.05)  # enough to find out whether more arrives
        factor = min(most, max(0.5, factor))
        self.rate = self.capacity * factor
        if self._was_saturated and most > 1:
            self.capacity *= 1 + LEAD * min(1.0, self.rtt_min_s / LEAD_RTT_S) * (factor - 1)

    def _lasting_s(self, now_s: float, target_s: float) -> float:
        if not self._was_saturated or not self._drain_length.has_found_base:
            self._lasting.forget()
        elif self._refill_rounds:
            self._lasting.pause()
        else:
            self._lasting.on_round(now_s, target_s - self.queue.queue_s, self.rtt_min_s + target_s)
        return self._lasting.weighed_s(self.rtt_min_s, target_s)

    def _predicted_s(self, sample: Sample) -> float:
        """The queue as it will be found by what is sent now."""
        under_way = sample.bytes_sent - sample.bytes_through
        elapsed_s = sample.now_s - sample.largest_tx_s
        return max(0.0, self.queue.queue_s + under_way / max(self.capacity, 1.0) - elapsed_s)

    def _is_short_of_data(self, measured: Round) -> bool:
        return max(measured.sending, measured.arriving) < SHORT_OF_DATA * self.rate

    def _cruise_round(self, sample: Sample, measured: Round) -> None:
        target_s = self.queue_target_s
        if self.queue.queue_s > QUEUE_SEEN * target_s:
            kept = self._kept_at_overflow(measured)
            arriving = measured.arriving * kept
            if kept == 1.0 and self._is_own_rate(measured):
                self.capacity = max(self.capacity, min(measured.arriving, measured.sending))
            else:
                is_sure = not self._was_saturated and not self._wander_s()
                self.capacity = arriving if is_sure else (self.capacity + arriving) / 2
            self._was_saturated, self._speed_up, self._rises = True, 1.0, 0
            self._refill_rounds, self._told = 0, self.capacity
        elif self._refill_rounds:
            self._refill_rounds -= 1
        else:
            self._was_saturated = False
            self._look_for_more(measured)
        is_held = self.response.is_holding(sample.now_s) and self.queue.queue_s <= target_s
        if self.response.is_trying or (not is_held and self._drains(sample)):
            return
        before, is_short = self.rate, self._is_short_of_data(measured)
        if self._speed_up > 1 and self.response.suspicions == 0:
            self._grow(sample.now_s, target_s)
        else:
            self._steer(sample, most=1.0 if self.response.suspicions else 1.25)
            self.rate = min(self.rate, self.response.step_limit(sample.now_s, before))
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
            self._speed_up = 1.0 if self._is_as_told() else min(2 * self._speed_up, 8.0)
            return
        self._misses += 1
        if self._misses >= 3:
            self._rises, self._speed_up = 0, 1.0

    def _is_as_told(self) -> bool:
        """Whether the capacity is about what the opening train or the newest queue told: then there is little more to
        be found, or another flow has made room for a while, and a leap would fill the queue."""
        if self._told is None:
            return False
        if not self._drain_length.has_ended and not self._drain.had_nothing_to_do:
            return True  # another's queue may be taken for the base delay, so that its end is not seen
        return AS_TOLD_LEAST * self._told < self.capacity < AS_TOLD_MOST * self._told

    def _grow(self, now_s: float, target_s: float) -> None:
        span_s = max(self.rtt_min_s, 2 * target_s, round_span_s(self._wander_s()) / 2)
        step = min(1.5, 1 + GAIN * self._speed_up * target_s / span_s)
        self.rate = min(self.rate * step, 1.8 * self.capacity, self.response.step_limit(now_s, self.rate))

    def _drains(self, sample: Sample) -> bool:
        """Now and then empty the queue, so that the base delay is seen again."""
        is_empty = self.queue.queue_s < EMPTY * self.queue_target_s
        drains = self._drain.on_round(sample.receiver_clock_s, self.rtt_min_s, is_empty)
        if drains:
            length, target_s = self._drain_length, self.queue_target_s
            queue_s = self._predicted_s(sample)
            length.begin(sample.now_s, self.rtt_min_s, queue_s, target_s, self.queue.base_s, self.capacity)
            self.rate = (1.0 if length.is_over(sample.now_s) else DRAIN_RATE) * self.capacity
        elif drains is None:
            self._watch.on_drained()
            self._refill_rounds = REFILL_ROUNDS
            self._drain_length.end(self.queue_target_s, self.queue.base_s, self.capacity, is_empty)
        return bool(drains)

    def _is_not_ours(self, sample: Sample, measured: Round) -> bool:
        """The queue does not obey: then it is a longer way, or somebody else's."""
        self._capacity_most = max(self.capacity, self._capacity_most * (1 - min(1.0, measured.span_s / 30)))
        much = 1.2 * self._opening_rate()
        finding = self._watch.on_round(self.queue.queue_s, self.queue_target_s, self.rtt_min_s, self.rate, much)
        if finding is Finding.NOTHING or self._is_short_of_data(measured):
            return False
        if finding is Finding.COMPANY and self.losses.accepted > COMPANY_LOSS_MAX:
            return False
        rate_before = self._watch.rate_before
        self._watch.forget()
        if finding is Finding.LONGER_WAY:
            self.queue.rebase()
            self.rtt.rebase()
            self._drain_length.forget()
            self._rounds.restart()
            self.rate = self.capacity = max(self.capacity, measured.arriving)
            return True
        srtt_s = self.rtt.smoothed_ns / NS_PER_S
        self.response.give_up()
        self.mode = Mode.COMPETE
        self.queue.keep_base(True)
        self._competition = Competition(
            sample.now_s, max(rate_before, 0.5 * self._capacity_most) * srtt_s, self.packet_bytes
        )
        self.rate = self._competition.rate(srtt_s)
        return True

    def _compete_round(self, competition: Competition, sample: Sample, measured: Round) -> None:
        srtt_s = self.rtt.smoothed_ns / NS_PER_S
        self.capacity = measured.arriving
        queue_s, target_s = self.queue.above_base_s, self.queue_target_s
        is_empty = queue_s < 0.5 * target_s or self._is_short_of_data(measured)
        if competition.on_round(sample.now_s, self.rtt_min_s, srtt_s, queue_s, measured.arriving, is_empty):
            self._leave_competition()
            self._cruise(sample, measured.arriving)
        else:
            self.rate = competition.rate(srtt_s)

    def _leave_competition(self) -> None:
        self.mode = Mode.CRUISE
        self._competition = None
        self._drain_length.forget()
        self.queue.keep_base(False)
