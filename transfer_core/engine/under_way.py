"""The jobs under way, with their newest figures: what of them people see, and what of them is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from transfer_core.events import JobState, JobView
from transfer_core.jobs.model import Job
from transfer_core.jobs.policy import aged_priority
from transfer_core.units import seconds_of

RATE_GAIN = 0.25
RATE_GAIN_IDLE = 0.5  # once nothing is under way
RATE_LEAST_BPS = 1000  # below it nothing goes
RATE_SHOWN_BPS = 50_000  # below it people read 0.0 Mbit/s, and no time left can be told


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a job is: bytes acknowledged, by link, sent more than once, and on the other side's disk."""

    arrived_bytes: int = 0
    links: Mapping[str, int] = field(default_factory=dict)
    resent_bytes: int = 0
    durable_bytes: int = 0
    passed_bytes: int | None = None  # what has left, where acknowledgements come too seldom to tell a rate

    @property
    def rate_bytes(self) -> int:
        """What a rate is told from."""
        return self.arrived_bytes if self.passed_bytes is None else self.passed_bytes


class Outgoing(Protocol):
    """A job on its way, by whatever transport."""

    held: str  # why it has to wait, empty if it doesn't

    @property
    def job(self) -> Job:
        """As it was claimed."""
        ...


@dataclass(slots=True, eq=False)
class RunningJob:
    """A job under way, as the clerk follows it."""

    out: Outgoing
    destination: str
    priority: int
    position: float
    figures: Figures = Figures()
    counted_ns: int | None = None
    rate_bps: float = 0.0
    kept_bytes: int = -1
    told_priority: int | None = None  # what the session was told, if it is not the job's own

    def counts_as(self, wall_s: float) -> int:
        """The priority as it counts by now, since whoever waits long rises."""
        waited_s = wall_s - seconds_of(self.out.job.created_at)
        return max(1, math.ceil(aged_priority(self.priority, waited_s)))

    def take(self, figures: Figures, now_ns: int) -> bool:
        """Newer figures; whether they say anything new."""
        before_bps = self.rate_bps
        if self.counted_ns is not None and now_ns > self.counted_ns:
            moved = max(0, figures.rate_bytes - self.figures.rate_bytes)
            self.rate_bps += RATE_GAIN * (moved * 8e9 / (now_ns - self.counted_ns) - self.rate_bps)
            self.rate_bps = self.rate_bps if self.rate_bps > RATE_LEAST_BPS else 0.0
        is_new = figures != self.figures or self.rate_bps != before_bps
        self.counted_ns, self.figures = now_ns, figures
        return is_new

    @property
    def told_bytes(self) -> int:
        """What of it a rate has been told from already."""
        return self.out.job.bytes_done if self.counted_ns is None else self.figures.rate_bytes

    @property
    def unkept_bytes(self) -> int:
        """Bytes that have arrived and that the database does not count yet."""
        return max(0, min(self.figures.arrived_bytes, self.out.job.size) - max(self.kept_bytes, 0))

    def rows_to_keep(self) -> list[tuple[str, int, dict[str, int], int]]:
        """See `UnderWay`; one or none."""
        figures = self.figures
        kept_bytes = self.kept_bytes if self.kept_bytes >= 0 else self.out.job.bytes_done
        if self.counted_ns is None or figures.durable_bytes == kept_bytes:
            return []
        self.kept_bytes = figures.durable_bytes
        return [(self.out.job.file_id, figures.durable_bytes, dict(figures.links), figures.resent_bytes)]

    def view(self, row: JobView) -> JobView:
        """`row` with these figures, in the place to which it was moved since it was claimed."""
        if self.counted_ns is None:
            is_moved = (row.priority, row.position) != (self.priority, self.position)
            return replace(row, priority=self.priority, position=self.position) if is_moved else row
        arrived = min(row.size, self.figures.arrived_bytes)
        eta_s = (row.size - arrived) * 8 / self.rate_bps if self.rate_bps > RATE_SHOWN_BPS else None
        return replace(
            row,
            priority=self.priority,
            position=self.position,
            bytes_done=arrived,
            rate_bps=self.rate_bps,
            eta_s=eta_s,
            links=dict(self.figures.links),
            resent_bytes=self.figures.resent_bytes,
            reason=self.out.held or row.reason,
        )


class UnderWay:
    """All of them, by file id."""

    def __init__(self) -> None:
        self._jobs: dict[str, RunningJob] = {}
        self._whole_bytes = 0
        self._moved_bytes = 0  # of those that have ended since figures were taken last
        self._taken_ns: int | None = None
        self._rate_bps = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, file_id: str) -> bool:
        return file_id in self._jobs

    def __iter__(self) -> Iterator[RunningJob]:
        return iter(list(self._jobs.values()))

    def add(self, running: RunningJob) -> None:
        """One more."""
        self.pop(running.out.job.file_id)
        self._jobs[running.out.job.file_id] = running
        self._whole_bytes += running.out.job.size

    def find(self, file_id: str) -> RunningJob | None:
        """The one with that id, if it is under way."""
        return self._jobs.get(file_id)

    def pop(self, file_id: str) -> RunningJob | None:
        """It is under way no more."""
        running = self._jobs.pop(file_id, None)
        if running is not None:
            self._whole_bytes -= running.out.job.size
        return running

    def arrived(self, file_id: str) -> None:
        """It is whole on the other side. What of it no figures told of counts for the rate too."""
        running = self.pop(file_id)
        if running is not None:
            self._moved_bytes += max(0, running.out.job.size - running.told_bytes)

    def take(self, found: Mapping[str, Figures], now_ns: int) -> list[RunningJob]:
        """Newer figures; gives those of which they say anything new."""
        present = [(self._jobs[file_id], figures) for file_id, figures in found.items() if file_id in self._jobs]
        moved_bytes = self._moved_bytes
        moved_bytes += sum(max(0, figures.rate_bytes - running.told_bytes) for running, figures in present)
        self._count(moved_bytes, now_ns)
        return [running for running, figures in present if running.take(figures, now_ns)]

    def _count(self, moved_bytes: int, now_ns: int) -> None:
        if self._taken_ns is not None and now_ns > self._taken_ns:
            gain = RATE_GAIN if self._jobs or moved_bytes else RATE_GAIN_IDLE
            self._rate_bps += gain * (moved_bytes * 8e9 / (now_ns - self._taken_ns) - self._rate_bps)
            self._rate_bps = self._rate_bps if self._rate_bps > RATE_LEAST_BPS else 0.0
        self._moved_bytes, self._taken_ns = 0, now_ns

    def view(self, row: JobView) -> JobView:
        """A row of the queue as it is now."""
        running = self._jobs.get(row.file_id)
        return row if running is None or row.status is not JobState.UPLOADING else running.view(row)

    def rows_to_keep(self) -> list[tuple[str, int, dict[str, int], int]]:
        """Id, durable bytes, bytes by link and bytes sent again, of each that went on since the last time."""
        return [row for running in self._jobs.values() for row in running.rows_to_keep()]

    @property
    def rate_bps(self) -> float:
        """All together, with those that began and ended between two looks: frames of cameras are so small."""
        return self._rate_bps

    @property
    def whole_bytes(self) -> int:
        """The sizes of all."""
        return self._whole_bytes

    @property
    def unkept_bytes(self) -> int:
        """Bytes that have arrived and that the database does not count yet."""
        return sum(running.unkept_bytes for running in self._jobs.values())

    def holds_others(self, destination: str, but: str) -> bool:
        """Whether others than that job wait for the same destination already."""
        return any(
            running.out.held and running.destination == destination and file_id != but
            for file_id, running in self._jobs.items()
        )

    @property
    def held(self) -> str:
        """Why one of them has to wait, if one has to."""
        return next((running.out.held for running in self._jobs.values() if running.out.held), "")
