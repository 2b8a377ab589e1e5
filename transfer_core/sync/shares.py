"""Which folders this machine shares, and how they stand: a small database that commands read and write beside an agent.

The agent follows it, so a command needs no connection to the agent: `share` writes a row, the agent opens the folder;
the agent writes how it stands, `status` reads it.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transfer_core.errors import ConflictError, NotFoundError, UsageError
from transfer_core.storage.database import open_database, transaction
from transfer_core.sync.members import Member

_MIGRATIONS = (
    """
    CREATE TABLE share (
        name TEXT PRIMARY KEY, path TEXT NOT NULL, relay TEXT NOT NULL, intent TEXT NOT NULL,
        paused INTEGER NOT NULL DEFAULT 0, deletes_are_meant INTEGER NOT NULL DEFAULT 0,
        standing TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE member (
        folder TEXT NOT NULL, key BLOB NOT NULL, name TEXT NOT NULL, PRIMARY KEY (folder, key)
    ) WITHOUT ROWID
    """,
)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Share:
    """One shared folder of this machine. `intent`: share, accept, or home for one that lives at this relay."""

    name: str
    path: str
    relay: str
    intent: str
    paused: bool = False
    deletes_are_meant: bool = False
    standing: str = ""  # how it stands, as JSON, written by the agent


def check_name(name: str) -> str:
    """A folder's name, which is part of file names on every machine. UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!a} can't name a shared folder", hint="Use letters, digits, '-', '_' and '.'.")
    return name


class ShareStore:
    """See the module. Safe from any thread; several processes may have it open."""

    def __init__(self, folder: Path, now_text: str) -> None:
        """`folder` is where this database and the indexes lie."""
        self.folder = folder
        self._lock = threading.RLock()
        self._db, self.quarantined = open_database(self.folder / "shares.sqlite3", _MIGRATIONS, now_text=now_text)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def index_path(self, name: str) -> Path:
        """Where a folder's index lies."""
        return self.folder / f"{name}.sqlite3"

    def version(self) -> int:
        """Changes when another process writes."""
        with self._lock:
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def shares(self) -> list[Share]:
        """All of them, by name."""
        with self._lock:
            return [_share(row) for row in self._db.execute("SELECT * FROM share ORDER BY name").fetchall()]

    def share(self, name: str) -> Share:
        """One of them. NotFoundError."""
        with self._lock:
            row = self._db.execute("SELECT * FROM share WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NotFoundError(f"no shared folder {name}", hint="List them with `drs-sync sync status`.")
        return _share(row)

    def add(self, share: Share) -> None:
        """Keep one more. ConflictError if its name is taken, or its folder is in, or around, another one."""
        check_name(share.name)
        path = Path(share.path)
        with self._lock, transaction(self._db):
            for other in self.shares():
                if other.name == share.name:
                    raise ConflictError(f"{share.name} is shared already, as {other.path}", hint="Choose another name.")
                if path.is_relative_to(other.path) or Path(other.path).is_relative_to(path):
                    raise ConflictError(f"{share.path} and {other.path} overlap", hint="Share one or the other.")
            self._db.execute(
                "INSERT INTO share (name, path, relay, intent) VALUES (?, ?, ?, ?)",
                (share.name, share.path, share.relay, share.intent),
            )

    def remove(self, name: str) -> None:
        """Share it no more; files stay."""
        with self._lock, transaction(self._db):
            self._db.execute("DELETE FROM share WHERE name = ?", (name,))
            self._db.execute("DELETE FROM member WHERE folder = ?", (name,))

    def members(self, name: str) -> tuple[Member, ...]:
        """Who else takes part in a folder, as the relay said last."""
        with self._lock:
            rows = self._db.execute("SELECT key, name FROM member WHERE folder = ? ORDER BY key", (name,)).fetchall()
        return tuple(Member(row["key"], row["name"]) for row in rows)

    def keep_members(self, name: str, members: Iterable[Member]) -> None:
        """The relay says so."""
        with self._lock, transaction(self._db):
            self._db.execute("DELETE FROM member WHERE folder = ?", (name,))
            self._db.executemany(
                "INSERT OR REPLACE INTO member VALUES (?, ?, ?)", [(name, each.key, each.name) for each in members]
            )

    def set_paused(self, name: str, paused: bool, *, deletes_are_meant: bool = False) -> None:
        """Hold it, or go on. NotFoundError."""
        self.share(name)
        with self._lock, transaction(self._db):
            self._db.execute(
                "UPDATE share SET paused = ?, deletes_are_meant = ? WHERE name = ?", (paused, deletes_are_meant, name)
            )

    def deletes_done(self, name: str) -> None:
        """The deletes that were meant have been entered."""
        with self._lock, transaction(self._db):
            self._db.execute("UPDATE share SET deletes_are_meant = 0 WHERE name = ?", (name,))

    def say_standing(self, name: str, standing: Mapping[str, Any]) -> None:
        """How it stands now."""
        with self._lock, transaction(self._db):
            self._db.execute("UPDATE share SET standing = ? WHERE name = ?", (json.dumps(standing), name))


def _share(row: sqlite3.Row) -> Share:
    return Share(
        row["name"],
        row["path"],
        row["relay"],
        row["intent"],
        bool(row["paused"]),
        bool(row["deletes_are_meant"]),
        row["standing"],
    )
