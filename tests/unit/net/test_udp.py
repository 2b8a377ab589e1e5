from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from transfer_core.errors import BindRefused, LinkDown, PortInUse
from transfer_core.net.base import UdpPort
from transfer_core.net.bind_device import bind_to_device
from transfer_core.net.dont_fragment import NOTE_FRAGMENTS, forbid_fragments
from transfer_core.net.socket_buffers import enlarge_buffers, granted_bytes
from transfer_core.net.udp import open_udp_port
from transfer_core.net.udp_plain import peer_address

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="an ability of Linux")


@pytest.fixture
def port() -> Iterator[UdpPort]:
    opened = open_udp_port(("127.0.0.1", 0))
    yield opened
    opened.close()


def test_a_port_without_a_wish_gets_any_address_and_a_free_number() -> None:
    port = open_udp_port()
    assert port.local_address[0] == "0.0.0.0"
    assert port.local_address[1] > 0
    port.close()


def test_a_port_in_use_names_itself(port: UdpPort) -> None:
    with pytest.raises(PortInUse, match=f"127.0.0.1:{port.local_address[1]} is in use"):
        open_udp_port(port.local_address)


@pytest.mark.parametrize("bind", [("192.0.2.1", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_is_not_here_is_a_link_that_is_down(bind: tuple[str, int]) -> None:
    with pytest.raises(LinkDown, match="can't be opened"):
        open_udp_port(bind)


def test_a_device_that_is_not_here_is_a_link_that_is_down() -> None:
    with pytest.raises(LinkDown, match="there is no interface nosuch0"):
        open_udp_port(device="nosuch0")


def test_a_port_on_all_ipv6_addresses_also_speaks_ipv4() -> None:
    try:
        port = open_udp_port(six=True)
    except LinkDown:
        pytest.skip("no IPv6 on this machine")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(60.0)
        peer.sendto(b"four", ("127.0.0.1", port.local_address[1]))
        received = port.receive(0)
        assert received is not None
        assert received.address == ("::ffff:127.0.0.1", peer.getsockname()[1])
        assert port.send(received.address, memoryview(b"back"), 100) == 1
        assert peer.recv(100) == b"back"
    port.close()


def test_a_link_local_peer_keeps_its_scope() -> None:
    assert peer_address(("fe80::1", 5, 0, 3)) == ("fe80::1%3", 5)
    assert peer_address(("2001:db8::1", 5, 0, 0)) == ("2001:db8::1", 5)
    assert peer_address(("192.0.2.1", 5)) == ("192.0.2.1", 5)


def test_buffers_are_as_large_as_the_system_grants_and_less_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert enlarge_buffers(sock, 100_000, 100_000) == ()
        assert granted_bytes(sock, socket.SO_RCVBUF) >= 100_000
        before = granted_bytes(sock, socket.SO_SNDBUF)
        assert enlarge_buffers(sock, 1000, 1000) == ()
        assert granted_bytes(sock, socket.SO_SNDBUF) == before  # never made smaller


def test_a_system_that_grants_less_is_told_of() -> None:
    class Stingy(socket.socket):
        def setsockopt(self, level: int, option: int, value: int) -> None:  # type: ignore[override]
            if option in (32, 33):
                raise PermissionError(1, "as scripted")
            if value > 50_000:
                raise OSError(105, "as scripted")
            super().setsockopt(level, option, value)

    with Stingy(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert enlarge_buffers(sock, 50_000, 50_000) == ()
        notes = enlarge_buffers(sock)
        assert len(notes) == 1
        assert notes[0].endswith("instead of 4194304")


@LINUX
def test_datagrams_are_not_fragmented_and_the_kernels_belief_in_the_mtu_is_ignored() -> None:
    for family, level, option in ((socket.AF_INET, 0, 10), (socket.AF_INET6, 41, 23)):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            assert forbid_fragments(sock) == ()
            assert sock.getsockopt(level, option) == 3


def test_a_system_without_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert forbid_fragments(sock) == (NOTE_FRAGMENTS,)
        with pytest.raises(BindRefused, match="plan9"):
            bind_to_device(sock, socket.if_indextoname(1))


@LINUX
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_without_the_right_to_a_device_the_way_out_is_chosen(family: int) -> None:
    class Unprivileged(socket.socket):
        def setsockopt(self, level: int, option: int, value: object) -> None:  # type: ignore[override]
            if (level, option) == (socket.SOL_SOCKET, 25):
                raise PermissionError(1, "as scripted")
            super().setsockopt(level, option, value)

    with Unprivileged(family, socket.SOCK_DGRAM) as sock:
        assert bind_to_device(sock, "lo") == ("bound for the way out only (IP_UNICAST_IF)",)
        level, option = (41, 76) if family == socket.AF_INET6 else (0, 50)
        assert socket.ntohl(sock.getsockopt(level, option)) == socket.if_nametoindex("lo")


@LINUX
def test_a_device_that_refuses_is_told_with_a_way_out() -> None:
    class Refusing(socket.socket):
        def setsockopt(self, level: int, option: int, value: object) -> None:  # type: ignore[override]
            raise PermissionError(1, "Operation not permitted")

    with Refusing(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(BindRefused) as refused:
        bind_to_device(sock, "lo")
    assert "CAP_NET_RAW" in refused.value.one_line()
