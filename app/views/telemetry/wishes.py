"""What the Telemetry page asks people, in dialogs and by dropping, and which verbs of the service follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from app.models.telemetry_feed import TelemetryFeed
from app.models.telemetry_offers import FIRST_SELECT, NOT_RECORDING
from app.views.page import ServiceCalls
from app.views.telemetry.alarms_dialog import AlarmsDialog
from app.views.telemetry.join_dialog import JoinDialog
from app.views.telemetry.race_desk import RaceDesk
from app.views.telemetry.receive_dialog import ReceiveDialog
from transfer_core.errors import SourceUnreadable
from transfer_core.events import DestinationView
from transfer_core.events.alarm_limits import AlarmLimits
from transfer_core.events.telemetry import ListenerView, RaceView, Role
from transfer_core.units import format_bytes

SUFFIXES = (".drslog", ".mcap")
_KINDS = "MCAP (*.mcap);;CSV (*.csv);;Parquet (*.parquet)"


class Wishes(QObject):
    """Asks, and hands on. `limits_changed` tells the limits of alarms, as they are kept."""

    limits_changed = Signal(object)  # AlarmLimits
    failed = Signal(object)  # DrsError
    noted = Signal(str)

    def __init__(self, page: QWidget, desk: RaceDesk, feed: TelemetryFeed) -> None:
        super().__init__(page)
        self._page, self._desk, self._feed = page, desk, feed
        self._service: ServiceCalls | None = None
        self._limits = AlarmLimits()

    def connect_to(self, service: ServiceCalls) -> None:
        """Ask this."""
        self._service = service

    def _call(self, verb: str, *args: Any, on_result: Any = None, **more: Any) -> None:
        if self._service is not None:
            self._service.call(verb, *args, on_result=on_result, on_error=self.failed.emit, **more)

    # --- listening and recording
    def ask_listen(self) -> None:
        """Ask for a port to show."""
        self._ask_port(with_name=False)

    def ask_race(self) -> None:
        """Ask for a port to record."""
        self._ask_port(with_name=True)

    def _ask_port(self, *, with_name: bool) -> None:
        self._call("destinations", on_result=partial(self._ask_port_of, with_name))

    def _ask_port_of(self, with_name: bool, destinations: list[DestinationView]) -> None:
        relays = [each.name for each in destinations if each.kind == "relay"]
        dialog = ReceiveDialog(relays, with_name=with_name, parent=self._page)
        dialog.wanted.connect(self._wanted)
        dialog.open_beside()

    @Slot(str, int, str, str, str, str)
    def _wanted(self, name: str, port: int, host: str, decoder: str, path: str, relay: str) -> None:
        go_on = partial(self._receive, name, port, host, relay)
        if decoder == "layout":
            try:
                text = Path(path).expanduser().read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                self.failed.emit(SourceUnreadable(f"{path or 'the file'} can't be read: {error.strerror or error}"))
                return
            self._call("telemetry.layout", text, on_result=go_on)
        else:
            go_on({"decoder": decoder} if decoder else None)

    def _receive(self, name: str, port: int, host: str, relay: str, settings: Mapping[str, Any] | None) -> None:
        if name:
            take = partial(self._records, relay)
            self._call("telemetry.create_race", name, port, host=host, settings=settings, on_result=take)
        else:
            take = partial(self._listens, relay)
            self._call("telemetry.listen", port, host=host, settings=settings, on_result=take)

    def _records(self, relay: str, race: RaceView) -> None:
        self._desk.note_races((race,))
        self._forward(race.udp_port, relay, race.name)

    def _listens(self, relay: str, listener: ListenerView) -> None:
        self._forward(listener.port, relay, f"UDP {listener.port}")
        if listener.buffer_bytes < listener.buffer_wanted_bytes:
            granted, wanted = format_bytes(listener.buffer_bytes), format_bytes(listener.buffer_wanted_bytes)
            self.noted.emit(
                f"The system gives UDP port {listener.port} a buffer of {granted}, {wanted} were asked for."
            )

    def _forward(self, port: int, relay: str, name: str) -> None:
        if relay:
            self._call("telemetry.forward", port, relay, name=name)

    # --- who takes part
    def ask_join(self, chosen: str) -> None:
        """Ask who takes part in a race that is recorded; `chosen` is offered first."""
        running = self._desk.running
        if not running:
            self.noted.emit(NOT_RECORDING)
            return
        dialog = JoinDialog(running, chosen, self._feed.sources, self._page)
        dialog.wanted.connect(self._join)
        dialog.open_beside()

    @Slot(str, str, object, str)
    def _join(self, race_id: str, name: str, role: Role, source: str) -> None:
        self._call("telemetry.join_race", race_id, name, role, source, on_result=partial(self._joined, name))

    def _joined(self, name: str, race: RaceView) -> None:
        self._desk.note_races((race,))
        self.noted.emit(f"{name} is in {race.name!r}.")

    # --- alarms
    def fetch_limits(self) -> None:
        """Ask for the limits of alarms."""
        self._call("telemetry.alarm_limits", on_result=self.note_limits)

    @Slot(object)
    def note_limits(self, limits: AlarmLimits) -> None:
        """They are these."""
        self._limits = limits
        self.limits_changed.emit(limits)

    def ask_alarms(self) -> None:
        """Ask from where on something needs a hand."""
        dialog = AlarmsDialog(self._limits, self._page)
        dialog.wanted.connect(self._keep_limits)
        dialog.open_beside()

    @Slot(object)
    def _keep_limits(self, limits: AlarmLimits) -> None:
        self._call("telemetry.set_alarm_limits", limits, on_result=self.note_limits)

    # --- moments and files
    def ask_mark(self, time_ns: int | None) -> None:
        """Ask what happened at a moment; None is now."""
        text, chosen = QInputDialog.getText(self._page, "Mark", "What happened at this moment?")
        if chosen and text.strip():
            self._desk.mark(text.strip(), time_ns)

    def ask_open(self) -> None:
        """Ask for a recording."""
        path, _ = QFileDialog.getOpenFileName(self._page, "Open a recording", "", "Recordings (*.drslog *.mcap)")
        if path:
            self._desk.open_recording(path)

    def ask_export(self, race_id: str) -> None:
        """Ask where a race is to be written."""
        race = self._desk.race(race_id)
        if race is None:
            self.noted.emit(FIRST_SELECT)
            return
        path, _ = QFileDialog.getSaveFileName(self._page, "Export", f"{race.name}.mcap", _KINDS)
        if path:
            self._desk.export(race.race_id, path, Path(path).suffix.removeprefix(".").lower())

    def open_dropped(self, data: QMimeData) -> None:
        """Take recordings that were dropped."""
        for path in dropped_recordings(data):
            self._desk.open_recording(path)


def dropped_recordings(data: QMimeData) -> list[str]:
    """The recordings among what is dropped."""
    paths = [url.toLocalFile() for url in data.urls()]
    return [path for path in paths if path.lower().endswith(SUFFIXES)]
