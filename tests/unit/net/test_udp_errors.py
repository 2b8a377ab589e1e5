"""What becomes of errors that the system gives, on sockets that give them when told to."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from transfer_core.errors import LinkDown
from transfer_core.net.udp_linux import LinuxUdpPort
from transfer_core.net.udp_plain import PlainUdpPort

PEER = ("127.0.0.1", 9)
PAYLOAD = memoryview(bytes(10 * 1000))
FULL = [errno.EAGAIN, errno.ENOBUFS]
ONE_DESTINATION = [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EMSGSIZE]


class ScriptedSocket(socket.socket):
    """Gives the errors of `script`, one for each call that sends, then takes everything; 0 in the script takes one."""

    script: list[int]
    calls: list[tuple[str, int]]

    def _next(self, call: str, size: int) -> int:
        self.calls.append((call, size))
        number = self.script.pop(0) if self.script else 0
        if number:
            raise OSError(number, "as scripted")
        return size

    def sendto(self, data: memoryview, address: object) -> int:  # type: ignore[override]
        return self._next("sendto", len(data))

    def sendmsg(self, buffers: tuple[memoryview], *rest: object) -> int:  # type: ignore[override]
        return self._next("sendmsg", sum(map(len, buffers)))


@pytest.fixture
def sock() -> Iterator[ScriptedSocket]:
    with ScriptedSocket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        made.script, made.calls = [], []
        yield made


def linux_port(sock: socket.socket, device: str | None = None) -> LinuxUdpPort:
    port = LinuxUdpPort(sock, device)
    if not port.capabilities.segmentation:
        pytest.skip("this kernel has no UDP_SEGMENT")
    return port


@pytest.mark.parametrize("number", FULL)
def test_a_full_buffer_takes_nothing_and_says_so(sock: ScriptedSocket, number: int) -> None:
    for port in (PlainUdpPort(sock, None), linux_port(sock)):
        sock.script = [number]
        assert port.send(PEER, PAYLOAD, 1000) == 0
        assert port.send(PEER, PAYLOAD, 1000) == 10


def test_a_buffer_that_fills_up_says_how_many_were_taken(sock: ScriptedSocket) -> None:
    sock.script = [0, 0, 0, errno.EAGAIN]
    assert PlainUdpPort(sock, None).send(PEER, PAYLOAD, 1000) == 3
    sock.script = [0, errno.ENOBUFS]
    assert linux_port(sock).send(PEER, memoryview(bytes(100 * 1000)), 1000) == 64


@pytest.mark.parametrize("number", ONE_DESTINATION)
def test_what_concerns_one_destination_counts_as_taken(sock: ScriptedSocket, number: int) -> None:
    sock.script = [number] * 10
    assert PlainUdpPort(sock, None).send(PEER, PAYLOAD, 1000) == 10
    sock.script = [number] * 11  # the burst, then its datagrams one by one where that could help
    port = linux_port(sock)
    assert port.send(PEER, PAYLOAD, 1000) == 10
    assert port.capabilities.segmentation


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENETDOWN, errno.ENXIO])
def test_a_way_out_that_is_gone_is_raised(sock: ScriptedSocket, number: int) -> None:
    for port in (PlainUdpPort(sock, "eth7"), linux_port(sock, "eth7")):
        sock.script = [number]
        with pytest.raises(LinkDown, match="eth7 is gone"):
            port.send(PEER, PAYLOAD, 1000)


def test_one_way_out_gone_is_not_all_of_a_port_that_is_bound_to_none() -> None:
    with ScriptedSocket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        sock.script, sock.calls = [errno.ENETDOWN], []
        assert PlainUdpPort(sock, None).send(PEER, PAYLOAD, 1000) == 10


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL, errno.EOPNOTSUPP])
def test_segmentation_that_is_refused_is_given_up_for_good_and_nothing_is_lost(
    sock: ScriptedSocket, number: int
) -> None:
    port = linux_port(sock)
    sock.script = [number]
    assert port.send(PEER, PAYLOAD, 1000) == 10
    assert sock.calls == [("sendmsg", 10_000)] + [("sendto", 1000)] * 10
    assert not port.capabilities.segmentation
    assert "segmentation was refused" in port.capabilities.notes[-1]
    sock.calls.clear()
    assert port.send(PEER, PAYLOAD, 1000) == 10
    assert sock.calls == [("sendto", 1000)] * 10


def test_a_burst_over_the_mtu_does_not_cost_the_segmentation(sock: ScriptedSocket) -> None:
    port = linux_port(sock)
    sock.script = [errno.EINVAL] + [errno.EMSGSIZE] * 10
    assert port.send(PEER, PAYLOAD, 1000) == 10
    assert port.capabilities.segmentation
    assert port.capabilities.notes == ()


def test_a_refused_burst_that_then_meets_a_full_buffer_says_how_many_went(sock: ScriptedSocket) -> None:
    sock.script = [errno.EIO, 0, 0, errno.EAGAIN]
    assert linux_port(sock).send(PEER, memoryview(bytes(100 * 1000)), 1000) == 2
    sock.script = [errno.EIO, errno.EAGAIN]
    port = linux_port(sock)
    assert port.send(PEER, PAYLOAD, 1000) == 0
    assert port.capabilities.segmentation


def test_a_senseless_destination_does_not_take_the_link_down(sock: ScriptedSocket) -> None:
    sock.script = [errno.EINVAL] * 11
    assert linux_port(sock).send(("127.0.0.1", 0), PAYLOAD, 1000) == 10


def test_a_closed_port_ends_receiving_instead_of_trying_for_ever(sock: ScriptedSocket) -> None:
    sock.close()
    with pytest.raises(LinkDown, match="closed"):
        PlainUdpPort(sock, None).receive(0)


def test_pending_errors_do_not_hide_what_has_arrived() -> None:
    class Answered(socket.socket):
        """A peer's ICMP answers come before its datagram."""

        answers = 3

        def recvfrom_into(self, buffer: bytearray) -> tuple[int, tuple[str, int]]:  # type: ignore[override]
            if self.answers:
                self.answers -= 1
                raise ConnectionResetError(errno.ECONNRESET, "as Windows says it")
            return super().recvfrom_into(buffer)

    with Answered(socket.AF_INET, socket.SOCK_DGRAM) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        peer.sendto(b"here", sock.getsockname())
        received = PlainUdpPort(sock, None).receive(0)
        assert received is not None
        assert bytes(received.payload) == b"here"


def test_an_empty_datagram_is_passed_over() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        for port in (PlainUdpPort(sock, None), linux_port(sock)):
            peer.sendto(b"", sock.getsockname())
            peer.sendto(b"full", sock.getsockname())
            received = port.receive(0)
            assert received is not None
            assert (bytes(received.payload), received.segment_bytes) == (b"full", 4)
            assert port.receive(0) is None
