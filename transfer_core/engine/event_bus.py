"""Carries events from the engine to whoever listens, each with a merged and bounded backlog of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from transfer_core.events import (
    Event,
    JobsChanged,
    JobsRemoved,
    JobView,
    LinkMarked,
    LinkSample,
    LinksSampled,
    Notice,
)
from transfer_core.events.sync import SyncHappened
from transfer_core.events.telemetry import RaceRemoved, RacesChanged, RaceView

SAMPLES_KEPT = 20_000
LINES_KEPT = 2_000
ROWS_FIRST = 1_000  # more than a screen shows
ROWS_AT_ONCE = 20_000
RowsBehind = Callable[[JobView | None, int], list[JobView]]
"""So many rows of the queue behind one, or its first ones."""


class BusSubscription:
    """One listener's backlog. Newest view of each job; samples, marks and notices in order, the oldest dropped."""

    def __init__(self, on_close: Callable[[BusSubscription], None], rows: RowsBehind, *, in_portions: bool) -> None:
        self._lock = threading.Lock()
        self._on_close = on_close
        self._rows = rows
        self._in_portions = in_portions
        self._last_row: JobView | None = None  # up to here the list has been read
        self._is_read = False  # to its end
        self._jobs: dict[str, JobView] = {}
        self._removed: dict[str, None] = {}
        self._races: dict[str, RaceView] = {}
        self._newest: dict[type, Event] = {}
        self._samples: deque[LinkSample] = deque(maxlen=SAMPLES_KEPT)
        self._lines: deque[Event] = deque(maxlen=LINES_KEPT)

    def begin(self, first: list[Event]) -> None:
        """Lay these beneath what has come meanwhile, which is newer."""
        with self._lock:
            came = self._take_all()
            known = {id(event) for event in first}
            for event in [*first, *(event for event in came if id(event) not in known)]:
                self._put(event)

    def put(self, event: Event) -> None:
        """Add an event to the backlog. Any thread."""
        with self._lock:
            self._put(event)

    def _put(self, event: Event) -> None:
        match event:
            case JobsChanged(jobs):
                for job in jobs:
                    self._jobs[job.file_id] = job
                    self._removed.pop(job.file_id, None)
            case JobsRemoved(file_ids):
                for file_id in file_ids:
                    self._jobs.pop(file_id, None)
                    self._removed[file_id] = None
            case LinksSampled(samples):
                self._samples.extend(samples)
            case LinkMarked() | Notice() | SyncHappened():
                self._lines.append(event)
            case RacesChanged(races):
                for race in races:
                    self._races[race.race_id] = race
            case RaceRemoved(race_id):
                self._races.pop(race_id, None)
                self._lines.append(event)
            case _:
                # a whole picture of its subject, of which the newest counts
                self._newest[type(event)] = event

    def drain(self) -> list[Event]:
        """See `service.Subscription`. In portions, the list comes with the first few drains, its front first."""
        if not self._is_read:
            self.read_on()
        with self._lock:
            return self._take_all()

    def read_on(self) -> None:
        """The next rows of the list. What was published of one meanwhile is kept: what is newer than both will come."""
        limit = ROWS_FIRST if self._last_row is None else ROWS_AT_ONCE
        rows = self._rows(self._last_row, limit if self._in_portions else -1)
        self._is_read = len(rows) < limit or not self._in_portions
        if rows:
            self._last_row = rows[-1]
        with self._lock:
            known = {row.file_id: row for row in rows if row.file_id not in self._removed}
            self._jobs = known | self._jobs

    def _take_all(self) -> list[Event]:
        events: list[Event] = []
        if self._removed:
            events.append(JobsRemoved(tuple(self._removed)))
        if self._jobs:
            events.append(JobsChanged(tuple(self._jobs.values())))
        events.extend(self._newest.values())
        if self._races:
            events.append(RacesChanged(tuple(self._races.values())))
        if self._samples:
            events.append(LinksSampled(tuple(self._samples)))
        events.extend(self._lines)
        self._jobs, self._removed, self._newest, self._races = {}, {}, {}, {}
        self._samples.clear()
        self._lines.clear()
        return events

    def close(self) -> None:
        """Stop listening."""
        self._on_close(self)


class EventBus:
    """Publishes to all subscriptions. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: list[BusSubscription] = []

    def subscribe(
        self, first: Callable[[], list[Event]], rows: RowsBehind, *, in_portions: bool = False
    ) -> BusSubscription:
        """A new subscription that begins with these events and rows; none that comes while they are made is lost."""
        subscription = BusSubscription(self._drop, rows, in_portions=in_portions)
        with self._lock:
            self._subscriptions.append(subscription)
        subscription.begin(first())
        if not in_portions:
            subscription.read_on()
        return subscription

    def _drop(self, subscription: BusSubscription) -> None:
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

    def publish(self, event: Event) -> None:
        """Give an event to everybody."""
        with self._lock:
            listeners = list(self._subscriptions)
        for listener in listeners:
            listener.put(event)
