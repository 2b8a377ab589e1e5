"""Telemetry as a part of this machine's service: `service.telemetry`, made when it is first asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_core.engine.queue_verbs import QueueVerbs
from transfer_core.engine.state_lock import StateLock
from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events import Event, Severity
from transfer_core.events.telemetry import RacesChanged, ReplaysChanged
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.units import utc_iso

if TYPE_CHECKING:  # it takes long to import, and many agents have none
    from transfer_core.telemetry.arrivals import Arrivals
    from transfer_core.telemetry.desk import TelemetryDesk
    from transfer_core.telemetry.desk_parts import LiveFigures

FOLDER = "telemetry"
PRIORITY = 2  # of the job that a finished recording becomes
STORE_VARIABLE = "DRS_SYNC_TELEMETRY_STORE"  # postgresql://...; without it samples are kept in SQLite


class TelemetryPart(QueueVerbs):
    """A service that has telemetry. One process records in a state directory; others may look."""

    _desk_of_telemetry: TelemetryDesk | None = None
    _started_telemetry = False

    @property
    def telemetry(self) -> TelemetryDesk:
        """See `service.telemetry`. StateError, DiskFull."""
        with self._lock:
            if self._desk_of_telemetry is None:
                from transfer_core.telemetry.desk import TelemetryDesk  # noqa: PLC0415 - see above

                folder = self._state_dir / FOLDER
                around = _Around(self, self._state_dir)
                store = os.environ.get(STORE_VARIABLE, "")
                self._desk_of_telemetry = TelemetryDesk(folder, self._clock, self._entropy, around, store)
                if self._started_telemetry:
                    self._desk_of_telemetry.start()
            return self._desk_of_telemetry

    def _live_desk(self) -> TelemetryDesk:
        """Who takes what agents pass on to a relay in this process."""
        return self.telemetry

    def start_telemetry(self) -> None:
        """Tell what changes from now on; go on with what a crash left, if anything was ever recorded."""
        with self._lock:
            self._started_telemetry = True
            if self._desk_of_telemetry is not None:
                self._desk_of_telemetry.start()
            elif (self._state_dir / FOLDER).is_dir():
                _ = self.telemetry

    def first_telemetry_events(self) -> list[Event]:
        """What a new listener has to know."""
        desk = self._desk_of_telemetry
        return [] if desk is None else [RacesChanged(tuple(desk.races())), ReplaysChanged(tuple(desk.replays()))]

    def stop_telemetry(self) -> None:
        """End races and replays."""
        with self._lock:
            desk = self._desk_of_telemetry
        if desk is not None:
            desk.stop()


class _Around:
    """See `desk_parts.Surroundings`."""

    def __init__(self, service: TelemetryPart, state_dir: Path) -> None:
        self._service = service
        self._state_lock = StateLock(state_dir, FOLDER)

    def publish(self, event: Event) -> None:
        """To the bus."""
        self._service._bus.publish(event)

    def say(self, serious: bool, text: str, error: str) -> None:
        """As a notice."""
        self._service._say(Severity.SERIOUS if serious else Severity.INFO, FOLDER, text, error)

    def queue_recording(self, path: str, destination: str | None, name: str) -> None:
        """With the priority of recordings."""
        self._service.add_paths([path], destination=destination, priority=PRIORITY, dest_path=name, source=FOLDER)

    def open_live(self, destination: str, port: int, about: bytes) -> None:
        """With the agent's sessions, as long as it runs."""
        service = self._service
        if not any(each.name == destination and each.kind == "relay" for each in service._store.destinations()):
            raise NotFoundError(f"there is no paired relay {destination!r}", hint="See `drs-sync destination list`.")
        loop = service._loop
        if loop is None:
            raise ConflictError("no agent runs in this process", hint="Pass telemetry on from the console or `agent`.")
        loop.loop.post(lambda: loop.feeds.open(destination, port, about))

    def send_live(self, destination: str, port: int, arrivals: Arrivals) -> None:
        """Posted to the agent's loop."""
        loop, clock = self._service._loop, self._service._clock
        if loop is None:
            return
        datagrams = [
            LiveDatagram(*each) for each in zip(arrivals.senders, arrivals.time_ns, arrivals.datagrams, strict=True)
        ]
        loop.loop.post(lambda: loop.feeds.send(destination, port, datagrams, clock.monotonic_ns()))

    def close_live(self, destination: str, port: int) -> None:
        """Posted likewise."""
        loop = self._service._loop
        if loop is not None:
            loop.loop.post(lambda: loop.feeds.close(destination, port))

    def live_figures(self, destination: str, port: int) -> LiveFigures:
        """Of the session that there is."""
        from transfer_core.telemetry.desk_parts import LiveFigures  # noqa: PLC0415 - as above

        loop = self._service._loop
        if loop is None:
            return LiveFigures(why="no agent runs in this process")
        figures = loop.feeds.figures(destination, port)
        return LiveFigures(figures.sent, figures.skipped, figures.missing, figures.why)

    def be_the_only_one(self) -> None:
        """Held to the end of the process."""
        self._state_lock.acquire(utc_iso(self._service._clock.wall_ns()))
