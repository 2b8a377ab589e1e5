"""What servers over HTTP are to drop: there with the transaction that gives a job up, gone once it is dropped."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.unit.jobs.support import complete, fill
from transfer_core.jobs.database import DATABASE_NAME
from transfer_core.jobs.schema import MIGRATIONS
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.sim.manual_clock import ManualClock


def left(store: JobStore) -> str:
    return " ".join(f"{each.file_id}:{each.kept}" for each in store.left_uploads())


def begun(store: JobStore, plan: str) -> None:
    """Jobs on their way, each with an upload of its own name."""
    fill(store, plan)
    for job in store.claim("me", 100, ["pit"]):
        store.keep_resume(job.file_id, f"upload-{job.file_id}")


@pytest.mark.parametrize("verb", ["remove", "cancel"])
def test_what_was_paused_before_it_was_given_up_is_left(store: JobStore, verb: str) -> None:
    begun(store, "a5 b5")
    store.pause(["a"])
    getattr(store, verb)(["a"])
    assert left(store) == "a:upload-a"


def test_of_what_never_began_or_has_arrived_nothing_is_left(store: JobStore) -> None:
    begun(store, "a5")
    complete(store, "a")
    fill(store, "b5")
    store.remove(["a", "b"])
    assert left(store) == ""


def test_an_upload_that_began_while_its_job_was_given_up_is_left_too(store: JobStore) -> None:
    fill(store, "a5")
    store.claim("me", 1, ["pit"])
    store.cancel(["a"])
    store.keep_resume("a", "made by then")
    store.keep_resume("a", "made by then, and one part more")
    assert left(store) == "a:made by then, and one part more"


def test_undo_takes_it_back_and_a_late_word_does_not_forget_what_goes_on(store: JobStore) -> None:
    begun(store, "a5")
    store.remove(["a"])
    numbers = [each.number for each in store.left_uploads()]
    store.undo()
    assert left(store) == ""
    store.uploads_dropped(numbers)
    assert store.resume_of("a") == "upload-a"


def test_once_it_is_dropped_nothing_is_there_and_the_job_would_begin_anew(store: JobStore) -> None:
    begun(store, "a5")
    store.progress([("a", 600, {"wifi": 600}, 0)])
    store.cancel(["a"])
    store.uploads_dropped([each.number for each in store.left_uploads()])
    assert left(store) == ""
    assert store.resume_of("a") == ""
    assert store.job("a").bytes_done == 0


def test_what_a_job_goes_on_without_stays_to_be_dropped_whatever_becomes_of_the_job(store: JobStore) -> None:
    begun(store, "a5")
    store.leave_upload("a", "upload-a")
    assert store.resume_of("a") == ""
    store.keep_resume("a", "the newer one")
    store.remove(["a"])
    store.undo()
    assert left(store) == "a:upload-a"
    store.uploads_dropped([each.number for each in store.left_uploads()])
    assert store.resume_of("a") == "the newer one"


def test_refusals_are_counted_and_what_stays_is_not_asked_for_again(store: JobStore) -> None:
    begun(store, "a5")
    store.remove(["a"])
    (each,) = store.left_uploads()
    store.upload_refused(each.number)
    assert [again.refusals for again in store.left_uploads()] == [1]
    store.uploads_stay([each.number])
    assert left(store) == ""


def test_with_a_destination_goes_what_was_left_there(store: JobStore) -> None:
    store.keep_destination(Destination("pit", "tus", ("https://pit.example/files",)))
    begun(store, "a5")
    store.remove(["a"])
    store.forget_destination("pit")
    assert left(store) == ""


def test_a_queue_of_an_older_version_has_dropped_what_was_cancelled_in_it(tmp_path: Path, clock: ManualClock) -> None:
    with JobStoreOfVersion(tmp_path, 6) as db:
        db.execute(
            "INSERT INTO job (file_id, path, size, priority, position, status, destination, dest_path, source,"
            " created_at, resume) VALUES ('a', '/a', 9, 5, 1, 'cancelled', 'pit', 'a', 'cli', '', 'upload-a')"
        )
    store = JobStore(tmp_path, clock)
    try:
        assert store.quarantined is None
        assert left(store) == "a:upload-a"
    finally:
        store.close()


class JobStoreOfVersion:
    """The database as an older version left it."""

    def __init__(self, folder: Path, version: int) -> None:
        self._db = sqlite3.connect(folder / DATABASE_NAME)
        for number, script in enumerate(MIGRATIONS[:version], 1):
            self._db.executescript(script)
            self._db.execute(f"PRAGMA user_version = {number}")

    def __enter__(self) -> sqlite3.Connection:
        return self._db

    def __exit__(self, *_: object) -> None:
        self._db.commit()
        self._db.close()
