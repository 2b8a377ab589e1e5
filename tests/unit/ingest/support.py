"""A watched folder with a real file system, and the patience to wait for what it finds."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from transfer_core.engine.system import SystemClock
from transfer_core.ingest.completion import CompletionRules, Facts
from transfer_core.ingest.selection import NamePattern
from transfer_core.ingest.watcher import FolderWatcher, Frame

PATIENCE_S = 10.0


class Everything:
    """Wants each version of each file once."""

    def __init__(self, pattern: str = "*") -> None:
        self.pattern = NamePattern(pattern)
        self.taken: set[tuple[str, Facts]] = set()

    def looks_at(self, relative: str) -> bool:
        return self.pattern.wants(relative)

    def wants(self, relative: str, facts: Facts) -> bool:
        return (relative, facts) not in self.taken


class WatchedFolder:
    """Runs a watcher in the foreground."""

    def __init__(self, root: Path | str, pattern: str = "*", *, polls: bool = False, cleanup: bool = False) -> None:
        self.wanted = Everything(pattern)
        self.frames: list[Frame] = []
        self.watcher = FolderWatcher(
            os.fspath(root),
            self.wanted,
            SystemClock(),
            rules=CompletionRules(),
            lookahead=4,
            polls=polls,
            cleanup_part_files=cleanup,
        )

    @property
    def names(self) -> list[str]:
        return [frame.relative for frame in self.frames]

    def turn(self, at_most_s: float = 0.05) -> None:
        wait_s = min(at_most_s, max(0.0, (self.watcher.due_ns() - time.monotonic_ns()) / 1e9))
        fd = self.watcher.events_fd
        select.select([] if fd is None else [fd], [], [], wait_s)
        for frame in self.watcher.turn():
            self.wanted.taken.add((frame.relative, frame.facts))
            self.frames.append(frame)

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, f"in vain: {self.names} {self.watcher.trouble} {self.watcher.unfinished}"
            self.turn()

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(0.01)
