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

STARTUP finds the rate (`start`). CRUISE holds the queue (`cruise`). COMPETE holds a window beside a flow that fills the
buffer (`company`). Loss is no sign of congestion while the queue explains itself; a rise without a queue is put on
trial (`loss_response`), and a rate that proved too high is a ceiling, approached again in small steps.

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
)
from transfer_core.protocol.recovery.company import STARVED, Competition, Finding, QueueWatch
from transfer_core.protocol.recovery.cruise import STEER_MOST, Cruise, Standing
from transfer_core.protocol.recovery.loss import LossWindows
from transfer_core.protocol.recovery.loss_response import LossResponse, Situation
from transfer_core.protocol.recovery.rtt import RttEstimator
from transfer_core.protocol.recovery.sent_packets import InOrder
from transfer_core.protocol.recovery.standing_queue import queue_target_s
from transfer_core.protocol.recovery.start import (
    RATE_MAX,
    SHORT_OF_DATA,
    Found,
    Seen,
    Start,
    filling_rate,
    may_be_jitter,
)
from transfer_core.units import NS_PER_S

TRAIN_PACKETS = 10
BURST_ROOM_PACKETS = 132  # three bursts of 44: a fast path's acknowledgements come in lumps
WANDER_MATTERS = 0.1  # of the queue target
WANDER_SPACING = 0.5  # of the time between two packets
STALL_PACKETS = 3  # a gap between acknowledgements in which so many would have gone is no stall
STALL_LOSS_MAX = 0.05
PAUSE_S = 0.1  # a round that spans more of a pause than this is void
IDLE_KEPT_S = 10.0
COMPANY_GONE = 0.2  # of the queue target: so little is left where nobody keeps it up, but not where one has shrunk
CAPACITY_KEPT_S = 60.0  # as long as others take to squeeze a flow
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
        self._last: Sample | None = None
        self._start = Start(self.rate)
        self._cruise = Cruise(self.rate)
        self._has_braked = False
        self._watch = QueueWatch()
        self._competition: Competition | None = None
        self._capacity_most = self.capacity  # of late

    # --- what others read

    @property
    def capacity(self) -> float:
        """What the bottleneck lets through."""
        return self._cruise.capacity

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
        elif not self._has_braked and (self.mode is Mode.STARTUP or self._cruise.is_leaping):
            self._brake(sample)
        is_steered = self.mode is Mode.CRUISE and not self.response.is_trying
        if is_steered and self._cruise.has_drained_enough(sample.now_s):
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
            self._cruise.capacity = order.capacity
        if order.settles:
            self._rounds.restart()
            self._cruise.settle()
        if order.ends_startup:
            self.mode = Mode.CRUISE
            self._cruise.begin_below_a_ceiling()

    def _situation(self, now_s: float) -> Situation:
        return Situation(
            now_s=now_s,
            rate=self.rate,
            queue_s=self.queue.queue_s,
            target_s=self.queue_target_s,
            is_startup=self.mode is Mode.STARTUP,
            is_growing=self._cruise.is_growing,
            dispersion=self._start.dispersion,
            rtt_min_s=self.rtt_min_s,
            srtt_s=self.rtt.smoothed_ns / NS_PER_S,
            lateness_s=self.lateness_s,
            next_pn=self._last.next_pn if self._last is not None else 0,
            packet_bytes=self.packet_bytes,
            is_drained=self._cruise.is_drained,
        )

    def on_resume(self) -> None:
        """The path answers again after a silence: go on at the saved rate; what was being measured is void."""
        self._rounds.restart()
        self.queue.forget_recent()
        self._cruise.settle()
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
        self.rate = self._cruise.capacity = max(self._opening_rate(), RESUMED_SHARE * known)
        self._start, self._cruise.told = Start(self.rate), None
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
            self.rate, self._cruise.told = self._within_bounds(rate), self._start.told

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
        self._hold(sample, self.capacity if keeps else measured.arriving)

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
        self.rate = self._within_bounds(self.rate)

    def _within_bounds(self, rate: float) -> float:
        """At least a packet each round trip: less often would look like a pause after each, and tell nothing."""
        return min(RATE_MAX, max(rate, self.packet_bytes / max(self.rtt_min_s, 0.010)))

    def _startup_round(self, sample: Sample, measured: Round) -> None:
        self._doubt_train()
        found = self._start.on_round(measured, self._seen(measured))
        if isinstance(found, Found):
            self._hold(sample, found.capacity)
        else:
            self.rate = found

    def _doubt_train(self) -> None:
        """Packets overtake each other by more than the opening train was spread, so that its figure tells of jitter."""
        figure = self._start.dispersion
        if figure is not None and self.lateness_s > TRAIN_PACKETS * self.packet_bytes / figure:
            self._start.forget_figure()
            self._cruise.told = None

    def _may_be_jitter(self, measured: Round) -> bool:
        jitter_s = self.rtt.jitter_ns / NS_PER_S - self.packet_bytes / self.rate  # what packets wait for each other
        figure = self._start.dispersion
        is_below = figure is not None and self.rate < figure
        queue_s, target_s = self.queue.queue_s, self.queue_target_s
        return may_be_jitter(measured.packets, queue_s, target_s, jitter_s, is_below_figure=is_below)

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

    def _hold(self, sample: Sample, capacity: float) -> None:
        """Begin to hold the queue, at first without a rise."""
        self.mode = Mode.CRUISE
        self._cruise.begin(capacity)
        if not self.response.is_trying:
            self.rate = self._cruise.steered_rate(self._standing(sample), most=1.0)

    def _standing(self, sample: Sample) -> Standing:
        return Standing(
            now_s=sample.now_s,
            receiver_clock_s=sample.receiver_clock_s,
            rate=self.rate,
            queue_s=self.queue.queue_s,
            base_s=self.queue.base_s,
            target_s=self.queue_target_s,
            rtt_min_s=self.rtt_min_s,
            wander_s=self._wander_s(),
            under_way_bytes=sample.bytes_sent - sample.bytes_through,
            elapsed_s=sample.now_s - sample.largest_tx_s,
        )

    def _is_short_of_data(self, measured: Round) -> bool:
        return max(measured.sending, measured.arriving) < SHORT_OF_DATA * self.rate

    def _cruise_round(self, sample: Sample, measured: Round) -> None:
        now = self._standing(sample)
        self._cruise.learn(measured, now, self._kept_at_overflow(measured))
        is_held = self.response.is_holding(now.now_s) and now.queue_s <= now.target_s
        if self.response.is_trying or (not is_held and self._drains(now)):
            return
        if self._cruise.is_leaping and self.response.suspicions == 0:
            rate = self._cruise.grown_rate(now)
        else:
            rate = self._cruise.steered_rate(now, most=1.0 if self.response.suspicions else STEER_MOST)
        rate = min(rate, self.response.step_limit(now.now_s, now.rate))
        self.rate = min(rate, now.rate) if self._is_short_of_data(measured) else rate

    def _drains(self, now: Standing) -> bool:
        was_draining = self._cruise.is_draining
        rate = self._cruise.drained_rate(now)
        if rate is not None:
            self.rate = rate
        elif was_draining:
            self._watch.on_drained(now.queue_s, now.target_s)
        return rate is not None

    def _wander_s(self) -> float:
        """How much the delay wanders, where that is enough to be mistaken for a queue."""
        wander_s = self.queue.wander_s
        spacing_s = self.packet_bytes / self.rate  # a queue of a few packets is longer or shorter by one
        least_s = max(WANDER_MATTERS * self.queue_target_s, WANDER_SPACING * spacing_s)
        return wander_s if wander_s > least_s else 0.0

    def _kept_at_overflow(self, measured: Round) -> float:
        """The bottleneck's queue is full: packet numbers advance by what was dropped there, too. Take that out."""
        accepted = self.losses.accepted
        noise = 4 * self.losses.deviation(measured.packets) + 0.02
        if self.queue.queue_s <= 2 * self.queue_target_s or measured.loss <= accepted + noise:
            return 1.0
        return min(1.0, (1 - measured.loss) / max(0.02, 1 - accepted))

    def _is_not_ours(self, sample: Sample, measured: Round) -> bool:
        """The queue does not obey: then it is a longer way, or somebody else's."""
        self._capacity_most = max(
            self.capacity, self._capacity_most * (1 - min(1.0, measured.span_s / CAPACITY_KEPT_S))
        )
        much = 1.2 * self._opening_rate()
        is_starved = self.rate < STARVED * self._capacity_most
        finding = self._watch.on_round(
            self.queue.queue_s, self.queue_target_s, self.rtt_min_s, self.rate, much, is_starved=is_starved
        )
        if finding is Finding.NOTHING or self._is_short_of_data(measured):
            return False
        if finding is Finding.COMPANY and self.losses.accepted > COMPANY_LOSS_MAX:
            return False
        rate_before = self._watch.rate_before
        self._watch.forget()
        if finding is Finding.LONGER_WAY:
            self.queue.rebase()
            self.rtt.rebase()
            self._cruise.forget_base()
            self._rounds.restart()
            self.rate = self._cruise.capacity = max(self.capacity, measured.arriving)
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
        self._cruise.capacity = measured.arriving
        queue_s, target_s = self.queue.above_base_s, self.queue_target_s
        is_empty = queue_s < COMPANY_GONE * target_s or self._is_short_of_data(measured)
        if competition.on_round(sample.now_s, self.rtt_min_s, srtt_s, queue_s, measured.arriving, is_empty):
            self._leave_competition()
            self._hold(sample, measured.arriving)
        else:
            self.rate = competition.rate(srtt_s)

    def _leave_competition(self) -> None:
        self.mode = Mode.CRUISE
        self._competition = None
        self._cruise.forget_base()
        self.queue.keep_base(False)
