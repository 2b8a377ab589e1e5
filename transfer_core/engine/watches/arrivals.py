"""What follows an arrival: the figures, the source's deletion if it was asked for, and the frame's row.

The row says that nothing is to be done any more only after it was done. So what a killed agent had left is found at the
next start, and done then.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from transfer_core.clock import Clock
from transfer_core.engine.watches.folder import WatchedFolder
from transfer_core.errors import DrsError
from transfer_core.ingest.completion import Facts
from transfer_core.ingest.sent_file import Removal, remove_sent
from transfer_core.jobs.store import FrameRow, JobStore
from transfer_core.units import NS_PER_S

HELD_AGAIN_NS = NS_PER_S
BATCH = 500


@dataclass(slots=True)
class _Later:
    row: FrameRow
    due_ns: int


class Arrivals:
    """Used by the desk's thread."""

    def __init__(self, store: JobStore, clock: Clock, folders: Mapping[str, WatchedFolder]) -> None:
        self._store, self._clock, self._folders = store, clock, folders
        self._todo: list[FrameRow] = store.arrived_frames()
        self._later: list[_Later] = []

    def add(self, file_ids: Mapping[str, int]) -> None:
        """These jobs have arrived, and when; not all of them need be frames."""
        unknown: list[str] = []
        for file_id, arrived_ns in file_ids.items():
            for folder in self._folders.values():
                waiting = folder.waiting.get(file_id) or folder.stopped.get(file_id)
                if waiting is not None:
                    folder.figures.arrived(waiting.complete_ns, arrived_ns)
                    self._todo.append(waiting.row)
                    break
            else:
                unknown.append(file_id)
        if unknown:
            self._todo.extend(self._store.frames_of_jobs(unknown))

    @property
    def is_idle(self) -> bool:
        """Whether everything that has arrived is dealt with; what somebody keeps open is not waited for."""
        return not self._todo

    def turn(self) -> None:
        """Deal with what is due."""
        now_ns = self._clock.monotonic_ns()
        due = [each.row for each in self._later if now_ns >= each.due_ns]
        if due:
            self._later = [each for each in self._later if now_ns < each.due_ns]
        batch, self._todo = self._todo[:BATCH] + due, self._todo[BATCH:]
        try:
            self._deal_with(batch, now_ns)
        except DrsError:
            self._todo = batch + self._todo  # nothing of it is written down; done once more, it does no more
            raise

    def _deal_with(self, batch: list[FrameRow], now_ns: int) -> None:
        later: list[_Later] = []
        settled: list[FrameRow] = []
        forgotten: list[FrameRow] = []
        for row in batch:
            folder = self._folders.get(row.watch)
            is_last = folder is None or folder.done(row)
            if folder is None or not folder.spec.delete_after or not is_last:
                settled.append(row)
                continue
            removal = self._remove(folder, row)
            if removal is Removal.HELD:
                later.append(_Later(row, now_ns + HELD_AGAIN_NS))
            elif removal in (Removal.DELETED, Removal.GONE):
                folder.forget(row)
                forgotten.append(row)
            else:
                settled.append(row)
        if settled or forgotten:
            self._store.settle_frames(settled, forgotten)
        self._later += later

    def _remove(self, folder: WatchedFolder, row: FrameRow) -> Removal:
        path = os.path.join(folder.spec.directory, row.relative)  # noqa: PTH118 - names need not be valid Unicode
        try:
            return remove_sent(path, Facts(row.size, row.mtime_ns, row.inode))
        except OSError as error:
            folder.figures.went_wrong(f"{path} has arrived and can't be deleted: {error.strerror or error}")
            return Removal.CHANGED
