"""What relays are to drop: there with the transaction that gives a job up, gone with the one that takes it back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.unit.jobs.support import SPEC, complete, fill, frame, new
from transfer_core.jobs.database import DATABASE_NAME
from transfer_core.jobs.schema import MIGRATIONS
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.sim.manual_clock import ManualClock


@pytest.fixture
def pit(store: JobStore) -> JobStore:
    store.keep_destination(Destination("pit", "relay", ("10.0.0.1:5000",), bytes(32)))
    store.keep_destination(Destination("cloud", "tus", ("https://cloud.example/files",)))
    return store


def left(store: JobStore) -> str:
    return "".join(each.file_id for each in store.leftovers())


def begun(store: JobStore, plan: str) -> None:
    fill(store, plan)
    store.claim("me", 100, ["pit", "cloud"])


@pytest.mark.parametrize("verb", ["remove", "cancel"])
def test_what_was_paused_before_it_was_given_up_is_left_behind(pit: JobStore, verb: str) -> None:
    begun(pit, "a5 b5")
    pit.pause(["a"])
    getattr(pit, verb)(["a"])
    (each,) = pit.leftovers()
    assert (each.file_id, each.destination, each.dest_path, each.size) == ("a", "pit", "a.bin", 1000)


def test_a_failed_file_that_is_removed_is_left_behind_and_one_that_may_be_retried_is_not(pit: JobStore) -> None:
    begun(pit, "a5 b5")
    pit.fail("a", "E_SOURCE_MISSING", "gone")
    pit.fail("b", "E_SOURCE_MISSING", "gone")
    pit.remove(["a"])
    assert left(pit) == "a"


def test_of_what_never_began_has_arrived_or_went_elsewhere_nothing_is_left_behind(pit: JobStore) -> None:
    fill(pit, "a5 b5")
    complete(pit, "a")
    pit.add_many([new("c"), new("d", destination="cloud")])
    pit.claim("me", 10, ["cloud"])
    pit.remove(["a", "c", "d"])
    assert left(pit) == ""


def test_undo_takes_it_back_and_a_second_removal_leaves_another_one(pit: JobStore) -> None:
    begun(pit, "a5 b5")
    pit.pause(["a", "b"])
    pit.remove(["a", "b"])
    numbers = [each.number for each in pit.leftovers()]
    pit.undo()
    assert left(pit) == ""
    pit.remove(["a"])
    pit.parts_dropped(numbers)  # a late word about the first removal
    assert left(pit) == "a"


def test_undo_of_the_removal_of_a_cancelled_job_leaves_it_cancelled_and_its_part_unwanted(pit: JobStore) -> None:
    begun(pit, "a5")
    pit.cancel(["a"])
    pit.remove(["a"])
    pit.undo()
    assert left(pit) == "a"
    pit.retry(["a"])
    assert left(pit) == ""


def test_once_the_relay_has_the_word_nothing_is_left_and_nothing_is_there(pit: JobStore) -> None:
    begun(pit, "a5")
    pit.progress([("a", 600, {"wifi": 600}, 0)])
    pit.remove(["a"])
    assert pit.job("a").bytes_done == 600
    pit.parts_dropped([each.number for each in pit.leftovers()])
    assert left(pit) == ""
    assert pit.job("a").bytes_done == 0


def test_a_frame_that_is_replaced_leaves_its_part_behind(pit: JobStore) -> None:
    pit.add_watches([SPEC])
    pit.queue_frames([frame("f1.jpg", "a")])
    pit.claim("me", 1, ["pit"])
    pit.give_up_changed("a")
    assert left(pit) == "a"


def test_with_a_destination_goes_what_was_left_there(pit: JobStore) -> None:
    begun(pit, "a5")
    pit.remove(["a"])
    pit.forget_destination("pit")
    assert left(pit) == ""


def test_it_is_there_after_a_restart(pit: JobStore, tmp_path: Path, clock: ManualClock) -> None:
    begun(pit, "a5")
    pit.remove(["a"])
    pit.close()
    again = JobStore(tmp_path, clock)
    try:
        assert left(again) == "a"
    finally:
        again.close()


def test_a_queue_of_an_older_version_goes_on_and_learns_to_leave_behind(tmp_path: Path, clock: ManualClock) -> None:
    db = sqlite3.connect(tmp_path / DATABASE_NAME)
    for number, script in enumerate(MIGRATIONS[:5], 1):
        db.executescript(script)
        db.execute(f"PRAGMA user_version = {number}")
    db.close()
    store = JobStore(tmp_path, clock)
    try:
        assert store.quarantined is None
        store.keep_destination(Destination("pit", "relay", ("10.0.0.1:5000",), bytes(32)))
        begun(store, "a5")
        store.remove(["a"])
        assert left(store) == "a"
    finally:
        store.close()
