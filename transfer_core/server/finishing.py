"""Brings files that are whole to their places, many at once.

A disk makes one file durable in about the time that it needs for many at once: its journal takes all that is there
within one commit. So the system is told to write all files of a group before the first is waited for. Where the others
are slow all the same, they are synced side by side. Then they are named, and then each of their folders is synced once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from transfer_core.errors import DrsError
from transfer_core.storage.durable import sync_folder
from transfer_core.storage.incoming import IncomingFile, storage_error

P = TypeVar("P", Path, str)
THREADS = 16
SLOW_SYNC_S = 0.0005  # a sync that takes longer is worth another thread,
SLOW_SYNCS = 2  # if it is not the first, which does the work of all


class Finisher:
    """Used by the sync thread; `close` ends its threads."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def make_ready(self, files: Sequence[tuple[IncomingFile, int]]) -> list[DrsError | None]:
        """Sync these, each with its time of change in nanoseconds; what went wrong with which."""
        found: list[DrsError | None] = []
        if len(files) > 1:
            for file, mtime_ns in files:
                file.begin_ready(mtime_ns)
        slow = 0
        for at, (file, mtime_ns) in enumerate(files):
            began_s = time.perf_counter()
            found.append(_tried(file, mtime_ns))
            slow += time.perf_counter() - began_s > SLOW_SYNC_S
            if slow >= SLOW_SYNCS and at + 2 < len(files):
                found += self._side_by_side(files[at + 1 :])
                break
        return found

    def _side_by_side(self, files: Sequence[tuple[IncomingFile, int]]) -> list[DrsError | None]:
        """Each thread syncs its share of them: to hand over one by one costs more than a sync."""
        shares = self._threads().map(_all_tried, [files[first::THREADS] for first in range(min(THREADS, len(files)))])
        found: list[DrsError | None] = [None] * len(files)
        for first, share in enumerate(shares):
            found[first::THREADS] = share
        return found

    def sync_folders(self, folders: Iterable[P]) -> dict[P, DrsError]:
        """Make the names in these folders durable; what went wrong with which."""
        wrong: dict[P, DrsError] = {}
        for folder in dict.fromkeys(folders):
            try:
                sync_folder(folder)
            except OSError as error:
                wrong[folder] = storage_error(error, folder)
        return wrong

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="relay-fsync")
        return self._pool


def _all_tried(files: Sequence[tuple[IncomingFile, int]]) -> list[DrsError | None]:
    return [_tried(file, mtime_ns) for file, mtime_ns in files]


def _tried(file: IncomingFile, mtime_ns: int) -> DrsError | None:
    try:
        file.make_ready(mtime_ns)
    except DrsError as error:
        return error
    return None


def outcome(work: Callable[[], object]) -> DrsError | None:
    """What went wrong, None if nothing did."""
    try:
        work()
    except DrsError as error:
        return error
    return None
