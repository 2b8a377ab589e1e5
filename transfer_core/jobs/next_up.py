"""Which jobs are next: in the order of the list within a priority, and the priorities as they count with age."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from transfer_core.jobs.database import plain_rows
from transfer_core.jobs.policy import aged_priority
from transfer_core.units import NS_PER_S, seconds_of


@dataclass(frozen=True, slots=True)
class ReadyJob:
    """A job that may be claimed."""

    file_id: str
    size: int
    priority: int
    counts_as: float


def is_any_ready(db: sqlite3.Connection, wall_ns: int, destinations: Sequence[str]) -> bool:
    """Whether any job may be claimed for one of these."""
    asked = "SELECT 1 FROM job WHERE status = 'pending' AND listed = 1 AND destination = ? AND next_try_ns <= ? LIMIT 1"
    return any(db.execute(asked, (destination, wall_ns)).fetchone() for destination in destinations)


def first_of(ready: Iterable[ReadyJob], limit: int, small_limit: int, small_bytes: int) -> list[str]:
    """The first so many, and the next ones, `small_limit` in all, as long as all together are small."""
    taken: list[str] = []
    total_bytes = 0
    for job in ready:
        total_bytes += job.size
        if len(taken) >= limit and (len(taken) >= small_limit or total_bytes > small_bytes):
            break
        taken.append(job.file_id)
    return taken


def ready_jobs(db: sqlite3.Connection, wall_ns: int, destinations: Sequence[str]) -> Generator[ReadyJob, None, None]:
    """The next jobs, the first one first. Each is read when it is asked for: thousands may wait, of which few fit."""
    queues: list[tuple[ReadyJob, Iterator[ReadyJob]]] = []
    for rank in range(1, 11):
        queue = _ready_of(db, wall_ns, destinations, rank)
        if (first := next(queue, None)) is not None:
            queues.append((first, queue))
    while queues:
        at = min(range(len(queues)), key=lambda each: (queues[each][0].counts_as, queues[each][0].priority))
        first, queue = queues[at]
        yield first
        if (following := next(queue, None)) is None:
            del queues[at]
        else:
            queues[at] = following, queue


def _ready_of(db: sqlite3.Connection, wall_ns: int, destinations: Sequence[str], priority: int) -> Iterator[ReadyJob]:
    """Those of one priority, in the order of the list."""
    now_s = wall_ns / NS_PER_S
    counts_as: dict[str, float] = {}
    waiting = [
        plain_rows(db).execute(
            "SELECT position, file_id, created_at, size FROM job WHERE status = 'pending' AND listed = 1"
            " AND destination = ? AND priority = ? AND next_try_ns <= ? ORDER BY position, file_id",
            (destination, priority, wall_ns),
        )
        for destination in destinations
    ]
    for _, file_id, text, size in heapq.merge(*waiting):
        if text not in counts_as:
            counts_as[text] = aged_priority(priority, now_s - seconds_of(text))
        yield ReadyJob(file_id, size, priority, counts_as[text])
