"""When the system took in what is read later."""

from __future__ import annotations

import select
import socket
import sys
import time

import pytest

from transfer_core.net.udp import open_udp_port
from transfer_core.net.udp_plain import PlainUdpPort

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an ability of Linux")
GAP_S = 0.02


def test_datagrams_that_are_read_together_tell_how_far_apart_they_came() -> None:
    port = open_udp_port(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        left_s = []
        for _ in range(3):
            left_s.append(time.monotonic())
            other.sendto(bytes(100), port.local_address)
            time.sleep(GAP_S)  # what is measured
        received = port.receive(0)
    port.close()
    assert received is not None
    first, second, third = received.stamps_us
    passed_us = int((left_s[2] - left_s[0]) * 1e6)
    assert passed_us - 5_000_000 < third - first & 0xFFFFFFFF < passed_us + 5_000_000
    assert second - first & 0xFFFFFFFF >= GAP_S * 0.5e6
    assert third - second & 0xFFFFFFFF >= GAP_S * 0.5e6


def test_datagrams_that_the_system_has_coalesced_have_a_stamp_each() -> None:
    port, sender = open_udp_port(("127.0.0.1", 0)), open_udp_port(("127.0.0.1", 0))
    sender.send(port.local_address, memoryview(bytes(10 * 100 + 30)), 100)
    select.select([port.fileno()], [], [], 10)
    received = port.receive(0)
    port.close()
    sender.close()
    assert received is not None
    assert len(received.stamps_us) == received.datagrams == 11


def test_a_plain_port_tells_nothing() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    port = PlainUdpPort(sock, None)
    port.send(port.local_address, memoryview(bytes(100)), 100)
    select.select([port.fileno()], [], [], 10)
    received = port.receive(0)
    port.close()
    assert received is not None
    assert received.stamps_us == []
