"""The telemetry service: everything of `service.telemetry`, and the thread that tells what has changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from transfer_core.errors import ConflictError, DrsError, NotFoundError, StateLocked, UsageError
from transfer_core.events.alarm_limits import AlarmLimits, AlarmLimitsChanged
from transfer_core.events.telemetry import (
    LIVE,
    RacesChanged,
    ReplaysChanged,
    ReplayState,
    ReplayView,
    TelemetryChanged,
)
from transfer_core.telemetry.alarm_file import read_limits, write_limits
from transfer_core.telemetry.decoders.registry import make_decoder
from transfer_core.telemetry.discarding_verbs import DiscardingVerbs
from transfer_core.telemetry.feed import Feed, Newest
from transfer_core.telemetry.replay import Replay

TELL_S = 0.5
REPLAYS_MAX = 16


class TelemetryDesk(DiscardingVerbs):
    """See `service.telemetry.TelemetryService`. `start` once, `stop` at the end; without `start` nothing is told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._replays: dict[str, Replay] = {}
        self._telling: threading.Thread | None = None
        self._told: tuple[object, ...] = ()

    def start(self) -> None:
        """Begin to tell; make whole what a crash left, unless another process records here."""
        if self._telling is None:
            self._telling = threading.Thread(target=self._tell_often, name="telemetry-tell", daemon=True)
            self._telling.start()
        kept = self._catalog.quarantined
        if kept is not None:
            self._around.say(True, f"The list of races was damaged; it is kept as {kept.kept_as.name}", kept.why)
        try:
            self._around.be_the_only_one()
        except StateLocked:
            return  # the other one does it
        self.recover()

    def stop(self) -> None:
        """End races and replays with everything on the disk; what is not sealed is, with the next start."""
        if self._stopping.is_set():
            return
        for replay_id in list(self._replays):
            self.close_replay(replay_id)
        self._stop_forwarding_at_all()
        self._stop_listening_at_all()
        for race_id, running in list(self._running.items()):
            self._end(self._catalog.race(race_id), running, None)
        self._stopping.set()
        self._to_seal.put(None)
        for thread in (self._sealing, self._telling):
            if thread is not None:
                thread.join()
        self._delete_all_discarded()
        for filler in list(self._fillers.values()):
            filler.stop()
        if self._opened_store is not None:
            self._opened_store.close()
        self._catalog.close()

    def wait_until_stored(self, race_id: str, timeout_s: float) -> bool:
        """Whether all of an ended race is in the sample store in that time."""
        filler = self._fillers.get(race_id)
        return filler is None or filler.done.wait(timeout_s)

    # --- replays
    def _feed(self, feed: str) -> Feed:
        if feed == LIVE:
            return self._live
        return self._replay(feed).feed

    def _feed_times(self, feed: str) -> tuple[int, int]:
        if feed == LIVE:
            return super()._feed_times(feed)
        now_ns = self._replay(feed).now_ns()
        return now_ns, self._clock.monotonic_ns() - now_ns

    def _replay(self, replay_id: str) -> Replay:
        with self._lock:
            if replay_id not in self._replays:
                raise NotFoundError(f"there is no replay {replay_id!r}", hint="Open it first.")
            return self._replays[replay_id]

    def _is_replayed(self, race_id: str) -> bool:
        with self._lock:
            return any(replay.race_id == race_id for replay in self._replays.values())

    def open_replay(self, race_id: str, *, to: str = "", resume: ReplayView | None = None) -> ReplayView:
        """See `TelemetryService`."""
        race = self._catalog.race(race_id)
        if resume is not None and resume.replay_id in self._replays:
            raise ConflictError("that replay is open", hint="Close it first.")
        if len(self._replays) >= REPLAYS_MAX:
            raise UsageError(f"{REPLAYS_MAX} replays are open", hint="Close one of them first.")
        address = _address(to) if to else None
        replay_id = "replay-" + self._entropy.token_bytes(4).hex() if resume is None else resume.replay_id
        decoder = make_decoder(race.settings)
        names = self._names | self._pilots(race)
        replay = Replay(replay_id, race_id, race.name, self._log_of(race_id), race.udp_port, decoder, names)
        try:
            if address is not None:
                replay.send_to(address)
            if resume is not None:
                replay.resume(resume)
        except DrsError:
            replay.close()
            raise
        with self._lock:
            self._replays[replay_id] = replay
        return replay.view()

    def replays(self) -> list[ReplayView]:
        """See `TelemetryService`."""
        with self._lock:
            replays = list(self._replays.values())
        return [replay.view() for replay in replays]

    def play(self, replay_id: str) -> ReplayView:
        """See `TelemetryService`."""
        replay = self._replay(replay_id)
        replay.play()
        return replay.view()

    def pause(self, replay_id: str) -> ReplayView:
        """See `TelemetryService`."""
        replay = self._replay(replay_id)
        replay.pause()
        return replay.view()

    def seek(self, replay_id: str, position_ns: int) -> ReplayView:
        """See `TelemetryService`."""
        replay = self._replay(replay_id)
        replay.seek(position_ns)
        return replay.view()

    def step(self, replay_id: str, count: int = 1) -> ReplayView:
        """See `TelemetryService`."""
        replay = self._replay(replay_id)
        replay.step(count)
        return replay.view()

    def set_speed(self, replay_id: str, speed: float) -> ReplayView:
        """See `TelemetryService`."""
        replay = self._replay(replay_id)
        replay.set_speed(speed)
        return replay.view()

    def set_loop(self, replay_id: str, from_ns: int | None, to_ns: int | None) -> ReplayView:
        """See `TelemetryService`."""
        replay = self._replay(replay_id)
        replay.set_loop(from_ns, to_ns)
        return replay.view()

    def close_replay(self, replay_id: str) -> None:
        """See `TelemetryService`."""
        replay = self._replay(replay_id)
        with self._lock:
            self._replays.pop(replay_id, None)
        replay.close()

    # --- alarms
    def alarm_limits(self) -> AlarmLimits:
        """See `TelemetryService`."""
        return read_limits(self._folder)

    def set_alarm_limits(self, limits: AlarmLimits) -> AlarmLimits:
        """See `TelemetryService`."""
        write_limits(self._folder, limits.checked())
        self._around.publish(AlarmLimitsChanged(limits))
        return limits

    # --- for viewers elsewhere
    def newest(self, port: int | None, feed: str = LIVE) -> list[Newest]:
        """The newest row of every stream of a feed, of one port or all. NotFoundError."""
        return self._feed(feed).newest(port, self._feed_times(feed)[0])

    def pilot_names(self) -> dict[str, str]:
        """What sources are called now."""
        return dict(self._names)

    # --- telling
    def _tell_often(self) -> None:
        while not self._stopping.wait(TELL_S):
            self._tell()

    def _tell(self) -> None:
        listeners = self.listeners()
        if listeners or self._told:
            seen = tuple((each.port, each.datagrams, each.race_id, each.error) for each in listeners)
            sources = self.sources() if listeners else []
            news = (seen, tuple(source.stale for source in sources))
            if news != self._told:
                self._told = news if listeners else ()
                self._around.publish(TelemetryChanged(tuple(listeners), tuple(sources)))
        self._retire_fillers()
        with self._lock:
            changed = self._changed_races | self._running.keys()
            changed |= {race_id for race_id, filler in self._fillers.items() if not filler.done.is_set()}
            self._changed_races = set()
        self._tell_races(sorted(changed))
        replays = self.replays()
        if any(replay.state is ReplayState.PLAYING for replay in replays):
            self._around.publish(ReplaysChanged(tuple(replays)))

    def _retire_fillers(self) -> None:
        """Let go of those that are done, and keep what they counted."""
        with self._lock:
            done = [race_id for race_id, filler in self._fillers.items() if filler.done.is_set()]
            fillers = {race_id: self._fillers.pop(race_id) for race_id in done}
        for race_id, filler in fillers.items():
            filler.stop()
            self._catalog.change(race_id, samples=filler.samples)
            self._tell_race(race_id)

    def _tell_races(self, race_ids: Sequence[str]) -> None:
        views = []
        for race_id in race_ids:
            if self._is_discarded(race_id):
                continue
            try:
                views.append(self.race(race_id))
            except NotFoundError:
                continue  # deleted meanwhile; that was told
        if views:
            self._around.publish(RacesChanged(tuple(views)))


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UsageError(f"{text!r} is no address", hint="Write HOST:PORT.")
    return host.removeprefix("[").removesuffix("]"), int(port)
