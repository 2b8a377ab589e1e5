"""What the agent's database holds beside jobs: destinations, settings, and what another process asks of the agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.jobs.database import StateDatabase

ANSWERS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Destination:
    """A place where jobs can go, with what it takes to get there."""

    name: str
    kind: str  # relay, chunked, tus, s3
    addresses: tuple[str, ...]  # a relay's; of the other kinds one URL
    public_key: bytes = b""
    secret: bytes | None = field(default=None, repr=False)  # of a pairing token until it is used; or a bearer token
    expires_s: int = 0
    hello_counter: int = 0
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # what only that kind knows


@dataclass(frozen=True, slots=True)
class Command:
    """Something that another process asks of the running agent."""

    number: int
    verb: str
    argument: str


class DestinationTable(StateDatabase):
    """Where jobs can go."""

    def destinations(self) -> list[Destination]:
        """All destinations by name."""
        with self._read() as db:
            rows = db.execute("SELECT * FROM destination ORDER BY name").fetchall()
        return [
            Destination(
                row["name"],
                row["kind"],
                tuple(json.loads(row["addresses"])),
                row["public_key"],
                row["secret"],
                row["expires_s"],
                row["hello_counter"],
                json.loads(row["options"]),
            )
            for row in rows
        ]

    def keep_destination(self, destination: Destination) -> None:
        """Add a destination, or replace the one of that name, whose hello counter goes on."""
        with self._write() as db:
            db.execute(
                "INSERT INTO destination (name, kind, addresses, public_key, secret, expires_s, options)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, addresses = excluded.addresses,"
                " public_key = excluded.public_key, secret = excluded.secret, expires_s = excluded.expires_s,"
                " options = excluded.options",
                (
                    destination.name,
                    destination.kind,
                    json.dumps(destination.addresses),
                    destination.public_key,
                    destination.secret,
                    destination.expires_s,
                    json.dumps(dict(destination.options)),
                ),
            )

    def mark_paired(self, name: str) -> None:
        """The relay has accepted this agent: the secret is of no use any more."""
        with self._write() as db:
            db.execute("UPDATE destination SET secret = NULL WHERE name = ?", (name,))

    def next_hello_counter(self, name: str) -> int:
        """A number larger than any before, also when the clock has jumped back. NotFoundError."""
        with self._write() as db:
            db.execute(
                "UPDATE destination SET hello_counter = max(hello_counter + 1, ?) WHERE name = ?",
                (self._clock.wall_ns(), name),
            )
            row = db.execute("SELECT hello_counter FROM destination WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise NotFoundError(f"there is no destination {name}")
            return int(row[0])

    def forget_destination(self, name: str) -> None:
        """Drop a destination. ConflictError while jobs wait for it; NotFoundError."""
        with self._write() as db:
            (left,) = db.execute(
                "SELECT count(*) FROM job WHERE destination = ? AND listed = 1"
                " AND status IN ('pending', 'uploading', 'paused')",
                (name,),
            ).fetchone()
            if left:
                raise ConflictError(f"{left} jobs are queued for {name}", hint="Cancel or send them first.")
            if not db.execute("DELETE FROM destination WHERE name = ?", (name,)).rowcount:
                raise NotFoundError(f"there is no destination {name}")
            db.execute("DELETE FROM leftover WHERE destination = ?", (name,))
            db.execute("DELETE FROM left_upload WHERE destination = ?", (name,))


class SettingTable(StateDatabase):
    """JSON values by name."""

    def setting(self, key: str) -> Any:
        """A setting, None if it was never set."""
        with self._read() as db:
            row = db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_setting(self, key: str, value: Any) -> None:
        """Keep a setting."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (key, json.dumps(value)))


class CommandTable(StateDatabase):
    """What other processes ask of the running agent, and its answers. Arguments and results are text, such as JSON."""

    def ask(self, verb: str, argument: str) -> int:
        """Leave a command for the running agent; its number."""
        with self._write() as db:
            number = db.execute("INSERT INTO command (verb, argument) VALUES (?, ?)", (verb, argument)).lastrowid
        return int(number or 0)

    def answer_to(self, number: int) -> str | None:
        """The agent's answer to a command, None while there is none."""
        with self._read() as db:
            row = db.execute("SELECT result FROM command WHERE number = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def commands(self) -> list[Command]:
        """Commands without an answer, oldest first."""
        with self._read() as db:
            rows = db.execute(
                "SELECT number, verb, argument FROM command WHERE result IS NULL ORDER BY number"
            ).fetchall()
        return [Command(*row) for row in rows]

    def answer(self, number: int, result: str) -> None:
        """Answer a command; the oldest answers are forgotten."""
        with self._write() as db:
            db.execute("UPDATE command SET result = ? WHERE number = ?", (result, number))
            db.execute("DELETE FROM command WHERE number < ? - ?", (number, ANSWERS_KEPT))
