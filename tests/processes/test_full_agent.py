"""An agent whose own disk is full: it waits, says so, and goes on by itself when there is room."""

from __future__ import annotations

import sys

import pytest

from tests.support.field import Field, data_of


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of a running process is Linux's")
def test_an_agent_whose_database_takes_nothing_waits_and_goes_on_when_it_does(field: Field) -> None:
    import resource

    field.start_relay()
    field.pair()
    agent = field.start_agent()
    agent.wait_for("notice", topic="relay", severity="info")
    limits = resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    laps = {f"lap{i}.bin": data_of(300_000, seed=i) for i in range(5)}
    for name, data in laps.items():
        (field.folder / name).write_bytes(data)
    field.upload(*(field.folder / name for name in laps))
    assert "the queue waits" in agent.wait_for("notice", topic="engine", severity="serious")["text"]
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, limits)
    field.wait_job(lambda job: all(each["status"] == "completed" for each in field.jobs()))
    assert field.arrived() == laps
    agent.wait_for("notice", topic="engine", text="the queue goes on")
    assert agent.stop() == 0
