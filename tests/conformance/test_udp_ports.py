from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.conformance.udp_port_suite import UdpPortSuite
from transfer_core.errors import LinkError
from transfer_core.net.base import UdpPort
from transfer_core.net.memory_port import memory_port_pair
from transfer_core.net.simulated_port import SimulatedPort
from transfer_core.net.udp import open_udp_port
from transfer_core.sim.duplex import DuplexLink


@contextmanager
def two_ports(host: str, *, plain: bool) -> Iterator[tuple[UdpPort, UdpPort]]:
    here = open_udp_port((host, 0), plain=plain)
    there = open_udp_port((host, 0), plain=plain)
    try:
        yield here, there
    finally:
        here.close()
        there.close()


def has_ipv6() -> bool:
    try:
        open_udp_port(("::1", 0)).close()
    except LinkError:
        return False
    return True


class TestPlainPort(UdpPortSuite):
    @pytest.fixture
    def ports(self) -> Iterator[tuple[UdpPort, UdpPort]]:
        with two_ports("127.0.0.1", plain=True) as pair:
            yield pair

    def test_it_has_no_bursts(self, ports: tuple[UdpPort, UdpPort]) -> None:
        assert not ports[0].capabilities.segmentation
        assert not ports[0].capabilities.coalescing


@pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT and UDP_GRO are Linux's")
class TestLinuxPort(UdpPortSuite):
    @pytest.fixture
    def ports(self) -> Iterator[tuple[UdpPort, UdpPort]]:
        with two_ports("127.0.0.1", plain=False) as pair:
            yield pair

    def test_a_burst_comes_as_one_piece(self, ports: tuple[UdpPort, UdpPort]) -> None:
        here, there = ports
        if not (here.capabilities.segmentation and there.capabilities.coalescing):
            pytest.skip("this kernel has no bursts")
        assert here.send(there.local_address, memoryview(bytes(40 * 1200)), 1200) == 40
        received = there.receive(0)
        assert received is not None
        assert (received.datagrams, received.segment_bytes) == (40, 1200)


class TestLinuxPortToPlainPort(UdpPortSuite):
    @pytest.fixture
    def ports(self) -> Iterator[tuple[UdpPort, UdpPort]]:
        here, there = open_udp_port(("127.0.0.1", 0)), open_udp_port(("127.0.0.1", 0), plain=True)
        yield here, there
        here.close()
        there.close()


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
class TestIpv6Port(UdpPortSuite):
    @pytest.fixture
    def ports(self) -> Iterator[tuple[UdpPort, UdpPort]]:
        with two_ports("::1", plain=False) as pair:
            yield pair


class TestSimulatedPortWithoutConditions(UdpPortSuite):
    @pytest.fixture
    def ports(self) -> Iterator[tuple[UdpPort, UdpPort]]:
        link = DuplexLink("lte", None, np.random.default_rng(1))
        with two_ports("127.0.0.1", plain=False) as (here, there):
            yield SimulatedPort(here, link.up, link.down), there


class TestMemoryPort(UdpPortSuite):
    @pytest.fixture
    def ports(self) -> Iterator[tuple[UdpPort, UdpPort]]:
        here, there = memory_port_pair()
        yield here, there
        here.close()
        there.close()
