from __future__ import annotations

import pytest

from tests.unit.jobs.support import fill, new, order, states
from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events import JobState
from transfer_core.jobs.store import JobStore

HERE = ["pit"]


def test_a_paused_job_is_not_claimed_until_it_is_resumed(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 1, HERE)
    store.pause(["a", "b"])
    store.pause(["a"])
    assert [job.reason for job in store.jobs()] == ["paused by you"] * 2
    assert store.claim("me", 5, HERE) == []
    store.resume(["a", "b"])
    assert [job.file_id for job in store.claim("me", 5, HERE)] == ["a", "b"]
    store.resume(["a"])
    assert states(store, "ab") == [JobState.UPLOADING] * 2


def test_one_job_that_does_not_allow_it_holds_back_all_of_them(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 1, HERE)
    store.complete([("a", "", "", {}, 0)])
    for verb in (store.pause, store.resume, store.cancel, store.retry):
        with pytest.raises(ConflictError):
            verb(["b", "a"])
        with pytest.raises(NotFoundError):
            verb(["b", "nobody"])
    assert states(store, "ab") == [JobState.COMPLETED, JobState.PENDING]


def test_a_failed_job_is_retried_not_resumed_and_goes_on_from_what_the_relay_has(store: JobStore) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    store.progress([("a", 600, {"wifi": 600}, 0)])
    store.fail("a", "E_SOURCE_MISSING", "gone")
    with pytest.raises(ConflictError):
        store.resume(["a"])
    store.retry(["a"])
    job = store.job("a")
    assert (job.status, job.bytes_done, job.reason, job.error) == (JobState.PENDING, 600, "", None)
    assert (job.completed_at, job.duration_s, job.idle_attempts) == (None, None, 0)
    assert store.history(limit=5, offset=0, find="") == []


def test_a_cancelled_job_that_is_retried_stands_where_it_was_until_its_part_was_dropped(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 2, HERE)
    store.progress([("a", 600, {"wifi": 600}, 0), ("b", 600, {"wifi": 600}, 0)])
    store.keep_resume("a", "its upload")
    store.keep_resume("b", "its upload")
    store.cancel(["a", "b"])
    assert store.job("a").reason == "cancelled by you"
    numbers = [each.number for each in store.left_uploads()]
    store.retry(["a"])
    store.uploads_dropped(numbers)
    assert store.job("a").bytes_done == 600  # it was wanted again before
    store.retry(["b"])
    assert store.job("b").bytes_done == 0


def test_how_far_a_job_was_when_it_was_stopped_is_kept(store: JobStore) -> None:
    fill(store, "a5 b5 c5")
    store.claim("me", 3, HERE)
    store.pause(["a"])
    store.remove(["b"])
    store.complete([("c", "blake3:00", "c.bin", {"wifi": 1000}, 0)])
    store.stopped_at([(file_id, 700, {"wifi": 700}, 0) for file_id in "abc"])
    assert [store.job(file_id).bytes_done for file_id in "abc"] == [700, 700, 1000]


def test_retrying_a_job_that_waits_ends_its_delay_and_one_that_runs_goes_on(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 2, HERE)
    store.wait("a", "E_WRITE", "no", delay_ns=10**12)
    store.retry(["a", "b"])
    assert states(store, "ab") == [JobState.PENDING, JobState.UPLOADING]
    assert [job.file_id for job in store.claim("me", 5, HERE)] == ["a"]


def test_a_job_retried_from_the_history_is_listed_again_at_the_end_of_its_priority(store: JobStore) -> None:
    fill(store, "a5 b5 c7")
    store.remove(["a"])
    assert [job.reason for job in store.history(limit=5, offset=0, find="")] == ["removed by you"]
    store.retry(["a"])
    assert order(store) == "b5 a5 c7"
    assert store.undo() == "removal of 1 file"
    assert order(store) == "b5 a5 c7"


def test_a_running_job_that_is_removed_is_cancelled_and_its_lease_is_gone(store: JobStore) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    store.remove(["a"])
    assert store.job("a").status is JobState.CANCELLED
    assert store.complete([("a", "", "", {}, 0)]) == []
    assert store.release("me") == 0


def test_a_destination_is_awaited_while_something_for_it_is_pending(store: JobStore) -> None:
    store.add_many([new("a"), new("b", destination="box")])
    assert store.awaited(["pit", "box", "nowhere"]) == {"pit", "box"}
    store.claim("me", 1, ["pit"])
    store.pause(["b"])
    assert store.awaited(["pit", "box", "nowhere"]) == set()
    store.resume(["b"])
    assert store.awaited(["box"]) == {"box"}
