"""The frames that watched folders have queued, and what became of each.

Theory of operation. A frame's row and its job are written in one transaction, many frames at a time, so that a frame
is queued once or not at all, whenever the program is killed: what has no row is found again by the next scan. The row
keeps the state that the file was in (size, time of change, inode). The job sends that state or nothing, so a frame
whose job is completed has arrived as its row says. A file that is found in another state is queued again, and an older
job of it that has not arrived is given up in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from transfer_core.clock import Clock
from transfer_core.jobs.adding import NewJob, insert_jobs
from transfer_core.jobs.database import StateDatabase, as_set, change_number, column_of_name, name_of_column
from transfer_core.jobs.leftovers import leave_behind
from transfer_core.jobs.working import STOP_THE_CLOCK
from transfer_core.units import utc_iso

_REPLACED = "a newer state of the file is sent instead"
_OPEN = "('pending', 'uploading', 'paused', 'failed')"


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


class FrameTable(StateDatabase):
    """Frames of watched folders. Those of a watch that is not there are passed over."""

    def queue_frames(self, frames: Sequence[NewFrame]) -> list[str]:
        """Queue frames; one transaction for all. Gives the ids of older jobs that were given up for them."""
        wall_ns = self._clock.wall_ns()
        with self._write() as db:
            known = {row[0] for row in db.execute("SELECT name FROM watch WHERE removed = 0")}
            frames = [frame for frame in frames if frame.watch in known]  # removed in this very moment
            older = {(frame.run_id, frame.watch, file_id) for frame in frames for file_id in _open_job_of(db, frame)}
            replaced = [file_id for _, _, file_id in older]
            if replaced:
                _give_up(db, replaced, self._clock)
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
        with self._write_soon() as db:  # what a loss of power takes back is dealt with once more, which does no more
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
            _give_up(db, [file_id], self._clock)
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


def _give_up(db: sqlite3.Connection, file_ids: Sequence[str], clock: Clock) -> None:
    leave_behind(db, file_ids)
    db.execute(
        f"UPDATE job SET {STOP_THE_CLOCK}, status = 'cancelled', reason = :reason, error = NULL, listed = 0,"
        " completed_at = :now, next_try_ns = 0, next_try_at = NULL, changed = :change"
        f" WHERE file_id IN (SELECT value FROM json_each(:ids)) AND status IN {_OPEN}",
        {
            "reason": _REPLACED,
            "now_ns": clock.monotonic_ns(),
            "now": utc_iso(clock.wall_ns()),
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
