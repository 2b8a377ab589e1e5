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


class BusSubscription:
    """One listener's backlog. Newest view of each job; samples, marks and notices in order, the oldest dropped."""

    def __init__(self, first: list[Event], on_close: Callable[[BusSubscription], None]) -> None:
        self._lock = threading.Lock()
        self._on_close = on_close
        self._jobs: dict[str, JobView] = {}
        self._removed: dict[str, None] = {}
        self._races: dict[str, RaceView] = {}
        self._newest: dict[type, Event] = {}
        self._samples: deque[LinkSample] = deque(maxlen=SAMPLES_KEPT)
        self._lines: deque[Event] = deque(maxlen=LINES_KEPT)
        for event in first:
            self.put(event)

    def put(self, event: Event) -> None:
        """Add an event to the backlog. Any thread."""
        with self._lock:
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
        """See `service.Subscription`."""
        with self._lock:
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

    def subscribe(self, first: list[Event]) -> BusSubscription:
        """A new subscription that begins with these events."""
        subscription = BusSubscription(first, self._drop)
        with self._lock:
            self._subscriptions.append(subscription)
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
