"""What the agent's database holds of watched folders: what they are told to do, and the runs of triggers."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from transfer_core.errors import ConflictError, NotFoundError, UsageError
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.database import StateDatabase, as_set

_LOG = logging.getLogger(__name__)
_HINT = "See `drs-sync watch list`."


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A watched folder as it is kept."""

    spec: WatchSpec
    paused: bool
    ended: bool
    taken: int  # frames that counted for its `max_files`


@dataclass(frozen=True, slots=True)
class RunRow:
    """What one trigger asked for. `selection` is text of whoever keeps it."""

    run_id: str
    watch: str
    selection: str
    taken: int


class WatchTable(StateDatabase):
    """Watched folders and the runs of triggers. NotFoundError for a watch that is not there."""

    # --- watches

    def watch_change(self) -> int:
        """Grows when watches or runs are changed by anybody but the agent's own counting."""
        with self._read() as db:
            return _newest_change(db)

    def watches(self) -> list[WatchRow]:
        """All of them by name."""
        return self._rows(removed=False)

    def removed_watch(self, name: str) -> WatchRow:
        """What `restore_watch` would take back."""
        row = next((row for row in self._rows(removed=True) if row.spec.name == name), None)
        if row is None:
            raise _no_watch(name)
        return row

    def _rows(self, *, removed: bool) -> list[WatchRow]:
        with self._read() as db:
            rows = db.execute(
                "SELECT spec, paused, ended, taken FROM watch WHERE removed = ? ORDER BY name", (int(removed),)
            ).fetchall()
        found = [(_spec_of(row[0]), row) for row in rows]
        return [WatchRow(spec, bool(row[1]), bool(row[2]), row[3]) for spec, row in found if spec is not None]

    def add_watches(self, specs: Sequence[WatchSpec], as_of: int | None = None) -> bool:
        """Keep new ones, all or none. ConflictError if a name is taken.

        `as_of`: the `watch_change` by which this was decided. If there was another since, nothing is done: False.
        """
        with self._write() as db:
            if not _is_as_of(db, as_of):
                return False
            for spec in specs:
                db.execute("DELETE FROM watch WHERE name = ? AND removed = 1", (spec.name,))
                try:
                    db.execute(
                        "INSERT INTO watch (name, spec, created_at) VALUES (?, ?, ?)",
                        (spec.name, json.dumps(asdict(spec)), self._now_text()),
                    )
                except sqlite3.IntegrityError as error:
                    raise ConflictError(
                        f"there is a watch {spec.name!r} already", hint="Use another --name."
                    ) from error
            _watches_changed(db)
        return True

    def pause_watch(self, name: str, paused: bool, as_of: int | None = None) -> bool:
        """Hold it, or let it go on; one that had ended begins again. `as_of` and the answer: see `add_watches`."""
        with self._write() as db:
            if not _is_as_of(db, as_of):
                return False
            again = "" if paused else ", ended = 0"
            change = f"UPDATE watch SET paused = ?{again} WHERE name = ? AND removed = 0"
            _require(db.execute(change, (int(paused), name)), name)
            _watches_changed(db)
        return True

    def remove_watch(self, name: str) -> None:
        """Forget it; what is queued stays queued. The last one forgotten keeps its frames, for `restore_watch`."""
        with self._write() as db:
            _require(db.execute("UPDATE watch SET removed = 1 WHERE name = ? AND removed = 0", (name,)), name)
            db.execute("DELETE FROM watch WHERE removed = 1 AND name <> ?", (name,))
            _watches_changed(db)

    def restore_watch(self, name: str, as_of: int | None = None) -> bool:
        """Take the last `remove_watch` back: it is as it was, and knows what it has sent.

        `as_of` and the answer: see `add_watches`.
        """
        with self._write() as db:
            if not _is_as_of(db, as_of):
                return False
            _require(db.execute("UPDATE watch SET removed = 0 WHERE name = ? AND removed = 1", (name,)), name)
            _watches_changed(db)
        return True

    def end_watches(self, names: Sequence[str], runs: Sequence[tuple[str, str]]) -> None:
        """They have sent what they were to send; of runs the id and the watch."""
        with self._write() as db:
            db.execute("UPDATE watch SET ended = 1 WHERE name IN (SELECT value FROM json_each(?))", (as_set(names),))
            db.executemany("UPDATE watch_run SET ended = 1 WHERE run_id = ? AND watch = ?", runs)

    # --- runs

    def add_runs(self, runs: Sequence[RunRow]) -> None:
        """Keep what a trigger asked for. Runs of these watches that have no end of their own end by it."""
        with self._write() as db:
            (newest,) = db.execute("SELECT coalesce(max(number), 0) FROM watch_run").fetchone()
            for run in runs:
                db.execute(
                    "UPDATE watch_run SET ended = 1"
                    " WHERE watch = ? AND coalesce(json_extract(selection, '$.max_files'), 0) = 0",
                    (run.watch,),
                )
                db.execute(
                    "INSERT INTO watch_run (run_id, watch, number, selection) VALUES (?, ?, ?, ?)",
                    (run.run_id, run.watch, newest + 1, run.selection),
                )
            _watches_changed(db)

    def runs(self) -> list[RunRow]:
        """Runs that have not ended, oldest first."""
        with self._read() as db:
            rows = db.execute(
                "SELECT run_id, watch, selection, watch_run.taken FROM watch_run JOIN watch ON watch.name = watch"
                " WHERE watch_run.ended = 0 AND removed = 0 ORDER BY number, run_id"
            ).fetchall()
        return [RunRow(*row) for row in rows]


def _spec_of(text: str) -> WatchSpec | None:
    """What is kept, None if it can't be understood."""
    try:
        return WatchSpec(**json.loads(text))
    except (ValueError, TypeError, UsageError) as error:
        _LOG.warning("a watch in the database can't be understood: %s", error)
        return None


def _require(cursor: sqlite3.Cursor, name: str) -> None:
    if not cursor.rowcount:
        raise _no_watch(name)


def _no_watch(name: str) -> NotFoundError:
    return NotFoundError(f"there is no watch {name!r}", hint=_HINT)


def _newest_change(db: sqlite3.Connection) -> int:
    number: int = db.execute("SELECT value FROM counter WHERE name = 'watch'").fetchone()[0]
    return number


def _is_as_of(db: sqlite3.Connection, change: int | None) -> bool:
    return change is None or change == _newest_change(db)


def _watches_changed(db: sqlite3.Connection) -> None:
    db.execute("UPDATE counter SET value = value + 1 WHERE name = 'watch'")
