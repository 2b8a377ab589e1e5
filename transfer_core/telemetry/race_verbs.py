"""Races while they run: create, join, watch, mark, end. See `service.telemetry`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from transfer_core.errors import ConflictError, DiskFull, DrsError, NotFoundError, StateError, UsageError
from transfer_core.events.telemetry import MarkerView, MemberView, RaceState, RaceView, Role
from transfer_core.telemetry.arrivals import source_name
from transfer_core.telemetry.catalog import Race
from transfer_core.telemetry.desk_parts import LOG_NAME, RACES, Port, UnderWay
from transfer_core.telemetry.filler import Filler
from transfer_core.telemetry.live_verbs import LiveVerbs
from transfer_core.telemetry.log import LogWriter
from transfer_core.telemetry.recorder import Recorder
from transfer_core.telemetry.samples.base import SampleStore
from transfer_core.units import utc_iso

NAME_MAX = 200
TEXT_MAX = 1000


def checked_name(name: str, what: str, most: int = NAME_MAX) -> str:
    """The name without space around it. UsageError if nothing is left, or too much."""
    bare = " ".join(name.split())
    if not bare or len(bare) > most:
        raise UsageError(f"{what} needs a name of 1 to {most} characters", hint="Write another one.")
    return bare


class RaceVerbs(LiveVerbs):
    """A race is recorded by one recorder from `create_race` to `end_race`."""

    def races(self, *, find: str = "", limit: int = 200) -> list[RaceView]:
        """See `TelemetryService`."""
        found = self._catalog.races(find, limit)
        return [self._race_view(race) for race in found if not self._is_discarded(race.race_id)]

    def _is_discarded(self, race_id: str) -> bool:
        raise NotImplementedError

    def race(self, race_id: str) -> RaceView:
        """See `TelemetryService`."""
        return self._race_view(self._catalog.race(race_id))

    def _race_view(self, race: Race) -> RaceView:
        with self._lock:
            running, filler = self._running.get(race.race_id), self._fillers.get(race.race_id)
        recorder = None if running is None else running.recorder
        end_ns = race.end_ns if recorder is None else recorder.end_ns
        state = race.state
        if recorder is not None:
            state = RaceState.LIVE if recorder.datagrams else RaceState.WAITING
        errors = (race.error, "" if recorder is None else recorder.error, "" if filler is None else filler.error)
        return RaceView(
            race_id=race.race_id,
            name=race.name,
            owner=race.owner,
            udp_port=race.udp_port,
            state=state,
            decoder=str(race.settings.get("decoder", "liftoff")),
            created_at=race.created_at,
            ended_at=race.ended_at,
            start_ns=race.start_ns if recorder is None else recorder.start_ns,
            end_ns=end_ns,
            datagrams=race.datagrams if recorder is None else recorder.datagrams,
            samples=race.samples if filler is None else max(race.samples, filler.samples),
            size_bytes=race.size_bytes if recorder is None else recorder.size_bytes,
            sources=race.sources if recorder is None else tuple(sorted(map(source_name, recorder.senders))),
            members=self._catalog.members(race.race_id),
            unsynced_s=0.0 if recorder is None else recorder.unsynced_s,
            store_behind_s=None if filler is None else filler.behind_s(end_ns),
            path=race.path,
            error=next(filter(None, errors), ""),
        )

    def create_race(
        self,
        name: str,
        udp_port: int,
        *,
        host: str = "127.0.0.1",
        settings: Mapping[str, Any] | None = None,
        owner: str = "",
        destination: str | None = None,
    ) -> RaceView:
        """See `TelemetryService`."""
        name = checked_name(name, "a race")
        if not 0 <= udp_port <= 65_535 and udp_port not in self._ports:
            raise UsageError(
                f"{udp_port} is no UDP port", hint="Use a number from 1 to 65535; 0 lets the system choose."
            )
        self._around.be_the_only_one()
        self._open_store()
        with self._lock:
            port = self._ports.get(udp_port)
            if port is not None and port.race_id is not None:
                hint = "End that race first, or use another port."
                raise ConflictError(f"UDP port {udp_port} is recorded by another race", hint=hint)
            if port is None:
                port = self._open_port(udp_port, host, settings)
                port.opened_by_race = True
            elif settings is not None and dict(settings) != dict(port.settings):
                self._set_layout(port, settings)
            try:
                race = self._begin(name, port, owner, destination)
            except DrsError:
                if port.opened_by_race:
                    self._close_port(port.listener.port)
                raise
        self._tell_race(race.race_id)
        return self.race(race.race_id)

    def _begin(self, name: str, port: Port, owner: str, destination: str | None) -> Race:
        race_id = self._entropy.token_bytes(8).hex()
        now = utc_iso(self._clock.wall_ns())
        number = port.listener.port
        race = Race(race_id, name, owner, number, port.settings, RaceState.WAITING, now, destination=destination)
        folder = self._folder / RACES / race_id
        folder.mkdir()
        facts = {
            "race_id": race_id,
            "name": name,
            "udp_port": number,
            "settings": dict(port.settings),
            "created_at": now,
        }
        recorder = Recorder(LogWriter.create(folder / LOG_NAME, facts))
        try:
            self._catalog.add(race)
        except DrsError:
            recorder.close()
            raise
        self._running[race_id] = UnderWay(port, recorder)
        self._fill(race, port, recorder)
        port.race_id, port.recorder = race_id, recorder
        return race

    def _open_store(self) -> SampleStore | None:
        """The sample store; None if it can't be opened just now, which holds up no recording. ConfigError."""
        try:
            return self._store
        except (StateError, DiskFull) as error:
            self._around.say(True, "Samples are stored later: the sample store can't be opened", error.one_line())
            return None

    def _fill(self, race: Race, port: Port, recorder: Recorder) -> None:
        store = self._open_store()
        if store is None:
            return  # the next start does it
        running = self._running
        self._fillers[race.race_id] = Filler(
            race.race_id,
            self._log_of(race.race_id),
            port.decoder,
            store,
            recorder.appended,
            lambda: race.race_id not in running,
        )

    def join_race(self, race_id: str, member: str, role: Role = Role.PILOT, source_id: str = "") -> RaceView:
        """See `TelemetryService`."""
        member = checked_name(member, "a member")
        with self._lock:
            if self._catalog.race(race_id).state not in (RaceState.WAITING, RaceState.LIVE) and role is Role.PILOT:
                raise ConflictError("the race is over", hint="Watch its recording instead.")
            self._catalog.join(race_id, MemberView(member, role, source_id))
            if source_id and role is Role.PILOT:
                self.name_source(source_id, member)
        self._tell_race(race_id)
        return self.race(race_id)

    def watch_race(self, race_id: str, member: str) -> RaceView:
        """See `TelemetryService`."""
        known = {each.name for each in self.race(race_id).members}
        return self.race(race_id) if member in known else self.join_race(race_id, member, Role.VIEWER)

    def mark(self, race_id: str, text: str, time_ns: int | None = None) -> MarkerView:
        """See `TelemetryService`."""
        self._catalog.race(race_id)
        text = checked_name(text, "a marker", TEXT_MAX)
        if time_ns is None:
            if race_id not in self._running or self._receiver is None:
                raise UsageError("the race is over: say when the marker is", hint="Give a time of the recording.")
            time_ns = self._receiver.now_ns()
        return self._catalog.mark(race_id, time_ns, text)

    def markers(self, race_id: str) -> list[MarkerView]:
        """See `TelemetryService`."""
        self._catalog.race(race_id)
        return self._catalog.markers(race_id)

    def remove_marker(self, race_id: str, marker_id: int) -> None:
        """See `TelemetryService`."""
        self._catalog.remove_marker(race_id, marker_id)

    def end_race(self, race_id: str) -> RaceView:
        """See `TelemetryService`. It is sealed and queued in the background."""
        race = self._catalog.race(race_id)
        with self._lock:
            running = self._running.get(race_id)
            if running is not None and running.port.recorder is not None and running.port.opened_by_race:
                close_port = running.port.listener.port
            else:
                close_port = None
        if running is not None:
            self._end(race, running, close_port)
            self._seal_soon(race_id)
        elif race.state in (RaceState.WAITING, RaceState.LIVE):
            raise ConflictError("another process records this race", hint="End it there.")
        return self.race(race_id)

    def _end(self, race: Race, running: UnderWay, close_port: int | None) -> None:
        if close_port is not None:
            with contextlib.suppress(NotFoundError):
                self._close_port(close_port)  # what has arrived is handed over first
        with self._lock:
            running.port.recorder = running.port.race_id = None
        recorder = running.recorder
        recorder.close()
        lost = f"{recorder.lost} datagrams were lost: {recorder.error}" if recorder.lost else ""
        self._catalog.change(
            race.race_id,
            state=RaceState.ENDED.value,
            ended_at=utc_iso(self._clock.wall_ns()),
            start_ns=recorder.start_ns,
            end_ns=recorder.end_ns,
            datagrams=recorder.datagrams,
            size_bytes=recorder.size_bytes,
            sources=sorted(map(source_name, recorder.senders)),
            error=lost,
        )
        with self._lock:
            self._running.pop(race.race_id, None)
        recorder.appended.set()  # the filler notices that it is over
        self._tell_race(race.race_id)

    def _seal_soon(self, race_id: str) -> None:
        raise NotImplementedError

    def update_race(self, race_id: str, *, name: str | None = None, owner: str | None = None) -> RaceView:
        """See `TelemetryService`."""
        self._catalog.race(race_id)
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = checked_name(name, "a race")
        if owner is not None:
            values["owner"] = owner
        if values:
            self._catalog.change(race_id, **values)
            self._tell_race(race_id)
        return self.race(race_id)
