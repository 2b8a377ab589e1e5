"""Telemetry as a part of this machine's service: what becomes of a finished recording, and who records."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.telemetry_world import pilots, wait_until
from transfer_core.engine.local_service import LocalService
from transfer_core.errors import ConfigError, StateLocked
from transfer_core.events.telemetry import RacesChanged, RaceState
from transfer_core.service import NewDestination


@pytest.fixture
def service(tmp_path: Path):
    made = LocalService(tmp_path)
    yield made
    made.stop()


def fly_a_race(service: LocalService, name: str = "heat", count: int = 20):
    race = service.telemetry.create_race(name, 0)
    with pilots(race.udp_port) as (pilot,):
        pilot.fly(count)
        wait_until(lambda: service.telemetry.race(race.race_id).datagrams == count)
    return service.telemetry.end_race(race.race_id)


def test_a_finished_recording_becomes_a_job_with_priority_two_by_itself(service) -> None:
    service.uploads.add_destination(NewDestination("factory", "http://127.0.0.1:1", kind="tus"))
    service.start_telemetry()
    race = fly_a_race(service, "heat 7")
    wait_until(service.jobs, "the job")
    (job,) = service.jobs()
    sealed = service.telemetry.race(race.race_id)
    assert (job.path, job.priority, job.destination) == (sealed.path, 2, "factory")
    assert job.dest_path == f"races/{race.created_at[:10]} heat 7.mcap"
    assert sealed.state is RaceState.SAVED


def test_without_a_destination_it_is_sealed_all_the_same(service) -> None:
    race = fly_a_race(service)
    wait_until(lambda: service.telemetry.race(race.race_id).state is RaceState.SAVED)
    wait_until(lambda: service.telemetry.race(race.race_id).error == "")
    assert service.jobs() == []


def test_listeners_hear_of_races_by_the_bus(service) -> None:
    subscription = service.subscribe()
    service.start_telemetry()
    race = fly_a_race(service)
    heard: dict[str, RaceState] = {}

    def saved() -> bool:
        for event in subscription.drain():
            if isinstance(event, RacesChanged):
                heard.update((each.race_id, each.state) for each in event.races)
        return heard.get(race.race_id) is RaceState.SAVED

    wait_until(saved)
    later = service.subscribe()
    races = [each for event in later.drain() if isinstance(event, RacesChanged) for each in event.races]
    assert [each.race_id for each in races] == [race.race_id]
    later.close()
    subscription.close()


def test_one_process_records_in_a_state_directory_and_others_look(service, tmp_path) -> None:
    race = fly_a_race(service)
    other = LocalService(tmp_path)
    other.start_telemetry()
    assert [each.race_id for each in other.telemetry.races()] == [race.race_id]
    with pytest.raises(StateLocked):
        other.telemetry.create_race("mine", 0)
    assert len(other.telemetry.races()) == 1
    other.stop()


def test_nothing_is_made_until_somebody_asks(service, tmp_path) -> None:
    service.start_telemetry()
    assert not (tmp_path / "telemetry").exists()


def test_a_store_that_can_not_be_is_said(service, monkeypatch) -> None:
    monkeypatch.setenv("DRS_SYNC_TELEMETRY_STORE", "mysql://somewhere")
    with pytest.raises(ConfigError):
        service.telemetry.create_race("heat", 0)
    assert service.telemetry.races() == []
