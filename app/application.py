"""Composition root of the console: the engine's process, worker threads, state, theme and window."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from app.models.conditions import SERVICE, SILENT, failure_condition, found_condition, lost_condition, silent_condition
from app.models.console_state import ConsoleState
from app.pages import make_pages
from app.theme.theme import Theme
from app.theme.tokens import THEMES
from app.views.dialogs.errors import ErrorDialog
from app.views.dialogs.pair import PairDialog
from app.views.kept_layout import fit_screen, give_layout, give_look, take_layout
from app.views.main_window import MainWindow
from app.views.queue.page import QueuePage
from app.workers.calls_here import CallsHere
from app.workers.layout_file import LayoutFile
from app.workers.service_thread import ServiceThread
from transfer_core.engine.apart.remote import remote_service
from transfer_core.engine.system import SystemClock, keep_what_is_made
from transfer_core.errors import DrsError, UsageError
from transfer_core.events import EngineFound, EngineLost, Event
from transfer_core.service import TransferService

PICTURE_WAIT_MS = 1500  # after the engine has begun, for figures to come
PICTURE_LIMIT_MS = 15_000  # in any case
START_MS = 50  # for the window to be painted
# the window takes the interpreter back from its workers, some dozens of times a frame, and waits this long each
SWITCH_S = 0.0005
KEEP_MS = 10_000  # changed looks are kept so often, for when the power goes
LAYOUT_NAME = "console.json"
LAYOUT_ROUNDS = 3  # what a page lays out when it is first shown asks for more layout


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
    application.setWindowIcon(QIcon(str(resources.files("resources") / "icons" / "drs-sync.svg")))
    _stand_alone_in_the_taskbar()
    return application


def _stand_alone_in_the_taskbar() -> None:
    """Windows would show the window as one of the interpreter's, with its icon."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - only there

        ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID("drs-sync.console")


@dataclass(frozen=True, slots=True)
class Looks:
    """How the window is to look, in place of what was kept."""

    theme: str | None = None  # one of THEMES
    size: tuple[int, int] | None = None  # of the window, in px at a scale of 1
    scale: float | None = None  # of everything, as a screen of high density has it


class Console(QObject):
    """Window and service, connected."""

    def __init__(self, make_service: Callable[[], TransferService], layout: LayoutFile | None = None) -> None:
        super().__init__()
        self.theme = Theme()
        self._layout, self._kept = layout, layout.read() if layout is not None else {}
        give_look(self.theme, self._kept)
        self.state = ConsoleState(SystemClock())
        self.window = MainWindow(self.state, self.theme, make_pages)
        self._first: Callable[[TransferService], object] | None = None
        self.service = ServiceThread(make_service, self)
        self.service.events_arrived.connect(self._apply)
        self.service.went_wrong.connect(self.show_error)
        self.service.started.connect(self._service_started)
        self.service.start_failed.connect(self._not_started)
        self.service.crashed.connect(self._crashed)
        self.state.engine_lost.connect(self._engine_lost)
        self.state.engine_found.connect(self._engine_found)
        self.state.engine_silent.connect(self._engine_silent)
        self._lost: EngineLost | None = None
        self._errors: ErrorDialog | None = None
        self._connect_pages()
        give_layout(self.window, self._kept)
        if layout is not None and layout.problem:
            self.window.note(layout.problem)
        self._keeping = QTimer(self, interval=KEEP_MS)
        self._keeping.timeout.connect(self._keep_layout)

    def _connect_pages(self) -> None:
        window, call = self.window, self.service.call
        window.strip.connect_to(self.service)
        for page in window.pages:
            page.connect_to(self.service)
            page.failed.connect(self.show_error)
            page.noted.connect(window.note)
        window.files_dropped.connect(self._queue_files)
        window.window_actions["window.pair"].triggered.connect(self._pair)
        window.window_actions["window.restart_engine"].triggered.connect(lambda: call("restart_engine"))
        window.pause_all_wanted.connect(lambda paused: call("pause_all" if paused else "resume_all"))

    @property
    def has_kept_place(self) -> bool:
        """Whether the window was left at some place before."""
        return "window" in self._kept

    def start(self, first: Callable[[TransferService], object] | None = None) -> None:
        """Begin to listen, and to work the queue; `first` is run in a worker thread once the service has started."""
        self._first = first
        sys.setswitchinterval(SWITCH_S)
        self.service.start()
        if self._layout is not None:
            self._keeping.start()

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
    def _engine_lost(self, lost: EngineLost) -> None:
        self._lost = lost
        self.window.take_back(SILENT)
        self.window.tell(lost_condition(lost))

    @Slot(object)
    def _engine_found(self, found: EngineFound) -> None:
        self.window.take_back(SERVICE)
        self.window.tell(found_condition(self._lost, found))

    @Slot(bool)
    def _engine_silent(self, is_silent: bool) -> None:
        if is_silent:
            self.window.tell(silent_condition())
        else:
            self.window.take_back(SILENT)

    @Slot(object)
    def _apply(self, events: list[Event]) -> None:
        self.state.apply(events)

    @Slot(list)
    def _queue_files(self, paths: list[str]) -> None:
        queue = self.window.page(QueuePage.name)
        if isinstance(queue, QueuePage):
            self.window.go_to(queue.name)
            queue.adding.want(paths)

    def _pair(self) -> None:
        dialog = PairDialog(self.service, self.window)
        dialog.paired.connect(self.window.tell_done)
        dialog.open_beside()

    @Slot(object)
    def show_error(self, error: object) -> None:
        """What happened and what to do, without standing in the way; its text can be copied."""
        if self._errors is None:
            self._errors = ErrorDialog(self.window)
            self._errors.destroyed.connect(self._errors_closed)
        self._errors.add(error)

    @Slot()
    def _errors_closed(self) -> None:
        self._errors = None

    @Slot()
    def _keep_layout(self) -> None:
        now = take_layout(self.window, self.theme, self._kept)
        if self._layout is not None and now != self._kept:
            self._kept = now
            self._layout.write(now)

    def stop(self) -> bool:
        """Keep the looks; stop service and worker."""
        self._keeping.stop()
        if self._layout is not None:
            self._layout.finish(take_layout(self.window, self.theme, self._kept))
        return self.service.stop()


def run_console(
    state_dir: Path,
    *,
    simulation: Path | None = None,
    screenshot: Path | None = None,
    page: str | None = None,
    looks: Looks | None = None,
    on_started: Callable[[TransferService], object] | None = None,
) -> int:
    """Open the window and run until it is closed; with `screenshot`, take a picture and end.

    The window is as it was left, but for what `page` and `looks` say; a picture leaves what is kept as it is.
    """
    looks = looks or Looks()
    if looks.theme is not None and looks.theme not in THEMES:
        raise UsageError(f"there is no theme {looks.theme!r}", hint=f"Choose one of {', '.join(THEMES)}.")
    if looks.scale is not None:
        os.environ["QT_SCALE_FACTOR"] = str(looks.scale)
    application = qt_application()
    layout = LayoutFile(state_dir / LAYOUT_NAME) if screenshot is None else None
    console = Console(partial(remote_service, state_dir, simulation), layout)
    if looks.theme is not None:
        console.theme.set_name(looks.theme)
    console.theme.install(application)
    console.window.state_place = str(state_dir)
    if looks.size is not None:
        console.window.resize(*looks.size)
    elif screenshot is None and not console.has_kept_place:
        fit_screen(console.window)
    if page is not None:
        _open_page(console, page)
    console.window.show()
    QTimer.singleShot(START_MS, partial(begin, console, on_started))
    if screenshot is not None:
        take = partial(_take_picture, console, screenshot, application)
        for begun in (console.service.started, console.service.start_failed):
            begun.connect(lambda *_: QTimer.singleShot(PICTURE_WAIT_MS, take))
        QTimer.singleShot(PICTURE_LIMIT_MS, take)
    with _quit_on_signals(application):
        code = application.exec()
    console.window.hide()  # also where a signal ended it: what is left to do needs no window
    application.processEvents()
    console.stop()
    return int(code)


def begin(console: Console, first: Callable[[TransferService], object] | None = None) -> None:
    """Start it once its window is painted."""
    keep_what_is_made()
    console.start(first)


@contextmanager
def _quit_on_signals(application: QApplication) -> Iterator[None]:
    """Ctrl+C in the terminal, and SIGTERM, end the console in order. Python sees them with the window's next timer."""
    before = {
        number: signal.signal(number, lambda *_: application.quit()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_page(console: Console, name: str) -> None:
    names = [page.name for page in console.window.pages]
    if name not in names:
        raise UsageError(f"there is no page {name!r}", hint=f"Choose one of {', '.join(names)}.")
    console.window.go_to(name)


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
            for _ in range(LAYOUT_ROUNDS):
                application.processEvents()
            path = out / f"{page.name}-{name}.png"
            window.grab().save(str(path))
            saved.append(path)
    window.close()
    window.deleteLater()
    return saved
