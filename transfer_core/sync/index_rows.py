"""The tables of a folder's index, and how entries lie in their rows. Pure."""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache

from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.tree import Stat
from transfer_core.sync.version import Dot, Version

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE self (replica TEXT NOT NULL, counter INTEGER NOT NULL, seq INTEGER NOT NULL);
    CREATE TABLE entry (
        path TEXT PRIMARY KEY, kind INTEGER NOT NULL, version TEXT NOT NULL, dot TEXT NOT NULL, size INTEGER NOT NULL,
        content BLOB NOT NULL, mtime_ns INTEGER NOT NULL, executable INTEGER NOT NULL, by TEXT NOT NULL,
        at_ns INTEGER NOT NULL, seq INTEGER NOT NULL,
        disk_size INTEGER, disk_mtime_ns INTEGER, disk_inode INTEGER, disk_ctime_ns INTEGER, disk_executable INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX entry_seq ON entry (seq);
    CREATE INDEX entry_content ON entry (content);
    CREATE TABLE heard (
        peer TEXT NOT NULL, path TEXT NOT NULL, kind INTEGER NOT NULL, version TEXT NOT NULL, dot TEXT NOT NULL,
        size INTEGER NOT NULL, content BLOB NOT NULL, mtime_ns INTEGER NOT NULL, executable INTEGER NOT NULL,
        by TEXT NOT NULL, at_ns INTEGER NOT NULL, todo INTEGER NOT NULL, why TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (path, peer)
    ) WITHOUT ROWID;
    CREATE INDEX heard_content ON heard (content);
    CREATE INDEX heard_todo ON heard (todo) WHERE todo;
    CREATE TABLE peer (
        peer TEXT PRIMARY KEY, replica TEXT NOT NULL, name TEXT NOT NULL, heard INTEGER NOT NULL, told INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE recipe (content BLOB PRIMARY KEY, size INTEGER NOT NULL, pieces BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE piece (chunk BLOB, content BLOB, offset INTEGER, length INTEGER, PRIMARY KEY (chunk, content, offset))
        WITHOUT ROWID;
    CREATE TABLE arrived (chunk BLOB PRIMARY KEY, data BLOB NOT NULL, stored INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE saving (
        path TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, times INTEGER NOT NULL, size INTEGER NOT NULL,
        wire INTEGER NOT NULL, packed INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE history (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, what TEXT NOT NULL, path TEXT NOT NULL,
        text TEXT NOT NULL
    );
    CREATE TABLE figure (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID
    """,
)
COLUMNS = "path, kind, version, dot, size, content, mtime_ns, executable, by, at_ns"


def values_of(entry: Entry) -> tuple[object, ...]:
    """An entry as the columns `COLUMNS`."""
    return (
        entry.path,
        int(entry.kind),
        _packed(entry.version),
        _packed(entry.dot),
        entry.size,
        entry.content,
        entry.mtime_ns,
        int(entry.executable),
        entry.by,
        entry.at_ns,
    )


@lru_cache(4096)
def _packed(value: Version | Dot) -> str:
    return json.dumps(value, separators=(",", ":"))


@lru_cache(4096)
def _version(text: str) -> Version:
    return tuple((name, count) for name, count in json.loads(text))


@lru_cache(4096)
def _dot(text: str) -> Dot:
    replica, counter = json.loads(text)
    return (replica, counter)


def entry_of(row: sqlite3.Row) -> Entry:
    """The entry in a row."""
    return Entry(
        path=row["path"],
        kind=Kind(row["kind"]),
        version=_version(row["version"]),
        dot=_dot(row["dot"]),
        size=row["size"],
        content=bytes(row["content"]),
        mtime_ns=row["mtime_ns"],
        executable=bool(row["executable"]),
        by=row["by"],
        at_ns=row["at_ns"],
    )


def stat_of(row: sqlite3.Row) -> Stat | None:
    """How the file of a row looked; None if it has to be looked at again."""
    if row["disk_mtime_ns"] is None:
        return None
    return Stat(
        Kind(row["kind"]),
        row["disk_size"],
        row["disk_mtime_ns"],
        row["disk_inode"],
        row["disk_ctime_ns"],
        bool(row["disk_executable"]),
    )
