"""Forgets what nobody needs: rows of frames whose files are gone, and jobs of frames that arrived long ago.

A ring buffer of six cameras makes half a million rows an hour, so that those whose files are gone have to leave. But a
folder that is only away for a while (unmounted, with an empty one in its place) must not lose its rows, or everything
in it would be sent again when it is back. So a row leaves only while the folder is the one that it was when watching
began, and the scans still meet files in it that were queued before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from transfer_core.clock import Clock
from transfer_core.engine.watches.folder import WatchedFolder
from transfer_core.jobs.store import FrameRow, JobStore
from transfer_core.units import NS_PER_S

LISTED = 5_000  # of the frames that have arrived, so many are in the queue
KEPT = 100_000  # and so many in the history
TRIM_NS = 5 * NS_PER_S
STEP_NS = NS_PER_S // 4
STEP_ROWS = 250
PASS_AFTER_FRAMES = 1_000
PASS_AFTER_NS = 600 * NS_PER_S


@dataclass(slots=True)
class _Pass:
    """One walk over the rows of a watch. `after` is None while none is under way."""

    after: tuple[str, str | bytes] | None = None
    ended_ns: int = 0
    frames: int = 0


class OldFrames:
    """Used by the desk's thread."""

    def __init__(self, store: JobStore, clock: Clock, folders: Mapping[str, WatchedFolder]) -> None:
        self._store, self._clock, self._folders = store, clock, folders
        self._passes: dict[str, _Pass] = {}
        self._step_due_ns = self._trim_due_ns = clock.monotonic_ns() + TRIM_NS
        self._trimmed_out = -1  # how many frames had arrived

    def turn(self, now_ns: int) -> None:
        """A small step of it."""
        if now_ns >= self._trim_due_ns:
            self._trim_due_ns = now_ns + TRIM_NS
            self._trim()
        if now_ns < self._step_due_ns:
            return
        self._step_due_ns = now_ns + STEP_NS
        for name, folder in self._folders.items():
            walk = self._passes.setdefault(name, _Pass(ended_ns=now_ns))
            grown = folder.figures.frames_in - walk.frames
            if walk.after is None and (grown >= PASS_AFTER_FRAMES or now_ns - walk.ended_ns >= PASS_AFTER_NS):
                walk.after = ("", "")
            if walk.after is not None and _is_itself(folder):
                self._step(name, folder, walk, now_ns)

    def _trim(self) -> None:
        frames_out = sum(folder.figures.frames_out for folder in self._folders.values())
        if frames_out != self._trimmed_out:  # to look for the newest of so many takes ten milliseconds
            self._store.trim_arrived(LISTED, KEPT)
            self._trimmed_out = frames_out

    def _step(self, name: str, folder: WatchedFolder, walk: _Pass, now_ns: int) -> None:
        assert walk.after is not None
        rows = self._store.frames_after(name, *walk.after, limit=STEP_ROWS)
        gone = [row for row, _ in rows if row.file_id not in folder.waiting and not _is_there(folder, row)]
        if gone and _is_itself(folder):  # it could have been unmounted meanwhile
            self._store.settle_frames((), gone)
            for row in gone:
                folder.forget(row)
        if len(rows) < STEP_ROWS:
            walk.after, walk.ended_ns, walk.frames = None, now_ns, folder.figures.frames_in
        else:
            walk.after = rows[-1][0].run_id, rows[-1][1]


def _is_itself(folder: WatchedFolder) -> bool:
    watcher = folder.watcher
    if watcher is None or watcher.trouble or watcher.scans_done == 0:
        return False
    if folder.met_known_scan < watcher.scans_done - 1:
        return False
    try:
        facts = os.stat(folder.spec.directory)  # noqa: PTH116 - names need not be valid Unicode
    except OSError:
        return False
    return (facts.st_dev, facts.st_ino) == watcher.root_identity


def _is_there(folder: WatchedFolder, row: FrameRow) -> bool:
    return os.path.lexists(os.path.join(folder.spec.directory, row.relative))  # noqa: PTH118
