from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.unit.jobs.support import START_NS, fill, new, order, states
from transfer_core.errors import ConflictError, NotFoundError, StateNewer, UsageError
from transfer_core.events import JobState
from transfer_core.jobs.store import DATABASE_NAME, JobStore
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S, utc_iso

HERE = ["pit"]


def test_jobs_are_listed_by_priority_and_then_in_the_order_of_adding(store: JobStore) -> None:
    fill(store, "a5 b5 c7 d1")
    fill(store, "e5")
    assert order(store) == "d1 a5 b5 e5 c7"
    assert store.job("a").created_at == utc_iso(START_NS)


def test_adding_gives_the_jobs_back_in_the_order_of_the_call(store: JobStore) -> None:
    added = store.add_many([new("z", 9), new("a", 1)])
    assert [(job.file_id, job.status) for job in added] == [("z", JobState.PENDING), ("a", JobState.PENDING)]


def test_one_bad_job_among_many_adds_none(store: JobStore) -> None:
    fill(store, "a5")
    for bad, error in ((new("a"), ConflictError), (new("x", 11), UsageError), (new("x", size=-1), UsageError)):
        with pytest.raises(error):
            store.add_many([new("b"), bad])
    assert order(store) == "a5"


@pytest.mark.parametrize(
    "path", ["/data/🏁.bin", "/data/two\nlines", os.fsdecode(b"/data/lap-\xff.bin"), "/" + "x" * 255]
)
def test_odd_paths_come_back_as_they_were_also_after_a_restart(tmp_path: Path, clock: ManualClock, path: str) -> None:
    first = JobStore(tmp_path / "s", clock)
    first.add_many([new("a", path=path)])
    first.close()
    second = JobStore(tmp_path / "s", clock)
    assert second.job("a").path == path
    second.close()


def test_a_reason_that_holds_an_odd_path_can_be_kept(store: JobStore) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    store.fail("a", "E_SOURCE_MISSING", "/data/lap-\udcff.bin is gone")
    assert store.job("a").reason == "/data/lap-\\udcff.bin is gone"


def test_a_claim_takes_the_first_pending_jobs_of_the_destinations_asked_for(
    store: JobStore, clock: ManualClock
) -> None:
    store.add_many([new("a", 5), new("b", 1, destination="factory"), new("c", 3), new("d", 7)])
    store.pause(["c"])
    claimed = store.claim("me", 2, HERE)
    assert [(job.file_id, job.status, job.attempts, job.started_at) for job in claimed] == [
        ("a", JobState.UPLOADING, 1, utc_iso(START_NS)),
        ("d", JobState.UPLOADING, 1, utc_iso(START_NS)),
    ]
    assert store.claim("me", 5, HERE) == []
    assert [job.file_id for job in store.claim("me", 5, ["pit", "factory"])] == ["b"]
    assert store.claim("me", 0, ["pit"]) == store.claim("me", 5, []) == []


def test_a_claim_takes_more_jobs_than_asked_for_only_while_all_of_them_are_small(store: JobStore) -> None:
    store.add_many([new(name, size=100) for name in "abcdefgh"])
    claimed = store.claim("me", 2, HERE, small_limit=6, small_bytes=450)
    assert [job.file_id for job in claimed] == list("abcd")
    assert [job.file_id for job in store.claim("me", 1, HERE, small_limit=3, small_bytes=50)] == ["e"]
    assert [job.file_id for job in store.claim("me", 0, HERE, small_limit=2, small_bytes=1000)] == ["f", "g"]
    assert store.claim("me", 0, HERE, small_limit=5, small_bytes=50) == []


def test_asking_for_work_when_there_is_none_writes_nothing(store: JobStore) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    before = store.newest_change()
    store.claim("me", 1, HERE)
    store.say_why("factory", "no link is up")
    store.try_now()
    assert store.newest_change() == before


def test_the_last_priority_is_not_starved_by_a_stream_of_first_ones(store: JobStore, clock: ManualClock) -> None:
    store.add_many([new("z", 10)])
    claimed = []
    for number in range(20):
        store.add_many([new(f"a{number}", 1)])
        clock.advance(10 * 60 * 10**9)
        claimed += [job.file_id for job in store.claim("me", 1, ["pit", "box"])]
    assert claimed.index("z") == 14  # nine steps of a quarter of an hour
    assert claimed[:3] == ["a0", "a1", "a2"]


def test_age_changes_nothing_within_a_priority_and_little_between_neighbours(
    store: JobStore, clock: ManualClock
) -> None:
    fill(store, "a5 b5 c3")
    clock.advance(10**9)
    store.add_many([new("d", 3), new("e", 1)])
    store.move(["b"], "a")
    assert [job.file_id for job in store.claim("me", 5, ["pit"])] == ["e", "c", "d", "b", "a"]


def test_a_job_that_waits_is_claimed_again_when_its_delay_is_over(store: JobStore, clock: ManualClock) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    store.wait("a", "E_FILE_HASH", "the hash is another one", delay_ns=10 * NS_PER_S)
    waiting = store.job("a")
    assert (waiting.status, waiting.reason, waiting.error) == (
        JobState.PENDING,
        "the hash is another one",
        "E_FILE_HASH",
    )
    assert (waiting.attempts, waiting.idle_attempts) == (1, 1)
    assert waiting.next_try_at == utc_iso(START_NS + 10 * NS_PER_S)
    clock.advance(10 * NS_PER_S - 1)
    assert store.claim("me", 1, HERE) == []
    clock.advance(1)
    (again,) = store.claim("me", 1, HERE)
    assert (again.attempts, again.reason, again.error, again.next_try_at) == (2, "", None, None)


def test_a_link_that_comes_up_ends_all_delays(store: JobStore) -> None:
    fill(store, "a5 b5")
    for job in store.claim("me", 2, HERE):
        store.wait(job.file_id, "E_WRITE", "no", delay_ns=100 * NS_PER_S)
    store.try_now()
    assert [job.file_id for job in store.claim("me", 2, HERE)] == ["a", "b"]


def test_waiting_for_the_network_counts_as_no_attempt(store: JobStore) -> None:
    fill(store, "a5")
    for _ in range(20):
        store.claim("me", 1, HERE)
        store.wait("a", None, "no link is up", is_attempt=False)
        store.wait("a", None, "no link is up", is_attempt=False)
    assert (store.job("a").attempts, store.job("a").idle_attempts) == (0, 0)


def test_a_clock_that_is_set_back_does_not_make_jobs_wait_for_ever(store: JobStore, clock: ManualClock) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    store.wait("a", "E_WRITE", "no", delay_ns=60 * NS_PER_S)
    clock.jump_wall(-3600 * NS_PER_S)
    assert store.claim("me", 1, HERE) == []
    store.forget_delays_of_the_future(300 * NS_PER_S)
    assert [job.file_id for job in store.claim("me", 1, HERE)] == ["a"]


def test_progress_is_kept_per_link_and_ends_a_row_of_idle_attempts(store: JobStore) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    store.wait("a", "E_WRITE", "no")
    store.claim("me", 1, HERE)
    assert store.job("a").idle_attempts == 1
    store.progress([("a", 600, {"wifi": 400, "lte": 200}, 17)])
    job = store.job("a")
    assert (job.bytes_done, job.links, job.resent_bytes, job.idle_attempts) == (600, {"wifi": 400, "lte": 200}, 17, 0)
    assert store.counts_left() == (1, 400)


@pytest.mark.parametrize(
    "links", [{}, {"wifi": 1, "lte": 2**40}, {'say "5g" \\ back': 3, "Z\u00fcrich\u2028\ud800": 4}]
)
def test_what_links_carried_is_kept_whatever_they_are_called(store: JobStore, links: dict[str, int]) -> None:
    fill(store, "a5")
    store.claim("agent", 1, HERE)
    store.complete([("a", "blake3:00", "a", links, 0)])
    assert store.job("a").links == links


def test_a_completed_job_says_how_long_it_was_under_way_without_its_pauses(store: JobStore, clock: ManualClock) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    clock.advance(3 * NS_PER_S)
    store.pause(["a"])
    clock.advance(1000 * NS_PER_S)
    store.resume(["a"])
    store.claim("me", 1, HERE)
    clock.advance(4 * NS_PER_S)
    assert store.complete([("a", "blake3:00", "in/a.bin", {"wifi": 1000}, 9)]) == ["a"]
    job = store.job("a")
    assert (job.status, job.bytes_done, job.stored_as, job.file_hash) == (
        JobState.COMPLETED,
        1000,
        "in/a.bin",
        "blake3:00",
    )
    assert job.duration_s == 7.0
    assert job.completed_at == utc_iso(clock.wall_ns())
    assert store.counts_left() == (0, 0)


@pytest.mark.parametrize("jump_s", [-10_800, 10_800])
def test_a_clock_that_is_set_changes_no_duration(store: JobStore, clock: ManualClock, jump_s: int) -> None:
    fill(store, "a5")
    store.claim("me", 1, HERE)
    clock.advance(3 * NS_PER_S)
    clock.jump_wall(jump_s * NS_PER_S)
    store.complete([("a", "", "", {}, 0)])
    assert store.job("a").duration_s == 3.0


def test_reports_about_a_job_that_was_taken_away_change_nothing(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 2, HERE)
    store.cancel(["a"])
    store.pause(["b"])
    for file_id in "ab":
        store.progress([(file_id, 900, {"wifi": 900}, 0)])
        store.wait(file_id, "E_WRITE", "no")
        store.fail(file_id, "E_WRITE", "no")
    assert states(store, "ab") == [JobState.CANCELLED, JobState.PAUSED]
    assert store.job("b").bytes_done == 0


def test_what_has_arrived_has_arrived_unless_it_was_cancelled(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 2, HERE)
    store.cancel(["a"])
    store.pause(["b"])
    assert store.complete([("a", "", "", {}, 0), ("b", "", "", {}, 0)]) == ["b"]
    assert states(store, "ab") == [JobState.CANCELLED, JobState.COMPLETED]


def test_a_held_job_says_why_while_it_runs(store: JobStore) -> None:
    fill(store, "a5")
    store.say_why_of("a", "E_DISK_FULL", "the relay is full")
    assert store.job("a").reason == ""
    store.claim("me", 1, HERE)
    store.say_why_of("a", "E_DISK_FULL", "the relay is full")
    assert (store.job("a").reason, store.job("a").error) == ("the relay is full", "E_DISK_FULL")
    store.say_why_of("a", "E_DISK_FULL", "")
    assert (store.job("a").reason, store.job("a").error) == ("", None)


def test_pending_jobs_of_a_destination_say_why_they_wait_unless_they_have_a_reason_of_their_own(
    store: JobStore,
) -> None:
    store.add_many([new("a"), new("b"), new("c", destination="factory")])
    store.claim("me", 1, HERE)
    store.wait("a", "E_WRITE", "the disk refuses")
    store.say_why("pit", "no link is up")
    assert [store.job(file_id).reason for file_id in "abc"] == ["the disk refuses", "no link is up", ""]
    store.say_why("pit", "")
    assert store.job("b").reason == ""


def test_an_agent_that_starts_takes_the_jobs_of_a_dead_one_but_not_its_own(store: JobStore) -> None:
    fill(store, "a5 b5 c5")
    store.claim("dead", 2, HERE)
    store.claim("me", 1, HERE)
    assert store.reclaim("me") == 2
    assert states(store, "abc") == [JobState.PENDING, JobState.PENDING, JobState.UPLOADING]
    assert [job.file_id for job in store.claim("me", 5, HERE)] == ["a", "b"]


def test_an_agent_that_stops_gives_its_own_jobs_back(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 1, HERE)
    store.claim("other", 1, HERE)
    assert store.release("me") == 1
    assert states(store, "ab") == [JobState.PENDING, JobState.UPLOADING]


def test_an_agent_gives_back_what_it_claimed_and_does_not_work_on(store: JobStore) -> None:
    fill(store, "a5 b5 c5")
    store.claim("me", 2, HERE)
    assert store.release("me", but=["b", "c"]) == 1
    assert states(store, "abc") == [JobState.PENDING, JobState.UPLOADING, JobState.PENDING]


def test_changes_are_told_once_and_removed_jobs_by_name(store: JobStore) -> None:
    fill(store, "a5 b5")
    newest, jobs, gone = store.changes_since(0)
    assert ([job.file_id for job in jobs], gone) == (["a", "b"], [])
    assert store.changes_since(newest) == (newest, [], [])
    store.remove(["a"])
    store.pause(["b"])
    newest, jobs, gone = store.changes_since(newest)
    assert ([(job.file_id, job.status) for job in jobs], gone) == ([("b", JobState.PAUSED)], ["a"])


def test_a_change_by_another_process_is_seen(tmp_path: Path, clock: ManualClock, store: JobStore) -> None:
    fill(store, "a5")
    newest = store.newest_change()
    other = JobStore(tmp_path, clock)
    other.pause(["a"])
    other.close()
    assert store.newest_change() > newest
    assert [job.status for job in store.changes_since(newest)[1]] == [JobState.PAUSED]


def test_an_unknown_job_is_not_found(store: JobStore) -> None:
    with pytest.raises(NotFoundError):
        store.job("nobody")


def test_history_holds_what_ended_newest_first_also_when_it_was_cleared(store: JobStore, clock: ManualClock) -> None:
    store.add_many(
        [new("a", path="/data/100%_wet.bin"), new("b", path="/data/dry.bin"), new("c", destination="factory")]
    )
    store.claim("me", 3, ["pit", "factory"])
    for file_id in "abc":
        clock.advance(NS_PER_S)
        store.complete([(file_id, "", "", {"wifi": 10}, 0)])
    store.clear_completed()
    assert [job.file_id for job in store.history(limit=10, offset=0, find="")] == ["c", "b", "a"]
    assert [job.file_id for job in store.history(limit=1, offset=1, find="")] == ["b"]
    assert [job.file_id for job in store.history(limit=10, offset=0, find="0%_W")] == ["a"]
    assert [job.file_id for job in store.history(limit=10, offset=0, find="FACT")] == ["c"]
    assert store.history(limit=10, offset=0, find="%dry%") == []
    assert order(store) == ""


def test_a_damaged_database_is_set_aside_and_the_store_opens_empty(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"this is no database " * 500)
    store = JobStore(tmp_path, clock)
    assert store.quarantined is not None
    assert store.quarantined.kept_as.read_bytes().startswith(b"this is no database")
    fill(store, "a5")
    assert order(store) == "a5"
    store.close()
    again = JobStore(tmp_path, clock)
    assert again.quarantined is None
    assert order(again) == "a5"
    again.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path, clock: ManualClock) -> None:
    JobStore(tmp_path, clock).close()
    with sqlite3.connect(tmp_path / DATABASE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = (tmp_path / DATABASE_NAME).read_bytes()
    with pytest.raises(StateNewer):
        JobStore(tmp_path, clock)
    assert (tmp_path / DATABASE_NAME).read_bytes() == before


def test_many_threads_claim_each_job_once(store: JobStore) -> None:
    store.add_many([new(f"job{i:03}") for i in range(200)])
    taken: list[str] = []

    def work(name: str) -> None:
        while jobs := store.claim(name, 3, HERE):
            taken.extend(job.file_id for job in jobs)
            store.complete([(job.file_id, "", "", {}, 0) for job in jobs])

    threads = [threading.Thread(target=work, args=(f"agent{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == [f"job{i:03}" for i in range(200)]
    assert store.counts_left() == (0, 0)
