"""Telemetry that agents pass on live: the relay records it, shows it and serves it to viewers, as if it came here.

Each feed becomes a port of the telemetry desk and a race of its own. When an agent is gone, or nothing is heard of it,
its race goes on for a while, since it usually comes back; then it is ended. One that is heard again after that gets
another race. What the disk does is done by a thread of this hub, so that neither the relay's loop nor other agents wait
for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_core.engine.disk_thread import DiskThread
from transfer_core.errors import DiskFull, DrsError, NotFoundError
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.server.companion import RelayGround, Tell
from transfer_core.server.relay_live import NO_DESK, Answer
from transfer_core.storage.free_space import usable_bytes
from transfer_core.units import MIB

if TYPE_CHECKING:  # it takes long to import, and many relays have none
    from transfer_core.telemetry.desk import TelemetryDesk

_LOG = logging.getLogger(__name__)
LOOK_BYTES = 4 * MIB  # of a feed, between two looks at the disk
BACKLOG_MAX = 2000  # batches that wait for the disk; more are left out
LINGER_S = 60.0  # of a race whose agent is gone


@dataclass(slots=True)
class _Feed:
    """A feed that is taken."""

    port: int
    race_id: str | None
    name: str
    about: bytes
    unlooked_bytes: int = 0  # since the disk was looked at


class LiveHub:
    """See the module. A `Companion` of the relay; `desk` gives None where no telemetry is kept."""

    def __init__(self, desk: Callable[[], TelemetryDesk | None], linger_s: float = LINGER_S) -> None:
        self._desk, self._linger_s = desk, linger_s
        self._worker: DiskThread | None = None
        self._tell: Tell | None = None
        self._feeds: dict[tuple[bytes, int], _Feed] = {}  # touched by the worker alone
        self._names: dict[bytes, str] = {}
        self._timers: dict[bytes, threading.Timer] = {}
        self._given_up: dict[tuple[bytes, int], _Feed] = {}  # of agents that were silent for too long
        self._folder, self._keep_free_bytes = Path(), 0

    def start(self, ground: RelayGround) -> dict[str, object]:
        """Begin."""
        self._worker, self._tell = DiskThread("relay-live"), ground.tell
        self._folder, self._keep_free_bytes = ground.state_dir, ground.config.keep_free_bytes
        return {}

    def stop(self) -> None:
        """End all races of feeds, with everything on the disk."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        for timer in list(self._timers.values()):
            timer.cancel()
        worker.post(lambda: self._end(list(self._feeds)))
        worker.stop()

    # --- the relay's loop: see `RelayLive`
    def on_feed(self, agent: bytes, name: str, feed: int, about: bytes, answer: Answer) -> None:
        """See `RelayLive`."""

        def take() -> None:
            try:
                self._take_feed(agent, name, feed, about)
            except DrsError as error:
                answer(error)
            else:
                answer(None)

        self._post(take)

    def on_live(self, agent: bytes, feed: int, datagrams: Sequence[LiveDatagram], missing: int) -> None:
        """See `RelayLive`."""

        def take() -> None:
            known, desk = self._feeds.get((agent, feed)), self._desk()
            if known is not None and desk is not None:
                known.unlooked_bytes += sum(len(each.data) for each in datagrams)
                if known.unlooked_bytes > LOOK_BYTES:
                    self._look_for_room(desk, known)
                desk.take_live(known.port, datagrams, missing)

        worker = self._worker
        if worker is not None and worker.backlog < BACKLOG_MAX:
            worker.post(take)

    def on_feed_ended(self, agent: bytes, feed: int) -> None:
        """See `RelayLive`."""

        def end() -> None:
            self._given_up.pop((agent, feed), None)
            self._end([(agent, feed)])

        self._post(end)

    def on_silence(self, agent: bytes, *, silent: bool) -> None:
        """See `RelayLive`."""
        self._post(lambda: self._wait_for(agent) if silent else self._take_again(agent))

    def on_gone(self, agent: bytes) -> None:
        """See `RelayLive`."""

        def gone() -> None:
            self._forget_given_up(agent)
            self._wait_for(agent)

        self._post(gone)

    def _post(self, call: Callable[[], None]) -> None:
        worker = self._worker
        if worker is not None:
            worker.post(call)

    # --- the worker
    def _wait_for(self, agent: bytes) -> None:
        """End its races after a while, counted from when it was missed first."""
        if agent not in self._timers and any(key[0] == agent for key in self._feeds):
            timer = threading.Timer(self._linger_s, lambda: self._post(lambda: self._give_up(agent)))
            timer.daemon = True
            self._timers[agent] = timer
            timer.start()

    def _wait_no_longer(self, agent: bytes) -> None:
        timer = self._timers.pop(agent, None)
        if timer is not None:
            timer.cancel()

    def _take_again(self, agent: bytes) -> None:
        """It is heard in the session that it had: it offers nothing anew, since it knows of no end."""
        self._wait_no_longer(agent)
        given_up = [(key[1], feed) for key, feed in self._given_up.items() if key[0] == agent]
        self._forget_given_up(agent)
        for number, feed in given_up:
            try:
                self._take_feed(agent, feed.name, number, feed.about)
            except DrsError as error:
                self._say("live telemetry that comes again is not taken", error.one_line())

    def _forget_given_up(self, agent: bytes) -> None:
        self._given_up = {key: feed for key, feed in self._given_up.items() if key[0] != agent}

    def _take_feed(self, agent: bytes, name: str, feed: int, about: bytes) -> None:
        desk = self._desk()
        if desk is None:
            raise NotFoundError(NO_DESK)
        self._wait_no_longer(agent)
        self._given_up.pop((agent, feed), None)
        origin = self._origin(agent, name)
        listener = desk.take_feed(origin, about)
        known = self._feeds.get((agent, feed))
        if known is None or known.port != listener.port:
            race_id = self._record(desk, origin, listener.port)
            self._feeds[agent, feed] = _Feed(listener.port, race_id, name, about)
        else:
            known.name, known.about = name, about

    def _origin(self, agent: bytes, name: str) -> str:
        """What an agent is called in names of sources; another one of the same name is told apart by its key."""
        if agent not in self._names:
            bare = "".join(letter for letter in name if letter.isalnum() or letter in "-_.")[:40] or "agent"
            taken = bare in self._names.values()
            self._names[agent] = f"{bare}-{agent.hex()[:4]}" if taken else bare
        return self._names[agent]

    def _record(self, desk: TelemetryDesk, origin: str, port: int) -> str | None:
        """A race of its own; what can't be recorded is shown all the same."""
        try:
            if not usable_bytes(self._folder, self._keep_free_bytes):
                raise DiskFull("the disk has no room for a recording")
            race = desk.create_race(f"{desk.feed_name(port)} ({origin}, live)", port)
        except DrsError as error:
            self._say("live telemetry is shown and not recorded", error.one_line())
            return None
        self._say(f"live telemetry of {origin} comes as UDP port {port}", "")
        return race.race_id

    def _look_for_room(self, desk: TelemetryDesk, feed: _Feed) -> None:
        """What others pass on must not fill the disk: the recording ends, and the rest is shown."""
        feed.unlooked_bytes = 0
        if feed.race_id is None or usable_bytes(self._folder, self._keep_free_bytes):
            return
        race_id, feed.race_id = feed.race_id, None
        try:
            desk.end_race(race_id)
        except DrsError as error:
            _LOG.info("the recording of a live feed was over already: %s", error.one_line())
        self._say("live telemetry is recorded no longer: the disk has no room", "")

    def _give_up(self, agent: bytes) -> None:
        if self._timers.pop(agent, None) is None:
            return  # it came back as the timer went off
        keys = [key for key in self._feeds if key[0] == agent]
        self._given_up |= {key: self._feeds[key] for key in keys}
        self._end(keys)

    def _end(self, keys: Sequence[tuple[bytes, int]]) -> None:
        desk = self._desk()
        for key in keys:
            known = self._feeds.pop(key, None)
            if known is None or desk is None:
                continue
            try:
                if known.race_id is not None:
                    desk.end_race(known.race_id)
                desk.end_feed(known.port)
            except DrsError as error:  # deleted or ended by hand meanwhile
                _LOG.info("a live feed was over already: %s", error.one_line())

    def _say(self, text: str, error: str) -> None:
        if self._tell is not None:
            self._tell("telemetry", text=text, error=error)
