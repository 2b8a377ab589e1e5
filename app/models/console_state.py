"""The newest snapshots of everything, in the GUI thread: what every page and model reads.

The service's events arrive merged, some twenty times a second at most; `apply` stores them and then tells, once for
each kind, what is different. Nobody else writes here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from app.models.arrivals import Arrivals
from app.models.job_tally import JobTally
from transfer_core.clock import Clock
from transfer_core.config import Policy
from transfer_core.events import (
    DestinationsChanged,
    DestinationView,
    EngineChanged,
    EngineFound,
    EngineLost,
    EngineSilent,
    EngineView,
    Event,
    JobsChanged,
    JobsRemoved,
    JobView,
    LinkMark,
    LinkMarked,
    LinksChanged,
    LinksSampled,
    LinkView,
    Notice,
    RelayChanged,
    RelayView,
    Severity,
)
from transfer_core.events.sync import SyncChanged, SyncFolderView
from transfer_core.events.watches import WatchesChanged, WatchView

ENGINE_UNKNOWN = EngineView(
    online=False,
    paused=False,
    rate_bps=0.0,
    files_left=0,
    bytes_left=0,
    eta_s=None,
    links_up=0,
    links_total=0,
    severity=Severity.INFO,
    why="starting",
    policy=Policy.BONDED.value,
)


class ConsoleState(QObject):
    """The snapshots by kind; each signal carries only what changed, as a tuple of views."""

    jobs_changed = Signal(object)  # tuple[JobView, ...]: new or different
    jobs_removed = Signal(object)  # tuple[str, ...]: file ids
    links_changed = Signal(object)  # tuple[LinkView, ...]: all, in their fixed order
    samples_arrived = Signal(object)  # tuple[LinkSample, ...]: oldest first
    link_marked = Signal(object)  # LinkMark
    engine_changed = Signal(object)  # EngineView
    engine_lost = Signal(object)  # EngineLost
    engine_found = Signal(object)  # EngineFound
    heard_changed = Signal(bool)  # whether the engine is heard of, see `is_heard`
    engine_silent = Signal(bool)  # True: it does not answer; False: it does again
    destinations_changed = Signal(object)  # tuple[DestinationView, ...]
    relay_changed = Signal(object)  # RelayView
    noticed = Signal(object)  # Notice
    others_arrived = Signal(object)  # tuple[Event, ...]: of subjects that only their own page knows

    def __init__(self, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._jobs: dict[str, JobView] = {}
        self._links: tuple[LinkView, ...] = ()
        self._link_order: dict[str, int] = {}
        self._engine = ENGINE_UNKNOWN
        self._destinations: tuple[DestinationView, ...] = ()
        self._relay = RelayView(running=False)
        self._watches: tuple[WatchView, ...] = ()
        self._folders: tuple[SyncFolderView, ...] = ()
        self._arrivals = Arrivals()
        self._tally = JobTally()
        self._is_heard = True

    @property
    def jobs(self) -> tuple[JobView, ...]:
        """The queue in its order: (priority, position)."""
        return tuple(sorted(self._jobs.values(), key=lambda job: (job.priority, job.position)))

    @property
    def tally(self) -> JobTally:
        """What matters of the queue as a whole."""
        return self._tally

    def each_job(self) -> Iterable[JobView]:
        """The queue in no order, for what only counts or looks."""
        return self._jobs.values()

    @property
    def links(self) -> tuple[LinkView, ...]:
        """All links in their fixed order."""
        return self._links

    @property
    def engine(self) -> EngineView:
        """The whole at a glance."""
        return self._engine

    @property
    def is_heard(self) -> bool:
        """False while the engine is gone or does not answer: all snapshots are then how it was."""
        return self._is_heard

    @property
    def destinations(self) -> tuple[DestinationView, ...]:
        """Where jobs can go."""
        return self._destinations

    @property
    def relay(self) -> RelayView:
        """The relay that this process hosts."""
        return self._relay

    @property
    def watches(self) -> tuple[WatchView, ...]:
        """All watched folders."""
        return self._watches

    @property
    def folders(self) -> tuple[SyncFolderView, ...]:
        """All shared folders."""
        return self._folders

    def now_ns(self) -> int:
        """Monotonic time, to tell ages of `measured_ns` and `since_ns`."""
        return self._clock.monotonic_ns()

    def wall_ns(self) -> int:
        """Time since 1970 UTC, for the clock and for what people read."""
        return self._clock.wall_ns()

    def job(self, file_id: str) -> JobView | None:
        """The newest view of one job, if it is in the queue."""
        return self._jobs.get(file_id)

    def link(self, name: str) -> LinkView | None:
        """The newest view of one link, if there is one of that name."""
        return next((link for link in self._links if link.name == name), None)

    def link_index(self, name: str) -> int:
        """The place of a link in the order in which links were first seen; fixes its colour for good."""
        return self._link_order.setdefault(name, len(self._link_order))

    def apply(self, events: Iterable[Event]) -> None:
        """Store one batch in its order, then tell; what came twice is told once, as it is now."""
        changed: dict[str, JobView] = {}
        removed: dict[str, None] = {}
        samples: list[object] = []
        marks: list[LinkMark] = []
        notices: list[Notice] = []
        others: list[Event] = []
        processes: list[EngineLost | EngineFound | EngineSilent] = []
        kinds: set[type] = set()
        for event in events:
            kinds.add(type(event))
            match event:
                case JobsChanged(jobs):
                    for job in jobs:
                        before = self._jobs.get(job.file_id)
                        self._arrivals.note(before, job)
                        self._tally.change(before, job)
                        changed[job.file_id] = self._jobs[job.file_id] = job
                        removed.pop(job.file_id, None)
                case JobsRemoved(file_ids):
                    for file_id in file_ids:
                        changed.pop(file_id, None)
                        gone = self._jobs.pop(file_id, None)
                        if gone is not None:
                            self._tally.change(gone, None)
                            removed[file_id] = None
                case LinksChanged(links):
                    self._links = links
                    for link in links:
                        self.link_index(link.name)
                case LinksSampled(new):
                    samples.extend(new)
                case LinkMarked(mark):
                    marks.append(mark)
                case EngineChanged(engine):
                    self._engine = engine
                case DestinationsChanged(destinations):
                    self._destinations = destinations
                case RelayChanged(relay):
                    self._relay = relay
                case Notice():
                    notices.append(event)
                case EngineLost():
                    self._engine = replace(self._engine, online=False, rate_bps=0.0, eta_s=None, links_up=0)
                    kinds.add(EngineChanged)
                    processes.append(event)
                case EngineSilent():
                    processes.append(event)
                case EngineFound():
                    # what follows is everything as it is now
                    removed |= dict.fromkeys(self._jobs)
                    self._jobs.clear()
                    self._tally.clear()
                    changed.clear()
                    processes.append(event)
                case _:
                    self._note_folders(event)
                    others.append(event)
        self._tell(kinds, tuple(changed.values()), tuple(removed), tuple(samples))
        for process in processes:
            match process:
                case EngineLost():
                    self._hear(False)
                    self.engine_lost.emit(process)
                case EngineFound():
                    self._hear(True)
                    self.engine_found.emit(process)
                case EngineSilent(is_silent):
                    self._hear(not is_silent)
                    self.engine_silent.emit(is_silent)
        for mark in marks:
            self.link_marked.emit(mark)
        arrival = self._arrivals.line(self.now_ns(), self.wall_ns())
        for notice in notices if arrival is None else [*notices, arrival]:
            self.noticed.emit(notice)
        if others:
            self.others_arrived.emit(tuple(others))

    def _hear(self, is_heard: bool) -> None:
        if is_heard != self._is_heard:
            self._is_heard = is_heard
            self.heard_changed.emit(is_heard)

    def _note_folders(self, event: Event) -> None:
        """What their own pages show is known here too, since it may need a hand."""
        match event:
            case WatchesChanged(watches):
                self._watches = watches
            case SyncChanged(folders):
                self._folders = folders

    def _tell(
        self, kinds: set[type], changed: tuple[JobView, ...], removed: tuple[str, ...], samples: tuple[object, ...]
    ) -> None:
        if LinksChanged in kinds:  # first, so that a job's links have their colours
            self.links_changed.emit(self._links)
        if removed:
            self.jobs_removed.emit(removed)
        if changed:
            self.jobs_changed.emit(changed)
        if samples:
            self.samples_arrived.emit(samples)
        if EngineChanged in kinds:
            self.engine_changed.emit(self._engine)
        if DestinationsChanged in kinds:
            self.destinations_changed.emit(self._destinations)
        if RelayChanged in kinds:
            self.relay_changed.emit(self._relay)
