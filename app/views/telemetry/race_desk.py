"""What a person does with races on the Telemetry page: its wishes as verbs of the service, and their answers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.models.telemetry_offers import FIRST_SELECT, NOT_RECORDING, NOTHING_TO_MARK
from app.views.page import ServiceCalls
from transfer_core.events.telemetry import (
    SPEED_MAX,
    SPEED_MIN,
    ExportResult,
    MarkerView,
    RaceState,
    RaceView,
    ReplayState,
    ReplayView,
)
from transfer_core.units import NS_PER_S, format_bytes

RUNNING = (RaceState.WAITING, RaceState.LIVE)
LOOP_NS = 10 * NS_PER_S


class RaceDesk(QObject):
    """Knows the races, the open replay and its markers."""

    races_changed = Signal()
    race_ended = Signal(str)  # its id, by this person
    race_came_back = Signal(str)  # its id
    done = Signal(str, object)  # as of `page.Page`
    replay_opened = Signal(object)  # ReplayView
    steered = Signal(object)  # ReplayView
    failed = Signal(object)  # DrsError
    noted = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._service: ServiceCalls | None = None
        self._races: dict[str, RaceView] = {}
        self._replay: ReplayView | None = None
        self.markers: tuple[MarkerView, ...] = ()

    def connect_to(self, service: ServiceCalls) -> None:
        """Ask this."""
        self._service = service

    def _call(self, verb: str, *args: Any, on_result: Any = None, **more: Any) -> None:
        if self._service is not None:
            self._service.call(f"telemetry.{verb}", *args, on_result=on_result, on_error=self.failed.emit, **more)

    # --- the list
    @property
    def races(self) -> list[RaceView]:
        """Running ones first, then the newest."""
        return sorted(self._races.values(), key=lambda race: (race.state in RUNNING, race.created_at), reverse=True)

    @property
    def running(self) -> list[RaceView]:
        """Those that are recorded now."""
        return [race for race in self.races if race.state in RUNNING]

    @property
    def is_replaying(self) -> bool:
        """Whether a race is shown again."""
        return self._replay is not None

    def race(self, race_id: str) -> RaceView | None:
        """One, if it is known."""
        return self._races.get(race_id)

    def fetch_races(self) -> None:
        """Ask for all."""
        self._call("races", on_result=self._take_races)

    def _take_races(self, races: list[RaceView]) -> None:
        self._races = {race.race_id: race for race in races}
        self.races_changed.emit()

    def note_races(self, races: Iterable[RaceView]) -> None:
        """Some are new or other than they were."""
        self._races |= {race.race_id: race for race in races}
        self.races_changed.emit()

    def forget_race(self, race_id: str) -> None:
        """One was deleted."""
        self._races.pop(race_id, None)
        self.races_changed.emit()

    def _note(self, race: RaceView) -> None:
        self.note_races((race,))

    # --- recording
    def end_race(self) -> None:
        """Stop the newest race that is recorded."""
        if not self.running:
            self.noted.emit(NOT_RECORDING)
        for race in self.running[:1]:
            self._call("end_race", race.race_id, on_result=self._ended)

    def _ended(self, race: RaceView) -> None:
        self._note(race)
        self.race_ended.emit(race.race_id)

    def mark(self, text: str, time_ns: int | None) -> None:
        """Name a moment of the replay, or this one of the race that is recorded."""
        race_id = (
            self._replay.race_id if self._replay is not None else next((each.race_id for each in self.running), "")
        )
        if not race_id:
            self.noted.emit(NOTHING_TO_MARK)
            return
        self._call("mark", race_id, text, time_ns, on_result=self._marked)

    def _marked(self, marker: MarkerView) -> None:
        self.markers = (*self.markers, marker)

    def open_recording(self, path: str) -> None:
        """Take a file into the list, and replay it."""
        self._call("open_recording", path, on_result=self._opened)

    def _opened(self, race: RaceView) -> None:
        self._note(race)
        self.open_replay(race.race_id)

    def export(self, race_id: str, path: str, form: str) -> None:
        """Write a file."""
        self._call("export", race_id, path, form, on_result=self._exported)

    def _exported(self, done: ExportResult) -> None:
        self.noted.emit(f"{done.rows} samples written: {done.path}")

    def delete(self, race_id: str) -> None:
        """It can be taken back for a while."""
        race = self.race(race_id)
        if race is None:
            self.noted.emit(FIRST_SELECT)
            return
        self._call("discard_race", race_id, on_result=lambda _: self._deleted(race))

    def _deleted(self, race: RaceView) -> None:
        self.forget_race(race.race_id)
        take_back = partial(self._call, "take_back_race", race.race_id, on_result=self._came_back)
        self.done.emit(f"{race.name} is deleted, {format_bytes(race.size_bytes)}", take_back)

    def _came_back(self, race: RaceView) -> None:
        self._note(race)
        self.race_came_back.emit(race.race_id)

    # --- replays
    @Slot(str)
    def open_replay(self, race_id: str) -> None:
        """Show a race again, in place of the one that is."""
        race = self.race(race_id)
        if race is None:
            self.noted.emit(FIRST_SELECT)
            return
        self.close_replay()
        self._call("open_replay", race_id, on_result=self._replay_opened)
        self._call("markers", race_id, on_result=self._take_markers)

    def _replay_opened(self, replay: ReplayView) -> None:
        self._replay = replay
        self.replay_opened.emit(replay)
        self._steer("play")

    def _take_markers(self, markers: list[MarkerView]) -> None:
        self.markers = tuple(markers)

    def close_replay(self) -> None:
        """Let go of it."""
        if self._replay is not None:
            replay_id, self._replay = self._replay.replay_id, None
            self.markers = ()
            if self._service is not None:
                self._service.call("telemetry.close_replay", replay_id, on_error=_gone_already)

    def _steer(self, verb: str, *args: Any) -> None:
        if self._replay is not None:
            self._call(verb, self._replay.replay_id, *args, on_result=self._keep)

    def _keep(self, replay: ReplayView) -> None:
        if self._replay is not None and replay.replay_id == self._replay.replay_id:
            self._replay = replay
            self.steered.emit(replay)

    def play_or_hold(self) -> None:
        """The one that it does not do."""
        if self._replay is not None and self._service is not None:
            self._call("replays", on_result=self._play_or_hold)

    def _play_or_hold(self, replays: list[ReplayView]) -> None:
        for replay in replays:
            if self._replay is not None and replay.replay_id == self._replay.replay_id:
                self._steer("pause" if replay.state is ReplayState.PLAYING else "play")

    def step(self, count: int) -> None:
        """Datagrams on or back."""
        self._steer("step", count)

    @Slot(object)
    def seek(self, position_ns: int) -> None:
        """To a position."""
        self._steer("seek", position_ns)

    def change_speed(self, factor: float) -> None:
        """Faster or slower, within bounds."""
        if self._replay is not None:
            self._steer("set_speed", min(SPEED_MAX, max(SPEED_MIN, self._replay.speed * factor)))

    def loop(self) -> None:
        """Repeat the last seconds; again to end that."""
        if self._replay is None:
            return
        if self._replay.loop_from_ns is not None:
            self._steer("set_loop", None, None)
        else:
            self._call("replays", on_result=self._loop_there)

    def _loop_there(self, replays: list[ReplayView]) -> None:
        for replay in replays:
            if self._replay is not None and replay.replay_id == self._replay.replay_id:
                end = max(replay.position_ns, min(LOOP_NS, replay.duration_ns))
                self._steer("set_loop", max(0, end - LOOP_NS), end)


def _gone_already(_: object) -> None:
    """It was closed by others."""
