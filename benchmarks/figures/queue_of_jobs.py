"""A queue of 100,000 jobs: how long a claim and each change of state takes, with every one durable."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median
from transfer_core.engine.system import SystemClock
from transfer_core.jobs.store import JobStore, NewJob

JOBS = 100_000
TURNS = 1500
LIMIT_MS = 5.0
DESTINATIONS = ("pit", "factory", "archive")


@dataclass(slots=True)
class Times:
    """How long each kind of change took, in milliseconds: as a clock sees it, and of the CPU."""

    by_kind: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def take(self, kind: str, change: Callable[[], object]) -> object:
        """Measure one."""
        begun_s, cpu_s = time.perf_counter(), time.thread_time()
        result = change()
        taken = (time.perf_counter() - begun_s) * 1e3, (time.thread_time() - cpu_s) * 1e3
        self.by_kind.setdefault(kind, []).append(taken)
        return result


def measure(bench: Bench) -> Result:
    """On the disk, whose fsync counts, and on a memory disk: turns of claim, progress, and one of four ends."""
    count = JOBS // 10 if bench.quick else JOBS
    done: dict[str, Times] = {}
    notes: list[str] = []
    for name in ("disk", "memory disk"):
        done[name] = Times()
        with bench.scratch(in_memory=name == "memory disk") as folder:
            store = JobStore(folder, SystemClock())
            try:
                added_s = fill(store, count, random.Random(bench.seed))
                bench.log(f"{count} jobs queued on the {name} in {added_s:.1f} s")
                for turn in range(TURNS):
                    _turn(store, done[name], turn)
            finally:
                store.close()
            size = sum(path.stat().st_size for path in folder.iterdir())
            notes.append(f"{name.capitalize()}: {count:,} jobs queued in {added_s:.1f} s, {size / 1e6:.0f} MB.")
            if name == "disk":
                notes.append(f"A bare fsync of 4 KiB on that disk: p99 {_fsync_p99_ms(folder):.1f} ms.")
    return _result(done, count, notes)


def _fsync_p99_ms(folder: Path) -> float:
    """What the disk alone takes, beside which the database's times are to be read."""
    taken = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(300):
            file.write(bytes(4096))
            file.flush()
            begun_s = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - begun_s) * 1e3)
    return p99(taken)


def p99(values: Sequence[float]) -> float:
    """What 99 % of them stay below."""
    return sorted(values)[int(len(values) * 0.99)]


def fill(store: JobStore, count: int, rng: random.Random) -> float:
    """Queue so many; the seconds that it took."""
    begun_s = time.perf_counter()
    for first in range(0, count, 1000):
        store.add_many([_job(number, rng) for number in range(first, first + 1000)])
    return time.perf_counter() - begun_s


def _job(number: int, rng: random.Random) -> NewJob:
    name = f"stint{number:06d}.mcap"
    where = rng.choice(DESTINATIONS)
    return NewJob(f"job-{number:06d}", f"/data/race/{name}", 10_000_000, rng.randint(1, 10), where, name, "watch")


def _turn(store: JobStore, times: Times, turn: int) -> None:
    claimed = times.take("claim of one", lambda: store.claim("bench", 1, DESTINATIONS))
    assert isinstance(claimed, list)
    file_id = claimed[0].file_id
    times.take("progress", lambda: store.progress([(file_id, 5_000_000, {"wifi": 5_000_000}, 0)]))
    if turn % 4 == 0:
        times.take("failed", lambda: store.fail(file_id, "E_WRITE", "the disk broke"))
    elif turn % 4 == 1:
        times.take("put off", lambda: store.wait(file_id, "E_SERVER_BUSY", "not now", delay_ns=10**15))
    elif turn % 4 == 2:
        times.take("paused", lambda: store.pause([file_id]))
    else:
        times.take("completed", lambda: store.complete([(file_id, "blake3:00", "in/x", {"wifi": 10_000_000}, 0)]))


def _result(done: dict[str, Times], count: int, notes: list[str]) -> Result:
    rows, goals = [], []
    for name, times in done.items():
        for kind, taken in times.by_kind.items():
            wall, cpu = [each[0] for each in taken], [each[1] for each in taken]
            figures = (median(wall), p99(wall), max(wall), median(cpu), p99(cpu))
            rows.append((name, kind, *(f"{figure:.2f}" for figure in figures)))
            if name == "disk":
                worst = p99(wall)
                goals.append(Goal(f"{kind}, of {count:,} jobs: p99", "< 5 ms", f"{worst:.2f} ms", worst < LIMIT_MS))
    heads = ("on a", "change", "median, ms", "p99, ms", "most, ms", "CPU median, ms", "CPU p99, ms")
    return Result(goals, [Table(heads, rows)], notes=notes)


FIGURE = Figure(
    "queue",
    "A queue of 100,000 jobs",
    "100,000 jobs (10,000 with --quick) of ten priorities to three destinations in one SQLite database on the disk, "
    "each change a transaction of its own that is synced before it returns.",
    measure,
    order=60,
    repeated=False,
)
