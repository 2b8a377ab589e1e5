from __future__ import annotations

import socket
import sys
import threading

import pytest

from transfer_core.net.urgency import mark_bulk, mark_live

SO_PRIORITY = 12
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="SO_PRIORITY is Linux's")


@linux_only
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_live_data_is_marked_for_this_machine_and_for_the_network(kind) -> None:
    with socket.socket(socket.AF_INET, kind) as sock:
        mark_live(sock)
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0x80
        assert sock.getsockopt(socket.SOL_SOCKET, SO_PRIORITY) == 6
    with socket.socket(socket.AF_INET6, kind) as sock:
        mark_live(sock)
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 0x80
        assert sock.getsockopt(socket.SOL_SOCKET, SO_PRIORITY) == 6


@linux_only
def test_bulk_gives_way_here_and_carries_no_mark() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        mark_bulk(sock)
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0
        assert sock.getsockopt(socket.SOL_SOCKET, SO_PRIORITY) == 2


@linux_only
def test_connections_of_a_marked_listener_are_marked() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        mark_live(listener)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        opening = threading.Thread(target=lambda: socket.create_connection(listener.getsockname()).close())
        opening.start()
        accepted, _ = listener.accept()
        opening.join()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, SO_PRIORITY) in (0, 6)  # before bulk's in every case
            assert accepted.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) & 0xFC == 0x80
