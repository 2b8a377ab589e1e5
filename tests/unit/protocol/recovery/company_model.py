"""Several flows on one line in virtual time: ours, and TCP as its CUBIC (RFC 9438) would fill the buffer.

`CubicFlow` is a model, not a TCP: an endless stream, selective acknowledgement of each packet, no pacing, HyStart's
delay test in slow start, a timeout after 200 ms and a round trip. It shares a `Bottleneck` with `PathModel`s.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from tests.unit.protocol.recovery.path_model import MS, PACKET_BYTES, Bottleneck, Conditions, PathModel, S

BETA, GROWTH = 0.7, 0.4
RTO_MIN_NS = 200 * MS
DUPLICATES = 3
GATHER_NS = MS  # a receiver takes what has come in such a time at once, and answers it together


class CubicFlow:
    """One flow of CUBIC from `begins_ns` after the common start until `ends_ns`."""

    def __init__(
        self,
        conditions: Conditions,
        bottleneck: Bottleneck,
        seed: int,
        *,
        begins_ns: int = 0,
        ends_ns: int | None = None,
    ) -> None:
        self.conditions = conditions
        self.now_ns = self.start_ns = 17 * S + begins_ns
        self._ends_ns = None if ends_ns is None else 17 * S + ends_ns
        self._line = bottleneck
        self._rng = np.random.default_rng(seed)
        self._acks: list[tuple[int, int, int]] = []  # when, packet, when it was sent
        self._next = 0
        self._flying: dict[int, int] = {}
        self._window = 10.0
        self._threshold = np.inf
        self._most = 0.0
        self._epoch_ns: int | None = None
        self._epoch_window = 0.0
        self._plateau_s = 0.0
        self._recover = -1
        self._rtt_min_ns = 1 << 62
        self._srtt_ns = int(conditions.rtt_ms * MS)
        self._rto_ns = self.now_ns + S
        self.arrivals: list[int] = []  # when, each packet

    def mbps(self, since_ns: int, until_ns: int) -> float:
        """What arrived between two times from the common start."""
        times = np.array(self.arrivals)
        count = int(np.count_nonzero((times >= 17 * S + since_ns) & (times < 17 * S + until_ns)))
        return count * PACKET_BYTES * 8000 / (until_ns - since_ns)

    def next_ns(self) -> int | None:
        """When something happens next."""
        if self._next == 0:
            return self.start_ns
        if not self._flying:
            return None
        return min(self._acks[0][0], self._rto_ns) if self._acks else self._rto_ns

    def step(self) -> None:
        """Let that happen."""
        at_ns = self.next_ns()
        assert at_ns is not None
        self.now_ns = at_ns
        if self._acks and self._acks[0][0] <= at_ns:
            _, number, sent_ns = heapq.heappop(self._acks)
            self._on_ack(number, sent_ns)
        elif self._next and at_ns >= self._rto_ns:
            self._flying.clear()
            self._lose()
            self._threshold, self._window = max(2.0, self._window), 1.0
            self._rto_ns = at_ns + S
        self._send()

    def _on_ack(self, number: int, sent_ns: int) -> None:
        if self._flying.pop(number, None) is None:
            return
        rtt_ns = self.now_ns - sent_ns
        self.arrivals.append(self.now_ns - self.conditions.one_way_ns)
        self._rtt_min_ns = min(self._rtt_min_ns, rtt_ns)
        self._srtt_ns += (rtt_ns - self._srtt_ns) // 8
        self._rto_ns = self.now_ns + self._srtt_ns + RTO_MIN_NS
        while self._flying and (oldest := next(iter(self._flying))) < number - DUPLICATES:
            del self._flying[oldest]
            if oldest > self._recover:
                self._lose()
        if number > self._recover:
            self._grow(rtt_ns)

    def _grow(self, rtt_ns: int) -> None:
        if self._window < self._threshold:
            self._window += 1
            slack_ns = min(16 * MS, max(4 * MS, self._rtt_min_ns // 8))
            if self._window >= 16 and rtt_ns > self._rtt_min_ns + slack_ns:
                self._threshold = self._window
            return
        if self._epoch_ns is None:
            self._epoch_ns, self._epoch_window = self.now_ns, self._window
            self._most = max(self._most, self._window)
            self._plateau_s = float(np.cbrt((self._most - self._window) / GROWTH))
        passed_s = (self.now_ns - self._epoch_ns) / S
        target = GROWTH * (passed_s + self._srtt_ns / S - self._plateau_s) ** 3 + self._most
        as_reno = self._epoch_window + 3 * (1 - BETA) / (1 + BETA) * passed_s * S / self._srtt_ns
        target = min(max(target, as_reno), 1.5 * self._window)
        self._window += max(0.01, target - self._window) / self._window

    def _lose(self) -> None:
        """One congestion event; the losses of one round trip are one."""
        self._recover = self._next - 1
        self._most = self._window if self._window >= self._most else self._window * (1 + BETA) / 2
        self._window = max(2.0, self._window * BETA)
        self._threshold = self._window
        self._epoch_ns = None

    def _send(self) -> None:
        if self._ends_ns is not None and self.now_ns >= self._ends_ns:
            return
        conditions, line = self.conditions, self._line
        per_packet_ns = PACKET_BYTES / conditions.bytes_per_ns
        while len(self._flying) < int(self._window):
            number = self._next
            self._next += 1
            self._flying[number] = self.now_ns
            waiting_ns = max(0.0, line.free_ns - self.now_ns)
            if (waiting_ns * conditions.bytes_per_ns) + PACKET_BYTES > conditions.queue_bytes:
                continue
            line.free_ns = max(line.free_ns, self.now_ns) + per_packet_ns
            if self._rng.random() >= conditions.loss:
                back_ns = int(line.free_ns) + 2 * conditions.one_way_ns
                back_ns += -back_ns % GATHER_NS
                heapq.heappush(self._acks, (back_ns, number, self.now_ns))


def run_together(flows: Sequence[PathModel | CubicFlow], until_ns: int) -> None:
    """Run flows that share a bottleneck until that time from the common start."""
    end_ns = 17 * S + until_ns
    times = [flow.start_ns if isinstance(flow, PathModel) else flow.next_ns() for flow in flows]
    begun = [isinstance(flow, CubicFlow) for flow in flows]
    while True:
        at_ns, place = min((at_ns, place) for place, at_ns in enumerate(times) if at_ns is not None)
        if at_ns > end_ns:
            break
        flow = flows[place]
        if isinstance(flow, PathModel) and not begun[place]:
            flow.run_until(0)
        else:
            flow.step()
        begun[place] = True
        times[place] = flow.next_ns()
    for flow in flows:
        flow.now_ns = max(flow.now_ns, end_ns)
