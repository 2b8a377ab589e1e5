"""Which jobs are next: in the order of the list within a priority, and the priorities as they count with age."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

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


def first_of(ready: Sequence[ReadyJob], limit: int, small_bytes: int) -> list[str]:
    """The first so many, and the next ones as long as all together are small."""
    sums = accumulate(job.size for job in ready)
    return [
        job.file_id
        for at, (job, total) in enumerate(zip(ready, sums, strict=True))
        if at < limit or total <= small_bytes
    ]


def ready_jobs(db: sqlite3.Connection, wall_ns: int, limit: int, destinations: Sequence[str]) -> list[ReadyJob]:
    """The next jobs, at most `limit`."""
    queues = [found for rank in range(1, 11) if (found := _ready_of(db, wall_ns, limit, destinations, rank))]
    taken: list[ReadyJob] = []
    while queues and len(taken) < limit:
        first = min(queues, key=lambda queue: (queue[-1].counts_as, queue[-1].priority))
        taken.append(first.pop())
        if not first:
            queues.remove(first)
    return taken


def _ready_of(
    db: sqlite3.Connection, wall_ns: int, limit: int, destinations: Sequence[str], priority: int
) -> list[ReadyJob]:
    """Those of one priority, the first last."""
    rows: list[tuple[float, str, str, int]] = []
    cursor = plain_rows(db)
    for destination in destinations:
        rows += cursor.execute(
            "SELECT position, file_id, created_at, size FROM job WHERE status = 'pending' AND listed = 1"
            " AND destination = ? AND priority = ? AND next_try_ns <= ? ORDER BY position, file_id LIMIT ?",
            (destination, priority, wall_ns, limit),
        )
    rows.sort(reverse=True)
    del rows[:-limit]
    now_s = wall_ns / NS_PER_S
    counts_as = {text: aged_priority(priority, now_s - seconds_of(text)) for text in {row[2] for row in rows}}
    return [ReadyJob(file_id, size, priority, counts_as[text]) for _, file_id, text, size in rows]
