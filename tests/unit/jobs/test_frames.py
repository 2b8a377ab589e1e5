from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.unit.jobs.support import SPEC, complete, frame
from transfer_core.errors import ConflictError
from transfer_core.events import JobState
from transfer_core.jobs.store import FrameRow, JobStore, RunRow
from transfer_core.sim.manual_clock import ManualClock


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


def test_of_what_has_arrived_the_newest_stay_listed_and_the_oldest_leave(watched: JobStore, clock: ManualClock) -> None:
    for number in range(10):
        watched.queue_frames([frame(f"{number}.jpg", str(number))])
        complete(watched, str(number))
        clock.advance(10**9)
    assert watched.trim_arrived(listed=4, kept=3) == 6
    assert [job.file_id for job in watched.jobs()] == ["6", "7", "8", "9"]
    watched.trim_arrived(listed=4, kept=3)
    assert {job.file_id for job in watched.history(limit=50, offset=0, find="")} == set("3456789")
