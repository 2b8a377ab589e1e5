"""What a `UdpPort` has to do, whatever it is made of. Derive from `UdpPortSuite` and give it a fixture `ports`."""

from __future__ import annotations

import selectors
from collections.abc import Sequence

import numpy as np
import pytest

from transfer_core.errors import LinkDown
from transfer_core.net.base import UdpPort

WAIT_S = 60.0


def readable(port: UdpPort, wait_s: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(port.fileno(), selectors.EVENT_READ)
        return bool(selector.select(wait_s))


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes of which no two neighbouring datagrams are equal."""
    return b"".join(((seed << 24) + at).to_bytes(4, "big") for at in range(-(-size // 4)))[:size]


def cut(payload: bytes, segment_bytes: int) -> list[bytes]:
    return [payload[at : at + segment_bytes] for at in range(0, len(payload), segment_bytes)]


def receive_datagrams(port: UdpPort, count: int) -> list[bytes]:
    """Exactly `count` datagrams, or as many as come before the wait is over."""
    found: list[bytes] = []
    while len(found) < count and readable(port, WAIT_S):
        received = port.receive(0)
        while received is not None:
            parts = cut(bytes(received.payload), received.segment_bytes)
            assert len(parts) == received.datagrams
            found += parts
            received = port.receive(0)
    return found


def send_all(port: UdpPort, to: UdpPort, payload: bytes, segment_bytes: int) -> None:
    count = -(-len(payload) // segment_bytes)
    assert port.send(to.local_address, memoryview(payload), segment_bytes) == count


class UdpPortSuite:
    """The tests. `ports` are two open ports that can reach each other."""

    @pytest.mark.parametrize("sizes", [(1200,), (1200, 1200), (1200, 300), (1200,) * 40 + (1,), (1,), (9, 4)])
    def test_datagrams_arrive_with_their_boundaries(self, ports: tuple[UdpPort, UdpPort], sizes: Sequence[int]) -> None:
        here, there = ports
        payload = pattern(sum(sizes))
        send_all(here, there, payload, sizes[0])
        assert receive_datagrams(there, len(sizes)) == cut(payload, sizes[0])

    @pytest.mark.parametrize(("segment_bytes", "count"), [(100, 65), (100, 64), (100, 130), (1400, 47), (9000, 20)])
    def test_more_than_one_call_can_carry_is_split(
        self, ports: tuple[UdpPort, UdpPort], segment_bytes: int, count: int
    ) -> None:
        here, there = ports
        payload = pattern(segment_bytes * count - 7)
        send_all(here, there, payload, segment_bytes)
        assert receive_datagrams(there, count) == cut(payload, segment_bytes)

    @pytest.mark.parametrize("seed", range(12))
    def test_any_cut_arrives_as_it_was_sent(self, ports: tuple[UdpPort, UdpPort], seed: int) -> None:
        here, there = ports
        rng = np.random.default_rng(seed)
        for _ in range(10):
            segment_bytes = int(rng.integers(1, rng.choice([20, 1500, 9000])))
            payload = pattern(int(rng.integers(1, segment_bytes * 100)), seed)
            send_all(here, there, payload, segment_bytes)
            expected = cut(payload, segment_bytes)
            assert receive_datagrams(there, len(expected)) == expected

    def test_an_answer_goes_to_where_datagrams_came_from(self, ports: tuple[UdpPort, UdpPort]) -> None:
        here, there = ports
        send_all(here, there, b"question", 100)
        assert readable(there, WAIT_S)
        received = there.receive(0)
        assert received is not None
        assert received.address == here.local_address
        assert there.send(received.address, memoryview(b"answer"), 100) == 1
        assert receive_datagrams(here, 1) == [b"answer"]

    def test_nothing_there_gives_none_at_once(self, ports: tuple[UdpPort, UdpPort]) -> None:
        assert [port.receive(0) for port in ports] == [None, None]

    def test_it_is_readable_exactly_while_something_waits(self, ports: tuple[UdpPort, UdpPort]) -> None:
        here, there = ports
        assert not readable(there, 0)
        send_all(here, there, b"one", 100)
        send_all(here, there, b"two", 100)
        assert readable(there, WAIT_S)
        assert receive_datagrams(there, 2) == [b"one", b"two"]
        assert not readable(there, 0)
        send_all(here, there, b"three", 100)
        assert receive_datagrams(there, 1) == [b"three"]

    def test_the_sent_buffer_may_be_used_again_at_once(self, ports: tuple[UdpPort, UdpPort]) -> None:
        here, there = ports
        buffer = bytearray(b"first")
        assert here.send(there.local_address, memoryview(buffer), 5) == 1
        buffer[:] = b"other"
        assert receive_datagrams(there, 1) == [b"first"]

    def test_what_nobody_listens_to_counts_as_taken(self, ports: tuple[UdpPort, UdpPort]) -> None:
        here, there = ports
        nobody = there.local_address
        there.close()
        assert [here.send(nobody, memoryview(bytes(3000)), 1000) for _ in range(3)] == [3, 3, 3]
        assert here.receive(0) is None

    def test_nothing_is_held_back(self, ports: tuple[UdpPort, UdpPort]) -> None:
        here, there = ports
        send_all(here, there, b"x", 10)
        assert here.next_release_ns() is None
        here.pump(0)
        assert receive_datagrams(there, 1) == [b"x"]

    def test_a_closed_port_can_be_closed_again_and_says_that_it_is_down(self, ports: tuple[UdpPort, UdpPort]) -> None:
        here, there = ports
        address = there.local_address
        here.close()
        here.close()
        with pytest.raises(LinkDown):
            here.send(address, memoryview(b"late"), 10)
        with pytest.raises(LinkDown):
            here.receive(0)

    def test_it_says_what_it_can_do(self, ports: tuple[UdpPort, UdpPort]) -> None:
        for port in ports:
            able = port.capabilities
            assert able.send_buffer_bytes > 0
            assert able.receive_buffer_bytes > 0
            assert able.bound_to_device is None
