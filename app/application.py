"""Composition root of the console: service, worker thread, state, theme and window."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication, QInputDialog, QMessageBox

from app.models.conditions import failure_condition
from app.models.console_state import ConsoleState
from app.pages import make_pages
from app.theme.theme import Theme
from app.theme.tokens import THEMES
from app.views.main_window import MainWindow
from app.workers.calls_here import CallsHere
from app.workers.service_thread import ServiceThread
from transfer_core.engine.local_service import LocalService
from transfer_core.engine.system import SystemClock
from transfer_core.errors import DrsError
from transfer_core.events import Event
from transfer_core.service import TransferService

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
        self.window = MainWindow(self.state, self.theme, make_pages)
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
        for part in (window.strip, *window.pages):
            part.connect_to(self.service)
        for page in window.pages:
            page.failed.connect(self.show_error)
            page.noted.connect(window.note)
        window.window_actions["window.pair"].triggered.connect(self._pair)
        window.pause_all_wanted.connect(lambda paused: call("pause_all" if paused else "resume_all"))

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
        self.window.tell(failure_condition("The queue is not worked here", error))

    @Slot(object)
    def _crashed(self, error: DrsError) -> None:
        self.window.tell(failure_condition("What you see is no longer kept up to date; restart the console", error))

    @Slot(object)
    def _apply(self, events: list[Event]) -> None:
        self.state.apply(events)

    def _pair(self) -> None:
        text, chosen = QInputDialog.getMultiLineText(self.window, "Pair with a relay", "Paste the pairing token")
        if chosen and text.strip():
            self.service.call("pair", text)

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
    if page in {each.name for each in console.window.pages}:
        console.window.go_to(page)
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
    window = MainWindow(state, theme, make_pages)
    theme.install(application)
    calls = CallsHere(service)
    for page in window.pages:
        page.connect_to(calls)
    subscription = service.subscribe()
    state.apply(subscription.drain())
    subscription.close()
    window.link_history.keep_samples(service.link_samples(0))
    for mark in service.link_marks():
        window.link_history.keep_mark(mark)
    window.show()
    saved: list[Path] = []
    for name in themes:
        theme.set_name(name)
        for page in window.pages:
            window.go_to(page.name)
            application.sendPostedEvents()
            path = out / f"{page.name}-{name}.png"
            window.grab().save(str(path))
            saved.append(path)
    window.close()
    window.deleteLater()
    return saved
