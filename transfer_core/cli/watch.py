"""Follows a service through its events: what is known by now, and what has just changed in a way that people notice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from transfer_core.events import (
    DestinationsChanged,
    DestinationView,
    EngineChanged,
    EngineView,
    Event,
    JobsChanged,
    JobsRemoved,
    JobState,
    JobView,
    LinkMark,
    LinkMarked,
    LinksChanged,
    LinkView,
    Notice,
)


@dataclass(slots=True)
class Changes:
    """What one drain brought. Of a job, a link and a destination there is at most the newest view."""

    jobs: list[JobView] = field(default_factory=list)
    turned_jobs: list[JobView] = field(default_factory=list)  # those of `jobs` whose status or reason is another
    removed: list[str] = field(default_factory=list)
    turned_links: list[LinkView] = field(default_factory=list)  # whose state is another
    turned_destinations: list[DestinationView] = field(default_factory=list)
    marks: list[LinkMark] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


class Watch:
    """Everything as the events tell it. What had ended before it began is no news.

    `began_at` (UTC, ISO 8601) is for a watch that is made after what it watches: it counts as begun then.
    """

    def __init__(self, began_at: str = "") -> None:
        self._began_at = began_at
        self.jobs: dict[str, JobView] = {}
        self.links: dict[str, LinkView] = {}
        self.destinations: dict[str, DestinationView] = {}
        self.engine: EngineView | None = None
        self._over_at_first: set[str] | None = None

    def take(self, events: Iterable[Event]) -> Changes:
        """Learn from one drain."""
        changes = Changes()
        for event in events:
            match event:
                case JobsChanged(jobs=jobs):
                    for job in jobs:
                        self._take_job(job, changes)
                case JobsRemoved(file_ids=file_ids):
                    changes.removed.extend(file_ids)
                    for file_id in file_ids:
                        self.jobs.pop(file_id, None)
                case LinksChanged(links=links):
                    changes.turned_links.extend(
                        link
                        for link in links
                        if link.name not in self.links or self.links[link.name].state != link.state
                    )
                    self.links = {link.name: link for link in links}
                case DestinationsChanged(destinations=destinations):
                    for destination in destinations:
                        known = self.destinations.get(destination.name)
                        if known is None or known.online != destination.online:
                            changes.turned_destinations.append(destination)
                    self.destinations = {destination.name: destination for destination in destinations}
                case EngineChanged(engine=engine):
                    self.engine = engine
                case LinkMarked(mark=mark):
                    changes.marks.append(mark)
                case Notice():
                    changes.notices.append(event)
                case _:
                    pass
        if self._over_at_first is None:
            self._over_at_first = {job.file_id for job in self.jobs.values() if self._was_over(job)}
            changes.turned_jobs = [job for job in changes.turned_jobs if job.file_id not in self._over_at_first]
        return changes

    def _was_over(self, job: JobView) -> bool:
        return job.status.is_final and not (self._began_at and (job.completed_at or "") >= self._began_at)

    def failed(self) -> list[JobView]:
        """Jobs that failed since the watch began."""
        before = self._over_at_first or set()
        return [job for job in self.jobs.values() if job.status is JobState.FAILED and job.file_id not in before]

    def completed(self) -> list[JobView]:
        """Jobs that were completed since the watch began."""
        before = self._over_at_first or set()
        return [job for job in self.jobs.values() if job.status is JobState.COMPLETED and job.file_id not in before]

    def left(self) -> list[JobView]:
        """Jobs that will go on by themselves."""
        return [job for job in self.jobs.values() if job.status in (JobState.PENDING, JobState.UPLOADING)]

    def _take_job(self, job: JobView, changes: Changes) -> None:
        known = self.jobs.get(job.file_id)
        self.jobs[job.file_id] = job
        changes.jobs.append(job)
        if known is None or (known.status, known.reason) != (job.status, job.reason):
            changes.turned_jobs.append(job)
        if known is not None and known.status.is_final and not job.status.is_final and self._over_at_first:
            # retried meanwhile: it counts again
            self._over_at_first.discard(job.file_id)
