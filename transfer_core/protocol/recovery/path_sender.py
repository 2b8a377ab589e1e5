"""The sending half of one path: what was sent and what became of it, how much may go now, when it counts as silent.

It holds the parts together: `sent_packets` (the record), `rtt`, `loss` (when a packet is lost), `congestion` (how
fast), `opening_train`, `pacer` (when), `silence` (whether anybody answers), `told` and `sample_reader` (what
acknowledgements say). Direction plays no role: agent and relay have one each.

Nothing is lost only because acknowledgements are missing, until the whole path is taken for silent: then everything
in flight is given up at once, so that other paths can take it. The rate is kept over a silence and over a pause.
"""

from __future__ import annotations

from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX, Ack
from transfer_core.protocol.recovery.congestion import TRAIN_PACKETS, Congestion, Mode
from transfer_core.protocol.recovery.loss import ReorderWindow
from transfer_core.protocol.recovery.opening_train import OpeningTrain
from transfer_core.protocol.recovery.pacer import Pacer
from transfer_core.protocol.recovery.path_receiver import ACK_DELAY_MAX_NS
from transfer_core.protocol.recovery.resolved import NO_TAGS, NOTHING_RESOLVED, Resolved
from transfer_core.protocol.recovery.rtt import RttEstimator
from transfer_core.protocol.recovery.sample_reader import SampleReader
from transfer_core.protocol.recovery.sent_packets import WRITTEN_OFF, SentPackets
from transfer_core.protocol.recovery.silence import Silence
from transfer_core.protocol.recovery.told import Told
from transfer_core.units import NS_PER_MS, NS_PER_S

PACKET_BYTES = 1500
TAIL_SLACK_NS = 10 * NS_PER_MS
_NUMBERS_SPARED = 64  # for acknowledgements, when the window of packet numbers is full


class PathState(Enum):
    """What the sending half of a path is doing."""

    STARTUP = auto()
    CRUISE = auto()
    SILENT = auto()


class PathSender:
    """The sending half of one path. Sizes are IP bytes: payload plus `overhead_bytes`. Touched by one thread alone."""

    def __init__(self, now_ns: int, *, rtt_hint_ns: int | None = None, overhead_bytes: int = 28) -> None:
        self.delivered_bytes = 0
        self.acked_packets = 0
        self.lost_packets = 0
        self.late_packets = 0
        self.loss = 0.0  # share of packets lost, smoothed
        self.last_delivery_ns: int | None = None
        self._rate_cap: float | None = None
        self._overhead = overhead_bytes
        self._packets = SentPackets()
        self._rtt = RttEstimator(rtt_hint_ns)
        self._reorder = ReorderWindow()
        self._congestion = Congestion(self._rtt, PACKET_BYTES)
        self._pacer = Pacer(now_ns, self._congestion.rate, TRAIN_PACKETS * PACKET_BYTES)
        self._silence = Silence(now_ns)
        self._packet_bytes = PACKET_BYTES
        self._told = Told()
        self._train = OpeningTrain()
        self._samples = SampleReader()
        self._busy_ns = now_ns
        self._has_demand = False
        self._goes_on = False  # there was something to send when it was asked for last

    # --- figures

    @property
    def next_pn(self) -> int:
        """The number of the next packet."""
        return self._packets.next_pn

    @property
    def floor(self) -> int:
        """The lowest packet whose fate is to be told; `next_pn` if there is none. Goes into data packets."""
        return self._packets.floor if self._told.untold is None else self._told.floor(self._packets)

    @property
    def in_flight_packets(self) -> int:
        """Packets neither acknowledged nor lost."""
        return self._packets.in_flight_packets

    @property
    def in_flight_bytes(self) -> int:
        """Their IP bytes."""
        return self._packets.in_flight_bytes

    @property
    def sent_bytes(self) -> int:
        """IP bytes of all packets sent."""
        return self._packets.sent_bytes

    @property
    def is_silent(self) -> bool:
        """Whether nobody has answered for so long that the path is only probed."""
        return self._silence.is_silent

    @property
    def state(self) -> PathState:
        """What this half is doing."""
        if self._silence.is_silent:
            return PathState.SILENT
        return PathState.STARTUP if self._congestion.mode is Mode.STARTUP else PathState.CRUISE

    @property
    def srtt_ns(self) -> int | None:
        """Smoothed round trip; None before the first, if there was no hint."""
        return self._rtt.srtt_ns

    @property
    def probe_timeout_ns(self) -> int | None:
        """So long after the last packet word of it should have come (RFC 9002 section 6.2.1); None while no round trip
        is known."""
        if self._rtt.srtt_ns is None:
            return None
        return self._rtt.srtt_ns + max(4 * self._rtt.rttvar_ns, NS_PER_MS) + ACK_DELAY_MAX_NS

    @property
    def min_rtt_ns(self) -> int:
        """Least round trip."""
        return self._rtt.min_ns

    @property
    def latest_rtt_ns(self) -> int | None:
        """The newest round trip measured."""
        return self._rtt.latest_ns

    @property
    def rttvar_ns(self) -> int:
        """Mean deviation of the round trip."""
        return self._rtt.rttvar_ns

    @property
    def jitter_ns(self) -> int:
        """Mean difference of successive round trips."""
        return self._rtt.jitter_ns

    @property
    def rate_bytes_per_s(self) -> float:
        """Pacing rate, lost packets included."""
        rate = self._congestion.rate
        return rate if self._rate_cap is None else min(rate, self._rate_cap)

    @property
    def rate_cap_bytes_per_s(self) -> float | None:
        """A limit set from outside; None for none."""
        return self._rate_cap

    @rate_cap_bytes_per_s.setter
    def rate_cap_bytes_per_s(self, cap: float | None) -> None:
        self._rate_cap = cap

    @property
    def capacity_bytes_per_s(self) -> float:
        """What the path is thought to carry, lost packets included."""
        return self._congestion.capacity

    @property
    def accepted_loss(self) -> float:
        """The loss that is taken for the path's own, no sign of congestion."""
        return self._congestion.losses.accepted

    @property
    def ack_gap_ns(self) -> int:
        """The usual gap between acknowledgements."""
        return self._silence.ack_gap_ns

    @property
    def queue_delay_ns(self) -> int:
        """The standing queue."""
        return int(self._congestion.queue.queue_s * NS_PER_S)

    @property
    def queue_target_ns(self) -> int:
        """The queue that is aimed at."""
        return int(self._congestion.queue_target_s * NS_PER_S)

    def outstanding_tags(self) -> NDArray[np.int64]:
        """Tags of the packets in flight, oldest first."""
        return self._packets.outstanding_tags()

    # --- sending

    def set_demand(self, has_data: bool) -> None:
        """Whether there is something to send as soon as it may go."""
        self._has_demand = has_data

    def budget_datagrams(self, now_ns: int, datagram_bytes: int) -> int:
        """How many datagrams of that UDP payload may go right now."""
        if self._silence.is_silent:
            return self._silence.probes(now_ns)
        if self._has_demand is not self._goes_on:
            self._goes_on = self._has_demand
            self._end_pause(now_ns)
        packet_bytes = datagram_bytes + self._overhead
        self._packet_bytes = self._congestion.packet_bytes = packet_bytes
        room = self._room_packets(packet_bytes)
        self._pacer.set_wanted(room > 0 and self._has_demand, now_ns)
        return min(room, self._pacer.packets(now_ns, packet_bytes)) if room > 0 else 0

    @property
    def in_flight_cap_bytes(self) -> float:
        """IP bytes that may be in flight: a safety net, not what regulates."""
        return self._congestion.in_flight_cap_bytes(
            self._reorder_window_ns() / NS_PER_S, self._silence.ack_gap_ns / NS_PER_S
        )

    def _room_packets(self, packet_bytes: int) -> int:
        packets, cap = self._packets, self.in_flight_cap_bytes
        numbers = WINDOW_PACKETS_MAX - _NUMBERS_SPARED - (packets.next_pn - packets.floor)
        return min(int((cap - packets.in_flight_bytes) // packet_bytes), numbers)

    def on_sent(
        self,
        now_ns: int,
        count: int,
        datagram_bytes: int,
        tags: NDArray[np.int64],
        *,
        last_bytes: int | None = None,
        ack_eliciting: bool = True,
    ) -> int:
        """Note packets sent together; gives the first one's number. The tags come back when they are resolved.

        All have a UDP payload of `datagram_bytes`, but for the last, if `last_bytes` is given. Packets that ask for
        no acknowledgement use up a number, and are never in flight or lost.
        """
        packets = self._packets
        if ack_eliciting and packets.in_flight_packets == 0:
            self._silence.on_first_in_flight(now_ns)
            self._end_pause(now_ns)
        packet_bytes = datagram_bytes + self._overhead
        last = packet_bytes if last_bytes is None else last_bytes + self._overhead
        first = packets.append(now_ns, count, packet_bytes, tags, last_bytes=last, flying=ack_eliciting)
        if ack_eliciting:
            self._pacer.on_sent(packet_bytes * (count - 1) + last)
            self._silence.on_probes_sent(count)
            if packets.in_flight_packets >= TRAIN_PACKETS:
                self._busy_ns = now_ns
                self._train.has_gone = True
        return first

    def wants_train(self, now_ns: int) -> bool:
        """Whether the path answers, if only the handshake, or was asked to, and no train has told of its rate yet."""
        if self._silence.is_silent or not self._congestion.needs_train:
            return False
        if self._rtt.srtt_ns is None:
            return self._packets.next_pn > 0 and not self._train.is_begun
        if self._train.is_begun and not self._packets.in_flight_packets:
            return True  # all of it is answered or lost, and it told nothing: most often it was handed over whole
        return not self._train.is_awaited(now_ns, self._rtt.smoothed_ns)

    def begin_train(self, now_ns: int) -> None:
        """What is sent at this instant is an opening train, though there is no data to send yet."""
        self._train.begin(now_ns)
        self._pacer.grant(TRAIN_PACKETS * self._packet_bytes, now_ns)

    def _end_pause(self, now_ns: int) -> None:
        if not self._has_demand or self._silence.is_silent:
            return
        if self._congestion.on_idle((now_ns - self._busy_ns) / NS_PER_S) or not self._train.has_gone:
            self._train.begin_with_data(now_ns)
            self._pacer.grant(TRAIN_PACKETS * self._packet_bytes, now_ns)
        self._pacer.set_rate(self.rate_bytes_per_s, now_ns)
        self._busy_ns = now_ns

    # --- resolving

    def on_ack(self, ack: Ack, now_ns: int) -> Resolved:
        """Work off an acknowledgement. One that is too old, or tells of packets never sent, resolves nothing."""
        packets = self._packets
        if not packets.knows(ack.largest) or ack.received_total == 0:
            return NOTHING_RESOLVED
        was_in_flight = packets.in_flight_packets > 0
        fresh, late, acked_bytes = packets.acknowledge(ack.floor, ack.received)
        for arrived in (fresh, late):
            late_ns = self._told.lateness_ns(arrived, packets)
            if late_ns is not None:
                self._reorder.on_late(late_ns, now_ns)
        self._reorder.expire(now_ns)
        self._congestion.lateness_s = self._reorder.lateness_ns / NS_PER_S
        advanced = self._told.on_ack(ack)
        rtt_ns: int | None = None
        largest_tx_ns = packets.sent_at_ns(ack.largest)
        if advanced:
            rtt_ns = max(0, now_ns - largest_tx_ns - ack.hold_us * 1000)
            self._rtt.on_sample(rtt_ns)
        lost = packets.lose(ack.floor, ack.floor + len(ack.received), largest_tx_ns - self._reorder_window_ns())
        if len(fresh) or len(late) or advanced:
            self.last_delivery_ns = now_ns
            if self._silence.on_life(now_ns, was_in_flight, self._rtt.smoothed_ns):
                self._congestion.on_resume()
        resolved = Resolved(
            packets.tags_of(fresh),
            packets.tags_of(lost),
            acked_bytes,
            rtt_ns,
            packets.tags_of(late) if len(late) else NO_TAGS,
            packets.numbers_of(lost) if len(lost) else NO_TAGS,
        )
        self.delivered_bytes += acked_bytes
        self.late_packets += len(late)
        self._count(len(fresh), len(lost))
        if advanced:
            dispersion = None if ack.train is None else self._train.bytes_per_s(ack.train, packets, now_ns)
            self._congestion.on_sample(
                self._samples.read(ack, now_ns, largest_tx_ns, packets, dispersion=dispersion, loss=self.loss)
            )
        self._settle(now_ns)
        self._pacer.set_rate(self.rate_bytes_per_s, now_ns)
        return resolved

    def _reorder_window_ns(self) -> int:
        return self._reorder.window_ns(self._rtt.smoothed_ns)

    def _settle(self, now_ns: int) -> None:
        """Move the floor, and learn from the packets that it passed."""
        part = self._packets.advance_floor()
        if part is not None and part.lost + part.acked:
            self._congestion.on_final(part, now_ns / NS_PER_S)

    def _count(self, acked: int, lost: int) -> None:
        self.acked_packets += acked
        self.lost_packets += lost
        packets = acked + lost
        if packets:
            self.loss += min(0.5, packets / 200) * (lost / packets - self.loss)

    # --- time

    def on_timeout(self, now_ns: int) -> Resolved:
        """Notice silence, and a lost tail. Harmless when called early."""
        if not self._packets.in_flight_packets:
            return NOTHING_RESOLVED
        srtt_ns = self._rtt.srtt_ns
        if self._silence.is_silent:
            return self._give_up(now_ns, now_ns - self._silence.wait_ns(srtt_ns) + 1)
        if now_ns >= self._silence.due_ns(srtt_ns):
            self._silence.begin(now_ns, srtt_ns)
            return self._give_up(now_ns, now_ns + 1)
        due_ns = self._tail_due_ns()
        if due_ns is None or now_ns < due_ns:
            return NOTHING_RESOLVED
        before_ns = min(now_ns - self._tail_wait_ns(), self._silence.last_life_ns - self._rtt.smoothed_ns) + 1
        lost = self._packets.lose(self._packets.floor, self._packets.next_pn, before_ns)
        self._count(0, len(lost))
        self._settle(now_ns)
        return self._all_lost(lost)

    def abandon(self) -> Resolved:
        """The path is gone: everything in flight is lost."""
        lost = self._packets.lose(self._packets.floor, self._packets.next_pn, 1 << 62, WRITTEN_OFF)
        self._packets.advance_floor()
        return self._all_lost(lost)

    def _give_up(self, now_ns: int, before_ns: int) -> Resolved:
        packets = self._packets
        lost = packets.lose(packets.floor, packets.next_pn, before_ns, WRITTEN_OFF)
        if len(lost):
            self._told.on_given_up(int(packets.numbers_of(lost[:1])[0]), packets.next_pn)
        self._count(0, len(lost))
        self._settle(now_ns)
        return self._all_lost(lost)

    def _all_lost(self, rows: NDArray[np.int64]) -> Resolved:
        if not len(rows):
            return NOTHING_RESOLVED
        return Resolved(NO_TAGS, self._packets.tags_of(rows), lost_pns=self._packets.numbers_of(rows))

    def _tail_wait_ns(self) -> int:
        srtt_ns = self._rtt.smoothed_ns
        ack_delay_ns = min(srtt_ns // 4, ACK_DELAY_MAX_NS)
        return srtt_ns + ack_delay_ns + self._reorder_window_ns() + 4 * self._silence.ack_gap_ns + TAIL_SLACK_NS

    def _tail_due_ns(self) -> int | None:
        """When the oldest packet in flight is lost for its age; None unless something newer has been answered."""
        oldest_ns = self._packets.oldest_sent_ns()
        if self._silence.last_life_ns < oldest_ns + self._rtt.smoothed_ns:
            return None
        return oldest_ns + self._tail_wait_ns()

    def next_timeout_ns(self) -> int | None:
        """When `on_timeout` or `budget_datagrams` is to be asked again; may change after any other call."""
        silence, in_flight = self._silence, self._packets.in_flight_packets
        srtt_ns = self._rtt.srtt_ns
        if silence.is_silent:
            probe_ns = silence.probe_due_ns
            return min(probe_ns, self._packets.oldest_sent_ns() + silence.wait_ns(srtt_ns)) if in_flight else probe_ns
        earliest: int | None = None
        if in_flight:
            earliest = silence.due_ns(srtt_ns)
            tail_ns = self._tail_due_ns()
            if tail_ns is not None and tail_ns < earliest:
                earliest = tail_ns
        if self._has_demand and self._room_packets(self._packet_bytes) > 0:
            pacer_ns = self._pacer.next_ns(self._packet_bytes)
            if earliest is None or pacer_ns < earliest:
                earliest = pacer_ns
        return earliest
