from __future__ import annotations

import subprocess
import sys
import time

import pytest

from benchmarks.netlab.lab import LinkSpec, lab
from benchmarks.netlab.namespaces import why_not
from benchmarks.netlab.probe import probe
from transfer_core.sim.conditions import LinkConditions

pytestmark = pytest.mark.netns
REASON = why_not()


@pytest.mark.skipif(REASON is not None, reason=f"no lab here: {REASON}")
def test_packets_of_another_program_feel_the_rate_the_delay_and_the_loss_that_were_set() -> None:
    spec = LinkSpec("bad", LinkConditions(rate_mbps=10, delay_ms=20, loss=0.2))
    with lab([spec]) as made:
        above = probe(made, 13, 1.0)
        below = probe(made, 5, 1.0)
    assert above.rate_mbps == pytest.approx(8, rel=0.1)
    assert below.loss == pytest.approx(0.2, abs=0.08)  # 416 datagrams: four standard deviations
    assert 20 <= below.delay_ms < 30


@pytest.mark.skipif(REASON is not None, reason=f"no lab here: {REASON}")
def test_a_killed_link_carries_nothing_until_it_is_restored() -> None:
    spec = LinkSpec("cut", LinkConditions(rate_mbps=10, delay_ms=5))
    with lab([spec]) as made:
        made.link.kill()
        up, _ = made.link.counts()
        before = up.packets_delivered
        _ping_once(made.near.name)
        assert made.link.counts()[0].packets_delivered == before
        made.link.restore()
        deadline = time.monotonic() + 5
        while made.link.counts()[0].packets_delivered == before and time.monotonic() < deadline:
            _ping_once(made.near.name)
        assert made.link.counts()[0].packets_delivered > before


def _ping_once(namespace: str) -> None:
    """One datagram; nobody answers."""
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.99.0.1', 7007))"
    subprocess.run(["ip", "netns", "exec", namespace, sys.executable, "-c", code], check=True)
