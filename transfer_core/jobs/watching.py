"""What the agent's database holds of watched folders: what they are told to do, and which frames they have queued.

Theory of operation. A frame's row and its job are written in one transaction, many frames at a time, so that a frame
is queued once or not at all, whenever the program is killed: what has no row is found again by the next scan. The row
keeps the state that the file was in (size, time of change, inode). The job sends that state or nothing, so a frame
whose job is completed has arrived as its row says. A file that is found in another state is queued again, and an older
job of it that has not arrived is given up in the same transaction.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from transfer_core.errors import ConflictError, NotFoundError, UsageError
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.database import StateDatabase, as_set, change_number, column_of_name, name_of_column
from transfer_core.jobs.working import STOP_THE_CLOCK, NewJob, insert_jobs
from transfer_core.units import utc_iso

_LOG = logging.getLogger(__name__)
HINT = "See `drs-sync watch list`."
_REPLACED = "a newer state of the file is sent instead"
_OPEN = "('pending', 'uploading', 'paused', 'failed')"


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


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One state of one file that is queued, by the watch itself (`run_id` empty) or by a run of it."""

    watch: str
    run_id: str
    relative: str
    size: int
    mtime_ns: int
    inode: int
    file_id: str


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A frame to queue: its job, with the state of its source, and whose it is."""

    watch: str
    run_id: str
    relative: str
    job: NewJob


class WatchTable(StateDatabase):
    """Watched folders, the runs of triggers, and frames. NotFoundError for a watch that is not there."""

    # --- watches

    def watch_change(self) -> int:
        """Grows when watches or runs are changed by anybody but the agent's own counting."""
        with self._read() as db:
            number: int = db.execute("SELECT value FROM counter WHERE name = 'watch'").fetchone()[0]
        return number

    def watches(self) -> list[WatchRow]:
        """All of them by name."""
        with self._read() as db:
            rows = db.execute("SELECT spec, paused, ended, taken FROM watch WHERE removed = 0 ORDER BY name").fetchall()
        found = [(_spec_of(row[0]), row) for row in rows]
        return [WatchRow(spec, bool(row[1]), bool(row[2]), row[3]) for spec, row in found if spec is not None]

    def add_watches(self, specs: Sequence[WatchSpec]) -> None:
        """Keep new ones, all or none. ConflictError if a name is taken."""
        with self._write() as db:
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

    def pause_watch(self, name: str, paused: bool) -> None:
        """Hold it, or let it go on; one that had ended begins again."""
        with self._write() as db:
            again = "" if paused else ", ended = 0"
            change = f"UPDATE watch SET paused = ?{again} WHERE name = ? AND removed = 0"
            _require(db.execute(change, (int(paused), name)), name)
            _watches_changed(db)

    def remove_watch(self, name: str) -> None:
        """Forget it; what is queued stays queued. The last one forgotten keeps its frames, for `restore_watch`."""
        with self._write() as db:
            _require(db.execute("UPDATE watch SET removed = 1 WHERE name = ? AND removed = 0", (name,)), name)
            db.execute("DELETE FROM watch WHERE removed = 1 AND name <> ?", (name,))
            _watches_changed(db)

    def restore_watch(self, name: str) -> None:
        """Take the last `remove_watch` back: it is as it was, and knows what it has sent."""
        with self._write() as db:
            _require(db.execute("UPDATE watch SET removed = 0 WHERE name = ? AND removed = 1", (name,)), name)
            _watches_changed(db)

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

    # --- frames

    def queue_frames(self, frames: Sequence[NewFrame]) -> list[str]:
        """Queue frames; one transaction for all. Gives the ids of older jobs that were given up for them."""
        wall_ns = self._clock.wall_ns()
        with self._write() as db:
            known = {row[0] for row in db.execute("SELECT name FROM watch WHERE removed = 0")}
            frames = [frame for frame in frames if frame.watch in known]  # removed in this very moment
            older = {(frame.run_id, frame.watch, file_id) for frame in frames for file_id in _open_job_of(db, frame)}
            replaced = [file_id for _, _, file_id in older]
            if replaced:
                _give_up(db, replaced, wall_ns)
            insert_jobs(db, [frame.job for frame in frames], utc_iso(wall_ns))
            db.executemany(
                "INSERT OR REPLACE INTO frame (watch, run_id, relative, size, mtime_ns, inode, file_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_frame_columns(frame) for frame in frames],
            )
            taken = Counter((frame.run_id, frame.watch) for frame in frames)
            taken.subtract((run_id, watch) for run_id, watch, _ in older)  # a file counts once
            _count_taken(db, taken)
        return replaced

    def frames_of(self, watch: str) -> Iterator[FrameRow]:
        """All frames of a watch, by run and name."""
        after: tuple[str, str | bytes] = ("", "")
        while True:
            rows = self.frames_after(watch, *after, limit=5000)
            yield from (row for row, _ in rows)
            if len(rows) < 5000:
                return
            after = rows[-1][0].run_id, rows[-1][1]

    def frames_after(
        self, watch: str, run_id: str, relative: str | bytes, *, limit: int
    ) -> list[tuple[FrameRow, str | bytes]]:
        """Frames of a watch behind a place, each with the name to go on from."""
        with self._read() as db:
            rows = db.execute(
                "SELECT watch, run_id, relative, size, mtime_ns, inode, file_id FROM frame"
                " WHERE watch = ?1 AND (run_id, relative) > (?2, ?3) ORDER BY run_id, relative LIMIT ?4",
                (watch, run_id, relative, limit),
            ).fetchall()
        return [(_frame_of(row), row[2]) for row in rows]

    def open_frames(self, watch: str) -> dict[str, bool]:
        """File ids of a watch's frames that have not arrived, each with whether it will go on by itself."""
        with self._read() as db:
            rows = db.execute(
                "SELECT file_id, job.status IN ('pending', 'uploading', 'paused') FROM frame JOIN job USING (file_id)"
                " WHERE frame.watch = ? AND frame.settled = 0 AND job.status <> 'completed'",
                (watch,),
            ).fetchall()
        return {row[0]: bool(row[1]) for row in rows}

    def why_waiting(self, watch: str) -> str:
        """Why a queued frame of that watch does not go on, if one says so; empty if they do."""
        with self._read() as db:
            row = db.execute(
                "SELECT job.reason FROM frame JOIN job USING (file_id) WHERE frame.watch = ? AND frame.settled = 0"
                " AND job.status IN ('pending', 'uploading') AND job.error IS NOT NULL LIMIT 1",
                (watch,),
            ).fetchone()
        return "" if row is None else str(row[0])

    def arrived_frames(self) -> list[FrameRow]:
        """Frames whose arrival nobody has dealt with yet, since the program ended before."""
        with self._read() as db:
            rows = db.execute(
                "SELECT watch, run_id, relative, frame.size, mtime_ns, inode, file_id"
                " FROM frame JOIN job USING (file_id) JOIN watch ON watch.name = watch"
                " WHERE frame.settled = 0 AND job.status = 'completed' AND removed = 0"
            ).fetchall()
        return [_frame_of(row) for row in rows]

    def frames_of_jobs(self, file_ids: Sequence[str]) -> list[FrameRow]:
        """The frames that these jobs send."""
        with self._read() as db:
            rows = db.execute(
                "SELECT watch, run_id, relative, size, mtime_ns, inode, file_id"
                " FROM frame JOIN watch ON watch.name = watch"
                " WHERE removed = 0 AND file_id IN (SELECT value FROM json_each(?))",
                (as_set(file_ids),),
            ).fetchall()
        return [_frame_of(row) for row in rows]

    def settle_frames(self, settled: Sequence[FrameRow], forgotten: Sequence[FrameRow]) -> None:
        """Nothing is to be done for the first any more; the second are not there any more, and need no row."""
        with self._write() as db:
            db.executemany("UPDATE frame SET settled = 1 WHERE file_id = ?", [(each.file_id,) for each in settled])
            db.executemany(
                "DELETE FROM frame WHERE watch = ? AND run_id = ? AND relative = ? AND file_id = ?",
                [(each.watch, each.run_id, column_of_name(each.relative), each.file_id) for each in forgotten],
            )

    def give_up_changed(self, file_id: str) -> bool:
        """A frame's file is not as it was queued: forget the frame and its job, so that it is found as it is now.

        False if nobody looks for it any more, the watch or the run having ended; then the job may send it as it is.
        """
        with self._write() as db:
            row = db.execute(
                "SELECT frame.run_id, frame.watch FROM frame JOIN watch ON watch.name = frame.watch"
                " LEFT JOIN watch_run USING (run_id, watch) WHERE frame.file_id = ? AND watch.removed = 0"
                " AND CASE frame.run_id WHEN '' THEN watch.ended ELSE coalesce(watch_run.ended, 1) END = 0",
                (file_id,),
            ).fetchone()
            if row is None:
                db.execute("UPDATE job SET source_mtime_ns = NULL, source_inode = NULL WHERE file_id = ?", (file_id,))
                return False
            db.execute("DELETE FROM frame WHERE file_id = ?", (file_id,))
            _count_taken(db, {(row[0], row[1]): -1})
            _give_up(db, [file_id], self._clock.wall_ns())
        return True

    def trim_arrived(self, listed: int, kept: int) -> int:
        """Of what has arrived from watches, list the newest `listed` and keep the newest `kept`; how many left it."""
        newest = (
            "SELECT completed_at FROM job WHERE source = 'watch' AND status = 'completed' AND listed = ?"
            " ORDER BY completed_at DESC LIMIT 1 OFFSET ?"
        )
        with self._read() as db:
            off_list = db.execute(newest, (1, listed)).fetchone()
            away = db.execute(newest, (0, kept)).fetchone()
        if off_list is None and away is None:
            return 0
        these = "source = 'watch' AND status = 'completed' AND listed = ? AND completed_at <= ?"
        with self._write() as db:
            change, count = change_number(db), 0
            if off_list is not None:
                cursor = db.execute(f"UPDATE job SET listed = 0, changed = ? WHERE {these}", (change, 1, off_list[0]))
                count = cursor.rowcount
            if away is not None:
                db.execute(f"DELETE FROM job WHERE {these}", (0, away[0]))
        return count


def _spec_of(text: str) -> WatchSpec | None:
    """What is kept, None if it can't be understood."""
    try:
        return WatchSpec(**json.loads(text))
    except (ValueError, TypeError, UsageError) as error:
        _LOG.warning("a watch in the database can't be understood: %s", error)
        return None


def _require(cursor: sqlite3.Cursor, name: str) -> None:
    if not cursor.rowcount:
        raise NotFoundError(f"there is no watch {name!r}", hint=HINT)


def _watches_changed(db: sqlite3.Connection) -> None:
    db.execute("UPDATE counter SET value = value + 1 WHERE name = 'watch'")


def _count_taken(db: sqlite3.Connection, taken: Mapping[tuple[str, str], int]) -> None:
    """By run and watch, how many frames more count for their `max_files`."""
    db.executemany(
        "UPDATE watch SET taken = taken + ? WHERE name = ?",
        [(count, watch) for (run_id, watch), count in taken.items() if not run_id],
    )
    db.executemany(
        "UPDATE watch_run SET taken = taken + ? WHERE run_id = ? AND watch = ?",
        [(count, *run) for run, count in taken.items()],
    )


def _open_job_of(db: sqlite3.Connection, frame: NewFrame) -> list[str]:
    rows = db.execute(
        f"SELECT file_id FROM frame JOIN job USING (file_id) WHERE watch = ? AND run_id = ? AND relative = ?"
        f" AND settled = 0 AND job.status IN {_OPEN}",
        (frame.watch, frame.run_id, column_of_name(frame.relative)),
    )
    return [row[0] for row in rows]


def _give_up(db: sqlite3.Connection, file_ids: Sequence[str], wall_ns: int) -> None:
    db.execute(
        f"UPDATE job SET {STOP_THE_CLOCK}, status = 'cancelled', reason = :reason, error = NULL, listed = 0,"
        " completed_at = :now, next_try_ns = 0, next_try_at = NULL, changed = :change"
        f" WHERE file_id IN (SELECT value FROM json_each(:ids)) AND status IN {_OPEN}",
        {
            "reason": _REPLACED,
            "now_ns": wall_ns,
            "now": utc_iso(wall_ns),
            "change": change_number(db),
            "ids": as_set(file_ids),
        },
    )


def _frame_columns(frame: NewFrame) -> tuple[object, ...]:
    job = frame.job
    name = column_of_name(frame.relative)
    return frame.watch, frame.run_id, name, job.size, job.source_mtime_ns, job.source_inode, job.file_id


def _frame_of(row: sqlite3.Row) -> FrameRow:
    return FrameRow(row[0], row[1], name_of_column(row[2]), *row[3:])
