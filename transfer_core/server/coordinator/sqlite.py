"""The coordinator's store in SQLite: the default, in the relay's state."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from transfer_core.server.coordinator.base import (
    HAPPENINGS_KEPT,
    SAMPLES_KEPT,
    HappeningRecord,
    NodeRecord,
    SampleRecord,
)
from transfer_core.storage.database import open_database, transaction

_MIGRATIONS = (
    """
    CREATE TABLE node (
        node_id TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL,
        watch_directories TEXT NOT NULL, capabilities TEXT NOT NULL, registered_at_ns INTEGER NOT NULL,
        seen_at_ns INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE happening (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, folder TEXT NOT NULL, what TEXT NOT NULL,
        path TEXT NOT NULL, text TEXT NOT NULL
    );
    CREATE TABLE sample (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, nodes_online INTEGER NOT NULL,
        received_files INTEGER NOT NULL, failed_files INTEGER NOT NULL, full_bytes INTEGER NOT NULL,
        wire_bytes INTEGER NOT NULL, packed_bytes INTEGER NOT NULL, latency_ms REAL
    );
    CREATE INDEX sample_at ON sample (at_ns)
    """,
)
_SAMPLE = "at_ns, nodes_online, received_files, failed_files, full_bytes, wire_bytes, packed_bytes, latency_ms"


class SqliteCoordinatorStore:
    """See `base.CoordinatorStore`."""

    def __init__(self, path: Path, now_text: str) -> None:
        self._lock = threading.RLock()
        self._db, self.quarantined = open_database(path, _MIGRATIONS, now_text=now_text)

    def close(self) -> None:
        """See `CoordinatorStore`."""
        with self._lock:
            self._db.close()

    def register(self, node: NodeRecord) -> bool:
        """See `CoordinatorStore`."""
        with self._lock, transaction(self._db):
            known = self._db.execute("SELECT 1 FROM node WHERE node_id = ?", (node.node_id,)).fetchone()
            self._db.execute(
                "INSERT INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node_id) DO UPDATE SET"
                " name = excluded.name, address = excluded.address, port = excluded.port,"
                " watch_directories = excluded.watch_directories, capabilities = excluded.capabilities,"
                " seen_at_ns = excluded.seen_at_ns",
                _row(node),
            )
        return known is None

    def seen(self, node_id: str, at_ns: int) -> None:
        """See `CoordinatorStore`."""
        with self._lock, transaction(self._db):
            self._db.execute("UPDATE node SET seen_at_ns = ? WHERE node_id = ?", (at_ns, node_id))

    def forget(self, node_id: str) -> bool:
        """See `CoordinatorStore`."""
        with self._lock, transaction(self._db):
            return self._db.execute("DELETE FROM node WHERE node_id = ?", (node_id,)).rowcount > 0

    def nodes(self) -> list[NodeRecord]:
        """See `CoordinatorStore`."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM node ORDER BY registered_at_ns, node_id").fetchall()
        return [_node(row) for row in rows]

    def note(self, lines: Sequence[HappeningRecord]) -> int:
        """See `CoordinatorStore`."""
        with self._lock, transaction(self._db):
            self._db.executemany(
                "INSERT INTO happening (at, folder, what, path, text) VALUES (?, ?, ?, ?, ?)",
                [(line.at, line.folder, line.what, line.path, line.text) for line in lines],
            )
            (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM happening").fetchone()
            self._db.execute("DELETE FROM happening WHERE number <= ?", (last - HAPPENINGS_KEPT,))
        return int(last)

    def happenings(self, after: int, limit: int) -> list[tuple[int, HappeningRecord]]:
        """See `CoordinatorStore`."""
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM happening WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
            ).fetchall()
        return [(row[0], HappeningRecord(*tuple(row)[1:])) for row in rows]

    def newest(self, limit: int) -> list[tuple[int, HappeningRecord]]:
        """See `CoordinatorStore`."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM happening ORDER BY number DESC LIMIT ?", (limit,)).fetchall()
        return [(row[0], HappeningRecord(*tuple(row)[1:])) for row in reversed(rows)]

    def sample(self, sample: SampleRecord) -> None:
        """See `CoordinatorStore`."""
        with self._lock, transaction(self._db):
            last = self._db.execute(
                f"INSERT INTO sample ({_SAMPLE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _sample_row(sample)
            ).lastrowid
            self._db.execute("DELETE FROM sample WHERE number <= ?", ((last or 0) - SAMPLES_KEPT,))

    def samples(self, since_ns: int, limit: int) -> list[SampleRecord]:
        """See `CoordinatorStore`."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_SAMPLE} FROM sample WHERE at_ns >= ? ORDER BY at_ns DESC LIMIT ?", (since_ns, limit)
            ).fetchall()
        return [SampleRecord(*tuple(row)) for row in reversed(rows)]

    def most_online(self) -> int:
        """See `CoordinatorStore`."""
        with self._lock:
            return int(self._db.execute("SELECT coalesce(max(nodes_online), 0) FROM sample").fetchone()[0])


def _row(node: NodeRecord) -> tuple[object, ...]:
    return (
        node.node_id,
        node.name,
        node.address,
        node.port,
        json.dumps(node.watch_directories),
        json.dumps(node.capabilities),
        node.registered_at_ns,
        node.seen_at_ns,
    )


def _node(row: sqlite3.Row) -> NodeRecord:
    return NodeRecord(
        row["node_id"],
        row["name"],
        row["address"],
        row["port"],
        tuple(json.loads(row["watch_directories"])),
        tuple(json.loads(row["capabilities"])),
        row["registered_at_ns"],
        row["seen_at_ns"],
    )


def _sample_row(sample: SampleRecord) -> tuple[object, ...]:
    return (
        sample.at_ns,
        sample.nodes_online,
        sample.received_files,
        sample.failed_files,
        sample.full_bytes,
        sample.wire_bytes,
        sample.packed_bytes,
        sample.latency_ms,
    )
