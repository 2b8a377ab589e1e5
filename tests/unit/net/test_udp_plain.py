from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest

from transfer_core.net.base import UdpPort
from transfer_core.net.udp import open_udp_port
from transfer_core.net.udp_plain import BURST_DATAGRAMS

LOOPBACK = ("127.0.0.1", 0)


def plain() -> UdpPort:
    return open_udp_port(LOOPBACK, plain=True)


@pytest.fixture(params=[plain, lambda: open_udp_port(LOOPBACK)], ids=["plain", "best of this system"])
def port(request: pytest.FixtureRequest) -> Iterator[UdpPort]:
    opened = request.param()
    yield opened
    opened.close()


@pytest.fixture
def senders() -> Iterator[list[socket.socket]]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for sock in made:
        sock.bind(LOOPBACK)
    yield made
    for sock in made:
        sock.close()


def wait_for_all(port: UdpPort) -> None:
    """Loopback has delivered by the time that `sendto` returns; readable says so."""
    with selectors.DefaultSelector() as selector:
        selector.register(port.fileno(), selectors.EVENT_READ)
        assert selector.select(5.0)


def bursts(port: UdpPort) -> list[tuple[tuple[str, int], list[bytes]]]:
    found = []
    while (received := port.receive(0)) is not None:
        payload, size = bytes(received.payload), received.segment_bytes
        found.append((received.address, [payload[at : at + size] for at in range(0, len(payload), size)]))
    return found


def test_datagrams_of_one_sender_and_size_that_wait_come_as_one_burst(
    port: UdpPort, senders: list[socket.socket]
) -> None:
    sent = [bytes([number]) * 700 for number in range(20)]
    for datagram in sent:
        senders[0].sendto(datagram, port.local_address)
    wait_for_all(port)
    assert bursts(port) == [(senders[0].getsockname(), sent)]


def test_a_burst_never_mixes_senders_nor_sizes(port: UdpPort, senders: list[socket.socket]) -> None:
    here, there = senders
    plan = [(here, 100), (here, 100), (there, 100), (there, 100), (there, 300), (here, 300), (here, 20), (here, 20)]
    sent = [(sock.getsockname(), bytes([number]) * size) for number, (sock, size) in enumerate(plan)]
    for (sock, _), (_, datagram) in zip(plan, sent, strict=True):
        sock.sendto(datagram, port.local_address)
    wait_for_all(port)
    found = bursts(port)
    assert [(address, datagram) for address, burst in found for datagram in burst] == sent
    assert [[len(datagram) for datagram in burst] for _, burst in found] == [
        [100] * 2,
        [100] * 2,
        [300],
        [300, 20],
        [20],
    ]


def test_a_datagram_that_was_read_and_opens_the_next_burst_is_due_at_once(
    port: UdpPort, senders: list[socket.socket]
) -> None:
    for sock in senders:
        sock.sendto(b"one of each", port.local_address)
    wait_for_all(port)
    assert port.next_release_ns() is None
    assert port.receive(0) is not None
    assert port.next_release_ns() == 0
    assert port.receive(0) is not None
    assert port.next_release_ns() is None


def test_the_largest_datagram_is_whole_behind_a_burst(port: UdpPort, senders: list[socket.socket]) -> None:
    sizes = [1400] * (BURST_DATAGRAMS - 1) + [65_507]
    for size in sizes:
        senders[0].sendto(bytes(size), port.local_address)
    wait_for_all(port)
    assert [len(datagram) for _, burst in bursts(port) for datagram in burst] == sizes


def test_small_datagrams_that_left_together_stay_several_behind_larger_ones(port: UdpPort) -> None:
    sender = open_udp_port(LOOPBACK)
    sent = [b"a" * 1400, b"b" * 1400, b"c" * 300, b"d" * 300]
    try:
        assert sender.send(port.local_address, memoryview(b"".join(sent[:2])), 1400) == 2
        assert sender.send(port.local_address, memoryview(b"".join(sent[2:])), 300) == 2
        found: list[bytes] = []
        while sum(map(len, found)) < sum(map(len, sent)):
            wait_for_all(port)
            found += [datagram for _, burst in bursts(port) for datagram in burst]
        assert found == sent
    finally:
        sender.close()
