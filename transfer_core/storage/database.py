"""Opens SQLite databases: WAL, every commit durable, migrated by `user_version`; a broken one is set aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transfer_core.errors import StateError, StateNewer

BUSY_MS = 5000


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A damaged database was put out of the way."""

    kept_as: Path
    why: str


def open_database(
    path: Path, migrations: Sequence[str], *, now_text: str
) -> tuple[sqlite3.Connection, Quarantined | None]:
    """Open or create; `migrations[i]` leads from version i to i + 1. StateNewer if it is ahead of them.

    A damaged file is renamed to `NAME.corrupt-<now_text>` and a new one opened.
    """
    try:
        return _open(path, migrations), None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise StateError(f"{path} is locked by another program", hint="Close that program.") from error
        kept = path.with_name(f"{path.name}.corrupt-{now_text.replace(':', '')}")
        path.rename(kept)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _open(path, migrations), Quarantined(kept, str(error))


def _open(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise StateNewer(f"{path} was written by a newer version ({version}, this one knows {len(migrations)})")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        for number in range(version, len(migrations)):
            connection.executescript(f"BEGIN IMMEDIATE;\n{migrations[number]};\nPRAGMA user_version = {number + 1};\nCOMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection
