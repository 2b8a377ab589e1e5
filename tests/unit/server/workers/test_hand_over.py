from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from transfer_core.protocol.place import Place, home_of
from transfer_core.protocol.security.handshake import HELLO_BYTES
from transfer_core.server.workers.hand_over import COPIES_AT_ONCE, COPY_NS, HOMES_KEPT, HandOver, InboxPort, make_inbox
from transfer_core.units import NS_PER_S

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
    assert over.pass_on(hello(), KEY, peer, 0)
    received = inbox.receive(0)
    assert received is not None
    assert (received.address, bytes(received.payload), received.segment_bytes) == (peer, hello(), HELLO_BYTES)
    assert inbox.receive(0) is None


def test_a_copy_goes_the_same_way_without_being_opened(way: Way) -> None:
    over, inbox, _ = way
    assert not over.pass_on_copy(hello(), PEER, 0)
    over.pass_on(hello(), KEY, PEER, 0)
    assert over.pass_on_copy(hello(), ("192.0.2.8", 5), 0)
    assert not over.pass_on_copy(hello(1), PEER, 0)
    said = [inbox.receive(0), inbox.receive(0), inbox.receive(0)]
    assert [each and each.address for each in said] == [PEER, ("192.0.2.8", 5), None]


def test_who_is_at_home_here_is_handed_to_nobody() -> None:
    for over in (HandOver(Place(HOME, WORKERS)), HandOver()):
        assert not over.pass_on(hello(), KEY, PEER, 0)
        assert not over.pass_on_copy(hello(), PEER, 0)


def test_what_is_more_than_an_inbox_holds_is_dropped_and_the_rest_arrives(way: Way) -> None:
    over, inbox, _ = way
    for number in range(3 * HOMES_KEPT):
        over.pass_on(hello(number), KEY, PEER, 0)
    came = 0
    while inbox.receive(0) is not None:
        came += 1
    assert 1 <= came < 3 * HOMES_KEPT
    assert not over.pass_on_copy(hello(0), PEER, 0)  # nor is every hello kept for ever


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
    over.pass_on(hello(), KEY, PEER, 0)
    received = inbox.receive(0)
    assert received is not None
    assert bytes(received.payload) == hello()


def test_one_hello_that_is_played_again_and_again_leaves_room_for_others(way: Way) -> None:
    over, inbox, _ = way
    over.pass_on(hello(), KEY, PEER, 0)
    came, others = 0, 0
    for copy in range(4000):  # within a second
        assert over.pass_on_copy(hello(), PEER, copy * NS_PER_S // 4000)
        if copy % 400 == 0:
            over.pass_on(hello(1 + copy), KEY, PEER, 0)
        while (received := inbox.receive(0)) is not None:
            came, others = came + 1, others + (bytes(received.payload) != hello())
    assert others == 10
    assert came - others <= 1 + COPIES_AT_ONCE + NS_PER_S // COPY_NS


def test_an_agent_s_copies_over_many_links_pass_as_long_as_it_says_hello(way: Way) -> None:
    over, inbox, _ = way
    over.pass_on(hello(), KEY, PEER, 0)
    inbox.receive(0)
    for turn in range(1, 200):  # each 250 ms, over eight links
        for link in range(8):
            over.pass_on_copy(hello(), ("192.0.2.7", link), turn * NS_PER_S // 4)
            received = inbox.receive(0)
            assert received is not None
            assert received.address[1] == link
