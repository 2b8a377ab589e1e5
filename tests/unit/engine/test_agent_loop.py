"""An agent's loop against a true relay, over loopback: what happens to its sessions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.field import data_of
from tests.support.loop_stage import LoopStage, job_of
from transfer_core.engine import agent_loop
from transfer_core.sim.conditions import LinkConditions

SIZE = 3_000_000
SLOW = LinkConditions(rate_mbps=1, delay_ms=2)  # the file would take twelve seconds
FAST = LinkConditions(rate_mbps=80, delay_ms=2)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[LoopStage]:
    made = LoopStage(tmp_path)
    yield made
    made.close()


def test_a_session_whose_path_numbers_are_used_up_is_followed_by_a_new_one_in_mid_transfer(
    stage: LoopStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_loop, "PATHS_MAX", 4)
    source = tmp_path / "lap.bin"
    source.write_bytes(data_of(SIZE))
    stage.plug("steady", SLOW)
    stage.plug("loose", SLOW)
    stage.wait(lambda: stage.sessions() == 1)
    out = job_of("id-1", source, "lap.bin")
    stage.agent.loop.post(lambda: stage.agent.begin("pit", [out]))
    stage.wait(lambda: stage.relay.bytes_received > SIZE / 20)
    for _ in range(4):  # each time is another path
        stage.unplug("loose")
        stage.plug("loose", SLOW)
        time.sleep(0.05)
    stage.wait(lambda: stage.sessions() == 2)
    assert not stage.arrived()
    stage.change(FAST)
    stage.wait(lambda: any(name == "on_arrived" for name, _ in stage.told))
    assert stage.sessions() == 2
    assert [arguments[1:] for name, arguments in stage.told if name == "on_online"] == [(True, "")]  # it never was away
    assert not [name for name, _ in stage.told if name == "on_failed"]
    (arrived,) = (tmp_path / "in").rglob("lap.bin")
    assert arrived.read_bytes() == source.read_bytes()
    assert set(out.carried) == {"steady", "loose"}
