"""The database of a relay: its tables, version by version, and one connection to it."""

from __future__ import annotations

import threading
from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.storage.database import BUSY_MS, open_database
from transfer_core.units import utc_iso

DATABASE_NAME = "relay.db"
SEVERAL_BUSY_MS = 30_000  # many commits on a slow disk, and SQLite keeps no queue of those who wait

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE agent (
        public_key BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        folder TEXT NOT NULL UNIQUE,
        paired_at TEXT NOT NULL,
        hello_counter INTEGER NOT NULL,
        revoked INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE token (secret_hash BLOB PRIMARY KEY, expires_s INTEGER NOT NULL, used_by BLOB);
    CREATE TABLE incoming (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, so that a late checkpoint finds nothing
        agent BLOB NOT NULL,
        file_id TEXT NOT NULL,
        wire_path TEXT NOT NULL,
        target TEXT NOT NULL,
        size INTEGER NOT NULL,
        chunk_bytes INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        status TEXT NOT NULL,
        stored_as TEXT NOT NULL DEFAULT '',
        file_hash TEXT NOT NULL DEFAULT '',
        completed_at TEXT,
        UNIQUE (agent, file_id)
    );
    CREATE TABLE page (
        incoming INTEGER NOT NULL REFERENCES incoming (number) ON DELETE CASCADE,
        page INTEGER NOT NULL,
        bits BLOB NOT NULL,
        PRIMARY KEY (incoming, page)
    ) WITHOUT ROWID
    """,
    # of files whose rows were too old to be kept
    """
    ALTER TABLE agent ADD COLUMN aged_bytes INTEGER NOT NULL DEFAULT 0
    """,
)


class RelayDatabase:
    """Opens the database of a state directory, or a new one if it is damaged; `quarantined` says so then.

    Safe to use from any thread, and from several processes.
    """

    def __init__(self, state_dir: Path, clock: Clock, *, is_one_of_several: bool = False) -> None:
        """`is_one_of_several` processes that write all the time, the first of which has looked at the database."""
        self._clock = clock
        self._lock = threading.RLock()
        now_text = utc_iso(clock.wall_ns())
        self._db, self.quarantined = open_database(
            state_dir / DATABASE_NAME,
            MIGRATIONS,
            now_text=now_text,
            check=not is_one_of_several,
            busy_ms=SEVERAL_BUSY_MS if is_one_of_several else BUSY_MS,
        )

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()
