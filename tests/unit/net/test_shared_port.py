from __future__ import annotations

import random
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator

import pytest

from transfer_core.errors import PortInUse
from transfer_core.net.shared_port import adopt_udp_port, open_shared_sockets
from transfer_core.net.udp import open_udp_port
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.wire.datagram import SESSION_AT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_ATTACH_REUSEPORT_CBPF is Linux's")
WAIT_S = 60.0
WORKERS = 3


@pytest.fixture(params=["127.0.0.1", "::1"])
def sockets(request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    made = open_shared_sockets((request.param, 0), WORKERS, SESSION_AT)
    yield made
    for each in made:
        each.close()


def address_of(sock: socket.socket) -> Address:
    host, port = sock.getsockname()[:2]
    return host, port


def datagram(number: int, size: int = 40) -> bytes:
    return (struct.pack(">BBI", 0x10, 0, number)).ljust(size, b"x")


def read(sockets: list[socket.socket], count: int) -> list[list[bytes]]:
    """Datagrams by the place of the socket that they came to, as soon as there are so many."""
    found: list[list[bytes]] = [[] for _ in sockets]
    end = time.monotonic() + WAIT_S
    with selectors.DefaultSelector() as selector:
        for place, sock in enumerate(sockets):
            selector.register(sock, selectors.EVENT_READ, place)
        while sum(map(len, found)) < count:
            assert time.monotonic() < end
            for key, _ in selector.select(0.1):
                found[key.data].append(key.fileobj.recv(65_536))  # type: ignore[union-attr]
    return found


def numbers_of(payloads: list[bytes]) -> list[int]:
    return [struct.unpack_from(">I", payload, SESSION_AT)[0] for payload in payloads]


def test_a_datagram_comes_to_the_socket_whose_place_is_its_number_whoever_sends_it(
    sockets: list[socket.socket],
) -> None:
    rng = random.Random(5)
    sent = [rng.getrandbits(32) for _ in range(90)] + [0, 2**32 - 1, 2**31]
    for number in sent:
        with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as sender:  # a port of its own each time
            sender.sendto(datagram(number), address_of(sockets[0]))
    for place, payloads in enumerate(read(sockets, len(sent))):
        assert sorted(numbers_of(payloads)) == sorted(each for each in sent if each % WORKERS == place)


def test_what_is_too_short_for_a_number_comes_to_the_first(sockets: list[socket.socket]) -> None:
    with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as sender:
        for size in (1, 2, 5):
            sender.sendto(b"\x10\x00\x07\x07\x07"[:size], address_of(sockets[0]))
    assert [len(payloads) for payloads in read(sockets, 3)] == [3, 0, 0]


def test_a_burst_of_one_system_call_comes_whole_to_the_same_socket(sockets: list[socket.socket]) -> None:
    port = adopt_udp_port(sockets[1].dup().detach())
    sender = open_udp_port(("127.0.0.1" if sockets[0].family == socket.AF_INET else "::1", 0))
    burst = b"".join(datagram(4, 1200) for _ in range(30))
    assert sender.send(address_of(sockets[0]), memoryview(burst), 1200) == 30
    end, came = time.monotonic() + WAIT_S, 0
    while came < 30:
        assert time.monotonic() < end
        received = port.receive(0)
        came += received.datagrams if received is not None else 0
    assert came == 30
    for other in (sockets[0], sockets[2]):
        with pytest.raises(BlockingIOError):
            other.recv(2048)
    sender.close()
    port.close()


def test_a_reader_that_dies_leaves_order_and_datagrams_as_they_are(sockets: list[socket.socket]) -> None:
    first = adopt_udp_port(sockets[0].dup().detach())
    first.close()  # as the end of a process does
    with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as sender:
        for number in range(9):
            sender.sendto(datagram(number), address_of(sockets[0]))
    assert [numbers_of(payloads) for payloads in read(sockets, 9)] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_an_answer_leaves_from_the_shared_address(sockets: list[socket.socket]) -> None:
    port = adopt_udp_port(sockets[2].dup().detach())
    with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(WAIT_S)
        peer.bind((address_of(sockets[0])[0], 0))
        port.send(address_of(peer), memoryview(b"welcome"), 7)
        data, source = peer.recvfrom(64)
    assert (data, source[:2]) == (b"welcome", address_of(sockets[0]))
    port.close()


def test_a_port_that_others_share_is_not_shared_with_them(sockets: list[socket.socket]) -> None:
    with pytest.raises(PortInUse):
        open_shared_sockets(address_of(sockets[0]), WORKERS, SESSION_AT)
    with pytest.raises(PortInUse):
        open_udp_port(address_of(sockets[0]))


def test_who_joins_the_port_later_gets_nothing(sockets: list[socket.socket]) -> None:
    with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as guest:
        guest.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        guest.bind(address_of(sockets[0]))
        guest.setblocking(False)
        with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as sender:
            for number in range(60):
                sender.sendto(datagram(number), address_of(sockets[0]))
        assert [len(payloads) for payloads in read(sockets, 60)] == [20, 20, 20]
        with pytest.raises(BlockingIOError):
            guest.recv(64)


def test_a_port_that_somebody_else_has_is_refused() -> None:
    other = open_udp_port(("127.0.0.1", 0))
    with pytest.raises(PortInUse):
        open_shared_sockets(other.local_address, 2, SESSION_AT)
    other.close()


def test_one_socket_alone_gets_everything() -> None:
    (sock,) = open_shared_sockets(("127.0.0.1", 0), 1, SESSION_AT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(datagram(77), address_of(sock))
    assert numbers_of(read([sock], 1)[0]) == [77]
    sock.close()
