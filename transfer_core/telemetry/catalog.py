"""The races that are known: their names, members and markers, and where their recordings are. In SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transfer_core.clock import Clock
from transfer_core.errors import NotFoundError
from transfer_core.events.telemetry import MarkerView, MemberView, RaceState, Role
from transfer_core.storage.database import Quarantined, open_database, transaction
from transfer_core.units import utc_iso

FILE = "telemetry.db"
_SCHEMA = """
CREATE TABLE race (
    number INTEGER PRIMARY KEY,
    race_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    udp_port INTEGER NOT NULL,
    settings TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    ended_at TEXT,
    start_ns INTEGER,
    end_ns INTEGER,
    datagrams INTEGER NOT NULL DEFAULT 0,
    samples INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    sources TEXT NOT NULL DEFAULT '[]',
    destination TEXT,
    path TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    origin TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX race_origin ON race (origin) WHERE origin <> '';
CREATE TABLE member (
    race_id TEXT NOT NULL REFERENCES race (race_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    source_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (race_id, name)
) STRICT;
CREATE TABLE marker (
    marker_id INTEGER PRIMARY KEY,
    race_id TEXT NOT NULL REFERENCES race (race_id) ON DELETE CASCADE,
    time_ns INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE source_name (source_id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
"""
_CHANGEABLE = frozenset(
    {
        *("name", "owner", "state", "ended_at", "start_ns", "end_ns", "datagrams", "samples", "size_bytes", "sources"),
        *("path", "error"),
    }
)


@dataclass(frozen=True, slots=True)
class Race:
    """A row. `origin` is the hash of a recording that was taken in from elsewhere."""

    race_id: str
    name: str
    owner: str
    udp_port: int
    settings: Mapping[str, Any]
    state: RaceState
    created_at: str
    ended_at: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    datagrams: int = 0
    samples: int = 0
    size_bytes: int = 0
    sources: tuple[str, ...] = ()
    destination: str | None = None
    path: str = ""
    error: str = ""
    origin: str = ""


class Catalog:
    """Safe from any thread and beside other processes. StateError, DiskFull from all that write."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.quarantined: Quarantined | None
        self._connection, self.quarantined = open_database(folder / FILE, [_SCHEMA], now_text=utc_iso(clock.wall_ns()))
        self._lock = threading.RLock()

    def add(self, race: Race) -> None:
        """A new one."""
        with self._lock, transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO race (race_id, name, owner, udp_port, settings, state, created_at, ended_at, start_ns,"
                " end_ns, datagrams, samples, size_bytes, sources, destination, path, error, origin)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(race.race_id, race.name, race.owner, race.udp_port, json.dumps(dict(race.settings))),
                    *(race.state.value, race.created_at, race.ended_at, race.start_ns, race.end_ns, race.datagrams),
                    *(race.samples, race.size_bytes, json.dumps(race.sources), race.destination, race.path),
                    *(race.error, race.origin),
                ),
            )

    def change(self, race_id: str, **values: Any) -> None:
        """Set columns of one."""
        assert values.keys() <= _CHANGEABLE
        if "sources" in values:
            values["sources"] = json.dumps(values["sources"])
        columns = ", ".join(f"{name} = ?" for name in values)
        with self._lock, transaction(self._connection) as connection:
            connection.execute(f"UPDATE race SET {columns} WHERE race_id = ?", (*values.values(), race_id))

    def remove(self, race_id: str) -> None:
        """Forget it, with members and markers."""
        with self._lock, transaction(self._connection) as connection:
            connection.execute("DELETE FROM race WHERE race_id = ?", (race_id,))

    def race(self, race_id: str) -> Race:
        """One. NotFoundError."""
        rows = self._ask("SELECT * FROM race WHERE race_id = ?", race_id)
        if not rows:
            raise NotFoundError(f"there is no race {race_id!r}", hint="See `drs-sync telemetry races`.")
        return _race(rows[0])

    def races(self, find: str = "", limit: int = 200) -> list[Race]:
        """Running ones first, then the newest; `find` is in name, owner or a member's name."""
        pattern = "%" + find.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._ask(
            "SELECT * FROM race WHERE name LIKE ?1 ESCAPE '\\' OR owner LIKE ?1 ESCAPE '\\' OR race_id IN"
            " (SELECT race_id FROM member WHERE member.name LIKE ?1 ESCAPE '\\')"
            " ORDER BY state NOT IN ('waiting', 'live'), number DESC LIMIT ?2",
            pattern,
            limit,
        )
        return [_race(row) for row in rows]

    def running(self) -> list[Race]:
        """Those that are said to be recorded."""
        return [_race(row) for row in self._ask("SELECT * FROM race WHERE state IN ('waiting', 'live')")]

    def from_origin(self, origin: str) -> Race | None:
        """The one that was taken in from a file with this hash."""
        rows = self._ask("SELECT * FROM race WHERE origin = ?", origin)
        return _race(rows[0]) if rows else None

    def join(self, race_id: str, member: MemberView) -> None:
        """Enter somebody, or change how."""
        with self._lock, transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO member VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET role = excluded.role,"
                " source_id = CASE excluded.source_id WHEN '' THEN source_id ELSE excluded.source_id END",
                (race_id, member.name, member.role.value, member.source_id),
            )

    def members(self, race_id: str) -> tuple[MemberView, ...]:
        """By the order in which they came."""
        rows = self._ask("SELECT name, role, source_id FROM member WHERE race_id = ? ORDER BY rowid", race_id)
        return tuple(MemberView(row["name"], Role(row["role"]), row["source_id"]) for row in rows)

    def mark(self, race_id: str, time_ns: int, text: str) -> MarkerView:
        """Name a moment."""
        with self._lock, transaction(self._connection) as connection:
            added = connection.execute(
                "INSERT INTO marker (race_id, time_ns, text) VALUES (?, ?, ?)", (race_id, time_ns, text)
            )
            assert added.lastrowid is not None
            return MarkerView(added.lastrowid, time_ns, text)

    def markers(self, race_id: str) -> list[MarkerView]:
        """By time."""
        rows = self._ask("SELECT * FROM marker WHERE race_id = ? ORDER BY time_ns, marker_id", race_id)
        return [MarkerView(row["marker_id"], row["time_ns"], row["text"]) for row in rows]

    def remove_marker(self, race_id: str, marker_id: int) -> None:
        """NotFoundError."""
        with self._lock, transaction(self._connection) as connection:
            gone = connection.execute("DELETE FROM marker WHERE race_id = ? AND marker_id = ?", (race_id, marker_id))
        if not gone.rowcount:
            raise NotFoundError(f"the race has no marker {marker_id}", hint="See its markers.")

    def name_source(self, source_id: str, name: str) -> None:
        """Call it so from now on; an empty name forgets it."""
        with self._lock, transaction(self._connection) as connection:
            connection.execute("DELETE FROM source_name WHERE source_id = ?", (source_id,))
            if name:
                connection.execute("INSERT INTO source_name VALUES (?, ?)", (source_id, name))

    def source_names(self) -> dict[str, str]:
        """All that were given."""
        return {row["source_id"]: row["name"] for row in self._ask("SELECT * FROM source_name")}

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._connection.close()

    def _ask(self, question: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(question, values).fetchall()


def _race(row: sqlite3.Row) -> Race:
    values = {name: row[name] for name in row.keys() if name != "number"}  # noqa: SIM118 - a Row is no mapping
    values["settings"] = json.loads(values["settings"])
    values["sources"] = tuple(json.loads(values["sources"]))
    values["state"] = RaceState(values["state"])
    return Race(**values)
