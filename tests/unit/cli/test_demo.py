from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from transfer_core.cli import compose
from transfer_core.cli.demo import SIMULATION, SUM_MBPS
from transfer_core.events import JobsChanged, JobState
from transfer_core.sim.script import StepKind, parse_simulation


@pytest.fixture
def delivering(service, monkeypatch):
    """A service that delivers at its second drain by copying; `spoil` changes what arrives."""

    class Application:
        @staticmethod
        def save_pictures(_service, out):
            return [out / "queue.png"]

    service.spoil = bytes

    def deliver():
        (job,) = service.jobs()
        directory = next(Path(call[1]) for call in service.calls if call[0] == "start_relay")
        data = Path(job.path).read_bytes()
        (directory / "agent").mkdir(parents=True)
        (directory / "agent" / "lap.bin").write_bytes(service.spoil(data))
        links = {"wifi": len(data) // 2, "lte": len(data) // 2}
        done = replace(
            job, status=JobState.COMPLETED, size=len(data), bytes_done=len(data), duration_s=1.0, links=links
        )
        return [JobsChanged((done,))]

    service.drains.append(lambda: [JobsChanged(tuple(service.jobs()))])
    service.drains.append(deliver)
    monkeypatch.setattr(compose, "open_console", Application)
    return service


def test_the_demo_sends_over_its_script_compares_hashes_and_says_what_links_carried(drs, delivering, tmp_path) -> None:
    code, out, _ = drs("demo", "--size", 1, "--headless", "--out", tmp_path)
    assert code == 0
    assert "Arrived, equal: blake3:" in out
    assert "8.0 Mbit/s" in out
    assert "50%" in next(line for line in out.splitlines() if line.strip().startswith("lte"))
    assert str(tmp_path / "queue.png") in out
    assert delivering.opened_with["simulation"].name == "links.toml"
    assert ("pair", "token", "pit") in delivering.calls
    assert not delivering.opened_with["simulation"].exists()  # nothing is left behind


def test_the_demo_as_json_ends_with_what_was_verified(drs, delivering, tmp_path) -> None:
    _, out, _ = drs("demo", "--size", 1, "--headless", "--json", "--out", tmp_path)
    events = {event["event"]: event for event in map(json.loads, out.splitlines())}
    assert events["verified"]["size"] == 1_000_000
    assert events["verified"]["links"] == {"wifi": 500_000, "lte": 500_000}


def test_the_demo_fails_if_one_byte_is_different(drs, delivering, tmp_path) -> None:
    delivering.spoil = lambda data: data[:-1] + bytes([data[-1] ^ 1])
    code, _, err = drs("demo", "--size", 1, "--headless", "--out", tmp_path)
    assert code == 1
    assert err.startswith("E_FILE_HASH: ")


def test_the_demos_script_is_a_simulation_that_kills_and_restores_a_link() -> None:
    simulation = parse_simulation(SIMULATION.format(kill_s=6.0, restore_s=12.0))
    assert sum(link.conditions.rate_mbps for link in simulation.links) == SUM_MBPS
    assert [step.kind for step in simulation.steps] == [StepKind.KILL, StepKind.RESTORE]
