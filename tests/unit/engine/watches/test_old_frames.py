from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transfer_core.engine.watches.old_frames import TRIM_NS, OldFrames
from transfer_core.jobs.store import JobStore
from transfer_core.sim.manual_clock import ManualClock


class CountedStore(JobStore):
    trims = 0

    def trim_arrived(self, listed: int, kept: int) -> int:
        self.trims += 1
        return super().trim_arrived(listed, kept)


def test_the_queue_is_trimmed_at_the_start_and_after_arrivals_and_not_while_nothing_happens(tmp_path: Path) -> None:
    clock, store = ManualClock(), CountedStore(tmp_path, ManualClock())
    figures = SimpleNamespace(frames_in=0, frames_out=0)
    folders: dict[str, Any] = {"camera01": SimpleNamespace(figures=figures, watcher=None, waiting={})}
    old = OldFrames(store, clock, folders)

    def trims_in(beats: int) -> int:
        before = store.trims
        for _ in range(beats):
            clock.advance(TRIM_NS)
            old.turn(clock.monotonic_ns())
        return store.trims - before

    assert trims_in(10) == 1
    figures.frames_out += 3
    assert trims_in(10) == 1
    del folders["camera01"]
    assert trims_in(10) == 1
    store.close()
