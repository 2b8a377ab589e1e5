from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from transfer_core.net.base import Capabilities
from transfer_core.net.simulated_port import HELD_BYTES_MAX, SimulatedPort
from transfer_core.protocol.endpoint import Address, Received
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.duplex import DuplexLink
from transfer_core.sim.manual_clock import ManualClock

MS = 1_000_000
PEER: Address = ("127.0.0.1", 9000)


class MemoryPort:
    """Keeps what is sent, gives what was put in."""

    local_address: Address = ("127.0.0.1", 1234)
    capabilities = Capabilities(True, True, 1, 1, None, ("inner",))

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.arriving: deque[tuple[bytes, int]] = deque()
        self.takes = 1_000_000
        self.closed = False

    def fileno(self) -> int:
        return 99

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        assert address == PEER
        datagrams = [bytes(payload[at : at + segment_bytes]) for at in range(0, len(payload), segment_bytes)]
        taken = datagrams[: self.takes]
        self.sent.extend(taken)
        self.takes -= len(taken)
        return len(taken)

    def receive(self, now_ns: int) -> Received | None:
        if not self.arriving:
            return None
        payload, segment_bytes = self.arriving.popleft()
        return Received(PEER, memoryview(payload), segment_bytes)

    def next_release_ns(self) -> int | None:
        return None

    def pump(self, now_ns: int) -> None: ...

    def close(self) -> None:
        self.closed = True


class Rig:
    """A simulated port over a memory port, under a manual clock."""

    def __init__(self, conditions: LinkConditions | None) -> None:
        self.clock = ManualClock()
        self.inner = MemoryPort()
        self.link = DuplexLink("test", conditions, np.random.default_rng(3))
        self.port = SimulatedPort(self.inner, self.link.up, self.link.down, monotonic_ns=self.clock.monotonic_ns)

    def pass_time(self, until_ns: int) -> list[bytes]:
        """As an event loop does: sleep until the next release, pump, receive."""
        got: list[bytes] = []
        while True:
            got.extend(self.receive_all())
            next_ns = self.port.next_release_ns()
            if next_ns is None or next_ns > until_ns:
                break
            self.clock.advance(max(0, next_ns - self.clock.monotonic_ns()))
            self.port.pump(self.clock.monotonic_ns())
        self.clock.advance(until_ns - self.clock.monotonic_ns())
        return got

    def receive_all(self) -> list[bytes]:
        got: list[bytes] = []
        while (received := self.port.receive(self.clock.monotonic_ns())) is not None:
            step = received.segment_bytes
            got.extend(bytes(received.payload[at : at + step]) for at in range(0, len(received.payload), step))
        return got


def numbered(count: int, size: int = 1222) -> list[bytes]:
    return [b"%08d" % number + b"x" * (size - 8) for number in range(count)]


def test_what_is_sent_comes_out_at_the_links_pace_and_after_its_delay() -> None:
    rig = Rig(LinkConditions(rate_mbps=10, delay_ms=30, queue_ms=1000))
    datagrams = numbered(40)
    assert rig.port.send(PEER, memoryview(b"".join(datagrams)), 1222) == 40
    rig.pass_time(30 * MS)
    assert rig.inner.sent == []
    rig.pass_time(51 * MS)
    assert 18 <= len(rig.inner.sent) <= 21
    rig.pass_time(100 * MS)
    assert rig.inner.sent == datagrams
    assert rig.port.held_bytes == 0
    assert rig.port.next_release_ns() is None


def test_what_arrives_is_held_back_likewise() -> None:
    rig = Rig(LinkConditions(rate_mbps=10, delay_ms=30, queue_ms=1000))
    datagrams = numbered(39)
    datagrams.append(b"short")
    rig.inner.arriving.append((b"".join(datagrams), 1222))
    assert rig.pass_time(30 * MS) == []
    first = rig.pass_time(51 * MS)
    assert 18 <= len(first) <= 21
    assert first + rig.pass_time(100 * MS) == datagrams


def test_kill_drops_both_ways_also_what_is_held_and_restore_brings_it_back() -> None:
    rig = Rig(LinkConditions(delay_ms=10))
    rig.port.send(PEER, memoryview(b"a" * 100), 100)
    rig.inner.arriving.append((b"b" * 100, 100))
    assert rig.receive_all() == []
    rig.port.kill()
    assert rig.pass_time(20 * MS) == []
    assert rig.port.send(PEER, memoryview(b"c" * 100), 100) == 1
    rig.inner.arriving.append((b"d" * 100, 100))
    assert rig.pass_time(40 * MS) == []
    assert rig.inner.sent == []
    rig.port.restore()
    rig.port.send(PEER, memoryview(b"e" * 100), 100)
    rig.inner.arriving.append((b"f" * 100, 100))
    assert rig.pass_time(60 * MS) == [b"f" * 100]
    assert rig.inner.sent == [b"e" * 100]
    assert rig.link.up.counters.dropped_killed == rig.link.down.counters.dropped_killed == 2


def test_a_transparent_link_passes_at_once_and_still_can_be_killed() -> None:
    rig = Rig(None)
    rig.inner.takes = 3
    assert rig.port.send(PEER, memoryview(b"".join(numbered(5))), 1222) == 3  # the inner port's word is passed on
    rig.inner.arriving.append((b"in", 2))
    assert rig.receive_all() == [b"in"]
    assert rig.port.capabilities.notes == ("inner",)
    rig.port.kill()
    rig.inner.arriving.append((b"in", 2))
    assert rig.port.send(PEER, memoryview(b"out"), 3) == 1
    assert rig.receive_all() == []
    assert len(rig.inner.sent) == 3
    assert rig.link.up.counters.dropped_killed == 1


def test_what_a_full_inner_buffer_refuses_is_offered_again() -> None:
    rig = Rig(LinkConditions(rate_mbps=1000, delay_ms=1))
    datagrams = numbered(10)
    rig.inner.takes = 4
    rig.port.send(PEER, memoryview(b"".join(datagrams)), 1222)
    rig.clock.advance(3 * MS)
    rig.port.pump(rig.clock.monotonic_ns())
    assert rig.inner.sent == datagrams[:4]
    rig.inner.takes = 100
    rig.pass_time(5 * MS)
    assert rig.inner.sent == datagrams


def test_memory_is_bounded_however_long_the_link() -> None:
    rig = Rig(LinkConditions(rate_mbps=100_000, delay_ms=60_000, queue_ms=60_000))
    payload = memoryview(bytes(60_000))
    for _ in range(HELD_BYTES_MAX // 60_000 + 50):
        rig.port.send(PEER, payload, 1200)
    assert rig.port.held_bytes <= HELD_BYTES_MAX
    assert rig.link.up.counters.dropped_queue >= 49 * 50


def test_loss_is_applied_both_ways() -> None:
    rig = Rig(LinkConditions(rate_mbps=1000, loss=0.3))
    got = 0
    for turn in range(100):
        rig.port.send(PEER, memoryview(b"".join(numbered(40, 100))), 100)
        rig.inner.arriving.append((b"".join(numbered(40, 100)), 100))
        got += len(rig.pass_time((turn + 1) * 10 * MS))
    assert got == pytest.approx(2800, rel=0.08)
    assert len(rig.inner.sent) == pytest.approx(2800, rel=0.08)


def test_the_rest_is_the_inner_ports() -> None:
    rig = Rig(LinkConditions())
    assert rig.port.fileno() == 99
    assert rig.port.local_address == rig.inner.local_address
    assert rig.port.capabilities.notes == ("inner", "simulated link")
    rig.port.close()
    assert rig.inner.closed


def test_what_was_sent_before_the_port_is_closed_arrives_all_the_same() -> None:
    rig = Rig(LinkConditions(rate_mbps=10, delay_ms=30, queue_ms=1000))
    datagrams = numbered(4)
    rig.port.send(PEER, memoryview(b"".join(datagrams)), 1222)
    rig.port.close()
    assert rig.inner.sent == datagrams


def test_what_is_on_its_way_over_a_link_that_is_dead_does_not_arrive_by_closing_it() -> None:
    rig = Rig(LinkConditions(rate_mbps=10, delay_ms=30, queue_ms=1000))
    rig.port.send(PEER, memoryview(b"".join(numbered(4))), 1222)
    rig.port.kill()
    rig.port.close()
    assert rig.inner.sent == []
