"""Who is told what has become of jobs, and what is still to be told: kept in the transaction that changes the job.

A message goes to each webhook that is not switched off, once for each time a job completes or fails. It is dropped
when it was delivered, refused for good, or three days old; its id stays the same however often it is tried.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.jobs.database import StateDatabase, as_set
from transfer_core.units import NS_PER_S

COMPLETED_TYPE = "upload.completed"
FAILED_TYPE = "upload.failed"
TEST_TYPE = "webhook.test"
TOLD_FOR_NS = 3 * 86_400 * NS_PER_S
OUTBOX_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told. `disabled` says why it is not, empty if it is."""

    url: str
    secret: str = field(repr=False)
    created_at: str
    disabled: str
    waiting: int  # messages that are still to be told


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell to one webhook."""

    number: int
    url: str
    secret: str = field(repr=False)
    message_id: str
    body: str
    attempts: int
    created_ns: int


def announce(db: sqlite3.Connection, kind: str, file_ids: Sequence[str], at: str) -> None:
    """Within a transaction: have the webhooks told of these jobs as they are now."""
    if not file_ids or db.execute("SELECT 1 FROM webhook WHERE disabled = '' LIMIT 1").fetchone() is None:
        return
    rows = db.execute(
        "SELECT file_id, path, size, destination, dest_path, status, stored_as, file_hash, attempts, duration_s,"
        " completed_at, error, reason, receipt FROM job WHERE file_id IN (SELECT value FROM json_each(?))",
        (as_set(file_ids),),
    ).fetchall()
    for row in rows:
        data = {key: _text(row[key]) for key in row.keys()}  # noqa: SIM118 - a row is no mapping
        data["receipt"] = json.loads(row["receipt"]) if row["receipt"] else None
        _put(db, kind, data, at)


def _put(db: sqlite3.Connection, kind: str, data: dict[str, object], at: str, only: str = "") -> None:
    body = json.dumps({"type": kind, "timestamp": at, "data": data})
    message_id = "msg_" + hashlib.blake2s(f"{body}".encode(), digest_size=16).hexdigest()
    db.execute(
        "INSERT INTO outbox (url, message_id, body, created_ns)"
        " SELECT url, ?1, ?2, CAST(strftime('%s', ?3) AS INTEGER) * 1000000000 FROM webhook"
        " WHERE disabled = '' AND ?4 IN ('', url) AND (SELECT count(*) FROM outbox) < ?5",
        (message_id, body, at, only, OUTBOX_MAX),
    )


def _text(value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


class OutboxTable(StateDatabase):
    """Webhooks and their messages."""

    def webhooks(self) -> list[Webhook]:
        """All, by address."""
        with self._read() as db:
            rows = db.execute(
                "SELECT url, secret, created_at, disabled,"
                " (SELECT count(*) FROM outbox WHERE outbox.url = webhook.url) FROM webhook ORDER BY url"
            ).fetchall()
        return [Webhook(*row) for row in rows]

    def keep_webhook(self, url: str, secret: str) -> None:
        """Tell that address from now on. ConflictError if it is told already."""
        with self._write() as db:
            if db.execute("SELECT 1 FROM webhook WHERE url = ?", (url,)).fetchone():
                raise ConflictError(f"{url} is told already", hint="Remove it first to give it another secret.")
            db.execute(
                "INSERT INTO webhook (url, secret, created_at) VALUES (?, ?, ?)", (url, secret, self._now_text())
            )

    def forget_webhook(self, url: str) -> None:
        """Tell it nothing more, also not what waits. NotFoundError."""
        with self._write() as db:
            db.execute("DELETE FROM outbox WHERE url = ?", (url,))
            if not db.execute("DELETE FROM webhook WHERE url = ?", (url,)).rowcount:
                raise NotFoundError(f"{url} is no webhook", hint="See `drs-sync webhook list`.")

    def announce_test(self, url: str) -> None:
        """Have one webhook told that it works. NotFoundError, ConflictError if it is switched off."""
        with self._write() as db:
            row = db.execute("SELECT disabled FROM webhook WHERE url = ?", (url,)).fetchone()
            if row is None:
                raise NotFoundError(f"{url} is no webhook", hint="See `drs-sync webhook list`.")
            if row[0]:
                raise ConflictError(f"{url} is switched off: {row[0]}", hint="Remove it and add it again.")
            _put(db, TEST_TYPE, {"words": "this webhook works"}, self._now_text(), url)

    def messages_due(self, limit: int) -> list[Message]:
        """What can be told now, oldest first; at most one for each webhook, so that the order is kept."""
        with self._read() as db:
            rows = db.execute(
                "SELECT number, outbox.url, secret, message_id, body, attempts, created_ns FROM outbox"
                " JOIN webhook USING (url) WHERE number IN (SELECT min(number) FROM outbox GROUP BY url)"
                " AND next_try_ns <= ? ORDER BY number LIMIT ?",
                (self._clock.wall_ns(), limit),
            ).fetchall()
        return [Message(*row) for row in rows]

    def told(self, number: int) -> None:
        """That message is done with."""
        with self._write() as db:
            db.execute("DELETE FROM outbox WHERE number = ?", (number,))

    def tell_later(self, number: int, delay_ns: int, error: str) -> None:
        """That message could not be told; too old ones are dropped."""
        wall_ns = self._clock.wall_ns()
        with self._write() as db:
            db.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_try_ns = ?, error = ? WHERE number = ?",
                (wall_ns + delay_ns, error, number),
            )
            db.execute("DELETE FROM outbox WHERE number = ? AND created_ns < ?", (number, wall_ns - TOLD_FOR_NS))

    def switch_off(self, url: str, why: str) -> None:
        """That address wants to be told nothing more."""
        with self._write() as db:
            db.execute("UPDATE webhook SET disabled = ? WHERE url = ?", (why, url))
            db.execute("DELETE FROM outbox WHERE url = ?", (url,))
