"""The agent's side of the queue: jobs are added, claimed, reported on, and given back.

A claimed job is leased to its agent by name. Since a state directory has one agent at a time, whoever starts there
knows that every other lease is a dead agent's, and reclaims it: no clock is asked, so none can be wrong. A report about
a job that was meanwhile taken away (paused, cancelled, removed) changes nothing, except that what has arrived has
arrived.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from transfer_core.errors import ConflictError, UsageError
from transfer_core.events import JobState
from transfer_core.jobs.database import (
    as_set,
    change_number,
    column_of_links,
    column_of_name,
    column_of_text,
)
from transfer_core.jobs.model import Job, states_before
from transfer_core.jobs.outbox import COMPLETED_TYPE, FAILED_TYPE, announce
from transfer_core.jobs.policy import aged_priority
from transfer_core.jobs.reading import JobReading, jobs_by_id
from transfer_core.units import NS_PER_S, seconds_of, utc_iso

GAP = 1024.0
_ACTIVE_NS = "active_ns + max(0, :now_ns - coalesce(claimed_ns, :now_ns))"
STOP_THE_CLOCK = f"active_ns = {_ACTIVE_NS}, claimed_ns = NULL, lease_owner = NULL"
SET_DURATION = f"duration_s = CASE WHEN started_at IS NOT NULL THEN ({_ACTIVE_NS}) / 1e9 END"
_BEFORE_COMPLETED = as_set(states_before(JobState.COMPLETED))
_BEFORE_FAILED = as_set(states_before(JobState.FAILED))


@dataclass(frozen=True, slots=True)
class NewJob:
    """What it takes to queue a file."""

    file_id: str
    path: str
    size: int
    priority: int
    destination: str
    dest_path: str
    source: str
    source_mtime_ns: int | None = None  # with size and inode: the one state of the source that may be sent
    source_inode: int | None = None


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
        if max(limit, small_limit) <= 0 or not destinations:
            return []
        wall_ns = self._clock.wall_ns()
        with self._read() as db:
            if not _is_any_ready(db, wall_ns, destinations):  # asked often, so that nothing is written for nothing
                return []
        with self._write_soon() as db:  # a claim that is lost is made again
            ids = _first(_ready(db, wall_ns, max(limit, small_limit), destinations), limit, small_bytes)
            db.execute(
                "UPDATE job SET status = 'uploading', lease_owner = ?, claimed_ns = ?, attempts = attempts + 1,"
                " reason = '', error = NULL, next_try_ns = 0, next_try_at = NULL,"
                " started_at = coalesce(started_at, ?), changed = ?"
                " WHERE file_id IN (SELECT value FROM json_each(?))",
                (owner, wall_ns, utc_iso(wall_ns), change_number(db), as_set(ids)),
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
                {"change": change_number(db), "now_ns": self._clock.wall_ns(), "owner": owner, "but": as_set(but)},
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
            common = {"now_ns": wall_ns, "now": utc_iso(wall_ns), "change": change_number(db)}
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

    def keep_resume(self, file_id: str, text: str) -> None:
        """Keep how an upload goes on; durable when this returns."""
        with self._write() as db:
            db.execute("UPDATE job SET resume = ? WHERE file_id = ?", (text, file_id))

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
                    "now_ns": wall_ns,
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
                    "now_ns": wall_ns,
                    "change": change_number(db),
                    "file_id": file_id,
                    "code": code,
                    "reason": column_of_text(reason),
                    "try_ns": try_ns,
                    "try_at": utc_iso(try_ns) if try_ns else None,
                    "is_attempt": int(is_attempt),
                },
            )

    def nothing_there(self, file_ids: Sequence[str]) -> None:
        """The destination dropped its parts of jobs that were given up."""
        with self._write_soon() as db:  # the destination is asked again anyway
            db.execute(
                "UPDATE job SET bytes_done = 0, changed = ?"
                " WHERE status = 'cancelled' AND file_id IN (SELECT value FROM json_each(?))",
                (change_number(db), as_set(file_ids)),
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


def insert_jobs(db: sqlite3.Connection, jobs: Sequence[NewJob], now_text: str) -> None:
    """Within a transaction: queue files at the end of their priorities. ConflictError if an id is there already."""
    change = change_number(db)
    ends = {priority: end_of(db, priority) for priority in {new.priority for new in jobs}}
    rows = []
    for new in jobs:
        _check(new)
        ends[new.priority] += GAP
        names = column_of_name(new.path), column_of_name(new.dest_path)
        place = new.priority, ends[new.priority]
        state = new.source_mtime_ns, new.source_inode
        rows.append((new.file_id, *names, new.size, *place, new.destination, new.source, now_text, *state, change))
    try:
        db.executemany(
            "INSERT INTO job (file_id, path, dest_path, size, priority, position, status, destination, source,"
            " created_at, source_mtime_ns, source_inode, changed)"
            " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)",
            rows,
        )
    except sqlite3.IntegrityError as error:
        raise ConflictError("one of these jobs is queued already") from error


def end_of(db: sqlite3.Connection, priority: int) -> float:
    """The last position that is taken within a priority, by a listed job or by one that undo may bring back."""
    (end,) = db.execute(
        "SELECT max(coalesce((SELECT max(position) FROM job WHERE listed = 1 AND priority = ?1), 0),"
        " coalesce((SELECT max(position) FROM undo_row WHERE priority = ?1), 0))",
        (priority,),
    ).fetchone()
    return float(end)


def _is_any_ready(db: sqlite3.Connection, wall_ns: int, destinations: Sequence[str]) -> bool:
    asked = "SELECT 1 FROM job WHERE status = 'pending' AND listed = 1 AND destination = ? AND next_try_ns <= ? LIMIT 1"
    return any(db.execute(asked, (destination, wall_ns)).fetchone() for destination in destinations)


def _first(ready: Sequence[_Ready], limit: int, small_bytes: int) -> list[str]:
    """The first so many, and the next ones as long as all together are small."""
    sums = accumulate(job.size for job in ready)
    return [
        job.file_id
        for at, (job, total) in enumerate(zip(ready, sums, strict=True))
        if at < limit or total <= small_bytes
    ]


def _ready(db: sqlite3.Connection, wall_ns: int, limit: int, destinations: Sequence[str]) -> list[_Ready]:
    """The next jobs: in the order of the list within a priority, and the priorities as they count with age."""
    queues = [found for rank in range(1, 11) if (found := _ready_of(db, wall_ns, limit, destinations, rank))]
    taken: list[_Ready] = []
    while queues and len(taken) < limit:
        first = min(queues, key=lambda queue: (queue[-1].counts_as, queue[-1].priority))
        taken.append(first.pop())
        if not first:
            queues.remove(first)
    return taken


@dataclass(frozen=True, slots=True)
class _Ready:
    """A job that may be claimed."""

    file_id: str
    size: int
    priority: int
    counts_as: float


def _ready_of(
    db: sqlite3.Connection, wall_ns: int, limit: int, destinations: Sequence[str], priority: int
) -> list[_Ready]:
    """Those of one priority, the first last."""
    rows: list[sqlite3.Row] = []
    for destination in destinations:
        rows += db.execute(
            "SELECT position, file_id, created_at, size FROM job WHERE status = 'pending' AND listed = 1"
            " AND destination = ? AND priority = ? AND next_try_ns <= ? ORDER BY position, file_id LIMIT ?",
            (destination, priority, wall_ns, limit),
        )
    rows.sort(key=lambda row: (row[0], row[1]), reverse=True)
    now_s = wall_ns / NS_PER_S
    return [
        _Ready(row[1], row[3], priority, aged_priority(priority, now_s - seconds_of(row[2]))) for row in rows[-limit:]
    ]


def _check(new: NewJob) -> None:
    if not 1 <= new.priority <= 10:
        raise UsageError(f"priority {new.priority} is not from 1 to 10")
    if new.size < 0:
        raise UsageError(f"{new.path!r} can't have {new.size} bytes")
