"""What goes wrong with cameras, disks and folders: nothing is lost or sent half, and the card says what it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.unit.engine.watches.support import Agent, until
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.watches import desk
from transfer_core.errors import DiskFull, DrsError, SourceChanged, SourceMissing
from transfer_core.events import JobState, Severity
from transfer_core.events.watch_words import watch_problem
from transfer_core.events.watches import WatchState
from transfer_core.jobs.store import NewFrame
from transfer_core.units import NS_PER_MS


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


def write(camera: Path, *numbers: int) -> list[Path]:
    paths = [camera / f"frame_camera01_{number:09d}.jpg" for number in numbers]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def test_a_frame_that_is_deleted_before_it_was_sent_is_told_on_the_card(agent: Agent, camera: Path) -> None:
    (path,) = write(camera, 1)
    agent.add(camera)
    (job,) = agent.through()
    path.unlink()
    with pytest.raises(SourceMissing) as gone:
        OutgoingJob.open(job, 65_536)
    agent.fail(job, gone.value)
    until(lambda: agent.view("camera01").frames_failed == 1)
    assert "is gone" in agent.view("camera01").error
    write(camera, 2)
    until(lambda: len(agent.store.jobs()) == 2)


def test_a_frame_that_was_appended_to_after_it_was_queued_is_not_sent_in_between(agent: Agent, camera: Path) -> None:
    (path,) = write(camera, 1)
    agent.add(camera)
    (job,) = agent.through()
    with path.open("ab") as writer:
        writer.write(b"more")
        writer.flush()
        with pytest.raises(SourceChanged):
            OutgoingJob.open(job, 65_536)
        agent.store.claim("agent", 1, ["pit"])
        agent.store.give_up_changed(job.file_id)
        agent.desk.on_changed(job.file_id)
        until(lambda: agent.view("camera01").unfinished == 1)
        assert agent.store.jobs() == []
    until(lambda: [each.size for each in agent.store.jobs()] == [path.stat().st_size])
    agent.send()
    until(lambda: (agent.view("camera01").frames_in, agent.view("camera01").frames_out) == (1, 1))


def test_a_file_that_is_truncated_and_written_anew_is_sent_as_it_is_in_the_end(agent: Agent, camera: Path) -> None:
    (path,) = write(camera, 1)
    agent.add(camera)
    agent.through()
    agent.send()
    with path.open("wb") as writer:
        writer.write(b"new")
        writer.flush()
    until(lambda: [job.size for job in agent.store.jobs() if job.status is JobState.PENDING] == [3])


def test_another_file_under_the_same_name_is_sent_too(agent: Agent, camera: Path) -> None:
    (path,) = write(camera, 1)
    agent.add(camera)
    agent.through()
    agent.send()
    other = camera / "other.tmp.part"
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    other.rename(path)
    until(lambda: len(agent.store.jobs()) == 2)


def test_a_full_disk_below_the_queue_is_told_and_no_frame_is_lost(
    agent: Agent, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = agent.store.queue_frames, [0]

    def full(frames: Sequence[NewFrame]) -> list[str]:
        if refusals[0] < 3:
            refusals[0] += 1
            raise DiskFull("there is no room left for the queue's database")
        return real(frames)

    monkeypatch.setattr(agent.store, "queue_frames", full)
    write(camera, 1, 2, 3)
    agent.add(camera)
    until(lambda: len(agent.store.jobs()) == 3)
    assert refusals == [3]
    told = [text for text in agent.notices if "no room left" in text]
    assert told == ["frames can't be queued: there is no room left for the queue's database"]
    until(lambda: "no room left" in agent.view("camera01").error)
    until(lambda: agent.view("camera01").frames_in == 3)


def test_an_empty_folder_in_its_place_takes_nothing_from_what_is_known(
    agent: Agent, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a disk that is unmounted for a while, with the bare place where it is mounted."""
    monkeypatch.setattr("transfer_core.engine.watches.old_frames.PASS_AFTER_FRAMES", 1)
    monkeypatch.setattr("transfer_core.engine.watches.old_frames.STEP_NS", 1)
    write(camera, *range(20))
    agent.add(camera)
    agent.through()
    agent.send()
    mounted = camera.with_name("mounted")
    camera.rename(mounted)
    camera.mkdir()
    desk_scans = [0]

    def scanned_again() -> bool:
        desk_scans[0] += 1
        return desk_scans[0] > 100

    until(scanned_again)
    camera.rmdir()
    mounted.rename(camera)
    write(camera, 20)
    until(lambda: len(agent.store.jobs()) == 21)
    assert len(agent.through()) == 21
    assert len(list(agent.store.frames_of("camera01"))) == 21


def test_rows_of_frames_that_the_ring_buffer_overwrote_are_forgotten(
    tmp_path: Path, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.engine.watches.old_frames.PASS_AFTER_FRAMES", 5)
    monkeypatch.setattr("transfer_core.engine.watches.old_frames.STEP_NS", 1)
    monkeypatch.setattr("transfer_core.engine.watches.old_frames.TRIM_NS", 1)
    paths = write(camera, *range(30))
    agent = Agent(tmp_path / "state")
    agent.start()
    agent.add(camera)
    agent.through()
    agent.send()
    for path in paths[:25]:
        path.unlink()
    write(camera, *range(30, 40))
    agent.verbs.rescan("camera01")
    until(lambda: len(agent.store.jobs()) == 40)
    agent.send()
    until(lambda: len(list(agent.store.frames_of("camera01"))) == 15)
    assert len(agent.through()) == 40
    agent.stop()


def test_a_backlog_that_is_too_long_waits_in_the_folder_and_is_sent_later(
    agent: Agent, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.engine.watches.folder.BACKLOG_MAX", 10)
    agent.add(camera)
    agent.through()
    write(camera, *range(10))
    until(lambda: len(agent.store.jobs()) >= 10)
    write(camera, *range(10, 40))
    sent: set[str] = set()
    until(lambda: len(sent) == 40 or sent.update(agent.send()), "all of them")
    assert len(sent) == 40


def test_two_frames_with_one_name_are_both_sent(agent: Agent, camera: Path) -> None:
    for place in ("a", "b"):
        (camera / place).mkdir()
        (camera / place / "frame.jpg").write_bytes(place.encode())
    agent.add(camera)
    assert [job.dest_path for job in agent.through()] == ["frame.jpg", "frame.jpg"]


def test_a_link_out_of_the_folder_is_told_on_the_card_and_not_followed(agent: Agent, camera: Path) -> None:
    (camera.parent / "secret.jpg").write_bytes(b"x")
    (camera / "link.jpg").symlink_to(camera.parent / "secret.jpg")
    agent.add(camera)
    assert agent.through() == []
    until(lambda: "link.jpg: a symbolic link is not followed" in agent.view("camera01").why)


def test_a_name_that_is_no_unicode_is_sent(agent: Agent, camera: Path) -> None:
    name = os.fsdecode(b"frame-\xff.jpg")
    (camera / name).write_bytes(b"x")
    agent.add(camera)
    (job,) = agent.through()
    assert (job.dest_path, Path(job.path).read_bytes()) == (name, b"x")
    agent.send()
    until(lambda: agent.view("camera01").frames_out == 1)


def test_a_folder_that_may_not_be_read_waits_and_says_so(agent: Agent, camera: Path) -> None:
    agent.add(camera)
    agent.through()
    camera.rmdir()
    camera.write_bytes(b"no folder any more")
    until(lambda: "it is no folder" in agent.view("camera01").why)
    assert agent.view("camera01").state is WatchState.WAITING


def test_an_error_of_the_database_in_between_ends_no_watch(
    agent: Agent, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failing = agent.store.watch_change, [True]

    def flaky() -> int:
        if failing[0]:
            failing[0] = False
            raise DrsError("another program holds the queue's database")
        return real()

    agent.add(camera)
    agent.through()
    monkeypatch.setattr(agent.store, "watch_change", flaky)
    write(camera, 1)
    until(lambda: not failing[0])
    until(lambda: len(agent.store.jobs()) == 1)


def test_a_full_destination_is_told_on_the_card_until_it_has_room_again(
    agent: Agent, camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "CHECK_NS", 20 * NS_PER_MS)
    write(camera, 1, 2)
    agent.add(camera)
    agent.through()
    first = agent.store.claim("agent", 1, ["pit"])[0]
    agent.store.say_why_of(first.file_id, "E_DISK_FULL", "frame_1.jpg needs 1.5 MB, there are 0 B free")
    told = "frames wait for pit: frame_1.jpg needs 1.5 MB, there are 0 B free"
    until(lambda: watch_problem(agent.view("camera01"), agent.clock.monotonic_ns()) == (Severity.SERIOUS, told))
    agent.store.say_why_of(first.file_id, None, "")
    until(lambda: watch_problem(agent.view("camera01"), agent.clock.monotonic_ns()) == (Severity.INFO, ""))
