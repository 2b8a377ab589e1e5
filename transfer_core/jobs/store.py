"""The queue in SQLite. Each method is one transaction; safe from any thread; a crash loses no job.

Order is (priority, position); positions have gaps, so that a move writes only the rows that moved. Every write gives
the rows that it touches a new change number, by which listeners find what is new without reading everything.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transfer_core.clock import Clock
from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events import JobState
from transfer_core.jobs.model import TRANSITIONS, Job, check_transition
from transfer_core.jobs.schema import MIGRATIONS
from transfer_core.storage.database import open_database
from transfer_core.units import utc_iso

GAP = 1024.0
UNDO_KEPT = 100
DATABASE_NAME = "state.db"
_COLUMNS = (
    "file_id path size priority position status destination dest_path source created_at bytes_done attempts"
    " idle_attempts reason error started_at completed_at next_try_ns next_try_at duration_s resent_bytes stored_as"
    " file_hash links"
).split()
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM job"
_ENDED = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What it takes to queue a file."""

    file_id: str
    path: str
    size: int
    priority: int
    destination: str
    dest_path: str
    source: str


@dataclass(frozen=True, slots=True)
class Destination:
    """A place where jobs can go, with what it takes to get there."""

    name: str
    kind: str
    addresses: tuple[str, ...]
    public_key: bytes
    secret: bytes | None
    expires_s: int
    hello_counter: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """Something that another process asks of the running agent."""

    number: int
    verb: str
    argument: str


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    values["status"] = JobState(values["status"])
    values["links"] = json.loads(values["links"])
    return Job(**values)


class JobStore:
    """The agent's database. `quarantined` says that a damaged one was set aside."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        now_text = utc_iso(clock.wall_ns())
        self._db, self.quarantined = open_database(state_dir / DATABASE_NAME, MIGRATIONS, now_text=now_text)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def _now_text(self) -> str:
        return utc_iso(self._clock.wall_ns())

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("UPDATE counter SET value = value + 1 WHERE name = 'change'")
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _change(self) -> int:
        value: int = self._db.execute("SELECT value FROM counter WHERE name = 'change'").fetchone()[0]
        return value

    # --- reading

    def jobs(self) -> list[Job]:
        """The list in its order."""
        with self._lock:
            return [
                _job(row) for row in self._db.execute(f"{_SELECT} WHERE listed ORDER BY priority, position, file_id")
            ]

    def job(self, file_id: str) -> Job:
        """One job. NotFoundError."""
        with self._lock:
            row = self._db.execute(f"{_SELECT} WHERE file_id = ?", (file_id,)).fetchone()
        if row is None:
            raise NotFoundError(f"there is no job {file_id}")
        return _job(row)

    def changes_since(self, change: int) -> tuple[int, list[Job], list[str]]:
        """The newest change number, listed jobs changed after `change`, and ids that left the list since."""
        with self._lock:
            newest = self._change()
            if newest == change:
                return newest, [], []
            rows = self._db.execute(
                f"SELECT listed, {', '.join(_COLUMNS)} FROM job WHERE changed > ? ORDER BY priority, position",
                (change,),
            ).fetchall()
        jobs: list[Job] = []
        gone: list[str] = []
        for row in rows:
            values = dict(row)
            if values.pop("listed"):
                values["status"] = JobState(values["status"])
                values["links"] = json.loads(values["links"])
                jobs.append(Job(**values))
            else:
                gone.append(values["file_id"])
        return newest, jobs, gone

    def history(self, *, limit: int, offset: int, find: str) -> list[Job]:
        """Jobs that ended, newest first."""
        pattern = "%" + find.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with self._lock:
            rows = self._db.execute(
                f"{_SELECT} WHERE completed_at IS NOT NULL AND (path LIKE ? ESCAPE '\\' OR destination LIKE ? ESCAPE '\\')"
                " ORDER BY completed_at DESC LIMIT ? OFFSET ?",
                (pattern, pattern, limit, offset),
            ).fetchall()
        return [_job(row) for row in rows]

    def counts_left(self) -> tuple[int, int]:
        """Files and bytes that are not done yet and not given up."""
        with self._lock:
            row = self._db.execute(
                "SELECT count(*), coalesce(sum(size - bytes_done), 0) FROM job"
                " WHERE listed AND status IN ('pending', 'uploading', 'paused')"
            ).fetchone()
        return int(row[0]), int(row[1])

    # --- queueing

    def add_many(self, jobs: Sequence[NewJob]) -> list[Job]:
        """Queue files at the end of their priorities."""
        now_text = self._now_text()
        with self._write() as db:
            change = self._change()
            ends: dict[int, float] = {}
            for new in jobs:
                if new.priority not in ends:
                    ends[new.priority] = self._end(new.priority)
                ends[new.priority] += GAP
                db.execute(
                    "INSERT INTO job (file_id, path, size, priority, position, status, destination, dest_path, source,"
                    " created_at, changed) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?)",
                    (
                        new.file_id,
                        new.path,
                        new.size,
                        new.priority,
                        ends[new.priority],
                        new.destination,
                        new.dest_path,
                        new.source,
                        now_text,
                        change,
                    ),
                )
        return self._listed([new.file_id for new in jobs])

    def _listed(self, file_ids: Iterable[str]) -> list[Job]:
        with self._lock:
            return [self.job(file_id) for file_id in file_ids]

    def _end(self, priority: int) -> float:
        (end,) = self._db.execute("SELECT max(position) FROM job WHERE listed AND priority = ?", (priority,)).fetchone()
        return float(end or 0.0)

    # --- working

    def claim(self, owner: str, limit: int, destinations: Sequence[str]) -> list[Job]:
        """Take the next jobs for those destinations, at most `limit`; they are `uploading` from now on."""
        if limit <= 0 or not destinations:
            return []
        wall_ns = self._clock.wall_ns()
        marks = ",".join("?" * len(destinations))
        with self._write() as db:
            change = self._change()
            rows = db.execute(
                f"SELECT file_id FROM job WHERE status = 'pending' AND listed AND destination IN ({marks})"
                " AND next_try_ns <= ? ORDER BY priority, position, file_id LIMIT ?",
                (*destinations, wall_ns, limit),
            ).fetchall()
            ids = [row[0] for row in rows]
            db.executemany(
                "UPDATE job SET status = 'uploading', lease_owner = ?, attempts = attempts + 1, reason = '',"
                " error = NULL, next_try_at = NULL, started_at = coalesce(started_at, ?), changed = ? WHERE file_id = ?",
                [(owner, utc_iso(wall_ns), change, file_id) for file_id in ids],
            )
        return self._listed(ids)

    def reclaim(self, owner: str) -> int:
        """Jobs that a dead agent was working on are pending again; how many."""
        with self._write() as db:
            cursor = db.execute(
                "UPDATE job SET status = 'pending', lease_owner = NULL, next_try_ns = 0, changed = ?"
                " WHERE status = 'uploading' AND lease_owner IS NOT ?",
                (self._change(), owner),
            )
            return cursor.rowcount

    def progress(self, rows: Sequence[tuple[str, int, Mapping[str, int], int]]) -> None:
        """Keep (file id, bytes done, bytes by link, bytes sent again) of running jobs."""
        if not rows:
            return
        with self._write() as db:
            change = self._change()
            db.executemany(
                "UPDATE job SET idle_attempts = CASE WHEN bytes_done < ? THEN 0 ELSE idle_attempts END,"
                " bytes_done = ?, links = ?, resent_bytes = ?, changed = ? WHERE file_id = ? AND status = 'uploading'",
                [(done, done, json.dumps(dict(links)), resent, change, fid) for fid, done, links, resent in rows],
            )

    def complete(self, rows: Sequence[tuple[str, str, str, Mapping[str, int], int]]) -> None:
        """These jobs have arrived: (file id, hash, stored as, bytes by link, bytes sent again)."""
        now_text = self._now_text()
        with self._write() as db:
            change = self._change()
            db.executemany(
                "UPDATE job SET status = 'completed', bytes_done = size, file_hash = ?, stored_as = ?, links = ?,"
                " resent_bytes = ?, completed_at = ?, reason = '', error = NULL, lease_owner = NULL, changed = ?,"
                " duration_s = (julianday(?) - julianday(started_at)) * 86400 WHERE file_id = ?",
                [
                    (digest, stored, json.dumps(dict(links)), resent, now_text, change, now_text, file_id)
                    for file_id, digest, stored, links, resent in rows
                ],
            )

    def fail(self, file_id: str, code: str, reason: str) -> None:
        """Give a job up."""
        now_text = self._now_text()
        with self._write() as db:
            db.execute(
                "UPDATE job SET status = 'failed', error = ?, reason = ?, completed_at = ?, lease_owner = NULL,"
                " changed = ?, duration_s = (julianday(?) - julianday(started_at)) * 86400"
                " WHERE file_id = ? AND status IN ('pending', 'uploading')",
                (code, reason, now_text, self._change(), now_text, file_id),
            )

    def wait(self, file_id: str, code: str | None, reason: str, *, delay_ns: int = 0, is_attempt: bool = True) -> None:
        """Put a running job back: it waits, for this reason, and is tried again after `delay_ns`."""
        try_ns = self._clock.wall_ns() + delay_ns
        with self._write() as db:
            db.execute(
                "UPDATE job SET status = 'pending', error = ?, reason = ?, next_try_ns = ?, next_try_at = ?,"
                " idle_attempts = idle_attempts + ?, attempts = attempts - ?, lease_owner = NULL, changed = ?"
                " WHERE file_id = ? AND status IN ('pending', 'uploading')",
                (
                    code,
                    reason,
                    try_ns,
                    utc_iso(try_ns) if delay_ns else None,
                    int(is_attempt),
                    int(not is_attempt),
                    self._change(),
                    file_id,
                ),
            )

    def say_why(self, destination: str, reason: str) -> None:
        """All pending jobs of a destination wait for this reason; empty when they don't any more."""
        with self._write() as db:
            db.execute(
                "UPDATE job SET reason = ?, changed = ? WHERE destination = ? AND listed AND status = 'pending'"
                " AND error IS NULL AND reason <> ?",
                (reason, self._change(), destination, reason),
            )

    def try_now(self) -> None:
        """A link came up: no pending job waits any longer."""
        with self._write() as db:
            db.execute(
                "UPDATE job SET next_try_ns = 0, next_try_at = NULL, changed = ? WHERE status = 'pending' AND next_try_ns > 0",
                (self._change(),),
            )

    def forget_delays_of_the_future(self, longest_ns: int) -> None:
        """A clock that jumped back must not make jobs wait for ever."""
        limit_ns = self._clock.wall_ns() + longest_ns
        with self._write() as db:
            db.execute("UPDATE job SET next_try_ns = 0, next_try_at = NULL WHERE next_try_ns > ?", (limit_ns,))

    # --- what people ask for

    def _set_status(self, file_ids: Sequence[str], after: JobState, assign: str, values: tuple[Any, ...] = ()) -> None:
        with self._write() as db:
            for file_id in file_ids:
                check_transition(file_id, self.job(file_id).status, after)
            change = self._change()
            db.executemany(
                f"UPDATE job SET status = ?, lease_owner = NULL, changed = ?, {assign} WHERE file_id = ?",
                [(after, change, *values, file_id) for file_id in file_ids],
            )

    def pause(self, file_ids: Sequence[str]) -> None:
        """ConflictError for jobs that are over."""
        self._set_status(self._without(file_ids, JobState.PAUSED), JobState.PAUSED, "reason = 'paused by you'")

    def resume(self, file_ids: Sequence[str]) -> None:
        """Paused jobs are pending again."""
        waiting = self._without(self._without(file_ids, JobState.PENDING), JobState.UPLOADING)
        self._set_status(waiting, JobState.PENDING, "reason = '', next_try_ns = 0, next_try_at = NULL")

    def _without(self, file_ids: Sequence[str], state: JobState) -> list[str]:
        return [file_id for file_id in file_ids if self.job(file_id).status is not state]

    def cancel(self, file_ids: Sequence[str]) -> None:
        """Give jobs up on a person's word."""
        self._set_status(
            self._without(file_ids, JobState.CANCELLED),
            JobState.CANCELLED,
            "reason = 'cancelled by you', completed_at = ?",
            (self._now_text(),),
        )

    def retry(self, file_ids: Sequence[str]) -> None:
        """Failed, cancelled or waiting jobs are tried again at once."""
        with self._write() as db:
            change = self._change()
            for file_id in file_ids:
                status = self.job(file_id).status
                if status is not JobState.PENDING and JobState.PENDING not in TRANSITIONS[status]:
                    raise ConflictError(f"job {file_id} is {status}; there is nothing to retry")
                db.execute(
                    "UPDATE job SET status = 'pending', listed = 1, reason = '', error = NULL, next_try_ns = 0,"
                    " next_try_at = NULL, idle_attempts = 0, completed_at = NULL, lease_owner = NULL, changed = ?"
                    " WHERE file_id = ? AND status <> 'uploading'",
                    (change, file_id),
                )

    def _remember(self, what: str, file_ids: Sequence[str]) -> None:
        marks = ",".join("?" * len(file_ids))
        rows = self._db.execute(
            f"SELECT file_id, priority, position, status, listed FROM job WHERE file_id IN ({marks})", tuple(file_ids)
        ).fetchall()
        self._db.execute("INSERT INTO undo (what, rows) VALUES (?, ?)", (what, json.dumps([list(row) for row in rows])))
        self._db.execute(
            "DELETE FROM undo WHERE number <= (SELECT max(number) FROM undo) - ?",
            (UNDO_KEPT,),
        )

    def remove(self, file_ids: Sequence[str]) -> None:
        """Take jobs off the list; running ones are cancelled."""
        if not file_ids:
            return
        with self._write() as db:
            self._listed(file_ids)
            self._remember(f"removal of {_count(file_ids)}", file_ids)
            change = self._change()
            now_text = self._now_text()
            db.executemany(
                "UPDATE job SET listed = 0, lease_owner = NULL, changed = ?,"
                " completed_at = CASE WHEN status IN ('pending', 'uploading', 'paused') THEN ? ELSE completed_at END,"
                " reason = CASE WHEN status IN ('pending', 'uploading', 'paused') THEN 'removed by you' ELSE reason END,"
                " status = CASE WHEN status IN ('pending', 'uploading', 'paused') THEN 'cancelled' ELSE status END"
                " WHERE file_id = ?",
                [(change, now_text, file_id) for file_id in file_ids],
            )

    def clear_completed(self) -> None:
        """Take what has arrived off the list."""
        with self._lock:
            rows = self._db.execute("SELECT file_id FROM job WHERE listed AND status = 'completed'").fetchall()
        self.remove([row[0] for row in rows])

    def set_priority(self, file_ids: Sequence[str], priority: int) -> None:
        """Another priority, at its end."""
        with self._write() as db:
            jobs = sorted(self._listed(file_ids), key=lambda job: (job.priority, job.position))
            self._remember(f"priority {priority} for {_count(file_ids)}", file_ids)
            end, change = self._end(priority), self._change()
            db.executemany(
                "UPDATE job SET priority = ?, position = ?, changed = ? WHERE file_id = ?",
                [(priority, end + GAP * (i + 1), change, job.file_id) for i, job in enumerate(jobs)],
            )

    def move(self, file_ids: Sequence[str], before: str | None) -> None:
        """Put jobs in front of another, or at the very end; see `service.TransferService.move`."""
        moving = set(file_ids)
        with self._write() as db:
            rows = db.execute(
                "SELECT file_id, priority, position FROM job WHERE listed ORDER BY priority, position, file_id"
            ).fetchall()
            block = [row for row in rows if row[0] in moving]
            rest = [row for row in rows if row[0] not in moving]
            if len(block) != len(moving):
                raise NotFoundError("one of the jobs to move is not on the list")
            if before in moving:
                following = [row[0] for row in rows][[row[0] for row in rows].index(before) :]
                before = next((file_id for file_id in following if file_id not in moving), None)
            at = len(rest) if before is None else next((i for i, row in enumerate(rest) if row[0] == before), -1)
            if at < 0:
                raise NotFoundError(f"there is no job {before} on the list")
            self._remember(f"move of {_count(file_ids)}", file_ids)
            self._place(db, block, rest, at)

    def _place(self, db: sqlite3.Connection, block: list[sqlite3.Row], rest: list[sqlite3.Row], at: int) -> None:
        above, below = (rest[at - 1] if at else None), (rest[at] if at < len(rest) else None)
        own = {row[1] for row in block}
        if above is not None and below is not None and above[1] != below[1] and own == {above[1]}:
            priority, below = int(above[1]), None
        elif below is not None:
            priority = int(below[1])
        else:
            priority = int(above[1]) if above is not None else int(block[0][1])
        low = float(above[2]) if above is not None and above[1] == priority else None
        high = float(below[2]) if below is not None and below[1] == priority else None
        if low is None:
            low = (high if high is not None else GAP) - GAP * (len(block) + 1)
        if high is None:
            high = low + GAP * (len(block) + 1)
        step = (high - low) / (len(block) + 1)
        change = self._change()
        if step < 1e-6:
            self._spread(db, priority, change)
            rows = db.execute(
                "SELECT file_id, priority, position FROM job WHERE listed ORDER BY priority, position, file_id"
            ).fetchall()
            moving = {row[0] for row in block}
            self._place(db, block, [row for row in rows if row[0] not in moving], at)
            return
        db.executemany(
            "UPDATE job SET priority = ?, position = ?, changed = ? WHERE file_id = ?",
            [(priority, low + step * (i + 1), change, row[0]) for i, row in enumerate(block)],
        )

    def _spread(self, db: sqlite3.Connection, priority: int, change: int) -> None:
        """Give the rows of a priority even gaps again."""
        rows = db.execute(
            "SELECT file_id FROM job WHERE listed AND priority = ? ORDER BY position, file_id", (priority,)
        ).fetchall()
        db.executemany(
            "UPDATE job SET position = ?, changed = ? WHERE file_id = ?",
            [(GAP * (i + 1), change, row[0]) for i, row in enumerate(rows)],
        )

    def undo(self) -> str | None:
        """Take the last change back; what it was."""
        with self._write() as db:
            row = db.execute("SELECT number, what, rows FROM undo ORDER BY number DESC LIMIT 1").fetchone()
            if row is None:
                return None
            change = self._change()
            for file_id, priority, position, status, listed in json.loads(row[2]):
                back = JobState.PENDING if status == JobState.UPLOADING else JobState(status)
                db.execute(
                    "UPDATE job SET priority = ?, position = ?, changed = ? WHERE file_id = ?",
                    (priority, position, change, file_id),
                )
                if listed:
                    db.execute(
                        "UPDATE job SET status = ?, reason = '', listed = 1,"
                        " completed_at = CASE WHEN ? IN ('pending', 'paused') THEN NULL ELSE completed_at END"
                        " WHERE file_id = ? AND NOT listed",
                        (back, back, file_id),
                    )
            db.execute("DELETE FROM undo WHERE number = ?", (row[0],))
            return str(row[1])

    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        with self._lock:
            row = self._db.execute("SELECT what FROM undo ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else str(row[0])

    # --- destinations, settings, commands

    def destinations(self) -> list[Destination]:
        """All destinations by name."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM destination ORDER BY name").fetchall()
        return [
            Destination(
                row["name"],
                row["kind"],
                tuple(json.loads(row["addresses"])),
                row["public_key"],
                row["secret"],
                row["expires_s"],
                row["hello_counter"],
            )
            for row in rows
        ]

    def keep_destination(self, destination: Destination) -> None:
        """Add a destination, or replace the one of that name."""
        with self._write() as db:
            db.execute(
                "INSERT INTO destination (name, kind, addresses, public_key, secret, expires_s) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, addresses = excluded.addresses,"
                " public_key = excluded.public_key, secret = excluded.secret, expires_s = excluded.expires_s",
                (
                    destination.name,
                    destination.kind,
                    json.dumps(destination.addresses),
                    destination.public_key,
                    destination.secret,
                    destination.expires_s,
                ),
            )

    def mark_paired(self, name: str) -> None:
        """The relay has accepted this agent: the secret is of no use any more."""
        with self._write() as db:
            db.execute("UPDATE destination SET secret = NULL WHERE name = ?", (name,))

    def next_hello_counter(self, name: str) -> int:
        """A number larger than any before, also when the clock has jumped back."""
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
        """ConflictError while jobs wait for it."""
        with self._write() as db:
            (left,) = db.execute(
                "SELECT count(*) FROM job WHERE destination = ? AND listed AND status IN ('pending', 'uploading', 'paused')",
                (name,),
            ).fetchone()
            if left:
                raise ConflictError(f"{left} jobs are queued for {name}", hint="Cancel or send them first.")
            if not db.execute("DELETE FROM destination WHERE name = ?", (name,)).rowcount:
                raise NotFoundError(f"there is no destination {name}")

    def setting(self, key: str) -> Any:
        """A setting, None if it was never set."""
        with self._lock:
            row = self._db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_setting(self, key: str, value: Any) -> None:
        """Keep a setting."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (key, json.dumps(value)))

    def ask(self, verb: str, argument: str) -> int:
        """Leave a command for the running agent; its number."""
        with self._write() as db:
            number = db.execute("INSERT INTO command (verb, argument) VALUES (?, ?)", (verb, argument)).lastrowid
        return int(number or 0)

    def answer_to(self, number: int) -> str | None:
        """The agent's answer to a command, None while there is none."""
        with self._lock:
            row = self._db.execute("SELECT result FROM command WHERE number = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def commands(self) -> list[Command]:
        """Commands without an answer."""
        with self._lock:
            rows = self._db.execute("SELECT number, verb, argument FROM command WHERE result IS NULL").fetchall()
        return [Command(*row) for row in rows]

    def answer(self, number: int, result: str) -> None:
        """Answer a command."""
        with self._write() as db:
            db.execute("UPDATE command SET result = ? WHERE number = ?", (result, number))
            db.execute("DELETE FROM command WHERE number < ? - 1000", (number,))

    def newest_change(self) -> int:
        """Grows with each write of any process."""
        with self._lock:
            return self._change()


def _count(file_ids: Sequence[str]) -> str:
    return "1 file" if len(file_ids) == 1 else f"{len(file_ids)} files"
