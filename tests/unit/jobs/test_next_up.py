"""Which jobs are next, and what it costs to find out where many wait."""

from __future__ import annotations

import itertools
import random
import sqlite3
from pathlib import Path

import pytest

from tests.unit.jobs.support import START_NS, new
from transfer_core.jobs.next_up import first_of, ready_jobs
from transfer_core.jobs.policy import aged_priority
from transfer_core.jobs.store import DATABASE_NAME, JobStore
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S

HOUR_NS = 3600 * NS_PER_S


def steps_to_find_the_first(folder: Path, clock: ManualClock, jobs: int) -> int:
    """How many instructions of SQLite's machine it takes to find the first of so many jobs."""
    store = JobStore(folder, clock)
    store.add_many([new(f"id-{number}") for number in range(jobs)])
    store.close()
    db, steps = sqlite3.connect(folder / DATABASE_NAME), 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    db.set_progress_handler(step, 1)
    assert first_of(ready_jobs(db, START_NS, ["pit"]), 1, 768, 0) == ["id-0"]
    db.close()
    return steps


def test_the_first_of_thousands_of_jobs_is_found_without_looking_at_the_others(
    tmp_path: Path, clock: ManualClock
) -> None:
    few, many = (steps_to_find_the_first(tmp_path / str(jobs), clock, jobs) for jobs in (20, 2000))
    assert many < 2 * few, (few, many)


@pytest.mark.parametrize("seed", range(5))
def test_jobs_come_in_the_order_of_their_priorities_as_they_count_with_age(
    tmp_path: Path, clock: ManualClock, seed: int
) -> None:
    dice = random.Random(seed)
    store = JobStore(tmp_path / "s", clock)
    for batch in range(8):
        jobs = [new(f"id-{batch}-{number}", dice.randint(1, 10)) for number in range(dice.randint(1, 9))]
        store.add_many(jobs)
        clock.advance(dice.randint(0, HOUR_NS))
    listed = store.jobs()
    now_ns = clock.wall_ns()
    store.close()
    db = sqlite3.connect(tmp_path / "s" / DATABASE_NAME)
    found = list(ready_jobs(db, now_ns, ["elsewhere", "pit"]))
    db.close()
    assert sorted(job.file_id for job in found) == sorted(job.file_id for job in listed)
    places = {job.file_id: (job.priority, job.position) for job in listed}
    for job, following in itertools.pairwise(found):
        if job.priority == following.priority:
            assert places[job.file_id] < places[following.file_id], f"seed {seed}"
        else:
            assert (job.counts_as, job.priority) <= (following.counts_as, following.priority), f"seed {seed}"
    assert all(job.counts_as <= aged_priority(job.priority, 0.0) for job in found)
