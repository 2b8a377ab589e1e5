"""The whole window over the fake service, as a test shows it and takes it down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytestqt.qtbot import QtBot

from app.models.console_state import ConsoleState
from app.pages import make_pages
from app.theme.theme import Theme
from app.views.main_window import MainWindow
from app.workers.calls_here import CallsHere
from tests.support.fake_service import FakeService, FakeSubscription
from transfer_core.engine.system import SystemClock


class ShownWindow:
    """A window, what it shows, and the service that it talks to."""

    def __init__(self, service: FakeService) -> None:
        self.service = service
        self.state = ConsoleState(SystemClock())
        self.theme = Theme()
        self.window = MainWindow(self.state, self.theme, make_pages)
        self._subscription: FakeSubscription = service.subscribe()
        calls = CallsHere(service)
        for part in (self.window.strip, *self.window.pages):
            part.connect_to(calls)
        self.window.pause_all_wanted.connect(lambda paused: calls.call("pause_all" if paused else "resume_all"))
        self.pass_events()

    def pass_events(self) -> None:
        """Let the window hear what the service has said since."""
        self.state.apply(self._subscription.drain())


@contextmanager
def shown_window(qtbot: QtBot, service: FakeService | None = None) -> Iterator[ShownWindow]:
    """Shown, with the keyboard."""
    made = ShownWindow(service or FakeService())
    window = made.window
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield made
    window.toast.put_away()
    window.close()
    for page in window.pages:
        page.on_hidden()
