"""Files that are queued anew: each gets a row at the end of its priority."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from transfer_core.errors import ConflictError, UsageError
from transfer_core.jobs.database import change_number, column_of_name

GAP = 1024.0  # between two positions, so that others can be put in between


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


def _check(new: NewJob) -> None:
    if not 1 <= new.priority <= 10:
        raise UsageError(f"priority {new.priority} is not from 1 to 10")
    if new.size < 0:
        raise UsageError(f"{new.path!r} can't have {new.size} bytes")
