"""Opens SQLite databases: WAL, every commit durable, migrated by `user_version`; a broken one is set aside.

Theory of operation. A database that SQLite itself calls damaged, or no database, is renamed together with its journal
and a new one is opened in its place, so that nothing is deleted and the program still starts. Every other trouble (a
full disk, no permission, another program's lock) says nothing about the file, so it is reported and the file is left
alone. A migration and its `user_version` are one transaction, and the version is read again inside it: two processes
may open the same new database at once.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from transfer_core.errors import DiskFull, StateError, StateNewer
from transfer_core.storage.free_space import usable_bytes

BUSY_MS = 5000
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_REFUSED = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
_HINT = "Check its folder, permissions and disk, and who else uses it."
_JOURNAL_INDEX_BYTES = 1 << 15  # NAME-shm grows by so much
_COMPANIONS = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A damaged database was put out of the way, not deleted."""

    kept_as: Path
    why: str


class _Damaged(Exception):
    """What is in the file is not the database that was asked for."""


def open_database(
    path: Path, migrations: Sequence[str], *, now_text: str, check: bool = True, busy_ms: int = BUSY_MS
) -> tuple[sqlite3.Connection, Quarantined | None]:
    """Open or create a database; `migrations[i]` leads from version i to i + 1.

    The connection is in autocommit mode (say BEGIN yourself), has `sqlite3.Row` rows and foreign keys on, and may be
    handed from thread to thread, though used by one at a time. A damaged file is kept as `NAME.corrupt-<now_text>`
    and a new one opened; `check=False` leaves out the look at every page, for what is large and can be made again, or
    was looked at by another process just now. Others that write are waited for up to `busy_ms`.
    StateNewer if the file is ahead of the migrations; DiskFull; StateError if the system does
    not let it be opened.
    """
    try:
        try:
            return _open(path, migrations, check=check, busy_ms=busy_ms), None
        except _Damaged as damage:
            kept = _set_aside(path, now_text)
            return _open(path, migrations, check=check, busy_ms=busy_ms), Quarantined(kept, str(damage))
    except (sqlite3.Error, OSError, _Damaged) as error:
        if isinstance(error, sqlite3.Error) and _lacks_room(error, path):
            raise DiskFull(f"no room left for {path}") from error
        raise StateError(f"{path} can't be opened: {error}", hint=_HINT) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction, durable when the block is left; taken back as a whole if anything fails.

    DiskFull if there is no room for it, StateError for what else the system refuses; both may be tried again.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite takes it back by itself when the disk is full
                connection.execute("ROLLBACK")
            raise
    except sqlite3.OperationalError as error:
        if _code(error) == sqlite3.SQLITE_FULL:
            raise DiskFull("no room left for the database") from error
        if _code(error) in _REFUSED:
            raise StateError(f"the database can't be written: {error}", hint=_HINT) from error
        raise  # a mistake in a statement


def _open(path: Path, migrations: Sequence[str], *, check: bool, busy_ms: int) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    _create_private(path)
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        version = _version(connection)
        if version > len(migrations):
            raise StateNewer(f"{path} was written by a newer version ({version}, this one knows {len(migrations)})")
        if check:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise _Damaged(verdict)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, migrations)
    except sqlite3.DatabaseError as error:
        connection.close()
        if _code(error) in _DAMAGED:
            raise _Damaged(str(error)) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _lacks_room(error: sqlite3.Error, path: Path) -> bool:
    """SQLite calls it an input or output error when there is no room for the index of the journal."""
    if _code(error) == sqlite3.SQLITE_IOERR:
        return usable_bytes(path.parent) < _JOURNAL_INDEX_BYTES
    return _code(error) == sqlite3.SQLITE_FULL


def _code(error: sqlite3.Error) -> int:
    """The primary result code; errors of the module itself, not of SQLite, have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF


def _create_private(path: Path) -> None:
    """A new database is for its owner's eyes: it holds secrets. SQLite gives its journals the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    while _version(connection) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)
            if version < 0:
                raise _Damaged(f"version {version}")
            if version < len(migrations):
                for statement in _statements(migrations[version]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and _code(error) == sqlite3.SQLITE_ERROR:
                # The schema is not the one that this version leaves: somebody else's database, or half of ours.
                raise _Damaged(str(error)) from error
            raise
        connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one; `executescript` would commit the transaction they have to share."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n\t;"):
                yield statement
            statement = ""
    if statement.strip(" \n\t;"):
        yield statement


def _set_aside(path: Path, now_text: str) -> Path:
    """Rename the database and its journals, which together may still be worth something to a person."""
    kept = path.with_name(f"{path.name}.corrupt-{now_text.replace(':', '')}")
    number = 2
    while kept.exists():
        kept = path.with_name(f"{path.name}.corrupt-{now_text.replace(':', '')}-{number}")
        number += 1
    for suffix in _COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(kept.with_name(kept.name + suffix))
    path.rename(kept)
    return kept
