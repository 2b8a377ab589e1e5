"""What the queue holds, and what has become of its jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from transfer_core.errors import NotFoundError
from transfer_core.events import JobView
from transfer_core.jobs.database import (
    COLUMNS,
    VIEW_COLUMNS,
    StateDatabase,
    as_set,
    change_number,
    job_of,
    plain_rows,
    view_of,
)
from transfer_core.jobs.model import Job


class JobReading(StateDatabase):
    """Reads jobs; changes nothing."""

    def jobs(self) -> list[Job]:
        """The list in its order."""
        with self._read() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM job WHERE listed = 1 ORDER BY priority, position, file_id"
            ).fetchall()
        return [job_of(row) for row in rows]

    def views(self, after: JobView | None = None, limit: int = -1) -> list[JobView]:
        """The list in its order, as people see it, or so much of it behind a row; what is under way as kept last."""
        place = (0, 0.0, "") if after is None else (after.priority, after.position, after.file_id)
        with self._read() as db:
            cursor = plain_rows(db)
            rows = cursor.execute(
                f"SELECT {VIEW_COLUMNS} FROM job WHERE listed = 1 AND (priority, position, file_id) > (?, ?, ?)"
                " ORDER BY priority, position, file_id LIMIT ?",
                (*place, limit),
            ).fetchall()
        return list(map(view_of, rows))

    def views_under_way(self) -> list[JobView]:
        """Those of the list that an agent has taken, in no order."""
        with self._read() as db:
            rows = db.execute(f"SELECT {VIEW_COLUMNS} FROM job WHERE status = 'uploading' AND listed = 1").fetchall()
        return list(map(view_of, rows))

    def job(self, file_id: str) -> Job:
        """One job, listed or not. NotFoundError."""
        with self._read() as db:
            return jobs_by_id(db, [file_id])[0]

    def changes_since(self, change: int) -> tuple[int, list[JobView], list[str]]:
        """The newest change number, listed jobs changed after `change`, and ids that left the list since."""
        with self._read() as db:
            newest = change_number(db)
            if newest == change:
                return newest, [], []
            cursor = plain_rows(db)
            rows = cursor.execute(
                f"SELECT {VIEW_COLUMNS} FROM job INDEXED BY job_changed WHERE changed > ? AND listed = 1"  # few of many
                " ORDER BY priority, position, file_id",
                (change,),
            ).fetchall()
            gone = db.execute(
                "SELECT file_id FROM job INDEXED BY job_changed WHERE changed > ? AND listed = 0", (change,)
            ).fetchall()
        return newest, list(map(view_of, rows)), [row[0] for row in gone]

    def history(self, *, limit: int, offset: int, find: str) -> list[Job]:
        """Jobs that ended, newest first, whose path or destination contains `find`; also those not listed any more."""
        pattern = "%" + find.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with self._read() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM job WHERE completed_at IS NOT NULL"
                " AND (CAST(path AS TEXT) LIKE ?1 ESCAPE '\\' OR destination LIKE ?1 ESCAPE '\\')"
                " ORDER BY completed_at DESC, file_id LIMIT ?2 OFFSET ?3",
                (pattern, limit, offset),
            ).fetchall()
        return [job_of(row) for row in rows]

    def is_any_pending(self) -> bool:
        """Whether anything waits for its turn."""
        with self._read() as db:
            asked = "SELECT 1 FROM job WHERE status = 'pending' AND listed = 1 LIMIT 1"
            return db.execute(asked).fetchone() is not None

    def awaited(self, destinations: Sequence[str]) -> frozenset[str]:
        """Those of them for which something waits."""
        asked = "SELECT 1 FROM job WHERE status = 'pending' AND listed = 1 AND destination = ? LIMIT 1"
        with self._read() as db:
            return frozenset(name for name in destinations if db.execute(asked, (name,)).fetchone() is not None)

    def counts_left(self) -> tuple[int, int]:
        """Files and bytes that are not done yet and not given up."""
        with self._read() as db:
            row = db.execute(
                "SELECT count(*), coalesce(sum(max(0, size - bytes_done)), 0) FROM job"
                " WHERE listed = 1 AND status IN ('pending', 'uploading', 'paused')"
            ).fetchone()
        return int(row[0]), int(row[1])


def jobs_by_id(db: sqlite3.Connection, file_ids: Sequence[str], *, listed_only: bool = False) -> list[Job]:
    """The jobs in the order of `file_ids`, each once. NotFoundError if one is missing."""
    condition = " AND listed = 1" if listed_only else ""
    rows = plain_rows(db).execute(
        f"SELECT {COLUMNS} FROM job WHERE file_id IN (SELECT value FROM json_each(?)){condition}", (as_set(file_ids),)
    )
    found = {job.file_id: job for job in map(job_of, rows)}
    wanted = list(dict.fromkeys(file_ids))
    for file_id in wanted:
        if file_id not in found:
            raise NotFoundError(f"there is no job {file_id}" + (" on the list" if listed_only else ""))
    return [found[file_id] for file_id in wanted]
