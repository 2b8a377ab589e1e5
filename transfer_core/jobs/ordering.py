"""The order of the list, what is on it, and the way back.

Theory of operation. The list is ordered by (priority, position). Positions have gaps of 1,024, so that a move writes
only the rows that moved: they are spread evenly over the gap in which they land, and only when a gap is used up is the
whole priority spaced anew. The journal keeps, for each of the last hundred changes, the places of the rows that it
moved or took off the list. Those places are places in the same order: whoever spaces a priority anew spaces them along,
so that undo puts a row back between the same neighbours however often it was spaced since. Changes are taken back in
reverse, and new rows go behind every remembered place, so the place that a row comes back to is free.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import accumulate

from transfer_core.errors import UsageError
from transfer_core.events import JobState
from transfer_core.jobs.adding import GAP, end_of
from transfer_core.jobs.database import as_set, change_number
from transfer_core.jobs.leftovers import leave_behind, take_back
from transfer_core.jobs.model import Job
from transfer_core.jobs.policy import order_key
from transfer_core.jobs.reading import JobReading, jobs_by_id
from transfer_core.jobs.working import STOP_THE_CLOCK

UNDO_KEPT = 100
_GAP_MIN = 1e-3  # far above what a double can tell apart at any position that occurs
_UNFINISHED = "status IN ('pending', 'uploading', 'paused')"
_ORDER = "ORDER BY priority, position, file_id"


class JobOrdering(JobReading):
    """Moves jobs, takes them off the list, and takes such changes back."""

    def set_priority(self, file_ids: Sequence[str], priority: int) -> None:
        """Another priority, at its end, in their present order; those that have it already stay where they are."""
        if not 1 <= priority <= 10:
            raise UsageError(f"priority {priority} is not from 1 to 10")
        with self._write() as db:
            jobs = jobs_by_id(db, file_ids, listed_only=True)
            moved = sorted((job for job in jobs if job.priority != priority), key=order_key)
            if not moved:
                return
            _remember(db, f"priority {priority} for {_count(moved)}", moved)
            end = end_of(db, priority)
            _put(db, [(job.file_id, priority, end + GAP * (i + 1)) for i, job in enumerate(moved)])

    def move(self, file_ids: Sequence[str], before: str | None) -> None:
        """Put jobs, in their present order, in front of another, or at the very end.

        See `service.TransferService.move` for the priority that they take. A move that changes nothing is none.
        """
        with self._write() as db:
            block = sorted(jobs_by_id(db, file_ids, listed_only=True), key=order_key)
            moving = {job.file_id for job in block}
            below = _below(db, before, moving)
            around = _last_before(db, below, len(block) + 1)
            if {job.file_id for job in around[: len(block)]} == moving:
                return
            above = next((job for job in around if job.file_id not in moving), None)
            _remember(db, f"move of {_count(block)}", block)
            places = _priorities(block, above, below)
            for priority in sorted(set(places)):
                part = [job.file_id for job, its in zip(block, places, strict=True) if its == priority]
                _insert(db, part, priority, above, below)

    def remove(self, file_ids: Sequence[str]) -> None:
        """Take jobs off the list; those that are not over are cancelled."""
        with self._write() as db:
            jobs = jobs_by_id(db, file_ids, listed_only=True)
            if jobs:
                self._take_off(db, f"removal of {_count(jobs)}", jobs)

    def clear_completed(self) -> None:
        """Take what has arrived off the list."""
        with self._write() as db:
            rows = db.execute("SELECT file_id FROM job WHERE listed = 1 AND status = 'completed'").fetchall()
            jobs = jobs_by_id(db, [row[0] for row in rows])
            if jobs:
                self._take_off(db, f"clearing of {_count(jobs)}", jobs)

    def undo(self) -> str | None:
        """Take the last change back; what it was. A job that was running when it was removed is pending again."""
        with self._write() as db:
            last = db.execute("SELECT number, what FROM undo ORDER BY number DESC LIMIT 1").fetchone()
            if last is None:
                return None
            rows = db.execute(
                "SELECT u.file_id, u.priority, u.position, u.status_before, u.reason FROM undo_row AS u"
                " JOIN job USING (file_id) WHERE u.number = ? AND job.listed = (u.status_before IS NULL)",
                (last["number"],),
            ).fetchall()
            db.execute("DELETE FROM undo WHERE number = ?", (last["number"],))
            for file_id, _, _, status, reason in rows:
                if status is not None:
                    _list_again(db, file_id, JobState(status), reason)
            take_back(db, [file_id for file_id, _, _, status, _ in rows if status not in (None, JobState.CANCELLED)])
            _put(db, [(file_id, priority, position) for file_id, priority, position, _, _ in rows])
            return str(last["what"])

    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        with self._read() as db:
            row = db.execute("SELECT what FROM undo ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else str(row[0])

    def _take_off(self, db: sqlite3.Connection, what: str, jobs: Sequence[Job]) -> None:
        _remember(db, what, jobs, off_list=True)
        leave_behind(db, [job.file_id for job in jobs])
        db.execute(
            f"UPDATE job SET completed_at = CASE WHEN {_UNFINISHED} THEN :now ELSE completed_at END,"
            f" reason = CASE WHEN {_UNFINISHED} THEN 'removed by you' ELSE reason END,"
            f" error = CASE WHEN {_UNFINISHED} THEN NULL ELSE error END,"
            f" status = CASE WHEN {_UNFINISHED} THEN 'cancelled' ELSE status END,"
            f" listed = 0, {STOP_THE_CLOCK}, changed = :change WHERE file_id IN (SELECT value FROM json_each(:ids))",
            {
                "now_ns": self._clock.monotonic_ns(),
                "now": self._now_text(),
                "change": change_number(db),
                "ids": as_set(job.file_id for job in jobs),
            },
        )


def _below(db: sqlite3.Connection, before: str | None, moving: set[str]) -> Job | None:
    """The row that the block lands in front of: `before`, or the next one that stays; None at the end."""
    if before is None:
        return None
    if before not in moving:
        return jobs_by_id(db, [before], listed_only=True)[0]
    rows = db.execute(
        "SELECT file_id FROM job WHERE listed = 1 AND (priority, position, file_id) >="
        f" (SELECT priority, position, file_id FROM job WHERE file_id = ?) {_ORDER} LIMIT ?",
        (before, len(moving) + 1),
    )
    following = next((row[0] for row in rows if row[0] not in moving), None)
    return None if following is None else jobs_by_id(db, [following])[0]


def _last_before(db: sqlite3.Connection, below: Job | None, count: int) -> list[Job]:
    """The `count` rows before that one, nearest first."""
    bound = (11, 0.0, "") if below is None else (below.priority, below.position, below.file_id)
    rows = db.execute(
        "SELECT file_id FROM job WHERE listed = 1 AND (priority, position, file_id) < (?, ?, ?)"
        " ORDER BY priority DESC, position DESC, file_id DESC LIMIT ?",
        (*bound, count),
    ).fetchall()
    return jobs_by_id(db, [row[0] for row in rows])


def _priorities(block: Sequence[Job], above: Job | None, below: Job | None) -> list[int]:
    """The priority that each row of the block takes between these neighbours; it never falls, to keep the order."""
    sides = {job.priority for job in (above, below) if job is not None}
    landing = below or above
    own_or_landing = [job.priority if landing is None or job.priority in sides else landing.priority for job in block]
    return list(accumulate(own_or_landing, max))


def _insert(
    db: sqlite3.Connection, file_ids: Sequence[str], priority: int, above: Job | None, below: Job | None
) -> None:
    """Give rows even places of that priority between two neighbours, of which either may have another one."""
    for _attempt in range(2):
        low = _position(db, above, priority)
        high = _position(db, below, priority)
        if low is None and high is None:
            low = 0.0
        step = GAP if low is None or high is None else (high - low) / (len(file_ids) + 1)
        if step > _GAP_MIN:
            break
        _space_anew(db, priority, len(file_ids))
    first = low + step if low is not None else (high or 0.0) - step * len(file_ids)
    _put(db, [(file_id, priority, first + step * i) for i, file_id in enumerate(file_ids)])


def _position(db: sqlite3.Connection, neighbour: Job | None, priority: int) -> float | None:
    if neighbour is None or neighbour.priority != priority:
        return None
    return float(db.execute("SELECT position FROM job WHERE file_id = ?", (neighbour.file_id,)).fetchone()[0])


def _space_anew(db: sqlite3.Connection, priority: int, room_for: int) -> None:
    """Even gaps within a priority, each with room for so many rows: for its rows and for the remembered places alike.

    A remembered place that has been taken since gets one of its own, in front of the row that took it.
    """
    values = {"priority": priority, "gap": GAP + room_for, "change": change_number(db)}
    db.execute(
        "CREATE TEMP TABLE spaced AS"
        " SELECT file_id, position AS old, row_number() OVER (ORDER BY position, file_id) * :gap AS new FROM ("
        "  SELECT file_id, position FROM job WHERE listed = 1 AND priority = :priority"
        "  UNION SELECT NULL, position FROM undo_row WHERE priority = :priority)",
        values,
    )
    db.execute(
        "UPDATE job SET position = spaced.new, changed = :change FROM spaced WHERE job.file_id = spaced.file_id", values
    )
    db.execute(
        "UPDATE undo_row SET position = spaced.new FROM spaced"
        " WHERE undo_row.priority = :priority AND spaced.file_id IS NULL AND undo_row.position = spaced.old",
        values,
    )
    db.execute("DROP TABLE spaced")


def _put(db: sqlite3.Connection, places: Sequence[tuple[str, int, float]]) -> None:
    change = change_number(db)
    db.executemany(
        "UPDATE job SET priority = ?, position = ?, changed = ? WHERE file_id = ?",
        [(priority, position, change, file_id) for file_id, priority, position in places],
    )


def _remember(db: sqlite3.Connection, what: str, jobs: Sequence[Job], *, off_list: bool = False) -> None:
    number = db.execute("INSERT INTO undo (what) VALUES (?)", (what,)).lastrowid
    db.executemany(
        "INSERT INTO undo_row (number, file_id, priority, position, status_before, reason) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (number, job.file_id, job.priority, job.position, job.status if off_list else None, job.reason)
            for job in jobs
        ],
    )
    db.execute(
        "DELETE FROM undo WHERE number NOT IN (SELECT number FROM undo ORDER BY number DESC LIMIT ?)", (UNDO_KEPT,)
    )


def _list_again(db: sqlite3.Connection, file_id: str, status: JobState, reason: str) -> None:
    was_running = status is JobState.UPLOADING
    db.execute(
        "UPDATE job SET listed = 1, status = ?, reason = ?, completed_at = CASE WHEN ? THEN completed_at END,"
        " changed = ? WHERE file_id = ?",
        (
            JobState.PENDING if was_running else status,
            "" if was_running else reason,
            status.is_final,
            change_number(db),
            file_id,
        ),
    )


def _count(jobs: Sequence[Job]) -> str:
    return "1 file" if len(jobs) == 1 else f"{len(jobs)} files"
