from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.telemetry_world import Around, desk_in, pilots, wait_until
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import (
    ConflictError,
    DiskFull,
    IntegrityError,
    NotFoundError,
    PortInUse,
    SourceMissing,
    StateError,
    UsageError,
    WriteFailed,
)
from transfer_core.events.telemetry import RaceRemoved, RacesChanged, RaceState, ReplayState, Role, TelemetryChanged
from transfer_core.telemetry import race_folders
from transfer_core.telemetry.catalog import Catalog
from transfer_core.telemetry.desk import TelemetryDesk
from transfer_core.telemetry.log import LogReader
from transfer_core.telemetry.sealing_verbs import NOT_QUEUED_YET


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def desk(tmp_path: Path, around: Around) -> Iterator[TelemetryDesk]:
    with desk_in(tmp_path / "telemetry", around) as opened:
        yield opened


def a_race(desk: TelemetryDesk, name: str = "heat 1", count: int = 2, rows: int = 150):
    """Flown, recorded, sealed and stored."""
    race = desk.create_race(name, 0)
    with pilots(race.udp_port, count) as flying:
        for _ in range(rows // 10):
            for pilot in flying:
                pilot.fly(10)
        wait_until(lambda: desk.race(race.race_id).datagrams == count * rows, "the recording")
    saved = desk.save_race(race.race_id)
    assert desk.wait_until_stored(race.race_id, 60)
    return saved, flying


def logged(desk_folder: Path, race_id: str) -> list[bytes]:
    with LogReader(desk_folder / "races" / race_id / "race.drslog") as reader:
        batches = [record.arrivals for record in reader.records() if record.arrivals is not None]
    return [datagram for batch in batches for datagram in batch.datagrams]


def test_a_race_is_recorded_byte_for_byte_sealed_stored_and_queued(desk, around, tmp_path) -> None:
    race, (first, second) = a_race(desk)
    assert race.state is RaceState.SAVED
    assert (race.datagrams, race.samples, race.error) == (300, 300, "")
    assert sorted(logged(tmp_path / "telemetry", race.race_id)) == sorted(first.sent + second.sent)
    assert race.sources == tuple(sorted((first.source_id, second.source_id)))
    assert Path(race.path).name == "heat 1.mcap"
    assert around.queued == [(race.path, None, f"races/{race.created_at[:10]} heat 1.mcap")]
    assert desk.save_race(race.race_id).state is RaceState.SAVED
    assert len(around.queued) == 1
    recorded = {each.source_id: each for each in desk.recorded_sources(race.race_id)}
    assert recorded[first.source_id].samples == 150
    assert "MotorRPM4" in [channel.name for channel in recorded[first.source_id].channels]
    series = desk.series(race.race_id, first.source_id, "Timestamp")
    assert series.low[0] == 0.0
    assert series.high[-1] == pytest.approx(1.49, abs=1e-5)


def test_a_race_ends_by_itself_into_a_sealed_file(desk, around) -> None:
    race = desk.create_race("heat", 0)
    with pilots(race.udp_port) as (pilot,):
        pilot.fly(10)
        wait_until(lambda: desk.race(race.race_id).state is RaceState.LIVE)
        ended = desk.end_race(race.race_id)
    assert ended.state in (RaceState.ENDED, RaceState.SAVED)
    assert (ended.datagrams, ended.unsynced_s) == (10, 0.0)
    wait_until(lambda: desk.race(race.race_id).state is RaceState.SAVED)
    assert desk.end_race(race.race_id).datagrams == 10
    wait_until(lambda: around.queued)


def test_a_race_of_which_nothing_came_is_neither_sealed_nor_queued(desk, around) -> None:
    race = desk.create_race("nobody came", 0)
    assert desk.race(race.race_id).state is RaceState.WAITING
    saved = desk.save_race(race.race_id)
    assert (saved.state, saved.path, around.queued) == (RaceState.ENDED, "", [])


def test_what_arrives_is_seen_live_with_names_and_told(desk, around) -> None:
    view = desk.listen(0)
    assert view.buffer_bytes > 0
    with pilots(view.port) as (pilot,):
        pilot.fly(40)
        wait_until(lambda: desk.sources() and desk.sources()[0].samples == 40)
        desk.name_source(pilot.source_id, "Ada")
        (source,) = desk.sources()
        assert (source.source_id, source.name, source.port) == (pilot.source_id, "Ada", view.port)
        assert source.last_ns > 0
        block = desk.samples(pilot.source_id, ["Timestamp", "BatteryVoltage"])
        assert block.values[:, 0].tolist() == pytest.approx(np.arange(40) * 0.01, abs=1e-4)
        assert "PositionX" in [channel.name for channel in desk.channels(pilot.source_id)]
        pilot.send([b"too short"])
        wait_until(lambda: desk.listeners()[0].refused == 1)
    wait_until(lambda: any(isinstance(event, TelemetryChanged) for event in around.events))
    desk.stop_listening(view.port)
    assert desk.sources() == desk.listeners() == []


def test_two_races_never_share_a_port(desk) -> None:
    race = desk.create_race("first", 0)
    with pytest.raises(ConflictError):
        desk.create_race("second", race.udp_port)
    with pytest.raises(ConflictError):
        desk.stop_listening(race.udp_port)
    with pytest.raises(ConflictError):
        desk.delete_race(race.race_id)
    with pytest.raises(ConflictError):
        desk.listen(race.udp_port, settings={"decoder": "f1"})
    desk.end_race(race.race_id)
    again = desk.create_race("second", race.udp_port)
    assert again.udp_port == race.udp_port


def test_a_port_that_another_program_has_makes_no_race(desk) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(PortInUse):
            desk.create_race("heat", other.getsockname()[1])
    assert desk.races() == []


def test_members_join_watch_and_are_found(desk) -> None:
    race = desk.create_race("Grand Final", 0, owner="Grace")
    desk.join_race(race.race_id, "Ada", source_id="127.0.0.1:9")
    desk.watch_race(race.race_id, "Linus")
    members = desk.race(race.race_id).members
    assert [(each.name, each.role) for each in members] == [("Ada", Role.PILOT), ("Linus", Role.VIEWER)]
    for words in ("grand", "grace", "linus", ""):
        assert [each.race_id for each in desk.races(find=words)] == [race.race_id]
    assert desk.races(find="100%") == []
    desk.end_race(race.race_id)
    with pytest.raises(ConflictError):
        desk.join_race(race.race_id, "Late")
    assert len(desk.watch_race(race.race_id, "Later").members) == 3
    assert desk.update_race(race.race_id, name="Final", owner="Ada").name == "Final"


def test_markers_name_moments(desk) -> None:
    race = desk.create_race("heat", 0)
    desk.listen(race.udp_port)
    first = desk.mark(race.race_id, "start")
    assert desk.markers(race.race_id) == [first]
    desk.end_race(race.race_id)
    with pytest.raises(UsageError):
        desk.mark(race.race_id, "too late")
    second = desk.mark(race.race_id, "before", first.time_ns - 5)
    assert [each.text for each in desk.markers(race.race_id)] == ["before", "start"]
    desk.remove_marker(race.race_id, second.marker_id)
    with pytest.raises(NotFoundError):
        desk.remove_marker(race.race_id, second.marker_id)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_race_needs_a_name_that_can_be_read(desk, name) -> None:
    with pytest.raises(UsageError):
        desk.create_race(name, 0)


def test_a_replay_is_resumed_under_its_name_where_it_was(desk, tmp_path) -> None:
    race, _ = a_race(desk)
    before = desk.open_replay(race.race_id)
    desk.set_speed(before.replay_id, 4.0)
    desk.set_loop(before.replay_id, 0, before.duration_ns // 2)
    before = desk.seek(before.replay_id, before.duration_ns // 4)
    with pytest.raises(ConflictError):
        desk.open_replay(race.race_id, resume=before)
    desk.close_replay(before.replay_id)
    assert desk.open_replay(race.race_id, resume=before) == before
    desk.close_replay(before.replay_id)
    going = desk.open_replay(race.race_id, resume=replace(before, state=ReplayState.PLAYING))
    assert going.state is ReplayState.PLAYING
    assert desk.sources(before.replay_id)


def test_a_race_that_is_deleted_is_gone_with_all_it_had(desk, around, tmp_path) -> None:
    race, _ = a_race(desk)
    replay = desk.open_replay(race.race_id)
    with pytest.raises(ConflictError):
        desk.delete_race(race.race_id)
    desk.close_replay(replay.replay_id)
    desk.delete_race(race.race_id)
    assert RaceRemoved(race.race_id) in around.events
    assert not (tmp_path / "telemetry" / "races" / race.race_id).exists()
    with pytest.raises(NotFoundError):
        desk.race(race.race_id)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("place", "name", "is_whole"),
    [(race_folders, "mark_deleted", True), (Catalog, "remove", False), (race_folders, "delete_marked", False)],
)
def test_a_race_whose_deletion_was_cut_off_is_whole_or_gone_with_the_next_start(
    desk, tmp_path, monkeypatch, place, name, is_whole
) -> None:
    deleted, other = a_race(desk)[0].race_id, a_race(desk, "heat 2")[0].race_id

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(place, name, die)
        with pytest.raises(Killed):
            desk.delete_race(deleted)
    desk.stop()
    with desk_in(tmp_path / "telemetry") as after:
        expected = {other, deleted} if is_whole else {other}
        assert {each.race_id for each in after.races()} == expected
        assert {each.name for each in (tmp_path / "telemetry" / "races").iterdir()} == expected
        for race_id in expected:
            assert after.wait_until_stored(race_id, 60)
            assert len(after.recorded_sources(race_id)) == 2


def test_a_race_that_can_not_be_forgotten_stays_whole(desk, tmp_path, monkeypatch) -> None:
    race, _ = a_race(desk)

    def refuse(*_: object) -> None:
        raise StateError("the list of races is damaged")

    with monkeypatch.context() as damaged:
        damaged.setattr(Catalog, "remove", refuse)
        with pytest.raises(StateError):
            desk.delete_race(race.race_id)
    assert [each.race_id for each in desk.races()] == [race.race_id]
    assert len(logged(tmp_path / "telemetry", race.race_id)) == 300


def test_a_race_on_a_full_disk_makes_the_room_that_forgetting_it_takes(desk, tmp_path, monkeypatch) -> None:
    race, _ = a_race(desk)
    forget = Catalog.remove

    def forget_if_there_is_room(catalog: Catalog, race_id: str) -> None:
        if list((tmp_path / "telemetry" / "races").glob("*/*")):
            raise DiskFull("no room")
        forget(catalog, race_id)

    monkeypatch.setattr(Catalog, "remove", forget_if_there_is_room)
    desk.delete_race(race.race_id)
    assert desk.races() == []
    assert not list((tmp_path / "telemetry" / "races").iterdir())


def test_a_race_that_can_not_be_forgotten_for_want_of_room_is_forgotten_when_there_is_some(
    desk, tmp_path, monkeypatch
) -> None:
    race, _ = a_race(desk)

    def refuse(*_: object) -> None:
        raise DiskFull("no room")

    with monkeypatch.context() as full:
        full.setattr(Catalog, "remove", refuse)
        with pytest.raises(DiskFull):
            desk.delete_race(race.race_id)
    desk.delete_race(race.race_id)
    assert desk.races() == []
    assert not list((tmp_path / "telemetry" / "races").iterdir())


def test_a_race_whose_deletion_can_not_be_made_durable_stays_whole(desk, tmp_path, monkeypatch) -> None:
    race, _ = a_race(desk)

    def refuse(folder: Path) -> None:
        raise OSError(5, "Input/output error", str(folder))

    with monkeypatch.context() as broken:
        broken.setattr(race_folders, "sync_folder", refuse)
        with pytest.raises(WriteFailed, match="Input/output error"):
            desk.delete_race(race.race_id)
    assert [each.race_id for each in desk.races()] == [race.race_id]
    assert len(logged(tmp_path / "telemetry", race.race_id)) == 300


def test_what_the_system_keeps_of_a_deleted_race_is_told_of_and_deleted_with_the_next_start(
    desk, tmp_path, monkeypatch
) -> None:
    race, _ = a_race(desk)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as kept:
        kept.setattr(shutil, "rmtree", refuse)
        with pytest.raises(WriteFailed, match="Permission denied"):
            desk.delete_race(race.race_id)
    assert desk.races() == []
    desk.stop()
    with desk_in(tmp_path / "telemetry") as after:
        assert after.races() == []
        assert not list((tmp_path / "telemetry" / "races").iterdir())


def test_a_race_that_is_discarded_is_in_no_list_and_comes_back_whole_when_it_is_taken_back(
    desk, around, tmp_path
) -> None:
    race, _ = a_race(desk)
    replay = desk.open_replay(race.race_id)
    with pytest.raises(ConflictError):
        desk.discard_race(race.race_id)
    desk.close_replay(replay.replay_id)
    desk.discard_race(race.race_id)
    desk.discard_race(race.race_id)
    assert desk.races() == []
    assert around.events.count(RaceRemoved(race.race_id)) == 1
    told = len(around.events)
    assert desk.take_back_race(race.race_id).path == race.path
    assert [each.race_id for each in desk.races()] == [race.race_id]
    wait_until(lambda: any(isinstance(event, RacesChanged) for event in around.events[told:]))
    assert len(desk.recorded_sources(race.race_id)) == 2
    assert desk.take_back_race(race.race_id).samples == 300


def test_a_race_that_nobody_takes_back_is_deleted_with_all_it_had(desk, tmp_path) -> None:
    race, _ = a_race(desk)
    desk.discard_race(race.race_id, kept_s=0.0)
    wait_until(lambda: not (tmp_path / "telemetry" / "races" / race.race_id).exists())
    with pytest.raises(NotFoundError):
        desk.take_back_race(race.race_id)


def test_a_race_that_was_discarded_is_deleted_at_the_end_and_given_back_after_a_crash(desk, around, tmp_path) -> None:
    first, second = a_race(desk, "heat 1")[0], a_race(desk, "heat 2")[0]
    desk.discard_race(first.race_id)
    after_a_crash = TelemetryDesk(tmp_path / "telemetry", SystemClock(), SystemEntropy(), around)
    assert {each.race_id for each in after_a_crash.races()} == {first.race_id, second.race_id}
    desk.stop()
    assert [each.race_id for each in after_a_crash.races()] == [second.race_id]
    assert not (tmp_path / "telemetry" / "races" / first.race_id).exists()
    after_a_crash.stop()


def test_a_race_that_can_not_be_deleted_after_all_is_told_of_and_listed_again(desk, around, monkeypatch) -> None:
    race, _ = a_race(desk)

    def refuse(race_id: str) -> None:
        raise ConflictError("it is replayed again")

    monkeypatch.setattr(desk, "delete_race", refuse)
    desk.discard_race(race.race_id, kept_s=0.0)
    wait_until(lambda: any("replayed again" in text for text in around.said))
    assert [each.race_id for each in desk.races()] == [race.race_id]


def test_a_race_is_in_no_list_while_it_is_being_deleted_and_can_not_be_taken_back(desk, monkeypatch) -> None:
    race, _ = a_race(desk)
    delete, begun, go_on = desk.delete_race, threading.Event(), threading.Event()

    def delete_slowly(race_id: str) -> None:
        begun.set()
        assert go_on.wait(30)
        delete(race_id)

    monkeypatch.setattr(desk, "delete_race", delete_slowly)
    desk.discard_race(race.race_id, kept_s=0.0)
    try:
        assert begun.wait(30)
        assert desk.races() == []
        with pytest.raises(NotFoundError):
            desk.take_back_race(race.race_id)
    finally:
        go_on.set()


@pytest.mark.parametrize("ending", ["mcap", "drslog"])
def test_a_recording_from_elsewhere_is_opened_once_with_names_and_markers(desk, tmp_path, ending) -> None:
    race = desk.create_race("away", 0)
    with pilots(race.udp_port, 2) as flying:
        desk.join_race(race.race_id, "Ada", source_id=flying[0].source_id)
        for pilot in flying:
            pilot.fly(60)
        wait_until(lambda: desk.race(race.race_id).datagrams == 120)
        moment = desk.mark(race.race_id, "crash")
    race = desk.save_race(race.race_id)
    folder = tmp_path / "telemetry" / "races" / race.race_id
    source = tmp_path / f"away.{ending}"
    source.write_bytes((Path(race.path) if ending == "mcap" else folder / "race.drslog").read_bytes())
    with desk_in(tmp_path / "elsewhere") as other:
        opened = other.open_recording(str(source))
        assert other.wait_until_stored(opened.race_id, 60)
        assert (opened.name, opened.datagrams, opened.sources) == ("away", 120, race.sources)
        assert logged(tmp_path / "elsewhere", opened.race_id) == logged(tmp_path / "telemetry", race.race_id)
        assert other.open_recording(str(source)).race_id == opened.race_id
        if ending == "mcap":
            assert [(each.time_ns, each.text) for each in other.markers(opened.race_id)] == [(moment.time_ns, "crash")]
            names = {each.source_id: each.name for each in other.recorded_sources(opened.race_id)}
            assert names[flying[0].source_id] == "Ada"


def test_what_is_no_recording_is_refused_and_leaves_nothing(desk, tmp_path) -> None:
    (tmp_path / "empty.mcap").write_bytes(b"")
    (tmp_path / "noise.mcap").write_bytes(b"\x89MCAP0\r\n" + bytes(range(256)))
    (tmp_path / "noise.drslog").write_bytes(b"DRSLOG1\n" + bytes(100))
    for name in ("empty.mcap", "noise.mcap", "noise.drslog"):
        with pytest.raises(IntegrityError):
            desk.open_recording(str(tmp_path / name))
    with pytest.raises(SourceMissing):
        desk.open_recording(str(tmp_path / "none.mcap"))
    assert desk.races() == []
    assert list((tmp_path / "telemetry" / "races").iterdir()) == []


def test_a_race_without_destination_says_so_only_if_one_was_asked_for(desk, around) -> None:
    around.has_destination = False
    assert a_race(desk, "quiet", 1, 10)[0].error == ""
    race = desk.create_race("loud", 0, destination="factory")
    with pilots(race.udp_port) as (pilot,):
        pilot.fly(5)
        wait_until(lambda: desk.race(race.race_id).datagrams == 5)
    assert "not queued" in desk.save_race(race.race_id).error


def test_a_desk_that_stops_ends_its_races_and_the_next_one_seals_them(tmp_path) -> None:
    around = Around()
    with desk_in(tmp_path) as desk:
        race = desk.create_race("cut short", 0)
        with pilots(race.udp_port) as (pilot,):
            pilot.fly(30)
            wait_until(lambda: desk.race(race.race_id).datagrams == 30)
    with desk_in(tmp_path, around) as desk:
        wait_until(lambda: desk.race(race.race_id).state is RaceState.SAVED)
        assert desk.race(race.race_id).datagrams == 30
        wait_until(lambda: around.queued)
        wait_until(lambda: any(isinstance(event, RacesChanged) for event in around.events))
        assert desk.wait_until_stored(race.race_id, 60)
        assert sum(each.samples for each in desk.recorded_sources(race.race_id)) == 30


def test_a_sample_store_that_can_not_be_opened_holds_up_no_recording(tmp_path) -> None:
    around = Around()
    (tmp_path / "samples.db").mkdir()
    with desk_in(tmp_path, around) as desk:
        race = desk.create_race("heat", 0)
        with pilots(race.udp_port) as (pilot,):
            pilot.fly(20)
            wait_until(lambda: desk.race(race.race_id).datagrams == 20)
        assert desk.save_race(race.race_id).state is RaceState.SAVED
    assert any("sample store" in said for said in around.said)
    (tmp_path / "samples.db").rmdir()
    with desk_in(tmp_path) as desk:
        assert desk.wait_until_stored(race.race_id, 60)
        wait_until(lambda: sum(each.samples for each in desk.recorded_sources(race.race_id)) == 20)


def test_a_race_that_was_sealed_and_not_queued_before_a_crash_is_queued_with_the_next_start(tmp_path) -> None:
    with desk_in(tmp_path) as desk:
        race, _ = a_race(desk)
    catalog = Catalog(tmp_path, SystemClock())
    catalog.change(race.race_id, error=NOT_QUEUED_YET)
    catalog.close()
    around = Around()
    with desk_in(tmp_path, around) as desk:
        assert [path for path, _, _ in around.queued] == [race.path]
        assert desk.race(race.race_id).error == ""


def test_a_wrong_address_of_the_store_is_said_and_the_list_of_races_is_there(tmp_path) -> None:
    around = Around()
    with desk_in(tmp_path) as desk:
        race, _ = a_race(desk)
    with desk_in(tmp_path, around, "mysql://somewhere") as desk:
        assert [each.race_id for each in desk.races()] == [race.race_id]
        assert around.said == ["samples can't be kept there"]
