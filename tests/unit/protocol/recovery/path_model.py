"""A packet-level model of one path in virtual time, to drive a PathSender against a PathReceiver.

The forward way is a FIFO bottleneck with a drop-tail queue in bytes, then random loss (the radio), then delay and
jitter; acknowledgements come back with the same loss, delay and jitter. An endless file is sent: every packet carries
one item, a lost item is sent again before new ones. Hosts may stall, and may be slow. Everything is in integer
nanoseconds; randomness comes from one seeded numpy Generator. Packets that arrive within `grain_ns` of each other are
handed over together, as a socket would.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from transfer_core.protocol.recovery.ack import decode_ack, encode_ack
from transfer_core.protocol.recovery.path_receiver import PathReceiver
from transfer_core.protocol.recovery.path_sender import PathSender
from transfer_core.protocol.recovery.resolved import Resolved

MS = 1_000_000
S = 1_000_000_000
DATAGRAM_BYTES = 1472
PACKET_BYTES = 1500
RECEIVER_CLOCK_NS = 3_912_345_678_000  # the receiver's clock is somewhere else altogether, and wraps on the way
BURST_DATAGRAMS = 44


@dataclass
class Conditions:
    """What the path is like; may be changed while the model runs."""

    rate_mbps: float
    rtt_ms: float
    loss: float = 0.0
    queue_ms: float | None = None  # None: max(100 ms, RTT)
    jitter_ms: float = 0.0  # each way, uniform from 0
    wander_ms: float = 0.0  # standard deviation of a delay that wanders, both ways alike, and keeps the order
    burst_packets: float = 0.0  # mean length of a run of losses; 0: independent
    alive: bool = True
    policer_ms: float | None = None  # no queue at all: a token bucket so deep

    @property
    def queue_bytes(self) -> float:
        queue_ms = max(100.0, self.rtt_ms) if self.queue_ms is None else self.queue_ms
        return self.rate_mbps * 125 * queue_ms

    @property
    def bytes_per_ns(self) -> float:
        return self.rate_mbps / 8000

    @property
    def one_way_ns(self) -> int:
        return int(self.rtt_ms * MS / 2)


@dataclass
class Bottleneck:
    """Until when the line is busy with what it holds: common to all flows that share it."""

    free_ns: float = 0.0


@dataclass
class Host:
    """What the machines do: time per packet, and stalls as (start, end) in ns."""

    send_ns_per_packet: int = 0
    sender_stalls: list[tuple[int, int]] = field(default_factory=list)
    receiver_stalls: list[tuple[int, int]] = field(default_factory=list)


def _after_stalls(at_ns: int, stalls: list[tuple[int, int]]) -> int:
    for start, end in stalls:
        if start <= at_ns < end:
            return end
    return at_ns


class PathModel:
    """One path with an endless file. Run it with `run_until`, then read the figures."""

    def __init__(
        self,
        conditions: Conditions,
        seed: int,
        *,
        host: Host | None = None,
        grain_ns: int = 250_000,
        rtt_known: bool = True,
        sends_data: bool = True,
        bottleneck: Bottleneck | None = None,
        begins_ns: int = 0,
    ) -> None:
        self.conditions = conditions
        self.host = host or Host()
        self.now_ns = 17 * S + begins_ns
        self.start_ns = self.now_ns
        self.sends_data = sends_data
        hint_ns = int(conditions.rtt_ms * MS) + 200_000 if rtt_known else None
        self.sender = PathSender(self.now_ns, rtt_hint_ns=hint_ns)
        self.receiver = PathReceiver()
        if hint_ns is not None:
            self.receiver.set_rtt_hint_ns(hint_ns)
        self._rng = np.random.default_rng(seed)
        self._grain_ns = grain_ns
        self._events: list[tuple[int, int, str, object]] = []
        self._order = 0
        self._bottleneck = bottleneck or Bottleneck()
        self._tokens = conditions.bytes_per_ns * (conditions.policer_ms or 0) * MS  # nobody has sent yet
        self._tokens_ns = self.now_ns
        self._in_bad_run = False
        self._wander = [0.0, 0.0]  # there and back, in standard deviations
        self._wander_at_ns = [self.now_ns, self.now_ns]
        self._last_arrival_ns = 0
        self._sender_free_ns = self.now_ns
        self._wake_ns: int | None = None
        self._ack_wake_ns: int | None = None
        self._again: deque[int] = deque()
        self._next_item = 0
        self._delivered = np.zeros(1 << 16, np.bool_)
        self._resolved = np.zeros(1 << 16, np.bool_)
        self.sent_packets = 0
        self.delivered_items = 0  # distinct
        self.arrived_packets = 0
        self.dropped_in_queue = 0
        self.lost_on_radio = 0
        self.spurious = 0
        self.declared_lost: list[tuple[int, int]] = []  # when, how many
        self.acks = 0
        self.ack_bytes = 0
        self.queue_samples: list[tuple[int, float]] = []  # when, ms
        self.arrivals: list[tuple[int, int]] = []  # when, distinct items so far
        self.silences: list[int] = []

    # --- figures

    def goodput_share(self, since_ns: int = 0, until_ns: int | None = None) -> float:
        """Distinct bytes delivered, over what the link lets through at its loss rate, from start + since_ns."""
        begin = self.start_ns + since_ns
        end = self.now_ns if until_ns is None else self.start_ns + until_ns
        items = self._items_at(end) - self._items_at(begin)
        ideal = self.conditions.bytes_per_ns * (1 - self.conditions.loss) * (end - begin)
        return items * PACKET_BYTES / ideal

    def delivered_mbps(self, since_ns: int, until_ns: int) -> float:
        """Distinct megabits per second delivered between two times from the start."""
        items = self._items_at(self.start_ns + until_ns) - self._items_at(self.start_ns + since_ns)
        return items * PACKET_BYTES * 8000 / (until_ns - since_ns)

    def _items_at(self, at_ns: int) -> int:
        times = np.array([when for when, _ in self.arrivals])
        where = int(np.searchsorted(times, at_ns, side="right"))
        return self.arrivals[where - 1][1] if where else 0

    @property
    def waste_share(self) -> float:
        """Packets that arrived twice as items, over items that arrived once."""
        return self.arrived_packets / max(1, self.delivered_items) - 1

    def queue_ms(self, quantile: float, since_ns: int = 0) -> float:
        """A quantile of the bottleneck's queue as packets found it."""
        found = [ms for when, ms in self.queue_samples if when >= self.start_ns + since_ns]
        return float(np.quantile(found, quantile)) if found else 0.0

    # --- running

    def run_until(self, since_start_ns: int) -> None:
        """Let the world go on until that time from the start."""
        end_ns = self.start_ns + since_start_ns
        self._step_sender()
        while True:
            at_ns = self.next_ns()
            if at_ns is None or at_ns > end_ns:
                break
            self.step()
        self.now_ns = max(self.now_ns, end_ns)

    def next_ns(self) -> int | None:
        """When something happens next."""
        self._schedule_wakes()
        return self._events[0][0] if self._events else None

    def step(self) -> None:
        """Let that happen."""
        at_ns, _, kind, payload = heapq.heappop(self._events)
        self.now_ns = max(self.now_ns, at_ns)
        if kind == "arrive":
            self._on_arrival(payload)
        elif kind == "ack":
            self._on_ack(payload)
        elif kind == "ack-due" and payload == self._ack_wake_ns:
            self._ack_wake_ns = None
            self._send_ack()
        elif kind == "wake" and payload == self._wake_ns:
            self._wake_ns = None
            self._take(self.sender.on_timeout(self.now_ns))
            self._step_sender()

    def _push(self, at_ns: int, kind: str, payload: object) -> None:
        self._order += 1
        heapq.heappush(self._events, (at_ns, self._order, kind, payload))

    def _schedule_wakes(self) -> None:
        self.sender.set_demand(self.sends_data)
        wake_ns = self.sender.next_timeout_ns()
        if wake_ns is not None:
            wake_ns = _after_stalls(max(wake_ns, self.now_ns, self._sender_free_ns), self.host.sender_stalls)
            if wake_ns != self._wake_ns:
                self._wake_ns = wake_ns
                self._push(wake_ns, "wake", wake_ns)
        due_ns = self.receiver.next_ack_ns()
        if due_ns is not None:
            due_ns = _after_stalls(max(due_ns - RECEIVER_CLOCK_NS, self.now_ns), self.host.receiver_stalls)
            if due_ns != self._ack_wake_ns:
                self._ack_wake_ns = due_ns
                self._push(due_ns, "ack-due", due_ns)

    def _step_sender(self) -> None:
        if not self.sends_data or self.now_ns < self._sender_free_ns:
            return
        for _ in range(64):
            count = min(BURST_DATAGRAMS, self.sender.budget_datagrams(self.now_ns, DATAGRAM_BYTES))
            if count <= 0:
                return
            again = min(count, len(self._again))
            items = [self._again.popleft() for _ in range(again)]
            items.extend(range(self._next_item, self._next_item + count - again))
            self._next_item += count - again
            tags = np.array(items, np.int64)
            floor = self.sender.floor
            first = self.sender.on_sent(self.now_ns, count, DATAGRAM_BYTES, tags)
            self.sent_packets += count
            self._carry(first, tags, floor)
            if self.host.send_ns_per_packet:
                self._sender_free_ns = self.now_ns + count * self.host.send_ns_per_packet
                return

    # --- the way there

    def _carry(self, first: int, tags: np.ndarray, floor: int) -> None:
        conditions = self.conditions
        if not conditions.alive:
            return
        count = len(tags)
        per_packet_ns = PACKET_BYTES / conditions.bytes_per_ns
        if conditions.policer_ms is not None:
            passed = self._police(count)
            departs = np.full(passed, float(self.now_ns))
        else:
            line = self._bottleneck
            waiting_ns = max(0.0, line.free_ns - self.now_ns)
            self.queue_samples.append((self.now_ns, waiting_ns / MS))
            room = conditions.queue_bytes - waiting_ns * conditions.bytes_per_ns
            passed = max(0, min(count, int(room // PACKET_BYTES)))
            departs = max(line.free_ns, self.now_ns) + per_packet_ns * np.arange(1, passed + 1)
            if passed:
                line.free_ns = float(departs[-1])
        self.dropped_in_queue += count - passed
        survives = ~self._radio_loss(passed)
        self.lost_on_radio += passed - int(survives.sum())
        pns = (first + np.arange(passed))[survives]
        arrives = departs[survives] + conditions.one_way_ns + self._rng.uniform(0, conditions.jitter_ms * MS, len(pns))
        if conditions.wander_ms:
            arrives = np.maximum(arrives + self._wandered_ns(0), self._last_arrival_ns)
            self._last_arrival_ns = int(arrives.max(initial=self._last_arrival_ns))
        order = np.argsort(arrives, kind="stable")
        self._deliver(arrives[order].astype(np.int64), pns[order], tags[:passed][survives][order], floor)

    def _wandered_ns(self, way: int) -> float:
        """A mean-reverting walk with a memory of 20 ms; never shortens the way to less than nothing."""
        keep = float(np.exp(-(self.now_ns - self._wander_at_ns[way]) / (20 * MS)))
        self._wander[way] = self._wander[way] * keep + float(np.sqrt(1 - keep * keep) * self._rng.standard_normal())
        self._wander_at_ns[way] = self.now_ns
        return max(self._wander[way] * self.conditions.wander_ms * MS, -float(self.conditions.one_way_ns))

    def _police(self, count: int) -> int:
        conditions = self.conditions
        depth = conditions.bytes_per_ns * (conditions.policer_ms or 0) * MS
        gained = (self.now_ns - self._tokens_ns) * conditions.bytes_per_ns
        self._tokens = min(depth, self._tokens + gained)
        self._tokens_ns = self.now_ns
        passed = min(count, int(self._tokens // PACKET_BYTES))
        self._tokens -= passed * PACKET_BYTES
        return passed

    def _radio_loss(self, count: int) -> np.ndarray:
        conditions = self.conditions
        if not conditions.burst_packets:
            return self._rng.random(count) < conditions.loss
        lost = np.zeros(count, np.bool_)
        leave = 1 / conditions.burst_packets
        enter = leave * conditions.loss / (1 - conditions.loss)
        for i, chance in enumerate(self._rng.random(count)):
            self._in_bad_run = chance >= leave if self._in_bad_run else chance < enter
            lost[i] = self._in_bad_run
        return lost

    def _deliver(self, arrives: np.ndarray, pns: np.ndarray, tags: np.ndarray, floor: int) -> None:
        start = 0
        sent_us = np.uint32(self.now_ns // 1000 & 0xFFFFFFFF)
        while start < len(pns):
            stop = int(np.searchsorted(arrives, arrives[start] + self._grain_ns, side="right"))
            at_ns = _after_stalls(int(arrives[stop - 1]), self.host.receiver_stalls)
            group = slice(start, stop)
            self._push(at_ns, "arrive", (pns[group], tags[group], np.full(stop - start, sent_us), floor))
            start = stop

    def _on_arrival(self, payload: Any) -> None:
        pns, tags, tx_us, floor = payload
        if not self.conditions.alive:
            return
        fresh = self.receiver.is_fresh(pns)
        if fresh.any():
            floors = np.full(int(np.count_nonzero(fresh)), floor, np.int64)
            self.receiver.on_fresh(pns[fresh], tx_us[fresh], floors, self.now_ns + RECEIVER_CLOCK_NS, True)
        tags = tags[fresh]
        self._delivered = _grown(self._delivered, int(tags.max(initial=0)))
        self.arrived_packets += len(pns)
        self.delivered_items += int(np.count_nonzero(~self._delivered[tags]))
        self._delivered[tags] = True
        self.arrivals.append((self.now_ns, self.delivered_items))

    # --- the way back

    def _send_ack(self) -> None:
        data = encode_ack(self.receiver.build_ack(self.now_ns + RECEIVER_CLOCK_NS, 7), 1400)
        self.acks += 1
        self.ack_bytes += len(data) + 70
        conditions = self.conditions
        if not conditions.alive or self._rng.random() < conditions.loss:
            return
        jitter_ns = int(self._rng.uniform(0, conditions.jitter_ms * MS))
        if conditions.wander_ms:
            jitter_ns = int(self._wandered_ns(1))
        at_ns = _after_stalls(self.now_ns + conditions.one_way_ns + jitter_ns, self.host.sender_stalls)
        self._push(at_ns, "ack", data)

    def _on_ack(self, payload: object) -> None:
        if not self.conditions.alive:
            return
        assert isinstance(payload, bytes)
        ack, _ = decode_ack(memoryview(payload))
        self._take(self.sender.on_ack(ack, self.now_ns))
        if self.sender.srtt_ns is not None:
            self.receiver.set_rtt_hint_ns(self.sender.srtt_ns)
        self._step_sender()

    def _take(self, resolved: Resolved) -> None:
        if len(resolved.lost_tags):
            self.declared_lost.append((self.now_ns, len(resolved.lost_tags)))
            self._delivered = _grown(self._delivered, int(resolved.lost_tags.max()))
            self.spurious += int(np.count_nonzero(self._delivered[resolved.lost_tags]))
            self._again.extend(resolved.lost_tags.tolist())
        if self.sender.is_silent and (not self.silences or self.silences[-1] != -1):
            self.silences.extend((self.now_ns, -1))
        elif not self.sender.is_silent and self.silences and self.silences[-1] == -1:
            self.silences[-1] = self.now_ns


def _grown(array: np.ndarray, index: int) -> np.ndarray:
    while index >= len(array):
        array = np.concatenate((array, np.zeros(len(array), np.bool_)))
    return array
