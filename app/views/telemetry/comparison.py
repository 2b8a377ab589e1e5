"""Two recordings side by side: which, what is fetched of them, how they are named and shown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.views.page import ServiceCalls
from app.views.telemetry.picture import Picture
from transfer_core.events.telemetry import ChannelView, RaceView, RecordedSourceView, ThinnedSeries
from transfer_core.units import NS_PER_S

SOURCES_MOST = 4  # of each race; more lines than that nobody tells apart
POINTS = 1500
_AS_RECORDED = {"Height": "PositionY"}


class Comparison(QObject):
    """`choose` twice; `ready` tells when there is something to draw."""

    ready = Signal()
    failed = Signal(object)  # DrsError

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._service: ServiceCalls | None = None
        self._generation = 0
        self.clear()

    def connect_to(self, service: ServiceCalls) -> None:
        """Ask this."""
        self._service = service

    def clear(self) -> None:
        """Forget both."""
        self._generation += 1
        self._races: list[RaceView] = []
        self._channels: dict[str, ChannelView] = {}
        self._sources: dict[str, tuple[str, str]] = {}  # line: race id, source id
        self._wanted: tuple[str, ...] = ()
        self._missing = 0
        self.series: dict[str, dict[str, ThinnedSeries]] = {}
        self.starts_ns: dict[str, int] = {}
        self.dashed: frozenset[str] = frozenset()

    def choose(self, race: RaceView) -> bool:
        """Take a race; False while another one is needed."""
        if len(self._races) != 1 or self._races[0].race_id == race.race_id:
            self.clear()
            self._races = [race]
            return False
        self._races.append(race)
        for each in self._races:
            if self._service is not None:
                take = partial(self._take_sources, self._generation, each)
                self._service.call(
                    "telemetry.recorded_sources", each.race_id, on_result=take, on_error=self.failed.emit
                )
        return True

    @property
    def words(self) -> str:
        """What is compared."""
        first, second = self._races
        return f"{first.name} (solid)  with  {second.name} (dashed), each from its start"

    @property
    def duration_s(self) -> float:
        """Of the longer one."""
        lengths = [((race.end_ns or 0) - (race.start_ns or 0)) / NS_PER_S for race in self._races]
        return max(1.0, *lengths)

    @property
    def channels(self) -> list[ChannelView]:
        """All that was recorded in either; what is worked out for live plots is not recorded."""
        return list(self._channels.values())

    def lanes(self, names: Sequence[str]) -> list[ChannelView]:
        """Of these channels those that were recorded; some that were, where none of them was."""
        recorded = dict.fromkeys(_AS_RECORDED.get(name, name) for name in names)
        found = [self._channels[name] for name in recorded if name in self._channels]
        return found or list(self._channels.values())[:4]

    def show_channels(self, names: Sequence[str]) -> None:
        """Draw these; what is not there yet is fetched."""
        self._wanted = tuple(channel.name for channel in self.lanes(names))
        self._fetch()

    def draw(self, picture: Picture, names: Sequence[str]) -> None:
        """Show the series of these channels."""
        picture.draw_series(self.series, self.lanes(names), self.starts_ns, self.dashed, self.duration_s)

    def read(self, picture: Picture, names: Sequence[str]) -> None:
        """Say in the table what they hold at the reading line."""
        picture.fill_table_of_series(self.series, self.lanes(names), self.starts_ns, self.duration_s)

    def _take_sources(self, generation: int, race: RaceView, sources: list[RecordedSourceView]) -> None:
        if generation != self._generation:
            return
        second = race is self._races[1]
        for source in sources[:SOURCES_MOST]:
            line = f"{'2' if second else '1'} {source.name or source.source_id}"
            self._sources[line] = (race.race_id, source.source_id)
            self.series[line] = {}
            self.starts_ns[line] = race.start_ns or 0
            self._channels.update((channel.name, channel) for channel in source.channels)
            if second:
                self.dashed |= {line}
        wanted = ("PositionY", "InputThrottle", "BatteryVoltage", "MotorRPM1")
        self._wanted = self._wanted or tuple(channel.name for channel in self.lanes(wanted))
        self._fetch()

    def _fetch(self) -> None:
        for line, (race_id, source) in self._sources.items():
            for channel in self._wanted:
                if channel not in self.series[line] and self._service is not None:
                    self._missing += 1
                    take = partial(self._take_series, self._generation, line, channel)
                    self._service.call(
                        "telemetry.series",
                        race_id,
                        source,
                        channel,
                        points=POINTS,
                        on_result=take,
                        on_error=self.failed.emit,
                    )
        if not self._missing and self._sources:
            self.ready.emit()

    def _take_series(self, generation: int, line: str, channel: str, series: ThinnedSeries) -> None:
        if generation == self._generation:
            self._missing -= 1
            self.series[line][channel] = series
            if not self._missing:
                self.ready.emit()
