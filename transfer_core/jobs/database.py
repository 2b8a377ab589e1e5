"""One connection to the agent's database: one writer at a time, each change one transaction, numbered.

Every write gives the rows that it touches a new change number, by which listeners, also in other processes, find what
is new without reading everything. What SQLite complains of is raised as an error of this program's own tree.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transfer_core.clock import Clock
from transfer_core.errors import DiskFull, DrsError, StateCorrupt, StateError, StateLocked, UsageError
from transfer_core.events import JobState, JobView
from transfer_core.jobs.model import Job
from transfer_core.jobs.schema import MIGRATIONS
from transfer_core.storage.database import open_database
from transfer_core.units import utc_iso

DATABASE_NAME = "state.db"
COLUMNS = (
    "file_id, path, size, priority, position, status, destination, dest_path, source, created_at, bytes_done, attempts,"
    " idle_attempts, reason, error, started_at, completed_at, next_try_ns, next_try_at, duration_s, resent_bytes,"
    " stored_as, file_hash, links, source_mtime_ns, source_inode"
)
VIEW_COLUMNS = (  # in the order of `JobView`; what only the engine knows is blank
    "file_id, path, size, priority, position, status, destination, dest_path, bytes_done, attempts, reason, error,"
    " created_at, started_at, completed_at, next_try_at, duration_s, source, 0.0, NULL, resent_bytes, stored_as,"
    " file_hash, links"
)
_STATES = {state.value: state for state in JobState}
_NO_LINKS: Mapping[str, int] = {}


class StateDatabase:
    """Opens the database of a state directory, or a new one if it is damaged; `quarantined` says so then.

    StateNewer if a newer version wrote it. Safe to use from any thread.
    """

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        now_text = utc_iso(clock.wall_ns())
        self._db, self.quarantined = open_database(state_dir / DATABASE_NAME, MIGRATIONS, now_text=now_text)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def newest_change(self) -> int:
        """Grows with each write of any process."""
        with self._read() as db:
            return change_number(db)

    def _now_text(self) -> str:
        return utc_iso(self._clock.wall_ns())

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _own_errors():
            yield self._db

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction with a change number of its own, durable when it is left; an exception undoes all of it."""
        with self._lock, _own_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("UPDATE counter SET value = value + 1 WHERE name = 'change'")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _write_soon(self) -> Iterator[sqlite3.Connection]:
        """The same, but durable only with the next `_write`: for what a loss of power may take back."""
        with self._lock:
            with _own_errors():
                self._db.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing by this
            try:
                with self._write() as db:
                    yield db
            finally:
                with _own_errors():
                    self._db.execute("PRAGMA synchronous = FULL")


def change_number(db: sqlite3.Connection) -> int:
    """The number of the newest change, within a transaction that of its own."""
    number: int = db.execute("SELECT value FROM counter WHERE name = 'change'").fetchone()[0]
    return number


def as_set(values: Iterable[str]) -> str:
    """Any number of values as one parameter, for `IN (SELECT value FROM json_each(?))`."""
    return json.dumps(list(values))


def plain_rows(db: sqlite3.Connection) -> sqlite3.Cursor:
    """For statements that give many rows: as plain tuples these take half the time."""
    cursor = db.cursor()
    cursor.row_factory = None
    return cursor


def job_of(row: tuple[Any, ...] | sqlite3.Row) -> Job:
    """The job in a row of COLUMNS."""
    values = list(row)
    values[1], values[7] = name_of_column(values[1]), name_of_column(values[7])
    values[5] = _STATES[values[5]]
    values[23] = {} if values[23] == "{}" else json.loads(values[23])
    return Job(*values)


def view_of(row: tuple[Any, ...] | sqlite3.Row) -> JobView:
    """The view of a row of VIEW_COLUMNS."""
    values = list(row)
    values[1], values[7] = name_of_column(values[1]), name_of_column(values[7])
    values[5] = _STATES[values[5]]
    values[23] = _NO_LINKS if values[23] == "{}" else json.loads(values[23])
    return JobView(*values)


def column_of_name(name: str) -> str | bytes:
    """A file name as it is kept: text, or its bytes when it is no valid Unicode. UsageError if it can't be a name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(name)
        except UnicodeEncodeError as error:
            raise UsageError(f"{name!a} can't be the name of a file") from error
    return name


def column_of_text(text: str) -> str:
    """A text for people as it is kept: what is no valid Unicode is escaped."""
    return text.encode(errors="backslashreplace").decode()


def column_of_links(links: Mapping[str, int]) -> str:
    """Bytes by link as they are kept."""
    return json.dumps(dict(links))


def name_of_column(column: str | bytes) -> str:
    """A file name out of its column."""
    return column if isinstance(column, str) else os.fsdecode(column)


@contextmanager
def _own_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _own_error(error) from error


def _own_error(error: sqlite3.Error) -> DrsError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull("there is no room left for the queue's database")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateLocked("another program holds the queue's database", hint="Close the program that has it open.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StateCorrupt(
            f"the queue's database is damaged: {error}", hint="Start again: it is set aside, and a new one opened."
        )
    return StateError(f"the queue's database can't be used: {error}", hint="Check the disk and its permissions.")
