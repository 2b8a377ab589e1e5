"""Agent and relay as real processes, killed with SIGKILL at random moments: the file arrives equal all the same.

Three kills of each here; `make kills KILLS=20` does more.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from tests.support.field import Field, Running, data_of
from tests.support.mangling_proxy import ManglingProxy
from transfer_core.protocol.security.tokens import parse_address

KILLS = int(os.environ.get("DRS_KILLS", "3"))
SIZE = 16_000_000 * (KILLS + 1)  # no kill comes too late
LINKS_BYTES_PER_S = 10_000_000
HEADERS = 1.06
LIMIT_S = 90.0 + 20.0 * KILLS


@pytest.mark.slow
@pytest.mark.timeout(600 + LIMIT_S)
@pytest.mark.parametrize("victim", ["agent", "relay"])
def test_a_killed_process_loses_nothing_and_sends_little_again(field: Field, victim: str) -> None:
    rng = random.Random(f"{victim}{KILLS}")
    relay = field.start_relay()
    proxy = ManglingProxy(parse_address(field.listen), seed=1, share=0.0)  # it only counts
    field.pair(proxy.address)
    source = field.folder / "lap.bin"
    source.write_bytes(data_of(SIZE))
    field.upload(source)
    agent = field.start_agent("--once")
    agent.wait_for("job", status="uploading")
    for _ in range(KILLS):
        _let_it_run(agent, rng.uniform(0.05, 1.2))
        if victim == "agent":
            agent.kill()
            agent = field.start_agent("--once")
            agent.wait_for("job", status="uploading")
        else:
            relay.kill()
            _let_it_run(agent, rng.uniform(0.0, 0.5))
            relay = field.start_relay()
            relay.wait_for("agent")
    assert agent.wait(LIMIT_S) == 0, agent.err
    proxy.close()
    (job,) = field.jobs()
    assert job["status"] == "completed"
    assert field.arrived()["lap.bin"] == source.read_bytes()
    again = proxy.bytes_to_relay - int(SIZE * HEADERS)
    sys.stdout.write(f"{KILLS} kills of the {victim}: {again / 1e6:.1f} of {SIZE / 1e6:.0f} MB were sent again\n")
    assert again < KILLS * 2 * LINKS_BYTES_PER_S  # two seconds of what the links carry for each kill


def _let_it_run(agent: Running, seconds: float) -> None:
    """A while, in which the job must not end: else a kill would come too late."""
    with pytest.raises(subprocess.TimeoutExpired):
        agent.process.wait(seconds)
