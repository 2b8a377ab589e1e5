"""What was sent on a path and what became of it; how much may go now; when a path counts as silent.

Sent packets are kept in a ring of numpy arrays by packet number; an acknowledgement is worked off in a few array
operations, whatever it covers. A packet is lost when another, sent a reordering window later, has been acknowledged.
Nothing is lost only because acknowledgements are missing, until the whole path is taken for silent: then everything
in flight is, at once, so that other paths can take it, and two probes go out now and then until one is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX, Ack
from transfer_core.protocol.recovery.congestion import Congestion, Mode, RateSample
from transfer_core.protocol.recovery.pacer import Pacer
from transfer_core.protocol.recovery.path_receiver import ACK_DELAY_MAX_NS, signed32
from transfer_core.units import NS_PER_MS, NS_PER_S

PACKET_BYTES = 1500
TRAIN_PACKETS = 10
SILENCE_SLACK_NS = 40 * NS_PER_MS
SILENCE_UNKNOWN_NS = 500 * NS_PER_MS  # before any round trip is known
PROBE_MIN_NS, PROBE_MAX_NS = 20 * NS_PER_MS, 100 * NS_PER_MS
_FREE, _FLYING = 0, 1
_NO_TAGS = np.empty(0, np.int64)


class PathState(Enum):
    """What the sending half of a path is doing."""

    STARTUP = auto()
    CRUISE = auto()
    SILENT = auto()


@dataclass(frozen=True, slots=True)
class Resolved:
    """Packets whose fate is known now, by the tags that they were sent with."""

    acked_tags: NDArray[np.int64]
    lost_tags: NDArray[np.int64]
    acked_bytes: int = 0


NOTHING_RESOLVED = Resolved(_NO_TAGS, _NO_TAGS)


class PathSender:
    """The sending half of one path. Sizes are IP bytes: payload plus `overhead_bytes`."""

    def __init__(self, now_ns: int, *, rtt_hint_ns: int | None = None, overhead_bytes: int = 28) -> None:
        self.next_pn = 0
        self.floor = 0
        self.in_flight_bytes = 0
        self.in_flight_packets = 0
        self.sent_bytes = 0
        self.delivered_bytes = 0
        self.lost_packets = 0
        self.acked_packets = 0
        self.is_silent = False
        self.last_delivery_ns: int | None = None
        self.latest_rtt_ns: int | None = None
        self.jitter_ns = 0.0
        self._overhead = overhead_bytes
        self._tags: NDArray[np.int64] = np.zeros(4096, np.int64)
        self._tx_ns: NDArray[np.int64] = np.zeros(4096, np.int64)
        self._cumulative: NDArray[np.int64] = np.zeros(4096, np.int64)
        self._sizes: NDArray[np.int32] = np.zeros(4096, np.int32)
        self._state: NDArray[np.uint8] = np.zeros(4096, np.uint8)
        self._mask = 4095
        self._congestion = Congestion(now_ns / NS_PER_S, rtt_hint_ns / NS_PER_S if rtt_hint_ns else None, PACKET_BYTES)
        self._pacer = Pacer(now_ns, TRAIN_PACKETS * PACKET_BYTES)
        self._pacer.set_rate(self._congestion.rate, now_ns)
        self._largest_acked = -1
        self._largest_tx_ns = 0
        self._rx_reference: int | None = None
        self._rx_unwrapped = 0
        self._owd_reference = 0
        self._received_before = 0
        self._last_ack_ns = now_ns
        self._ack_gap_ns = 0.0
        self._silence_from_ns = now_ns
        self._probes_left = 0
        self._probe_due_ns = 0
        self._probe_wait_ns = float(PROBE_MIN_NS)
        self._demand = False
        self._loss_smoothed = 0.0
        self.rate_cap_bytes_per_s: float | None = None

    # --- figures

    @property
    def state(self) -> PathState:
        """What this half is doing."""
        if self.is_silent:
            return PathState.SILENT
        return PathState.STARTUP if self._congestion.mode is Mode.STARTUP else PathState.CRUISE

    @property
    def srtt_ns(self) -> int | None:
        """Smoothed round trip, None before the first."""
        srtt_s = self._congestion.srtt_s
        return None if srtt_s is None else int(srtt_s * NS_PER_S)

    @property
    def min_rtt_ns(self) -> int:
        """Least round trip."""
        return int(self._congestion.rtt_min_s * NS_PER_S)

    @property
    def loss(self) -> float:
        """Share of packets lost, smoothed, 0..1."""
        return self._loss_smoothed

    @property
    def rate_bytes_per_s(self) -> float:
        """Pacing rate, lost packets included."""
        rate = self._congestion.rate
        return rate if self.rate_cap_bytes_per_s is None else min(rate, self.rate_cap_bytes_per_s)

    @property
    def capacity_bytes_per_s(self) -> float:
        """What the path is thought to carry."""
        return self._congestion.capacity

    @property
    def queue_delay_ns(self) -> int:
        """The standing queue."""
        return int(self._congestion.queue_s * NS_PER_S)

    # --- sending

    def set_demand(self, has_data: bool) -> None:
        """Whether there is something to send as soon as it may go."""
        self._demand = has_data

    def budget_datagrams(self, now_ns: int, datagram_bytes: int) -> int:
        """How many datagrams may go right now."""
        if self.is_silent:
            if now_ns >= self._probe_due_ns:
                self._probes_left = 2
                self._probe_due_ns = now_ns + int(self._probe_wait_ns)
                self._probe_wait_ns = min(PROBE_MAX_NS, self._probe_wait_ns * 1.1)
            return self._probes_left
        size = datagram_bytes + self._overhead
        room = self._congestion.in_flight_cap_bytes(self._ack_gap_ns / NS_PER_S) - self.in_flight_bytes
        numbers = WINDOW_PACKETS_MAX - 64 - (self.next_pn - self.floor)
        if room < size or numbers <= 0:
            return 0
        return min(self._pacer.datagrams(now_ns, size), int(room // size), numbers)

    def on_sent(
        self,
        now_ns: int,
        count: int,
        datagram_bytes: int,
        tags: NDArray[np.int64],
        *,
        ack_eliciting: bool = True,
    ) -> int:
        """Note packets sent together; gives the first one's number. The tags come back when they are resolved."""
        first = self.next_pn
        self._make_room(first + count)
        size = datagram_bytes + self._overhead
        places = np.arange(first, first + count) & self._mask
        self._tags[places] = tags
        self._tx_ns[places] = now_ns
        self._sizes[places] = size
        self._cumulative[places] = self.sent_bytes + size * np.arange(1, count + 1)
        self._state[places] = _FLYING if ack_eliciting else _FREE
        self.sent_bytes += size * count
        self.next_pn = first + count
        self._pacer.on_sent(size * count)
        if ack_eliciting:
            if self.in_flight_packets == 0:
                self._silence_from_ns = now_ns
            self.in_flight_bytes += size * count
            self.in_flight_packets += count
            self._probes_left = max(0, self._probes_left - count)
        elif self.in_flight_packets == 0:
            self.floor = self.next_pn
        return first

    def _make_room(self, end: int) -> None:
        if end - self.floor < len(self._state):
            return
        old = np.arange(self.floor, self.next_pn)
        size = 2 * len(self._state)
        for name in ("_tags", "_tx_ns", "_cumulative", "_sizes", "_state"):
            array = getattr(self, name)
            grown = np.zeros(size, array.dtype)
            grown[old & (size - 1)] = array[old & self._mask]
            setattr(self, name, grown)
        self._mask = size - 1

    # --- resolving

    def on_ack(self, ack: Ack, now_ns: int) -> Resolved:
        """Work off an acknowledgement. One that speaks of packets never sent resolves nothing."""
        if ack.largest >= self.next_pn or ack.largest < 0:
            return NOTHING_RESOLVED
        acked, lateness_ns = self._acknowledge(ack)
        advanced = ack.largest > self._largest_acked and ack.largest >= self.floor
        rtt_ns: int | None = None
        if advanced:
            self._largest_acked = ack.largest
            self._largest_tx_ns = int(self._tx_ns[ack.largest & self._mask])
            rtt_ns = max(1000, now_ns - self._largest_tx_ns - ack.hold_us * 1000)
            self._note_rtt(rtt_ns)
        acked_tags, acked_bytes = self._settle(acked)
        lost = self._lose_older(self._largest_tx_ns - int(self._congestion.reorder_window_s * NS_PER_S))
        lost_tags, _ = self._settle(lost)
        if len(acked) or advanced:
            self._note_life(now_ns)
        self.delivered_bytes += acked_bytes
        self._count(len(acked), len(lost))
        if advanced:
            self._feed(ack, now_ns, rtt_ns, len(acked), len(lost), lateness_ns)
        self._advance_floor()
        return Resolved(acked_tags, lost_tags, acked_bytes)

    def _acknowledge(self, ack: Ack) -> tuple[NDArray[np.int64], int]:
        """Packets that this acknowledgement is the first to tell of, and how late the latest of them was, ns."""
        first = max(ack.floor, self.floor)
        told = ack.received[first - ack.floor :]
        if not len(told):
            return _NO_TAGS, 0
        pns = np.arange(first, first + len(told))
        acked = pns[told & (self._state[pns & self._mask] == _FLYING)]
        late = acked[acked < self._largest_acked]
        if not len(late):
            return acked, 0
        return acked, int(self._largest_tx_ns - self._tx_ns[late & self._mask].min())

    def _lose_older(self, than_ns: int) -> NDArray[np.int64]:
        if self._largest_acked < self.floor:
            return _NO_TAGS
        pns = np.arange(self.floor, self._largest_acked)
        places = pns & self._mask
        old: NDArray[np.int64] = pns[(self._state[places] == _FLYING) & (self._tx_ns[places] < than_ns)]
        return old

    def _settle(self, pns: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
        """Take packets out of flight; gives their tags and bytes."""
        if not len(pns):
            return _NO_TAGS, 0
        places = pns & self._mask
        flying = self._state[places] == _FLYING
        places = places[flying]
        size = int(self._sizes[places].sum())
        self._state[places] = _FREE
        self.in_flight_packets -= len(places)
        self.in_flight_bytes -= size
        return self._tags[places], size

    def _advance_floor(self) -> None:
        if self.in_flight_packets == 0:
            self.floor = self.next_pn
            return
        while True:
            start = self.floor & self._mask
            part = self._state[start : min(len(self._state), start + self.next_pn - self.floor)]
            hit = int(part.argmax())
            if part[hit] == _FLYING:
                self.floor += hit
                return
            self.floor += len(part)

    def _note_rtt(self, rtt_ns: int) -> None:
        if self.latest_rtt_ns is not None:
            self.jitter_ns += (abs(rtt_ns - self.latest_rtt_ns) - self.jitter_ns) / 16  # RFC 3550 section 6.4.1
        self.latest_rtt_ns = rtt_ns

    def _note_life(self, now_ns: int) -> None:
        self.last_delivery_ns = now_ns
        gap_ns = now_ns - self._last_ack_ns
        if self.in_flight_packets and gap_ns < NS_PER_S:
            self._ack_gap_ns += 0.1 * (gap_ns - self._ack_gap_ns)
        self._last_ack_ns = self._silence_from_ns = now_ns
        if self.is_silent:
            self.is_silent = False
            self._probe_wait_ns = float(PROBE_MIN_NS)

    def _count(self, acked: int, lost: int) -> None:
        self.acked_packets += acked
        self.lost_packets += lost
        packets = acked + lost
        if packets:
            gain = min(0.5, packets / 200)
            self._loss_smoothed += gain * (lost / packets - self._loss_smoothed)

    def _feed(self, ack: Ack, now_ns: int, rtt_ns: int | None, acked: int, lost: int, lateness_ns: int) -> None:
        if self._rx_reference is None:
            self._rx_reference, self._owd_reference = ack.largest_rx_us, ack.min_owd_us
        self._rx_unwrapped += signed32(ack.largest_rx_us - self._rx_reference)
        self._rx_reference = ack.largest_rx_us
        dispersion = None
        if ack.train is not None:
            span_us = signed32(ack.train.last_rx_us - ack.train.first_rx_us)
            dispersion = (ack.train.last_pn - ack.train.first_pn) * PACKET_BYTES * 1e6 / max(span_us, 1)
        self._congestion.on_ack(
            RateSample(
                now_s=now_ns / NS_PER_S,
                largest=ack.largest,
                largest_tx_s=self._largest_tx_ns / NS_PER_S,
                largest_rx_s=self._rx_unwrapped / 1e6,
                bytes_to_largest=int(self._cumulative[ack.largest & self._mask]),
                bytes_sent=self.sent_bytes,
                next_pn=self.next_pn,
                received_total=ack.received_total,
                owd_s=signed32(ack.min_owd_us - self._owd_reference) / 1e6,
                packets_since=max(1, ack.received_total - self._received_before),
                rtt_s=None if rtt_ns is None else rtt_ns / NS_PER_S,
                acked=acked,
                lost=lost,
                lateness_s=lateness_ns / NS_PER_S,
                dispersion=dispersion,
            )
        )
        self._received_before = ack.received_total
        self._pacer.set_rate(self.rate_bytes_per_s, now_ns)

    # --- time

    def _silence_wait_ns(self) -> int:
        srtt_ns = self.srtt_ns
        if srtt_ns is None or self._largest_acked < 0:
            return max(SILENCE_UNKNOWN_NS, 3 * (srtt_ns or 0))
        return int(1.25 * srtt_ns + 6 * self._ack_gap_ns) + SILENCE_SLACK_NS

    def _tail_wait_ns(self) -> int:
        srtt_ns = self.srtt_ns or SILENCE_UNKNOWN_NS
        ack_delay_ns = min(srtt_ns // 4, ACK_DELAY_MAX_NS)
        window_ns = int(self._congestion.reorder_window_s * NS_PER_S)
        return srtt_ns + ack_delay_ns + window_ns + int(4 * self._ack_gap_ns) + 10 * NS_PER_MS

    def on_timeout(self, now_ns: int) -> Resolved:
        """Notice silence, and a lost tail. Harmless when called early."""
        if not self.in_flight_packets:
            return NOTHING_RESOLVED
        if self.is_silent or now_ns >= self._silence_from_ns + self._silence_wait_ns():
            return self._fall_silent(now_ns)
        srtt_ns = self.srtt_ns
        if srtt_ns is None or now_ns < self._tail_due_ns():
            return NOTHING_RESOLVED
        pns = np.arange(self.floor, self.next_pn)
        places = pns & self._mask
        oldest_ns = min(now_ns - self._tail_wait_ns(), self._last_ack_ns - srtt_ns)
        lost = pns[(self._state[places] == _FLYING) & (self._tx_ns[places] < oldest_ns)]
        tags, _ = self._settle(lost)
        self._count(0, len(lost))
        self._advance_floor()
        return Resolved(_NO_TAGS, tags)

    def _fall_silent(self, now_ns: int) -> Resolved:
        pns = np.arange(self.floor, self.next_pn)
        places = pns & self._mask
        old = self._tx_ns[places] < now_ns - self._silence_wait_ns() if self.is_silent else np.ones(len(pns), np.bool_)
        tags, _ = self._settle(pns[old])
        if not self.is_silent:
            self.is_silent = True
            self._probe_due_ns = now_ns
        self._count(0, len(tags))
        self._advance_floor()
        return Resolved(_NO_TAGS, tags)

    def _tail_due_ns(self) -> int:
        oldest_ns = int(self._tx_ns[self.floor & self._mask])
        return oldest_ns + self._tail_wait_ns()

    def next_timeout_ns(self) -> int | None:
        """When `on_timeout` or `budget_datagrams` is to be asked again."""
        deadlines: list[int] = []
        if self.is_silent:
            deadlines.append(self._probe_due_ns)
        elif self.in_flight_packets:
            silence_ns = self._silence_from_ns + self._silence_wait_ns()
            deadlines.append(silence_ns)
            tail_ns = self._tail_due_ns()
            if self._last_ack_ns >= int(self._tx_ns[self.floor & self._mask]) + (self.srtt_ns or 0):
                deadlines.append(tail_ns)
        if self._demand and not self.is_silent:
            room = self._congestion.in_flight_cap_bytes(self._ack_gap_ns / NS_PER_S) - self.in_flight_bytes
            if room >= PACKET_BYTES:
                deadlines.append(self._pacer.next_ns(PACKET_BYTES))
        return min(deadlines, default=None)

    def outstanding_tags(self) -> NDArray[np.int64]:
        """Tags of the packets in flight, oldest first."""
        pns = np.arange(self.floor, self.next_pn)
        places = pns & self._mask
        tags: NDArray[np.int64] = self._tags[places[self._state[places] == _FLYING]]
        return tags

    def abandon(self) -> Resolved:
        """The path is gone: everything in flight is lost."""
        pns = np.arange(self.floor, self.next_pn)
        tags, _ = self._settle(pns)
        self.floor = self.next_pn
        return Resolved(_NO_TAGS, tags)
