"""What the relay keeps of uploads over HTTP: one row each, in a database of its own beside the relay's.

A row never says more than an fsync has covered, so that after any crash it can be believed.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import numpy as np

from transfer_core.clock import Clock
from transfer_core.storage.database import open_database, transaction
from transfer_core.units import utc_iso

DATABASE_NAME = "uploads.db"

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE upload (
        upload_id TEXT PRIMARY KEY,
        client TEXT NOT NULL,
        kind TEXT NOT NULL,
        filename TEXT NOT NULL,
        target TEXT NOT NULL,
        size INTEGER NOT NULL,
        chunks INTEGER NOT NULL,
        chunk_bytes INTEGER NOT NULL,
        have BLOB NOT NULL,
        offset INTEGER NOT NULL,
        checksum TEXT NOT NULL,
        metadata TEXT NOT NULL,
        concat TEXT NOT NULL,
        status TEXT NOT NULL,
        stored_as TEXT NOT NULL,
        file_hash TEXT NOT NULL,
        receipt TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        completed_ns INTEGER
    );
    CREATE INDEX upload_by_status ON upload (status, updated_ns);
    CREATE INDEX upload_by_concat ON upload (concat) WHERE kind = 'final';
    CREATE TABLE http_token (
        name TEXT PRIMARY KEY,
        token_hash BLOB NOT NULL UNIQUE,
        folder TEXT NOT NULL,
        created_ns INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE seen (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 0),
        wall_ns INTEGER NOT NULL
    );
    INSERT INTO seen SELECT 0, max(updated_ns) FROM upload HAVING max(updated_ns) IS NOT NULL
    """,
)


class Kind(StrEnum):
    """How an upload comes."""

    CHUNKS = "chunks"  # the reference's protocol
    TUS = "tus"
    PARTIAL = "partial"  # tus: a piece of a final upload
    FINAL = "final"  # tus: made of partial ones


class Status(StrEnum):
    """How far an upload is."""

    UPLOADING = "uploading"
    VERIFIED = "verified"  # its sums fit, its final name is being given
    COMPLETED = "completed"
    FAILED = "failed"  # what came is not what was declared; nothing of it is kept


@dataclass(slots=True)
class UploadRecord:
    """One upload. `have` is a bitmap of durable chunks, lowest bit first; `offset` is for tus."""

    upload_id: str
    client: str
    kind: Kind
    filename: str
    target: str  # below the relay's directory
    size: int
    chunks: int
    chunk_bytes: int  # 0: not known yet
    have: bytes
    offset: int
    checksum: str
    metadata: str  # a JSON object; for tus the value of Upload-Metadata as a JSON string
    concat: str  # the value of Upload-Concat
    created_ns: int
    updated_ns: int
    status: Status = Status.UPLOADING
    stored_as: str = ""
    file_hash: str = ""
    receipt: str = ""
    completed_ns: int | None = None

    @property
    def is_tus(self) -> bool:
        """Whether it belongs to tus."""
        return self.kind is not Kind.CHUNKS

    @property
    def is_open(self) -> bool:
        """Whether bytes may still come."""
        return self.status is Status.UPLOADING

    def has_chunk(self, index: int) -> bool:
        """Whether that chunk is durable."""
        return self.status is Status.COMPLETED or bool(self.have[index >> 3] >> (index & 7) & 1)

    def chunks_here(self) -> list[int]:
        """The numbers of all durable chunks, rising."""
        if self.status is Status.COMPLETED:
            return list(range(self.chunks))
        bits = np.unpackbits(np.frombuffer(self.have, np.uint8), count=self.chunks, bitorder="little")
        found: list[int] = np.flatnonzero(bits).tolist()
        return found

    def chunks_lacking(self, limit: int) -> list[int]:
        """The numbers of the first chunks that are not durable, rising."""
        if self.status is Status.COMPLETED:
            return []
        bits = np.unpackbits(np.frombuffer(self.have, np.uint8), count=self.chunks, bitorder="little")
        found: list[int] = np.flatnonzero(bits == 0)[:limit].tolist()
        return found

    def with_chunk(self, index: int) -> bytes:
        """The bitmap with that chunk in it."""
        have = bytearray(self.have)
        have[index >> 3] |= 1 << (index & 7)
        return bytes(have)

    @property
    def chunks_done(self) -> int:
        """How many chunks are durable."""
        return self.chunks if self.status is Status.COMPLETED else int.from_bytes(self.have, "little").bit_count()

    def chunk_size(self, index: int) -> int:
        """How many bytes that chunk has, once `chunk_bytes` is known."""
        return min(self.chunk_bytes, self.size - index * self.chunk_bytes)

    @property
    def bytes_done(self) -> int:
        """How many bytes are durable."""
        if self.status is Status.COMPLETED:
            return self.size
        if self.is_tus:
            return self.offset
        short = self.chunk_bytes - self.chunk_size(self.chunks - 1) if self.chunks and self.chunk_bytes else 0
        is_last_here = self.chunks > 0 and self.has_chunk(self.chunks - 1)
        return self.chunks_done * self.chunk_bytes - (short if is_last_here else 0)


@dataclass(frozen=True, slots=True)
class HttpToken:
    """A token of another program, by its hash."""

    name: str
    folder: str
    token_hash: bytes
    created_ns: int = 0


_NAMES = tuple(field.name for field in fields(UploadRecord))


class UploadDatabase:
    """Uploads and the tokens of foreign clients; safe from any thread, and from several processes."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        now_text = utc_iso(clock.wall_ns())
        self._db, self.quarantined = open_database(state_dir / DATABASE_NAME, MIGRATIONS, now_text=now_text)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    # --- uploads

    def save(self, record: UploadRecord) -> None:
        """Keep it as it is now, durably; moves `updated_ns`. DiskFull, StateError."""
        record.updated_ns = self._clock.wall_ns()
        marks = ", ".join("?" for _ in _NAMES)
        values = [getattr(record, name) for name in _NAMES]
        with self._lock, transaction(self._db) as db:
            db.execute(f"INSERT OR REPLACE INTO upload ({', '.join(_NAMES)}) VALUES ({marks})", values)

    def find(self, upload_id: str) -> UploadRecord | None:
        """That upload."""
        with self._lock:
            row = self._db.execute("SELECT * FROM upload WHERE upload_id = ?", (upload_id,)).fetchone()
        return None if row is None else _record(row)

    def find_concat(self, client: str, concat: str) -> UploadRecord | None:
        """The final upload that was made of those partial ones."""
        found = self._select("client = ? AND kind = 'final' AND concat = ? AND status <> 'failed'", (client, concat))
        return found[0] if found else None

    def forget(self, upload_id: str) -> None:
        """Nothing is kept of it any more."""
        with self._lock, transaction(self._db) as db:
            db.execute("DELETE FROM upload WHERE upload_id = ?", (upload_id,))

    def under_way(self) -> list[UploadRecord]:
        """All that are neither complete nor failed."""
        return self._select("status IN ('uploading', 'verified') ORDER BY created_ns", ())

    def idle_since(self, before_ns: int) -> list[UploadRecord]:
        """All that are not complete, and to which nothing came after that."""
        return self._select("status <> 'completed' AND updated_ns <= ?", (before_ns,))

    def seen_ns(self) -> int | None:
        """The wall clock when the relay was last seen to run."""
        with self._lock:
            row = self._db.execute("SELECT wall_ns FROM seen").fetchone()
        return None if row is None else int(row[0])

    def keep_seen(self, now_ns: int, pause_ns: int) -> None:
        """The relay runs; a pause makes nothing older (see `pauses`). DiskFull, StateError."""
        with self._lock, transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO seen (only_row, wall_ns) VALUES (0, ?)", (now_ns,))
            db.execute(
                "UPDATE upload SET updated_ns = min(updated_ns + ?, ?)"
                " WHERE status <> 'completed' AND (? > 0 OR updated_ns > ?)",
                (pause_ns, now_ns, pause_ns, now_ns),
            )

    def completed(self, client: str, limit: int) -> list[UploadRecord]:
        """What came in from that client, newest first; what is only a piece of something is left out."""
        where = "status = 'completed' AND client = ? ORDER BY completed_ns DESC LIMIT ?"
        return self._select(where, (client, limit))

    def newest(self, limit: int) -> list[UploadRecord]:
        """The uploads of all clients that began last, newest first."""
        return self._select("true ORDER BY created_ns DESC LIMIT ?", (limit,))

    def bytes_of(self, client: str) -> int:
        """Bytes that a client's uploads take, those on their way included."""
        query = "SELECT coalesce(sum(size), 0) FROM upload WHERE client = ? AND status <> 'failed'"
        with self._lock:
            return int(self._db.execute(query, (client,)).fetchone()[0])

    # --- tokens

    def keep_token(self, token: HttpToken) -> None:
        """Keep a token, in place of an older one of that name. DiskFull, StateError."""
        values = (token.name, token.folder, token.token_hash, self._clock.wall_ns())
        with self._lock, transaction(self._db) as db:
            db.execute(
                "INSERT OR REPLACE INTO http_token (name, folder, token_hash, created_ns) VALUES (?, ?, ?, ?)", values
            )

    def find_token(self, token_hash: bytes) -> HttpToken | None:
        """The token of that hash."""
        with self._lock:
            row = self._db.execute("SELECT * FROM http_token WHERE token_hash = ?", (token_hash,)).fetchone()
        return None if row is None else _token(row)

    def tokens(self) -> list[HttpToken]:
        """All tokens by name."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM http_token ORDER BY name").fetchall()
        return [_token(row) for row in rows]

    def revoke_token(self, name: str) -> int:
        """The token of that name is of use no more; how many there were."""
        with self._lock, transaction(self._db) as db:
            return db.execute("DELETE FROM http_token WHERE name = ?", (name,)).rowcount

    def _select(self, where: str, values: tuple[object, ...]) -> list[UploadRecord]:
        with self._lock:
            rows = self._db.execute(f"SELECT * FROM upload WHERE {where}", values).fetchall()
        return [_record(row) for row in rows]


def _token(row: sqlite3.Row) -> HttpToken:
    return HttpToken(row["name"], row["folder"], row["token_hash"], row["created_ns"])


def _record(row: sqlite3.Row) -> UploadRecord:
    values = {name: row[name] for name in _NAMES}
    return UploadRecord(**{**values, "kind": Kind(values["kind"]), "status": Status(values["status"])})
