"""The world is generic, so two small talkers prove it: one that sends numbered datagrams, one that sends them back."""

from __future__ import annotations

from collections import deque

import pytest

from transfer_core.errors import LocalProtocolError
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.world import FAR_ADDRESS, World

MS = 1_000_000
S = 1_000_000_000


class Talker:
    """Sends `total` datagrams of 100 bytes, `each` every 10 ms and per path, and tells of each answer."""

    def __init__(self, total: int, paths: int = 1, each: int = 8) -> None:
        self.total, self.paths, self.each = total, paths, each
        self.sent = 0
        self.next_ns: int | None = 0
        self.round_trips_ns: dict[int, list[int]] = {path: [] for path in range(paths)}
        self._out: deque[Transmit] = deque()
        self._events: deque[bytes] = deque()
        self._sent_ns: dict[int, int] = {}

    def receive_datagrams(self, path: int, received: Received, now_ns: int) -> None:
        for at in range(0, len(received.payload), received.segment_bytes):
            data = bytes(received.payload[at : at + received.segment_bytes])
            self.round_trips_ns[path].append(now_ns - self._sent_ns[int(data[:20])])
            self._events.append(data)

    def handle_timeout(self, now_ns: int) -> None:
        if self.next_ns is None or now_ns < self.next_ns:
            return
        for path in range(self.paths):
            numbers = range(self.sent, min(self.sent + self.each, self.total))
            self._sent_ns.update(dict.fromkeys(numbers, now_ns))
            self.sent += len(numbers)
            payload = b"".join(b"%020d" % number + b"." * 80 for number in numbers)
            if payload:
                self._out.append(Transmit(path, FAR_ADDRESS, memoryview(payload), 100))
        self.next_ns = now_ns + 10 * MS if self.sent < self.total else None

    def poll_transmit(self, now_ns: int, max_datagrams: int) -> Transmit | None:
        assert max_datagrams >= self.each
        return self._out.popleft() if self._out else None

    def next_timeout_ns(self) -> int | None:
        return self.next_ns

    def poll_event(self) -> bytes | None:
        return self._events.popleft() if self._events else None


class Echo:
    """Sends everything back at once, out of a buffer that it uses again, as the contract of `Transmit` allows."""

    def __init__(self) -> None:
        self.addresses: set[Address] = set()
        self.heard = 0
        self._out: deque[tuple[int, Address, bytes, int]] = deque()
        self._buffer = bytearray(65536)

    def receive_datagrams(self, path: int, received: Received, now_ns: int) -> None:
        self.addresses.add(received.address)
        self.heard += received.datagrams
        self._out.append((path, received.address, bytes(received.payload), received.segment_bytes))

    def handle_timeout(self, now_ns: int) -> None: ...

    def poll_transmit(self, now_ns: int, max_datagrams: int) -> Transmit | None:
        self._buffer[:] = bytes(len(self._buffer))
        if not self._out:
            return None
        path, address, payload, segment_bytes = self._out.popleft()
        self._buffer[: len(payload)] = payload
        return Transmit(path, address, memoryview(self._buffer)[: len(payload)], segment_bytes)

    def next_timeout_ns(self) -> int | None:
        return None

    def poll_event(self) -> None:
        return None


def make_world(talker: Talker, conditions: LinkConditions, seed: int = 5) -> tuple[World, Echo, list[bytes]]:
    world, echo, answers = World(seed), Echo(), list[bytes]()
    world.add(talker, answers.append)
    world.add(echo)
    for path in range(talker.paths):
        world.connect(talker, echo, path, world.link(f"link{path}", conditions))
    return world, echo, answers


def test_every_datagram_comes_back_intact_over_its_own_path_after_the_round_trip() -> None:
    talker = Talker(total=100, paths=2)
    world, echo, answers = make_world(talker, LinkConditions(rate_mbps=100, delay_ms=20))
    assert world.run_until(lambda: len(answers) == 100, 10 * S)
    assert sorted(answers) == [b"%020d" % number + b"." * 80 for number in range(100)]
    assert echo.addresses == {("10.0.0.1", 40000), ("10.0.1.1", 40000)}
    for path in range(2):
        assert len(talker.round_trips_ns[path]) > 40
        assert all(40 * MS < rtt < 41 * MS for rtt in talker.round_trips_ns[path])
    assert (world.counters.sent, world.counters.delivered) == (200, 200)


def test_time_jumps_over_silence_and_stops_at_the_limit() -> None:
    world, _, answers = make_world(Talker(total=8), LinkConditions(delay_ms=5_000))
    assert not world.run_until(lambda: len(answers) == 8, 9 * S)
    assert world.now_ns == 9 * S
    assert world.run_until(lambda: len(answers) == 8, 11 * S)
    assert 10 * S < world.now_ns < 10 * S + 10 * MS


def test_a_world_where_nothing_more_can_happen_ends_at_the_limit() -> None:
    world, _, answers = make_world(Talker(total=8), LinkConditions(loss=1.0))
    assert not world.run_until(lambda: bool(answers), 3600 * S)
    assert world.now_ns == 3600 * S


def test_callables_run_at_their_time_and_a_killed_link_is_silent_until_restored() -> None:
    talker = Talker(total=10_000)
    world = World(1)
    echo, answers = Echo(), list[bytes]()
    world.add(talker, answers.append)
    world.add(echo)
    link = world.link("lte", LinkConditions(delay_ms=10))
    world.connect(talker, echo, 0, link)
    seen: dict[str, int] = {}
    world.at(1 * S, link.kill)
    world.at(1 * S + 50 * MS, lambda: seen.update(killed=len(answers)))
    world.at(2 * S, link.restore)
    world.at(2 * S, lambda: seen.update(restored=len(answers)))
    world.run_until(lambda: world.now_ns > 3 * S, 4 * S)
    assert 0 < seen["killed"] == seen["restored"] < len(answers)
    assert link.up.counters.dropped_killed + link.down.counters.dropped_killed > 700


def test_one_seed_gives_one_run() -> None:
    hard = LinkConditions(rate_mbps=5, delay_ms=20, jitter_ms=10, loss=0.2, burst_loss=0.1)

    def run(seed: int) -> tuple[list[bytes], list[int]]:
        talker = Talker(total=2000)
        world, _, answers = make_world(talker, hard, seed)
        world.run_until(lambda: False, 10 * S)
        return answers, talker.round_trips_ns[0]

    assert run(7) == run(7)
    assert run(7) != run(8)
    assert 400 < len(run(7)[0]) < 1400


def test_a_restarted_endpoint_takes_the_place_but_not_what_was_on_its_way() -> None:
    talker = Talker(total=400)
    world, echo, answers = make_world(talker, LinkConditions(delay_ms=50))
    second = Echo()
    world.at(205 * MS, lambda: world.replace(echo, second))
    world.run_until(lambda: False, 5 * S)
    assert echo.heard > 0
    assert second.heard > 0
    assert world.counters.unroutable == 40  # five bursts of eight were under way
    assert len(answers) == echo.heard + second.heard == 360


def test_datagrams_to_an_address_without_a_wire_are_counted() -> None:
    world, talker = World(1), Talker(total=8)
    world.add(talker)
    world.run_until(lambda: False, S)
    assert world.counters.unroutable == 8


def test_an_endpoint_that_never_rests_is_found_out() -> None:
    class Restless(Echo):
        def next_timeout_ns(self) -> int:
            return 0

    world = World(1)
    world.add(Restless())
    with pytest.raises(LocalProtocolError, match="again and again"):
        world.run_until(lambda: False, S)
