"""Composition root of the console: service, worker thread, state, theme and window."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication, QInputDialog, QMessageBox

from app.models.console_state import ConsoleState
from app.theme.theme import Theme
from app.theme.tokens import THEMES
from app.views.main_window import MainWindow
from app.workers.service_thread import ServiceThread
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock
from transfer_core.errors import DrsError
from transfer_core.events import Event, JobView
from transfer_core.service import AddResult, Settings, TransferService

PAGES = ("queue", "links", "history", "log", "settings")
PICTURE_WAIT_MS = 1500


def qt_application() -> QApplication:
    """The one QApplication; offscreen where there is no display."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication(["drs-sync"])
    application.setApplicationName("drs-sync")
    application.setDesktopFileName("drs-sync")
    return application


class Console(QObject):
    """Window and service, connected."""

    def __init__(self, make_service: Callable[[], TransferService], theme_name: str = "light") -> None:
        super().__init__()
        self.theme = Theme(theme_name)
        self.state = ConsoleState(SystemClock())
        self.window = MainWindow(self.state, self.theme)
        self._first: Callable[[TransferService], object] | None = None
        self.service = ServiceThread(make_service, self)
        self.service.events_arrived.connect(self._apply)
        self.service.went_wrong.connect(self.show_error)
        self.service.started.connect(self._service_started)
        self.service.start_failed.connect(self._not_started)
        self.service.crashed.connect(self._crashed)
        self._connect_pages()

    def _connect_pages(self) -> None:
        window, call = self.window, self.service.call
        queue = window.queue
        queue.files_wanted.connect(self._add)
        queue.pair_wanted.connect(self._pair)
        queue.move_wanted.connect(self._move)
        queue.pause_wanted.connect(partial(call, "pause"))
        queue.resume_wanted.connect(partial(call, "resume"))
        queue.cancel_wanted.connect(partial(call, "cancel"))
        queue.retry_wanted.connect(partial(call, "retry"))
        queue.remove_wanted.connect(partial(call, "remove"))
        queue.priority_wanted.connect(partial(call, "set_priority"))
        queue.details.chunk_map_wanted.connect(self._ask_chunk_map)
        queue.undo_wanted.connect(partial(call, "undo"))
        for part in (window.strip, window.links):
            part.kill_requested.connect(partial(call, "kill_link"))
            part.restore_requested.connect(partial(call, "restore_link"))
            part.simulate_requested.connect(partial(call, "simulate_link"))
        window.history.history_wanted.connect(self._show_history)
        window.history.retry_requested.connect(partial(call, "retry"))
        window.pause_all_wanted.connect(self._pause_all)
        settings = window.settings
        settings.settings_wanted.connect(self._ask_settings)
        settings.settings_changed.connect(self._change_settings)
        settings.receive.start_requested.connect(self._start_relay)
        settings.receive.stop_requested.connect(partial(call, "stop_relay"))
        settings.receive.token_requested.connect(self._ask_token)
        settings.receive.incoming_wanted.connect(self._ask_incoming)

    def start(self, first: Callable[[TransferService], object] | None = None) -> None:
        """Begin to listen, and to work the queue; `first` is run in a worker thread once the service has started."""
        self._first = first
        self.service.start()

    @Slot()
    def _service_started(self) -> None:
        if self._first is not None:
            self.service.run(self._first)

    @Slot(object)
    def _not_started(self, error: DrsError) -> None:
        self.window.show_banner(f"The queue is not worked here. {error.one_line()}")

    @Slot(object)
    def _crashed(self, error: DrsError) -> None:
        self.window.show_banner(f"What you see is no longer kept up to date; restart the console. {error.one_line()}")

    @Slot(object)
    def _apply(self, events: list[Event]) -> None:
        self.state.apply(events)

    def _move(self, file_ids: list[str], before: str | None) -> None:
        self.service.call(
            "move",
            file_ids,
            before,
            on_result=lambda _: self.window.queue.model.settle(file_ids),
            on_error=partial(self._move_refused, file_ids),
        )

    def _move_refused(self, file_ids: list[str], error: DrsError) -> None:
        self.window.queue.model.settle(file_ids, failed=True)
        self.show_error(error)

    def _add(self, paths: list[str], before: str | None) -> None:
        self.service.call(
            "add_paths", paths, source="drop", on_result=partial(self._added, before), on_error=self._not_added
        )

    def _not_added(self, error: DrsError) -> None:
        self.window.queue.files_refused()
        self.show_error(error)

    def _ask_chunk_map(self, file_id: str, cells: int) -> None:
        show = partial(self.window.queue.details.show_chunk_map, file_id)
        self.service.call("chunk_map", file_id, cells, on_result=show, on_error=self._no_chunk_map)

    def _no_chunk_map(self, _error: DrsError) -> None:
        """The job was removed meanwhile; the panel shows another one by now."""

    def _added(self, before: str | None, result: AddResult) -> None:
        self.window.queue.files_added(len(result.added), len(result.skipped))
        if before is not None and result.added:
            self.service.call("move", [job.file_id for job in result.added], before)
        if result.skipped:
            several = "; ".join(f"{each.path}: {each.why}" for each in result.skipped[:3])
            self.window.show_banner(f"Left out {len(result.skipped)}: {several}")

    def _pair(self) -> None:
        text, chosen = QInputDialog.getMultiLineText(self.window, "Pair with a relay", "Paste the pairing token")
        if chosen and text.strip():
            self.service.call("pair", text)

    def _pause_all(self, paused: bool) -> None:
        self.service.call("pause_all" if paused else "resume_all")

    def _show_history(self, limit: int, offset: int, find: str) -> None:
        self.service.call("history", limit=limit, offset=offset, find=find, on_result=self._history_came)

    def _history_came(self, jobs: list[JobView]) -> None:
        self.window.history.show_history(jobs)

    # --- settings, and receiving here

    def _ask_settings(self) -> None:
        self.service.call("settings", on_result=self.window.settings.show_settings)

    def _change_settings(self, settings: Settings) -> None:
        self.service.call("change_settings", settings)
        self._ask_settings()

    def _start_relay(self, directory: str, listen: str) -> None:
        self.service.call("start_relay", directory, listen, on_result=self._relay_started)
        self.service.call("change_settings", self.window.settings.saved_with_receive(directory, listen))

    def _relay_started(self, _relay: object) -> None:
        self._ask_settings()
        self._ask_token()

    def _ask_token(self) -> None:
        self.service.call("relay_token", on_result=self.window.settings.receive.show_token)

    def _ask_incoming(self) -> None:
        self.service.call("incoming", on_result=self.window.settings.receive.show_incoming)

    @Slot(object)
    def show_error(self, error: object) -> None:
        """What happened and what to do, without standing in the way; its text can be copied."""
        text = error.one_line() if isinstance(error, DrsError) else str(error)
        box = QMessageBox(QMessageBox.Icon.Warning, "DRS-SYNC", text, QMessageBox.StandardButton.Ok, self.window)
        box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def stop(self) -> bool:
        """Stop service and worker."""
        return self.service.stop()


def run_console(
    state_dir: Path,
    *,
    simulation: Path | None = None,
    screenshot: Path | None = None,
    page: str | None = None,
    theme: str = "light",
    on_started: Callable[[TransferService], object] | None = None,
) -> int:
    """Open the window and run until it is closed; with `screenshot`, take a picture and end."""
    application = qt_application()
    console = Console(partial(LocalService, state_dir, simulation=simulation), theme)
    console.theme.install(application)
    if page in PAGES:
        console.window.tabs.setCurrentIndex(PAGES.index(page))
    console.start(on_started)
    console.window.show()
    if screenshot is not None:
        QTimer.singleShot(PICTURE_WAIT_MS, partial(_take_picture, console, screenshot, application))
    code = application.exec()
    console.stop()
    return int(code)


def _take_picture(console: Console, screenshot: Path, application: QApplication) -> None:
    console.window.grab().save(str(screenshot))
    application.quit()


def save_pictures(service: TransferService, out: Path, themes: Sequence[str] = tuple(THEMES)) -> list[Path]:
    """A picture of each page in each theme, of a service that runs already."""
    application = qt_application()
    out.mkdir(parents=True, exist_ok=True)
    theme = Theme(themes[0])
    state = ConsoleState(SystemClock())
    window = MainWindow(state, theme)
    theme.install(application)
    subscription = service.subscribe()
    state.apply(subscription.drain())
    subscription.close()
    window.link_history.keep_samples(service.link_samples(0))
    for mark in service.link_marks():
        window.link_history.keep_mark(mark)
    window.history.show_history(service.history())
    window.show()
    saved: list[Path] = []
    for name in themes:
        theme.set_name(name)
        for number, page in enumerate(PAGES):
            window.tabs.setCurrentIndex(number)
            window.queue.refresh()
            application.sendPostedEvents()
            path = out / f"{page}-{name}.png"
            window.grab().save(str(path))
            saved.append(path)
    window.close()
    window.deleteLater()
    return saved
