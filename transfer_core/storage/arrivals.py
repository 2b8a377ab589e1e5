"""What a relay has received, and which chunks of what still arrives are durable.

Chunk bitmaps are kept in pages, so that a checkpoint of a huge file writes only the pages that changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transfer_core.storage.database import transaction
from transfer_core.storage.relay_database import RelayDatabase
from transfer_core.units import NS_PER_S, utc_iso

PAGE_CHUNKS = 32_768
AGED_AT_ONCE = 5000

_INSERT = (
    "INSERT INTO incoming (agent, file_id, wire_path, target, size, chunk_bytes, fingerprint, status,"
    " stored_as, file_hash, completed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class IncomingRecord:
    """What is kept of a file that arrives."""

    number: int
    file_id: str
    wire_path: str
    target: str
    size: int
    chunk_bytes: int
    fingerprint: int
    status: str
    stored_as: str
    file_hash: str


@dataclass(frozen=True, slots=True)
class Completed:
    """A file that is in its place."""

    agent: bytes
    file_id: str
    wire_path: str
    size: int
    chunk_bytes: int
    fingerprint: int
    stored_as: str
    file_hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All durable chunks of one file, of which pages `pages` have changed."""

    number: int
    have: NDArray[np.bool_]
    pages: tuple[int, ...]


class ArrivalTable(RelayDatabase):
    """Files that arrive, and those that have arrived."""

    def find(self, agent: bytes, file_id: str) -> IncomingRecord | None:
        """What is known of a file."""
        with self._lock:
            row = self._db.execute(
                "SELECT * FROM incoming WHERE agent = ? AND file_id = ?", (agent, file_id)
            ).fetchone()
        return None if row is None else _record(row)

    def find_all(self, agent: bytes, file_ids: Sequence[str]) -> dict[str, IncomingRecord]:
        """What is known of these files, by id."""
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM incoming WHERE agent = ? AND file_id IN (SELECT value FROM json_each(?))",
                (agent, json.dumps(list(file_ids))),
            ).fetchall()
        return {row["file_id"]: _record(row) for row in rows}

    def begin(self, record: Completed, target: str) -> int:
        """A file begins to arrive, or begins anew; its number."""
        with self._lock, transaction(self._db) as db:
            db.execute("DELETE FROM incoming WHERE agent = ? AND file_id = ?", (record.agent, record.file_id))
            return int(db.execute(_INSERT, _row(record, target, "uploading", None)).lastrowid or 0)

    def have(self, number: int, chunks: int) -> NDArray[np.bool_]:
        """Which chunks of a file are durable."""
        bits = np.zeros(-(-max(chunks, 1) // PAGE_CHUNKS) * PAGE_CHUNKS // 8, np.uint8)
        with self._lock:
            rows = self._db.execute("SELECT page, bits FROM page WHERE incoming = ?", (number,)).fetchall()
        for page, blob in rows:
            at = page * PAGE_CHUNKS // 8
            if at + len(blob) <= len(bits):
                bits[at : at + len(blob)] = np.frombuffer(blob, np.uint8)
        return np.unpackbits(bits, count=chunks, bitorder="little").astype(np.bool_)

    def save(self, checkpoints: Sequence[Checkpoint], completed: Sequence[Completed]) -> None:
        """Keep what is durable by now, in one transaction. Call it only after the data has been synced."""
        now_text = utc_iso(self._clock.wall_ns())
        with self._lock, transaction(self._db) as db:
            for checkpoint in checkpoints:
                for page in checkpoint.pages:
                    part = checkpoint.have[page * PAGE_CHUNKS : (page + 1) * PAGE_CHUNKS]
                    bits = np.packbits(part, bitorder="little").tobytes()
                    db.execute(
                        "INSERT OR REPLACE INTO page SELECT number, ?, ? FROM incoming WHERE number = ?",
                        (page, bits, checkpoint.number),
                    )
            db.executemany(
                "DELETE FROM incoming WHERE agent = ? AND file_id = ?",
                [(record.agent, record.file_id) for record in completed],
            )
            db.executemany(_INSERT, [_row(each, each.stored_as, "completed", now_text) for each in completed])

    def forget(self, agent: bytes, file_id: str) -> None:
        """A file was given up."""
        with self._lock, transaction(self._db) as db:
            db.execute("DELETE FROM incoming WHERE agent = ? AND file_id = ?", (agent, file_id))

    def forget_part(self, agent: bytes, target: str) -> None:
        """What lies beside that target is thrown away: whichever file of that agent it was of begins anew."""
        with self._lock, transaction(self._db) as db:
            db.execute("DELETE FROM incoming WHERE agent = ? AND target = ? AND status = 'uploading'", (agent, target))

    def forget_stored(self, stored: Mapping[str, int]) -> int:
        """These files were deleted on purpose, by name with their sizes: they take no room; how many were known."""
        with self._lock, transaction(self._db) as db:
            names = json.dumps(list(stored))
            known = {
                row[0]
                for row in db.execute(
                    "SELECT iif(status = 'completed', stored_as, target) FROM incoming"
                    " WHERE (stored_as <> '' AND stored_as IN (SELECT value FROM json_each(?1)))"
                    " OR target IN (SELECT value FROM json_each(?1))",
                    (names,),
                )
            }
            cursor = db.execute(
                "DELETE FROM incoming WHERE status = 'completed' AND stored_as IN (SELECT value FROM json_each(?))",
                (names,),
            )
            aged: Counter[str] = Counter()  # by folder: what no row knew
            for name, size in stored.items():
                if name not in known:
                    aged[name.partition("/")[0]] += size
            db.executemany(
                "UPDATE agent SET aged_bytes = max(0, aged_bytes - ?) WHERE folder = ?",
                [(size, folder) for folder, size in aged.items()],
            )
            return cursor.rowcount

    def let_age(self, kept: int, kept_s: float) -> int:
        """Drop rows of files that came long ago: those beyond the newest `kept`, and those older than `kept_s`.

        Files stay where they are, and count for their agent's quota. At most `AGED_AT_ONCE` rows; how many it was.
        """
        before_text = utc_iso(self._clock.wall_ns() - int(kept_s * NS_PER_S))
        with self._lock:
            edge = self._db.execute(
                "SELECT number FROM incoming WHERE status = 'completed' ORDER BY number DESC LIMIT 1 OFFSET ?", (kept,)
            ).fetchone()
            rows = self._db.execute(
                "SELECT number, agent, size FROM incoming WHERE status = 'completed'"
                " AND (completed_at < ? OR number <= ?) ORDER BY number LIMIT ?",
                (before_text, -1 if edge is None else edge[0], AGED_AT_ONCE),
            ).fetchall()
            if not rows:
                return 0
            with transaction(self._db) as db:
                db.executemany("DELETE FROM incoming WHERE number = ?", [(row[0],) for row in rows])
                aged: Counter[bytes] = Counter()
                for _, agent, size in rows:
                    aged[agent] += size
                db.executemany(
                    "UPDATE agent SET aged_bytes = aged_bytes + ? WHERE public_key = ?",
                    [(size, agent) for agent, size in aged.items()],
                )
        return len(rows)

    def bytes_of(self, agent: bytes) -> int:
        """Bytes that an agent's files take, those on their way included."""
        with self._lock:
            row = self._db.execute(
                "SELECT (SELECT coalesce(sum(size), 0) FROM incoming WHERE agent = ?1)"
                " + coalesce((SELECT aged_bytes FROM agent WHERE public_key = ?1), 0)",
                (agent,),
            ).fetchone()
        return int(row[0])

    def find_completed(self, file_id: str) -> tuple[IncomingRecord, str] | None:
        """A file that is in its place, whoever sent it, and when it was."""
        query = "SELECT * FROM incoming WHERE file_id = ? AND status = 'completed' ORDER BY number DESC LIMIT 1"
        with self._lock:
            row = self._db.execute(query, (file_id,)).fetchone()
        return None if row is None else (_record(row), row["completed_at"])

    def received(self, limit: int = 1000) -> list[tuple[str, IncomingRecord, str | None]]:
        """(agent's name, file, when it was complete), newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT incoming.*, agent.name AS agent_name FROM incoming"
                " JOIN agent ON agent.public_key = incoming.agent ORDER BY number DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [(row["agent_name"], _record(row), row["completed_at"]) for row in rows]


def _row(record: Completed, target: str, status: str, completed_at: str | None) -> tuple[object, ...]:
    """The values of `_INSERT`."""
    return (
        record.agent,
        record.file_id,
        record.wire_path,
        target,
        record.size,
        record.chunk_bytes,
        str(record.fingerprint),
        status,
        record.stored_as,
        record.file_hash,
        completed_at,
    )


def _record(row: sqlite3.Row) -> IncomingRecord:
    return IncomingRecord(
        row["number"],
        row["file_id"],
        row["wire_path"],
        row["target"],
        row["size"],
        row["chunk_bytes"],
        int(row["fingerprint"]),
        row["status"],
        row["stored_as"],
        row["file_hash"],
    )
