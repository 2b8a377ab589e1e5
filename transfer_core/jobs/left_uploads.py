"""What servers over HTTP have of uploads that nobody goes on with, until they have dropped it.

As with the parts at relays (`jobs.leftovers`), a row comes with the transaction that gives the job up and goes with the
one that takes that back, so that neither a crash nor an agent or a server that is away lets a part lie there unknown. A
`spent` one is of a source that has changed since: its job goes on without it, and nothing takes it back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from transfer_core.jobs.database import StateDatabase, as_set, change_number


@dataclass(frozen=True, slots=True)
class LeftUpload:
    """An upload that a server may have a part of, which nobody wants."""

    number: int  # never given twice
    file_id: str
    destination: str
    kept: str  # what its job kept to go on with it
    refusals: int  # how often the server would not drop it
    is_spent: bool  # its job goes on without it


class LeftUploadTable(StateDatabase):
    """What servers are to drop."""

    def left_uploads(self) -> list[LeftUpload]:
        """All of them, those that were given up first before others."""
        with self._read() as db:
            rows = db.execute(
                "SELECT number, file_id, destination, kept, refusals, spent FROM left_upload ORDER BY number"
            ).fetchall()
        return [
            LeftUpload(number, file_id, destination, kept, refusals, bool(spent))
            for number, file_id, destination, kept, refusals, spent in rows
        ]

    def leave_upload(self, file_id: str, kept: str) -> None:
        """The job goes on without that upload: its source has changed."""
        with self._write() as db:
            db.execute(
                "INSERT INTO left_upload (file_id, destination, kept, spent)"
                " SELECT file_id, destination, ?, 1 FROM job WHERE file_id = ?",
                (kept, file_id),
            )
            db.execute("UPDATE job SET resume = '' WHERE file_id = ? AND resume = ?", (file_id, kept))

    def uploads_dropped(self, numbers: Sequence[int]) -> None:
        """Their servers have nothing of these any more."""
        these = json.dumps(list(numbers))
        with self._write_soon() as db:  # they are told again otherwise
            db.execute(
                "UPDATE job SET resume = '', bytes_done = 0, changed = ? WHERE status <> 'completed' AND file_id IN"
                " (SELECT file_id FROM left_upload WHERE spent = 0 AND number IN (SELECT value FROM json_each(?)))",
                (change_number(db), these),
            )
            _forget(db, these)

    def uploads_stay(self, numbers: Sequence[int]) -> None:
        """Their servers will not drop these: they are not asked any more."""
        with self._write() as db:
            _forget(db, json.dumps(list(numbers)))

    def upload_refused(self, number: int) -> None:
        """Its server would not drop it this time."""
        with self._write_soon() as db:
            db.execute("UPDATE left_upload SET refusals = refusals + 1 WHERE number = ?", (number,))

    def keep_resume(self, file_id: str, text: str) -> None:
        """Keep how an upload goes on; durable when this returns. Of a job that was given up meanwhile it is left."""
        with self._write() as db:
            db.execute("UPDATE job SET resume = ? WHERE file_id = ?", (text, file_id))
            given_up = db.execute("SELECT 1 FROM job WHERE file_id = ? AND status = 'cancelled'", (file_id,))
            if given_up.fetchone() is not None:
                leave_uploads(db, [file_id])


def leave_uploads(db: sqlite3.Connection, file_ids: Sequence[str]) -> None:
    """These jobs are given up: what servers may have of them is to be dropped. Not of what arrived or never began."""
    db.execute(
        "INSERT INTO left_upload (file_id, destination, kept)"
        " SELECT file_id, destination, resume FROM job WHERE resume <> '' AND status <> 'completed'"
        " AND file_id IN (SELECT value FROM json_each(?)) ORDER BY priority, position"
        " ON CONFLICT (file_id) WHERE spent = 0 DO UPDATE SET kept = excluded.kept",
        (as_set(file_ids),),
    )


def take_uploads_back(db: sqlite3.Connection, file_ids: Sequence[str]) -> None:
    """These jobs are wanted after all."""
    db.execute(
        "DELETE FROM left_upload WHERE spent = 0 AND file_id IN (SELECT value FROM json_each(?))", (as_set(file_ids),)
    )


def _forget(db: sqlite3.Connection, numbers: str) -> None:
    db.execute("DELETE FROM left_upload WHERE number IN (SELECT value FROM json_each(?))", (numbers,))
