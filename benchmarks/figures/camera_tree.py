"""A watched tree of 200,000 files that were sent before: when it is ready, what it holds, what it takes while idle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result
from benchmarks.figures.camera_files import wait_for_files
from benchmarks.processes import cpu_seconds, peak_memory_bytes
from benchmarks.stage import Setting, stage
from transfer_core.engine.system import SystemClock
from transfer_core.events.watches import WatchSpec
from transfer_core.ingest.watcher import RESCAN_SHARE
from transfer_core.jobs.store import FrameRow, JobStore, NewFrame, NewJob

FILES, QUICK_FILES, PER_FOLDER = 200_000, 40_000, 2_000
READY_S, MEMORY_MB, IDLE_SHARE = 5.0, 200.0, 0.02
IDLE_S = 30.0


def measure(bench: Bench) -> Result:
    """On the disk; the database is filled as an agent that sent them all would have left it."""
    files = QUICK_FILES if bench.quick else FILES
    with bench.scratch() as folder:
        tree = _make_tree(folder / "old", files)
        setting = Setting(folder, folder / "received")
        with stage(setting) as made:
            made.agent.stop()
            _remember(folder / "agent", tree)
            (tree / "new.jpg").write_bytes(b"new")
            began_s = time.monotonic()
            made.agent = made.start_agent()
            online_s = time.monotonic() - began_s
            wait_for_files(folder / "received", 1, 120)
            ready_s = time.monotonic() - began_s
            _until_idle(made.agent.pid)
            before_s, from_s = cpu_seconds(made.agent.pid), time.monotonic()
            time.sleep(IDLE_S)
            measured = (cpu_seconds(made.agent.pid) - before_s) / (time.monotonic() - from_s)
            memory_mb = peak_memory_bytes(made.agent.pid) / 1e6
    share = measured + 1 / RESCAN_SHARE  # of everything, which comes more seldom than is waited for here
    goals = [
        Goal(f"{files:,} old files: a new one among them has arrived", f"< {READY_S:.0f} s", f"{ready_s:.1f} s",
             ready_s < READY_S),
        Goal("most memory", f"< {MEMORY_MB:.0f} MB", f"{memory_mb:.0f} MB", memory_mb < MEMORY_MB),
        Goal("CPU while idle", f"< {IDLE_SHARE:.0%}", f"{share:.2%} of a core", share < IDLE_SHARE),
    ]  # fmt: skip
    began = f"From the start of the process, of which {online_s:.1f} s until its relay answered."
    return Result(goals, notes=[f"{began} While idle {measured:.2%} was measured, in {IDLE_S:.0f} s."])


def _until_idle(pid: int) -> None:
    """Until the first walk over the tree has ended."""
    for _ in range(60):
        before_s = cpu_seconds(pid)
        time.sleep(2)
        if cpu_seconds(pid) - before_s < 0.2:
            return


def _make_tree(root: Path, files: int) -> Path:
    for place in range(files // PER_FOLDER):
        folder = root / f"run{place:04d}"
        folder.mkdir(parents=True)
        for number in range(PER_FOLDER):
            (folder / f"frame_camera01_{place * PER_FOLDER + number:09d}.jpg").touch()
    return root


def _remember(state: Path, tree: Path) -> None:
    """All of them queued, arrived and settled."""
    store = JobStore(state, SystemClock())
    try:
        store.add_watches([WatchSpec("old", str(tree), "pit", pattern="*.jpg", preserve_structure=True)])
        for frames in _batches(tree):
            store.queue_frames(frames)
            ids = [frame.job.file_id for frame in frames]
            store.complete([(file_id, "blake3:00", file_id, {}, 0) for file_id in ids])
            store.settle_frames([FrameRow("old", "", "", 0, 0, 0, file_id) for file_id in ids], [])
        store.trim_arrived(1000, 10_000)
    finally:
        store.close()


def _batches(tree: Path) -> Iterator[list[NewFrame]]:
    for folder in sorted(tree.iterdir()):
        batch = []
        for path in sorted(folder.iterdir()):
            facts, relative = path.stat(), path.relative_to(tree).as_posix()
            job = NewJob(f"old-{path.stem}", str(path), facts.st_size, 5, "pit", relative, "watch", facts.st_mtime_ns,
                         facts.st_ino)  # fmt: skip
            batch.append(NewFrame("old", "", relative, job))
        yield batch


FIGURE = Figure(
    "camera-tree",
    "Cameras: a tree of old files",
    "A watched tree of 200,000 files that were sent before (40,000 with --quick), in folders of 2,000, and one new "
    "file: an agent starts. Idle is what follows the first walk over the tree, with the share added that walking over "
    "all of it again and again may take.",
    measure,
    order=62,
    repeated=False,
)
