"""What matters of a queue as a whole: what waits for each destination, what failed, what waits for room. Pure.

It is told of each job that changes, so that a look at it costs the same for ten rows as for 100,000.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from transfer_core.events import JobState, JobView

FULL = frozenset({"E_DISK_FULL", "E_QUOTA"})


class JobTally:
    """Counts by destination, and the few jobs that need a hand, in the order in which they came to need it."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()
        self._failed_at: Counter[str] = Counter()
        self._failed: dict[str, JobView] = {}
        self._full: dict[str, JobView] = {}

    @property
    def waiting(self) -> Counter[str]:
        """Jobs that have not ended, by their destination."""
        return self._waiting

    @property
    def failed_at(self) -> Counter[str]:
        """Jobs that failed, by their destination."""
        return self._failed_at

    @property
    def failed(self) -> Collection[JobView]:
        """Jobs that failed."""
        return self._failed.values()

    @property
    def full(self) -> JobView | None:
        """One that waits for room where it goes."""
        return next(iter(self._full.values()), None)

    def change(self, before: JobView | None, after: JobView | None) -> None:
        """A job as it was, if it was known, and as it is, if it is still there."""
        if before is not None:
            self._count(before, -1)
            if after is None:
                self._failed.pop(before.file_id, None)
                self._full.pop(before.file_id, None)
        if after is not None:
            self._count(after, 1)
            is_failed = after.status is JobState.FAILED
            _keep(self._failed, after, is_wanted=is_failed)
            _keep(self._full, after, is_wanted=after.error in FULL and not after.status.is_final)

    def clear(self) -> None:
        """Forget all jobs."""
        for each in (self._waiting, self._failed_at, self._failed, self._full):
            each.clear()

    def _count(self, job: JobView, step: int) -> None:
        if job.status is JobState.FAILED:
            self._failed_at[job.destination] += step
        elif not job.status.is_final:
            self._waiting[job.destination] += step


def _keep(jobs: dict[str, JobView], job: JobView, *, is_wanted: bool) -> None:
    """Put it there, or take it away; one that is there already keeps its place."""
    if is_wanted:
        jobs[job.file_id] = job
    elif jobs:
        jobs.pop(job.file_id, None)
