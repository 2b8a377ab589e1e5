"""Short ways to fill a queue and to read its order."""

from __future__ import annotations

from collections.abc import Iterable

from transfer_core.events import JobState
from transfer_core.events.watches import WatchSpec
from transfer_core.jobs.store import JobStore, NewFrame, NewJob

START_NS = 1_800_000_000_000_000_000
SPEC = WatchSpec("camera01", "/data/camera01", "pit")


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


def frame(name: str, file_id: str, *, mtime_ns: int = 1, run_id: str = "", watch: str = "camera01") -> NewFrame:
    job = NewJob(file_id, f"/data/{watch}/{name}", 100, 5, "pit", name, "watch", mtime_ns, 7)
    return NewFrame(watch, run_id, name, job)


def complete(store: JobStore, *file_ids: str) -> None:
    store.claim("agent", 100, ["pit"])
    store.complete([(file_id, "blake3:00", file_id, {}, 0) for file_id in file_ids])
