from __future__ import annotations

import os
from dataclasses import replace

import pytest

from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events import JobState
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.store import FrameRow, JobStore, NewFrame, NewJob, RunRow

SPEC = WatchSpec("camera01", "/data/camera01", "pit")


def frame(name: str, file_id: str, *, mtime_ns: int = 1, run_id: str = "", watch: str = "camera01") -> NewFrame:
    job = NewJob(file_id, f"/data/{watch}/{name}", 100, 5, "pit", name, "watch", mtime_ns, 7)
    return NewFrame(watch, run_id, name, job)


def complete(store: JobStore, *file_ids: str) -> None:
    store.claim("agent", 100, ["pit"])
    store.complete([(file_id, "blake3:00", file_id, {}, 0) for file_id in file_ids])


@pytest.fixture
def watched(store: JobStore) -> JobStore:
    store.add_watches([SPEC])
    return store


def test_a_watch_is_kept_as_it_was_asked_for(watched: JobStore) -> None:
    (row,) = watched.watches()
    assert (row.spec, row.paused, row.ended, row.taken) == (SPEC, False, False, 0)


def test_of_watches_with_a_name_that_is_taken_none_is_added(watched: JobStore) -> None:
    with pytest.raises(ConflictError):
        watched.add_watches([WatchSpec("camera02", "/d", "pit"), SPEC])
    assert [row.spec.name for row in watched.watches()] == ["camera01"]


def test_every_change_by_a_person_is_noticed_and_counting_frames_is_none(watched: JobStore) -> None:
    before = watched.watch_change()
    watched.queue_frames([frame("a.jpg", "1")])
    assert watched.watch_change() == before
    watched.pause_watch("camera01", True)
    watched.remove_watch("camera01")
    assert watched.watch_change() == before + 2
    with pytest.raises(NotFoundError):
        watched.pause_watch("camera01", False)


def test_a_frame_and_its_job_come_together_with_the_state_of_the_source(watched: JobStore) -> None:
    watched.queue_frames([frame("a.jpg", "1", mtime_ns=55), frame("b.jpg", "2")])
    assert [(job.file_id, job.source_mtime_ns, job.source_inode) for job in watched.jobs()] == [
        ("1", 55, 7),
        ("2", 1, 7),
    ]
    assert next(iter(watched.frames_of("camera01"))) == FrameRow("camera01", "", "a.jpg", 100, 55, 7, "1")
    assert watched.watches()[0].taken == 2


def test_one_bad_frame_among_many_queues_none(watched: JobStore) -> None:
    with pytest.raises(ConflictError):
        watched.queue_frames([frame("a.jpg", "1"), frame("b.jpg", "1")])
    assert watched.jobs() == []
    assert list(watched.frames_of("camera01")) == []


def test_a_newer_state_of_a_file_takes_the_place_of_one_that_has_not_arrived(watched: JobStore) -> None:
    watched.queue_frames([frame("a.jpg", "1")])
    assert watched.queue_frames([frame("a.jpg", "2", mtime_ns=2)]) == ["1"]
    assert [job.file_id for job in watched.jobs()] == ["2"]
    assert watched.job("1").status is JobState.CANCELLED
    assert [row.file_id for row in watched.frames_of("camera01")] == ["2"]


def test_a_newer_state_of_a_file_that_has_arrived_is_sent_beside_it(watched: JobStore) -> None:
    watched.queue_frames([frame("a.jpg", "1")])
    complete(watched, "1")
    assert watched.queue_frames([frame("a.jpg", "2", mtime_ns=2)]) == []
    assert watched.job("1").status is JobState.COMPLETED


def test_frames_of_a_watch_that_was_just_removed_are_not_queued(watched: JobStore) -> None:
    watched.remove_watch("camera01")
    watched.queue_frames([frame("a.jpg", "1")])
    assert watched.jobs() == []


def test_what_is_removed_leaves_its_jobs_in_the_queue(watched: JobStore) -> None:
    watched.queue_frames([frame("a.jpg", "1")])
    watched.remove_watch("camera01")
    assert [job.file_id for job in watched.jobs()] == ["1"]
    assert (watched.watches(), watched.frames_of_jobs(["1"])) == ([], [])


def test_a_watch_that_is_added_anew_knows_no_frames_of_the_one_before(watched: JobStore) -> None:
    watched.queue_frames([frame("a.jpg", "1")])
    watched.remove_watch("camera01")
    watched.add_watches([SPEC])
    assert list(watched.frames_of("camera01")) == []
    with pytest.raises(NotFoundError):
        watched.restore_watch("camera01")


def test_the_watch_that_was_removed_last_comes_back_with_its_frames_its_runs_and_its_pause(watched: JobStore) -> None:
    watched.add_watches([WatchSpec("camera02", "/d", "pit")])
    watched.queue_frames([frame("a.jpg", "1"), frame("b.jpg", "2")])
    watched.add_runs([RunRow("run-1", "camera01", "{}", 0)])
    complete(watched, "1")
    watched.pause_watch("camera01", True)
    watched.remove_watch("camera01")
    assert (watched.runs(), watched.arrived_frames()) == ([], [])
    watched.restore_watch("camera01")
    row = watched.watches()[0]
    assert (row.spec, row.paused, row.taken) == (SPEC, True, 2)
    assert [each.relative for each in watched.frames_of("camera01")] == ["a.jpg", "b.jpg"]
    assert [each.relative for each in watched.arrived_frames()] == ["a.jpg"]
    assert [run.run_id for run in watched.runs()] == ["run-1"]


def test_only_the_watch_that_was_removed_last_can_come_back(watched: JobStore) -> None:
    watched.add_watches([WatchSpec("camera02", "/d", "pit")])
    watched.queue_frames([frame("a.jpg", "1")])
    watched.remove_watch("camera01")
    watched.remove_watch("camera02")
    with pytest.raises(NotFoundError):
        watched.restore_watch("camera01")
    assert list(watched.frames_of("camera01")) == []
    watched.restore_watch("camera02")
    assert [row.spec.name for row in watched.watches()] == ["camera02"]


def test_an_arrival_that_nobody_dealt_with_is_found_again(watched: JobStore) -> None:
    watched.queue_frames([frame("a.jpg", "1"), frame("b.jpg", "2"), frame("c.jpg", "3")])
    complete(watched, "1", "2")
    assert sorted(row.file_id for row in watched.arrived_frames()) == ["1", "2"]
    first, second = watched.frames_of_jobs(["1", "2"])
    watched.settle_frames([first], [second])
    assert watched.arrived_frames() == []
    assert [row.file_id for row in watched.frames_of("camera01")] == ["1", "3"]


def test_open_frames_tell_which_of_them_go_on(watched: JobStore) -> None:
    watched.queue_frames([frame(f"{number}.jpg", str(number)) for number in range(4)])
    complete(watched, "0")
    watched.fail("1", "E_SOURCE_MISSING", "gone")
    watched.cancel(["2"])
    assert watched.open_frames("camera01") == {"1": False, "2": False, "3": True}


def test_a_source_that_changed_takes_frame_and_job_along(watched: JobStore) -> None:
    watched.queue_frames([frame("a.jpg", "1")])
    watched.claim("agent", 1, ["pit"])
    assert watched.give_up_changed("1")
    assert watched.jobs() == []
    assert list(watched.frames_of("camera01")) == []
    assert watched.watches()[0].taken == 0


def test_a_source_that_changed_after_its_watch_or_run_had_ended_may_be_sent_as_it_is(watched: JobStore) -> None:
    watched.add_watches([replace(SPEC, name="camera02"), replace(SPEC, name="camera03")])
    watched.add_runs([RunRow("r1", "camera03", '{"max_files": 1}', 0)])
    watched.queue_frames(
        [frame("a.jpg", "1"), frame("b.jpg", "2", watch="camera02"), frame("c.jpg", "3", watch="camera03", run_id="r1")]
    )
    watched.claim("agent", 3, ["pit"])
    watched.remove_watch("camera01")
    watched.end_watches(["camera02"], [("r1", "camera03")])
    assert [watched.give_up_changed(file_id) for file_id in "123"] == [False] * 3
    assert [(job.status, job.source_mtime_ns, job.source_inode) for job in watched.jobs()] == [
        (JobState.UPLOADING, None, None)
    ] * 3


def test_a_newer_state_of_a_file_counts_no_second_time_for_a_limit(watched: JobStore) -> None:
    watched.add_runs([RunRow("r1", "camera01", '{"max_files": 5}', 0)])
    watched.queue_frames([frame("a.jpg", "1"), frame("a.jpg", "2", run_id="r1")])
    watched.queue_frames([frame("a.jpg", "3", mtime_ns=2), frame("a.jpg", "4", mtime_ns=2, run_id="r1")])
    assert (watched.watches()[0].taken, watched.runs()[0].taken) == (1, 1)


def test_names_that_are_no_unicode_are_kept(watched: JobStore) -> None:
    name = os.fsdecode(b"frame-\xff.jpg")
    watched.queue_frames([frame(name, "1"), frame("z.jpg", "2")])
    assert {row.relative for row in watched.frames_of("camera01")} == {name, "z.jpg"}
    assert watched.frames_after("camera01", "", "z.jpg", limit=5)[0][0].relative == name


def test_a_run_ends_the_one_before_it_unless_that_has_an_end_of_its_own(watched: JobStore) -> None:
    watched.add_runs([RunRow("r1", "camera01", '{"max_files": 0}', 0)])
    watched.add_runs([RunRow("r2", "camera01", '{"max_files": 9}', 0)])
    watched.add_runs([RunRow("r3", "camera01", '{"max_files": 0}', 0)])
    assert [run.run_id for run in watched.runs()] == ["r2", "r3"]
    watched.queue_frames([frame("a.jpg", "1", run_id="r2"), frame("a.jpg", "2", run_id="r3")])
    assert [(run.run_id, run.taken) for run in watched.runs()] == [("r2", 1), ("r3", 1)]
    assert watched.watches()[0].taken == 0
    watched.end_watches(["camera01"], [("r2", "camera01")])
    assert [run.run_id for run in watched.runs()] == ["r3"]
    assert watched.watches()[0].ended


def test_of_what_has_arrived_the_newest_stay_listed_and_the_oldest_leave(watched: JobStore, clock: object) -> None:
    for number in range(10):
        watched.queue_frames([frame(f"{number}.jpg", str(number))])
        complete(watched, str(number))
        clock.advance(10**9)  # type: ignore[attr-defined]
    assert watched.trim_arrived(listed=4, kept=3) == 6
    assert [job.file_id for job in watched.jobs()] == ["6", "7", "8", "9"]
    watched.trim_arrived(listed=4, kept=3)
    assert {job.file_id for job in watched.history(limit=50, offset=0, find="")} == set("3456789")
