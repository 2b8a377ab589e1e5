"""What lies at relays of files that nobody wants any more, until the relay has dropped it.

A row comes with the transaction that gives the job up, and goes with the one that takes that back, or once the relay
has the word to drop its part: so neither a crash, nor an agent that did not run, nor a relay that did not answer lets a
part lie there unknown. Whoever reads the rows may say the same twice; a relay drops what it does not have at no cost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from transfer_core.jobs.database import StateDatabase, as_set, change_number, name_of_column
from transfer_core.jobs.left_uploads import leave_uploads, take_uploads_back


@dataclass(frozen=True, slots=True)
class Leftover:
    """A part that a relay may have of a job that was given up."""

    number: int  # never given twice: what is taken back and given up again has another one
    file_id: str
    destination: str
    dest_path: str
    size: int


class LeftoverTable(StateDatabase):
    """What relays are to drop."""

    def leftovers(self) -> list[Leftover]:
        """All of them, those that were given up first before others."""
        with self._read() as db:
            rows = db.execute(
                "SELECT number, file_id, destination, dest_path, size FROM leftover ORDER BY number"
            ).fetchall()
        return [Leftover(row[0], row[1], row[2], name_of_column(row[3]), row[4]) for row in rows]

    def parts_dropped(self, numbers: Sequence[int]) -> None:
        """Relays have been told to drop these."""
        with self._write_soon() as db:  # they are told again otherwise
            these = json.dumps(list(numbers))
            db.execute(
                "UPDATE job SET bytes_done = 0, changed = ? WHERE status = 'cancelled' AND file_id IN"
                " (SELECT file_id FROM leftover WHERE number IN (SELECT value FROM json_each(?)))",
                (change_number(db), these),
            )
            db.execute("DELETE FROM leftover WHERE number IN (SELECT value FROM json_each(?))", (these,))


def leave_behind(db: sqlite3.Connection, file_ids: Sequence[str]) -> None:
    """These jobs are given up: what is there of them is to be dropped. Not of what arrived or never began."""
    db.execute(
        "INSERT OR IGNORE INTO leftover (file_id, destination, dest_path, size)"
        " SELECT file_id, destination, dest_path, size FROM job JOIN destination ON name = destination"
        " WHERE kind = 'relay' AND started_at IS NOT NULL AND job.status <> 'completed'"
        " AND file_id IN (SELECT value FROM json_each(?)) ORDER BY priority, position",
        (as_set(file_ids),),
    )
    leave_uploads(db, file_ids)


def take_back(db: sqlite3.Connection, file_ids: Sequence[str]) -> None:
    """These are wanted after all."""
    db.execute("DELETE FROM leftover WHERE file_id IN (SELECT value FROM json_each(?))", (as_set(file_ids),))
    take_uploads_back(db, file_ids)
