"""How long the console takes to open a queue of 100,000 jobs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.figures.queue_of_jobs import JOBS, fill
from benchmarks.page import ROOT
from transfer_core.engine.system import SystemClock
from transfer_core.jobs.store import JobStore

MODULE = "benchmarks.open_queue"
BEGAN = "DRS_BENCH_BEGAN"  # when its process was started, in seconds of the monotonic clock
LIMIT_S = 2.0
WORDS = {
    "open_s": "engine there to all rows in the painted table, s",
    "first_rows_s": "start of the program to the first rows painted, s",
    "all_rows_s": "start of the program to all rows, s",
    "engine_s": "of that, until the engine has started, s",
    "window_cpu_s": "CPU of the window's process, s",
    "engine_cpu_s": "CPU of the engine's process, s",
}


def measure(bench: Bench) -> Result:
    """Each run is a process of its own, on one state on the disk."""
    count = JOBS // 10 if bench.quick else JOBS
    with bench.scratch() as folder:
        store = JobStore(folder, SystemClock())
        try:
            fill(store, count, random.Random(bench.seed))
        finally:
            store.close()
        runs = [_run(folder, count) for _ in range(bench.runs)]
    found = {key: [run[key] for run in runs] for key in WORDS}
    goals = [
        Goal(f"{WORDS[key]}, of {count:,}", f"< {LIMIT_S:g}", f"{median(found[key]):.2f}", median(found[key]) < LIMIT_S)
        for key in ("open_s", "first_rows_s")
    ]
    rows = [(WORDS[key], spread(found[key])) for key in WORDS]
    return Result(goals, [Table(("what", "measured"), rows)])


def _run(state: Path, count: int) -> dict[str, float]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    environment[BEGAN] = str(time.monotonic())
    words = [sys.executable, "-m", MODULE, str(state), str(count)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False, cwd=ROOT, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-1500:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


FIGURE = Figure(
    "queue-opened",
    "The console opens a queue of 100,000 jobs",
    "The console without a screen, its engine a process of its own, opens a state with 100,000 jobs (10,000 with "
    "--quick). The front of the list comes first, the rest in portions.",
    measure,
    order=61,
)
