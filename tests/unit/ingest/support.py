"""A watched folder with a real file system, and the patience to wait for what it finds."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.engine.system import SystemClock
from transfer_core.ingest.candidates import Frame
from transfer_core.ingest.completion import CompletionRules, Facts
from transfer_core.ingest.selection import NamePattern
from transfer_core.ingest.watcher import FolderWatcher
from transfer_core.sim.manual_clock import ManualClock

PATIENCE_S = 60.0


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

    def __init__(
        self,
        root: Path | str,
        pattern: str = "*",
        *,
        polls: bool = False,
        cleanup: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.wanted = Everything(pattern)
        self.frames: list[Frame] = []
        self.watcher = FolderWatcher(
            os.fspath(root),
            self.wanted,
            clock or SystemClock(),
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
        self._take(self.watcher.turn())

    def _take(self, frames: list[Frame]) -> None:
        for frame in frames:
            self.wanted.taken.add((frame.relative, frame.facts))
            self.frames.append(frame)

    def play(self, clock: ManualClock, seconds: float) -> int:
        """Let that much of the manual clock's time pass, with a turn whenever one is due; how many these were."""
        end_ns, turns = clock.monotonic_ns() + round(seconds * 1e9), 0
        while clock.monotonic_ns() < end_ns:
            now_ns = clock.monotonic_ns()
            clock.advance(min(max(self.watcher.due_ns(), now_ns + 1_000_000), end_ns) - now_ns)
            self._take(self.watcher.turn())
            turns += 1
        return turns

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, f"in vain: {self.names} {self.watcher.trouble} {self.watcher.unfinished}"
            self.turn()

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(0.01)
