"""Short ways to fill a queue and to read its order."""

from __future__ import annotations

from collections.abc import Iterable

from transfer_core.events import JobState
from transfer_core.jobs.store import JobStore, NewJob

START_NS = 1_800_000_000_000_000_000


def new(file_id: str, priority: int = 5, *, size: int = 1000, destination: str = "pit", path: str = "") -> NewJob:
    return NewJob(file_id, path or f"/data/{file_id}.bin", size, priority, destination, f"{file_id}.bin", "cli")


def fill(store: JobStore, plan: str) -> None:
    """`a5 b5 c7`: jobs by name and priority, in the order of adding."""
    store.add_many([new(word[:1], int(word[1:])) for word in plan.split()])


def order(store: JobStore) -> str:
    """The list, in the form that `fill` takes."""
    return " ".join(f"{job.file_id}{job.priority}" for job in store.jobs())


def states(store: JobStore, ids: Iterable[str]) -> list[JobState]:
    return [store.job(file_id).status for file_id in ids]
