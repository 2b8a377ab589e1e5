"""What every verb of the telemetry service works on: listeners, the live feed, races being recorded, the store."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from transfer_core.clock import Clock
from transfer_core.entropy import Entropy
from transfer_core.events import Event
from transfer_core.events.telemetry import LIVE
from transfer_core.telemetry.arrivals import Arrivals
from transfer_core.telemetry.catalog import Catalog
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.feed import Feed
from transfer_core.telemetry.filler import Filler
from transfer_core.telemetry.receiver import Listener, Receiver
from transfer_core.telemetry.recorder import Recorder
from transfer_core.telemetry.relayed import Relayed
from transfer_core.telemetry.samples.base import SampleStore
from transfer_core.telemetry.samples.opening import open_samples

RACES = "races"
LOG_NAME = "race.drslog"


class Surroundings(Protocol):
    """What the service that telemetry is part of gives it."""

    def publish(self, event: Event) -> None:
        """Tell all who listen."""
        ...

    def say(self, serious: bool, text: str, error: str) -> None:
        """Write a line into the log for people."""
        ...

    def queue_recording(self, path: str, destination: str | None, name: str) -> None:
        """Make a job of a sealed race, called `name` at the other end. NotFoundError if there is no destination."""
        ...

    def open_live(self, destination: str, port: int, about: bytes) -> None:
        """Offer a port's telemetry to a relay, now and in later sessions; again to say something else of it.

        NotFoundError if there is no such relay, ConflictError where no agent runs.
        """
        ...

    def send_live(self, destination: str, port: int, arrivals: Arrivals) -> None:
        """Have these there soon or not at all. Never blocks."""
        ...

    def close_live(self, destination: str, port: int) -> None:
        """No more of it."""
        ...

    def live_figures(self, destination: str, port: int) -> LiveFigures:
        """How it goes."""
        ...

    def be_the_only_one(self) -> None:
        """Take the lock of those who record in this state directory. StateLocked."""
        ...


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Of a port that is passed on, in datagrams of this session."""

    sent: int = 0
    skipped: int = 0  # left out, since the links have no room for all
    missing: int = 0  # the relay did not get them in time
    why: str = "not asked yet"  # nothing is sent; empty while it is


@dataclass(slots=True)
class Port:
    """A port, open here or another machine's, how it is decoded, who records it and who gets it live."""

    listener: Listener | Relayed
    settings: Mapping[str, Any]
    decoder: Decoder
    refused: int = 0
    ignored: int = 0
    race_id: str | None = None
    recorder: Recorder | None = None
    opened_by_race: bool = False
    forwards_to: str = ""
    forward_name: str = ""


@dataclass(slots=True)
class UnderWay:
    """A race that is recorded now."""

    port: Port
    recorder: Recorder
    joined: dict[str, str] = field(default_factory=dict)


class DeskParts:
    """The parts. `_lock` guards the tables; it is never held while a disk or a thread is waited for."""

    def __init__(self, folder: Path, clock: Clock, entropy: Entropy, around: Surroundings, store_url: str = "") -> None:
        """Opens the catalog alone. StateError, DiskFull; ConfigError for a store that can't be."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / RACES).mkdir(exist_ok=True)
        self._folder, self._clock, self._entropy, self._around = folder, clock, entropy, around
        self._catalog = Catalog(folder, clock)
        self._store_url = store_url
        self._opened_store: SampleStore | None = None
        self._lock = threading.RLock()
        self._names: dict[str, str] = self._catalog.source_names()
        self._live = Feed(LIVE, self._names)
        self._receiver: Receiver | None = None
        self._ports: dict[int, Port] = {}
        self._running: dict[str, UnderWay] = {}
        self._fillers: dict[str, Filler] = {}
        self._stopping = threading.Event()
        self._changed_races: set[str] = set()

    @property
    def _store(self) -> SampleStore:
        """Opened with the first use, so that what asks for no samples waits for no database."""
        with self._lock:
            if self._opened_store is None:
                self._opened_store = open_samples(self._store_url, self._folder, self._clock)
            return self._opened_store

    def _log_of(self, race_id: str) -> Path:
        return self._folder / RACES / race_id / LOG_NAME

    def _tell_race(self, race_id: str) -> None:
        with self._lock:
            self._changed_races.add(race_id)
