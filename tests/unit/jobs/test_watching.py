from __future__ import annotations

import pytest

from tests.unit.jobs.support import SPEC, complete, frame
from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.store import JobStore, RunRow


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
