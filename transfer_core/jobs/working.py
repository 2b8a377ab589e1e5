"""The agent's side of the queue: jobs are added, claimed, reported on, and given back.

A claimed job is leased to its agent by name. Since a state directory has one agent at a time, whoever starts there
knows that every other lease is a dead agent's, and reclaims it: no clock is asked, so none can be wrong. A report about
a job that was meanwhile taken away (paused, cancelled, removed) changes nothing, except that what has arrived has
arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing

from transfer_core.events import JobState
from transfer_core.jobs.adding import NewJob, insert_jobs
from transfer_core.jobs.database import (
    as_set,
    change_number,
    column_of_links,
    column_of_text,
)
from transfer_core.jobs.model import Job, states_before
from transfer_core.jobs.next_up import first_of, is_any_ready, ready_jobs
from transfer_core.jobs.outbox import COMPLETED_TYPE, FAILED_TYPE, announce
from transfer_core.jobs.reading import JobReading, jobs_by_id
from transfer_core.units import utc_iso

_ACTIVE_NS = "active_ns + max(0, :now_ns - coalesce(claimed_ns, :now_ns))"
# By the clock that only goes forward, which all processes of a machine share: no set clock makes a duration. After a
# restart of the machine what was claimed is reclaimed, and at most nothing is counted for it.
STOP_THE_CLOCK = f"active_ns = {_ACTIVE_NS}, claimed_ns = NULL, lease_owner = NULL"
SET_DURATION = f"duration_s = CASE WHEN started_at IS NOT NULL THEN ({_ACTIVE_NS}) / 1e9 END"
_BEFORE_COMPLETED = as_set(states_before(JobState.COMPLETED))
_BEFORE_FAILED = as_set(states_before(JobState.FAILED))


class JobWorking(JobReading):
    """Adds jobs and works them off."""

    def add_many(self, jobs: Sequence[NewJob]) -> list[Job]:
        """Queue files at the end of their priorities. ConflictError if an id is there already; then none is queued."""
        with self._write() as db:
            insert_jobs(db, jobs, self._now_text())
            return jobs_by_id(db, [new.file_id for new in jobs])

    def claim(
        self, owner: str, limit: int, destinations: Sequence[str], *, small_limit: int = 0, small_bytes: int = 0
    ) -> list[Job]:
        """Take the next jobs for those destinations; they are `uploading` from now on.

        At most `limit`, or up to `small_limit` as long as all together have no more than `small_bytes`.
        """
        if (limit <= 0 and min(small_limit, small_bytes) <= 0) or not destinations:
            return []
        wall_ns = self._clock.wall_ns()
        with self._read() as db:
            if not is_any_ready(db, wall_ns, destinations):  # asked often, so that nothing is written for nothing
                return []
        with self._write_soon() as db:  # a claim that is lost is made again
            with closing(ready_jobs(db, wall_ns, destinations)) as ready:
                ids = first_of(ready, limit, small_limit, small_bytes)
            db.execute(
                "UPDATE job SET status = 'uploading', lease_owner = ?, claimed_ns = ?, attempts = attempts + 1,"
                " reason = '', error = NULL, next_try_ns = 0, next_try_at = NULL,"
                " started_at = coalesce(started_at, ?), changed = ?"
                " WHERE file_id IN (SELECT value FROM json_each(?))",
                (owner, self._clock.monotonic_ns(), utc_iso(wall_ns), change_number(db), as_set(ids)),
            )
            return jobs_by_id(db, ids)

    def reclaim(self, owner: str) -> int:
        """Jobs that a dead agent was working on are pending again; how many. `owner` is the agent that lives."""
        with self._write() as db:
            cursor = db.execute(
                "UPDATE job SET status = 'pending', lease_owner = NULL, claimed_ns = NULL, next_try_ns = 0,"
                " next_try_at = NULL, changed = ? WHERE status = 'uploading' AND lease_owner IS NOT ?",
                (change_number(db), owner),
            )
            return cursor.rowcount

    def release(self, owner: str, *, but: Sequence[str] = ()) -> int:
        """An agent works on none of its jobs but these: the others are pending again, which is no failed attempt."""
        with self._write() as db:
            cursor = db.execute(
                f"UPDATE job SET status = 'pending', {STOP_THE_CLOCK}, changed = :change"
                " WHERE status = 'uploading' AND lease_owner = :owner"
                " AND file_id NOT IN (SELECT value FROM json_each(:but))",
                {"change": change_number(db), "now_ns": self._clock.monotonic_ns(), "owner": owner, "but": as_set(but)},
            )
            return cursor.rowcount

    def progress(self, rows: Sequence[tuple[str, int, Mapping[str, int], int]]) -> None:
        """Keep (file id, bytes done, bytes by link, bytes sent again) of running jobs. Totals, not differences."""
        self._keep_progress(rows, ["uploading"])

    def stopped_at(self, rows: Sequence[tuple[str, int, Mapping[str, int], int]]) -> None:
        """The same of jobs that were just stopped: what is there does not become less by it."""
        self._keep_progress(rows, ["pending", "paused", "cancelled"])

    def _keep_progress(self, rows: Sequence[tuple[str, int, Mapping[str, int], int]], states: Sequence[str]) -> None:
        if not rows:
            return
        with self._write_soon() as db:
            change = change_number(db)
            db.executemany(
                "UPDATE job SET idle_attempts = CASE WHEN bytes_done < ?1 THEN 0 ELSE idle_attempts END,"
                " bytes_done = ?1, links = ?2, resent_bytes = ?3, changed = ?4"
                " WHERE file_id = ?5"
                " AND status IN (SELECT value FROM json_each(?6))",
                [
                    (done, column_of_links(links), resent, change, fid, as_set(states))
                    for fid, done, links, resent in rows
                ],
            )

    def complete(self, rows: Sequence[tuple[str, str, str, Mapping[str, int], int]]) -> list[str]:
        """These jobs have arrived: (file id, hash, stored as, bytes by link, bytes sent again).

        Returns the ids for which that is news: not those that somebody cancelled meanwhile.
        """
        wall_ns = self._clock.wall_ns()
        with self._write() as db:
            found = db.execute(
                "SELECT file_id FROM job WHERE file_id IN (SELECT value FROM json_each(?))"
                " AND status IN (SELECT value FROM json_each(?))",
                (as_set(row[0] for row in rows), _BEFORE_COMPLETED),
            )
            news = {row[0] for row in found}
            taken = [row for row in {row[0]: row for row in rows}.values() if row[0] in news]
            common = {"now_ns": self._clock.monotonic_ns(), "now": utc_iso(wall_ns), "change": change_number(db)}
            db.executemany(
                f"UPDATE job SET {SET_DURATION}, {STOP_THE_CLOCK}, status = 'completed', bytes_done = size,"
                " file_hash = :digest, stored_as = :stored_as, links = :links, resent_bytes = :resent,"
                " completed_at = :now, reason = '', error = NULL, next_try_ns = 0, next_try_at = NULL,"
                " idle_attempts = 0, changed = :change WHERE file_id = :file_id",
                [
                    {
                        **common,
                        "file_id": file_id,
                        "digest": digest,
                        "stored_as": column_of_text(stored_as),
                        "links": column_of_links(links),
                        "resent": resent,
                    }
                    for file_id, digest, stored_as, links, resent in taken
                ],
            )
            taken_ids = [row[0] for row in taken]
            announce(db, COMPLETED_TYPE, taken_ids, utc_iso(wall_ns))
            return taken_ids

    def resume_of(self, file_id: str) -> str:
        """How an upload over HTTP goes on where it was; empty if it begins. NotFoundError."""
        with self._read() as db:
            jobs_by_id(db, [file_id])
            (text,) = db.execute("SELECT resume FROM job WHERE file_id = ?", (file_id,)).fetchone()
        return str(text)

    def keep_receipt(self, file_id: str, text: str) -> None:
        """Keep the destination's signed word that it has the file."""
        with self._write() as db:
            db.execute("UPDATE job SET receipt = ? WHERE file_id = ?", (text, file_id))

    def receipt_of(self, file_id: str) -> str:
        """The destination's signed word that it has the file; empty if it gave none. NotFoundError."""
        with self._read() as db:
            jobs_by_id(db, [file_id])
            (text,) = db.execute("SELECT receipt FROM job WHERE file_id = ?", (file_id,)).fetchone()
        return str(text)

    def fail(self, file_id: str, code: str, reason: str) -> None:
        """Give a job up."""
        wall_ns = self._clock.wall_ns()
        with self._write() as db:
            cursor = db.execute(
                f"UPDATE job SET {SET_DURATION}, {STOP_THE_CLOCK}, status = 'failed', error = :code, reason = :reason,"
                " completed_at = :now, next_try_ns = 0, next_try_at = NULL, changed = :change"
                " WHERE file_id = :file_id AND status IN (SELECT value FROM json_each(:states))",
                {
                    "now_ns": self._clock.monotonic_ns(),
                    "now": utc_iso(wall_ns),
                    "change": change_number(db),
                    "file_id": file_id,
                    "code": code,
                    "reason": column_of_text(reason),
                    "states": _BEFORE_FAILED,
                },
            )
            announce(db, FAILED_TYPE, [file_id] if cursor.rowcount else [], utc_iso(wall_ns))

    def wait(self, file_id: str, code: str | None, reason: str, *, delay_ns: int = 0, is_attempt: bool = True) -> None:
        """Put a running job back: it waits, for this reason, and is tried again after `delay_ns`.

        `is_attempt` False takes back that the claim counted as an attempt.
        """
        wall_ns = self._clock.wall_ns()
        try_ns = wall_ns + delay_ns if delay_ns > 0 else 0
        with self._write() as db:
            db.execute(
                f"UPDATE job SET {STOP_THE_CLOCK}, status = 'pending', error = :code, reason = :reason,"
                " next_try_ns = :try_ns, next_try_at = :try_at, idle_attempts = idle_attempts + :is_attempt,"
                " attempts = max(0, attempts - (status = 'uploading' AND NOT :is_attempt)), changed = :change"
                " WHERE file_id = :file_id AND status IN ('pending', 'uploading')",
                {
                    "now_ns": self._clock.monotonic_ns(),
                    "change": change_number(db),
                    "file_id": file_id,
                    "code": code,
                    "reason": column_of_text(reason),
                    "try_ns": try_ns,
                    "try_at": utc_iso(try_ns) if try_ns else None,
                    "is_attempt": int(is_attempt),
                },
            )

    def resize(self, file_id: str, size: int) -> None:
        """The source has another size than when it was queued."""
        with self._write() as db:
            db.execute("UPDATE job SET size = ?, changed = ? WHERE file_id = ?", (size, change_number(db), file_id))

    def say_why(self, destination: str, reason: str) -> None:
        """All pending jobs of a destination wait for this reason; empty when they don't any more."""
        text = column_of_text(reason)
        concerned = "status = 'pending' AND listed = 1 AND destination = ?1 AND error IS NULL AND reason <> ?2"
        with self._read() as db:
            if db.execute(f"SELECT 1 FROM job WHERE {concerned} LIMIT 1", (destination, text)).fetchone() is None:
                return
        with self._write() as db:
            db.execute(
                f"UPDATE job SET reason = ?2, changed = ?3 WHERE {concerned}", (destination, text, change_number(db))
            )

    def say_why_of(self, file_id: str, code: str | None, reason: str) -> None:
        """A running job is held up for this reason (a full relay); empty when it goes on."""
        with self._write() as db:
            db.execute(
                "UPDATE job SET error = ?, reason = ?, changed = ? WHERE file_id = ? AND status = 'uploading'",
                (code if reason else None, column_of_text(reason), change_number(db), file_id),
            )

    def try_now(self) -> None:
        """A link came up: no pending job waits any longer."""
        self._forget_delays_after(0)

    def forget_delays_of_the_future(self, longest_ns: int) -> None:
        """No job waits longer than that from now on: a clock that was set back must not make it wait for ever."""
        self._forget_delays_after(self._clock.wall_ns() + longest_ns)

    def _forget_delays_after(self, limit_ns: int) -> None:
        concerned = "status = 'pending' AND next_try_ns > ?1"
        with self._read() as db:
            if db.execute(f"SELECT 1 FROM job WHERE {concerned} LIMIT 1", (limit_ns,)).fetchone() is None:
                return
        with self._write() as db:
            db.execute(
                f"UPDATE job SET next_try_ns = 0, next_try_at = NULL, changed = ?2 WHERE {concerned}",
                (limit_ns, change_number(db)),
            )
