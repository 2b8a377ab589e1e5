"""What people ask of jobs: pause, resume, cancel, retry. All named ones in one transaction, or an error and none."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from transfer_core.errors import ConflictError
from transfer_core.events import JobState
from transfer_core.jobs.adding import GAP, end_of
from transfer_core.jobs.database import as_set, change_number
from transfer_core.jobs.leftovers import leave_behind, take_back
from transfer_core.jobs.model import Job, check_transition
from transfer_core.jobs.reading import JobReading, jobs_by_id
from transfer_core.jobs.working import SET_DURATION, STOP_THE_CLOCK
from transfer_core.units import utc_iso


class JobAsking(JobReading):
    """Changes the states of jobs on a person's word. NotFoundError and ConflictError change nothing."""

    def pause(self, file_ids: Sequence[str]) -> None:
        """Hold jobs where they are; ConflictError for jobs that are over."""
        with self._write() as db:
            concerned = _to_change(db, file_ids, JobState.PAUSED)
            self._update(
                db, concerned, "status = 'paused', reason = 'paused by you', next_try_ns = 0, next_try_at = NULL"
            )

    def resume(self, file_ids: Sequence[str]) -> None:
        """Paused jobs are pending again; ConflictError for jobs that are over."""
        with self._write() as db:
            jobs = jobs_by_id(db, file_ids)
            for job in jobs:
                if job.status.is_final:
                    raise ConflictError(f"job {job.file_id} is {job.status}, it can't go on", hint="Retry it instead.")
            paused = [job.file_id for job in jobs if job.status is JobState.PAUSED]
            self._update(db, paused, "status = 'pending', reason = '', error = NULL")

    def cancel(self, file_ids: Sequence[str]) -> None:
        """Give jobs up; ConflictError for completed ones."""
        with self._write() as db:
            concerned = _to_change(db, file_ids, JobState.CANCELLED)
            leave_behind(db, concerned)
            self._update(
                db,
                concerned,
                f"{SET_DURATION}, status = 'cancelled', reason = 'cancelled by you', error = NULL, next_try_ns = 0,"
                " next_try_at = NULL, completed_at = :now",
            )

    def retry(self, file_ids: Sequence[str]) -> None:
        """Failed, cancelled, paused or waiting jobs are tried again at once; those off the list are on it again.

        A job that runs goes on running. A cancelled one goes on where it was, if its destination has not dropped its
        part yet (`EngineConfig.given_up_kept_s`). ConflictError for completed ones.
        """
        with self._write() as db:
            jobs = [job for job in jobs_by_id(db, file_ids) if job.status is not JobState.UPLOADING]
            for job in jobs:
                if job.status is not JobState.PENDING:
                    check_transition(job.file_id, job.status, JobState.PENDING)
            _list_again(db, jobs)
            take_back(db, [job.file_id for job in jobs])
            self._update(
                db,
                [job.file_id for job in jobs],
                "status = 'pending', reason = '', error = NULL, next_try_ns = 0, next_try_at = NULL, idle_attempts = 0,"
                " completed_at = NULL, duration_s = NULL",
            )

    def _update(self, db: sqlite3.Connection, file_ids: Sequence[str], assign: str) -> None:
        wall_ns = self._clock.wall_ns()
        db.execute(
            f"UPDATE job SET {assign}, {STOP_THE_CLOCK}, changed = :change"
            " WHERE file_id IN (SELECT value FROM json_each(:ids))",
            {
                "change": change_number(db),
                "now_ns": self._clock.monotonic_ns(),
                "now": utc_iso(wall_ns),
                "ids": as_set(file_ids),
            },
        )


def _to_change(db: sqlite3.Connection, file_ids: Sequence[str], after: JobState) -> list[str]:
    """Those that are not in that state already. ConflictError if one can't come to be."""
    jobs = [job for job in jobs_by_id(db, file_ids) if job.status is not after]
    for job in jobs:
        check_transition(job.file_id, job.status, after)
    return [job.file_id for job in jobs]


def _list_again(db: sqlite3.Connection, jobs: Sequence[Job]) -> None:
    hidden = db.execute(
        "SELECT file_id, priority FROM job WHERE listed = 0 AND file_id IN (SELECT value FROM json_each(?))"
        " ORDER BY priority, position",
        (as_set(job.file_id for job in jobs),),
    ).fetchall()
    for file_id, priority in hidden:
        db.execute("UPDATE job SET listed = 1, position = ? WHERE file_id = ?", (end_of(db, priority) + GAP, file_id))
