from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.engine.watches.support import Agent, until
from transfer_core.errors import SourceMissing
from transfer_core.events import JobState
from transfer_core.events.watches import WatchState


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "state")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    folder = tmp_path / "camera01"
    folder.mkdir()
    return folder


def frame(camera: Path, number: int, content: bytes = b"x" * 100) -> Path:
    path = camera / f"frame_{camera.name}_{number:09d}.jpg"
    path.write_bytes(content)
    return path


def test_what_is_there_and_what_comes_is_queued_in_the_order_of_names(agent: Agent, camera: Path) -> None:
    for number in (3, 1, 2):
        frame(camera, number)
    agent.add(camera, dest_path="race/camera01", priority=2)
    assert [job.dest_path[-5:] for job in agent.through()] == ["1.jpg", "2.jpg", "3.jpg"]
    frame(camera, 4)
    until(lambda: len(agent.store.jobs()) == 4)
    job = agent.store.jobs()[-1]
    assert (job.dest_path, job.priority, job.source) == ("race/camera01/frame_camera01_000000004.jpg", 2, "watch")


def test_a_frame_is_queued_once_however_often_the_agent_starts(tmp_path: Path, camera: Path) -> None:
    for life in range(3):
        agent = Agent(tmp_path / "state")
        agent.start()
        if life == 0:
            frame(camera, 1)
            agent.add(camera)
        frame(camera, 10 + life)
        until(lambda agent=agent, life=life: len(agent.store.jobs()) == 2 + life)
        agent.send()
        agent.stop()
    agent = Agent(tmp_path / "state")
    agent.start()
    assert len(agent.through()) == 4
    assert set(agent.states()) == {JobState.COMPLETED}
    agent.stop()


def test_a_watch_that_is_taken_back_sends_what_came_meanwhile_and_nothing_twice(agent: Agent, camera: Path) -> None:
    frame(camera, 1)
    frame(camera, 2)
    agent.add(camera)
    until(lambda: len(agent.names()) == 2)
    agent.verbs.remove("camera01")
    until(lambda: not agent.desk.views())
    agent.send()
    frame(camera, 3)
    agent.verbs.restore("camera01")
    until(lambda: len(agent.names()) == 3)
    assert [name[-5:] for name in (job.dest_path for job in agent.through())] == ["1.jpg", "2.jpg", "3.jpg"]
    assert agent.store.open_frames("camera01").keys() == {agent.store.jobs()[-1].file_id}


def test_many_frames_cost_few_transactions(agent: Agent, camera: Path) -> None:
    for number in range(1000):
        frame(camera, number)
    before = agent.store.newest_change()
    agent.add(camera)
    until(lambda: len(agent.store.jobs()) == 1000)
    assert agent.store.newest_change() - before < 50


def test_start_after_and_max_files_choose_and_then_the_watch_ends(agent: Agent, camera: Path) -> None:
    for number in range(10):
        frame(camera, number)
    agent.add(camera, start_after="frame_camera01_000000003.jpg", max_files=4)
    until(lambda: agent.view("camera01").state is WatchState.ENDED)
    assert [name[-5:] for name in agent.names()] == ["4.jpg", "5.jpg", "6.jpg", "7.jpg"]
    frame(camera, 11)
    assert len(agent.through()) == 4


def test_once_sends_what_is_there_and_ends(agent: Agent, camera: Path) -> None:
    path = frame(camera, 1)
    agent.add(camera, once=True)
    until(lambda: agent.view("camera01").state is WatchState.ENDED)
    assert len(agent.store.jobs()) == 1
    frame(camera, 2)
    for name in ("camera02", "camera03"):  # found by a scan each, in which the one that has ended has no part
        other = camera.with_name(name)
        other.mkdir()
        frame(other, 1)
        agent.add(other, once=True)
        until(lambda: all(view.state is WatchState.ENDED for view in agent.verbs.views()))
    assert [job.path for job in agent.store.jobs() if str(camera) in job.path] == [str(path)]
    agent.verbs.resume("camera01")
    until(lambda: len(agent.store.jobs()) == 4)


def test_a_paused_watch_takes_nothing_and_catches_up(agent: Agent, camera: Path) -> None:
    agent.add(camera)
    agent.through()
    agent.verbs.pause("camera01")
    until(lambda: agent.view("camera01").state is WatchState.PAUSED)
    frame(camera, 1)
    assert agent.through() == []
    agent.verbs.resume("camera01")
    until(lambda: len(agent.store.jobs()) == 1)


def test_the_structure_is_kept_when_asked_for(agent: Agent, camera: Path) -> None:
    (camera / "run" / "one").mkdir(parents=True)
    (camera / "run" / "one" / "a.jpg").write_bytes(b"x")
    agent.add(camera, dest_path="flat")
    agent.add(camera, name="whole", dest_path="kept", preserve_structure=True)
    agent.through()
    assert sorted(agent.names()) == ["flat/a.jpg", "kept/run/one/a.jpg"]


def test_a_source_is_deleted_once_it_has_arrived_and_not_before(agent: Agent, camera: Path) -> None:
    path = frame(camera, 1)
    agent.add(camera, delete_after=True)
    agent.through()
    assert path.exists()
    agent.send()
    until(lambda: not path.exists())
    assert list(camera.iterdir()) == []
    until(lambda: list(agent.store.frames_of("camera01")) == [])


def test_a_source_that_changed_since_it_was_sent_stays_and_is_sent_as_it_is_now(agent: Agent, camera: Path) -> None:
    path = frame(camera, 1)
    agent.add(camera, delete_after=True)
    (job,) = agent.through()
    agent.store.claim("agent", 1, ["pit"])
    path.write_bytes(b"newer")
    agent.store.complete([(job.file_id, "blake3:00", "x", {}, 0)])
    agent.arrived([job.file_id])
    until(lambda: len(agent.store.jobs()) == 2)
    assert path.read_bytes() == b"newer"
    agent.send()
    until(lambda: not path.exists())


def test_a_source_that_failed_is_never_deleted(agent: Agent, camera: Path) -> None:
    path = frame(camera, 1)
    agent.add(camera, delete_after=True)
    (job,) = agent.through()
    agent.fail(job, SourceMissing(f"{path} is gone"))
    until(lambda: agent.view("camera01").frames_failed == 1)
    assert "E_SOURCE_MISSING" in agent.view("camera01").error
    assert agent.view("camera01").backlog == 0
    assert path.exists()


def test_what_arrived_just_before_the_agent_was_killed_is_deleted_by_the_next(tmp_path: Path, camera: Path) -> None:
    path = frame(camera, 1)
    agent = Agent(tmp_path / "state")
    agent.start()
    agent.add(camera, delete_after=True)
    (job,) = agent.through()
    agent.store.claim("agent", 1, ["pit"])
    agent.store.complete([(job.file_id, "blake3:00", "x", {}, 0)])  # and nobody is told
    agent.stop()
    agent = Agent(tmp_path / "state")
    agent.start()
    until(lambda: not path.exists())
    agent.stop()


def test_a_file_that_changes_before_it_was_sent_is_sent_once_as_it_is_in_the_end(agent: Agent, camera: Path) -> None:
    path = frame(camera, 1)
    agent.add(camera)
    (first,) = agent.through()
    path.write_bytes(b"newer")
    until(lambda: [job.size for job in agent.store.jobs()] == [5])
    assert agent.store.job(first.file_id).status is JobState.CANCELLED
    until(lambda: agent.view("camera01").backlog == 1)


def test_a_job_whose_source_was_found_changed_is_queued_again_as_it_is_now(agent: Agent, camera: Path) -> None:
    frame(camera, 1)
    agent.add(camera)
    (first,) = agent.through()
    agent.store.claim("agent", 1, ["pit"])
    agent.store.give_up_changed(first.file_id)
    agent.desk.on_changed(first.file_id)
    until(lambda: [job.file_id for job in agent.store.jobs()] not in ([], [first.file_id]))


def test_two_cameras_with_the_same_names_stay_apart(agent: Agent, tmp_path: Path) -> None:
    for name in ("camera01", "camera02"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "frame.jpg").write_bytes(name.encode())
        agent.add(tmp_path / name, dest_path=name)
    until(lambda: sorted(agent.names()) == ["camera01/frame.jpg", "camera02/frame.jpg"])


def test_a_folder_that_goes_is_told_of_and_nothing_is_sent_again_when_it_is_back(agent: Agent, camera: Path) -> None:
    frame(camera, 1)
    agent.add(camera)
    agent.through()
    agent.send()
    away = camera.with_name("away")
    camera.rename(away)
    until(lambda: agent.view("camera01").state is WatchState.WAITING)
    assert "can't be watched" in agent.view("camera01").why
    away.rename(camera)
    frame(camera, 2)
    until(lambda: agent.view("camera01").state is WatchState.WATCHING)
    until(lambda: len(agent.store.jobs()) == 2)
    assert agent.notices[-1] == "camera01: its folder is back"


def test_the_card_says_how_it_goes(agent: Agent, camera: Path) -> None:
    agent.add(camera)
    frame(camera, 1)
    until(lambda: agent.view("camera01").frames_in == 1)
    view = agent.view("camera01")
    assert (view.frames_in, view.frames_out, view.backlog_bytes, view.newest_there_ns) == (1, 0, 100, None)
    assert view.newest_frame == str(camera / "frame_camera01_000000001.jpg")
    agent.send()
    until(lambda: agent.view("camera01").frames_out == 1)
    view = agent.view("camera01")
    assert view.backlog == 0
    assert view.newest_there_ns is not None
    assert view.latency_p50_ms is not None


def test_a_cancelled_frame_is_no_backlog_and_keeps_its_source(agent: Agent, camera: Path) -> None:
    path = frame(camera, 1)
    agent.add(camera, delete_after=True)
    (job,) = agent.through()
    agent.store.cancel([job.file_id])
    until(lambda: agent.view("camera01").backlog == 0)
    assert path.exists()


def test_a_writer_that_never_closes_is_named_and_its_file_is_not_sent(
    agent: Agent, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.ingest.candidates.HELD_LONG_NS", 300_000_000)
    agent.add(camera)
    with (camera / "frame.jpg").open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        until(lambda: "frame.jpg has been open for" in agent.view("camera01").held)
        assert agent.store.jobs() == []
    until(lambda: len(agent.store.jobs()) == 1)
    until(lambda: agent.view("camera01").held == "")


def test_a_wall_clock_that_jumps_changes_nothing(agent: Agent, camera: Path) -> None:
    agent.add(camera)
    for number, at_s in ((1, 0), (2, 4_000_000_000)):
        path = frame(camera, number)
        os.utime(path, (at_s, at_s))
    until(lambda: {job.source_mtime_ns for job in agent.store.jobs()} == {0, 4_000_000_000_000_000_000})
