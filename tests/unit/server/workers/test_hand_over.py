from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from transfer_core.protocol.place import Place, home_of
from transfer_core.protocol.security.handshake import HELLO_BYTES
from transfer_core.server.workers.hand_over import HOMES_KEPT, HandOver, InboxPort, make_inbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes share a port on Linux only")
WORKERS = 3
KEY = bytes(32)
HOME = home_of(KEY, WORKERS)
OTHER = (HOME + 1) % WORKERS
PEER = ("192.0.2.7", 40_001)


def hello(number: int = 0) -> bytes:
    return bytes((1, 1)) + number.to_bytes(4, "big").ljust(HELLO_BYTES - 2, b"h")


@pytest.fixture
def way() -> Iterator[tuple[HandOver, InboxPort, socket.socket]]:
    """From OTHER to HOME."""
    reading, writing = make_inbox()
    over, inbox = HandOver(Place(OTHER, WORKERS), {HOME: writing}), InboxPort(reading)
    yield over, inbox, writing
    over.close()
    inbox.close()


Way = tuple[HandOver, InboxPort, socket.socket]


@pytest.mark.parametrize("peer", [PEER, ("2001:db8::1", 9), ("fe80::1%eth0", 65_535)])
def test_a_hello_arrives_at_its_home_as_it_came_with_who_said_it(way: Way, peer: tuple[str, int]) -> None:
    over, inbox, _ = way
    assert over.pass_on(hello(), KEY, peer)
    received = inbox.receive(0)
    assert received is not None
    assert (received.address, bytes(received.payload), received.segment_bytes) == (peer, hello(), HELLO_BYTES)
    assert inbox.receive(0) is None


def test_a_copy_goes_the_same_way_without_being_opened(way: Way) -> None:
    over, inbox, _ = way
    assert not over.pass_on_copy(hello(), PEER)
    over.pass_on(hello(), KEY, PEER)
    assert over.pass_on_copy(hello(), ("192.0.2.8", 5))
    assert not over.pass_on_copy(hello(1), PEER)
    said = [inbox.receive(0), inbox.receive(0), inbox.receive(0)]
    assert [each and each.address for each in said] == [PEER, ("192.0.2.8", 5), None]


def test_who_is_at_home_here_is_handed_to_nobody() -> None:
    for over in (HandOver(Place(HOME, WORKERS)), HandOver()):
        assert not over.pass_on(hello(), KEY, PEER)
        assert not over.pass_on_copy(hello(), PEER)


def test_what_is_more_than_an_inbox_holds_is_dropped_and_the_rest_arrives(way: Way) -> None:
    over, inbox, _ = way
    for number in range(3 * HOMES_KEPT):
        over.pass_on(hello(number), KEY, PEER)
    came = 0
    while inbox.receive(0) is not None:
        came += 1
    assert 1 <= came < 3 * HOMES_KEPT
    assert not over.pass_on_copy(hello(0), PEER)  # nor is every hello kept for ever


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\0",
        b"\0\x05\xff" + hello(),
        b"\0\x05\x02\xff\xfe" + hello(),
        b"\0\x05\x01a" + hello()[:-1],
        b"\0\x05\x01a\x10" + hello()[1:],
        b"x" * 5000,
    ],
)
def test_what_is_no_hello_is_passed_over(way: Way, junk: bytes) -> None:
    over, inbox, writing = way
    writing.send(junk)
    over.pass_on(hello(), KEY, PEER)
    received = inbox.receive(0)
    assert received is not None
    assert bytes(received.payload) == hello()
