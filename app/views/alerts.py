"""What lasts and needs a hand, on the banner: it is shown worst first, helped with by one button, and put away."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.actions import COMMANDS, make_action
from app.models.conditions import Condition
from app.models.console_state import ConsoleState
from app.views.lasting import Lasting
from app.widgets.banner import Banner
from transfer_core.events import Severity


class Alerts(QObject):
    """Between what lasts and the banner of a window. It looks at everything again when `look` is called."""

    place_wanted = Signal(str, str)  # page, subject
    worst_told = Signal(object)  # Condition or None: the worst that it tells of, or told of until it was put away

    def __init__(self, state: ConsoleState, banner: Banner, window: QWidget) -> None:
        super().__init__(window)
        self._window, self._banner = window, banner
        self._lasting = Lasting(state)
        self._shown: Condition | None = None
        self._dirty = True
        self.actions = {
            f"window.{name}_banner": make_action(f"window.{name}_banner", window, partial(self._press, name))
            for name in ("help", "copy", "close")
        }
        banner.closed.connect(self._put_away)
        banner.help_wanted.connect(self._help)
        for signal in (state.engine_changed, state.destinations_changed, state.relay_changed, state.others_arrived):
            signal.connect(self._look_later)

    @property
    def worst(self) -> Condition | None:
        """The worst of all as it is now, also of what is put away."""
        self.look()
        return self._lasting.worst

    @property
    def is_telling_worse(self) -> bool:
        """Whether the banner is taken by more than a note."""
        return self._shown is not None and self._shown.severity is not Severity.INFO

    def tell(self, condition: Condition) -> None:
        """Something that lasts; it stays until it is put away."""
        self._lasting.tell(condition)
        self.look()

    def take_back(self, key: str) -> None:
        """What was told under that key does not hold any more."""
        self._lasting.take_back(key)
        self.look()

    @Slot()
    def _look_later(self) -> None:
        self._dirty = True

    def tick(self) -> None:
        """Look again, if there is news."""
        if self._dirty:
            self.look()

    def look(self) -> None:
        """Look at everything again, and show the worst."""
        self._dirty = False
        shown = self._lasting.for_banner()
        self.worst_told.emit(self._lasting.worst_told)
        self._shown = shown[0] if shown else None
        if self._shown is None:
            self._banner.hide()
            return
        more = "\n".join(each.text for each in shown[1:])
        self._banner.show_message(
            self._shown.severity,
            self._shown.text,
            helps=self._helps(self._shown),
            detail=self._shown.detail,
            more=more,
        )

    def _helps(self, shown: Condition) -> tuple[str, str] | None:
        """Text and tool tip of the button that helps; None if nothing does."""
        if shown.command:
            action = self._action_that_helps(shown)
            command = COMMANDS[shown.command]
            return (action.text() if action else command.text, action.toolTip() if action else command.tool_tip())
        if shown.page:
            return f"Show {shown.page}", f"Go to {shown.page.capitalize()}"
        return None

    def _action_that_helps(self, shown: Condition) -> QAction | None:
        return self._window.findChild(QAction, shown.command) if shown.command else None

    def _press(self, name: str) -> None:
        """Press the banner's button, if there is a banner that has it."""
        banner = self._banner
        button = {"help": banner.helps, "copy": banner.copy, "close": banner.close_button}[name]
        if button.isVisible():
            button.click()

    @Slot()
    def _put_away(self) -> None:
        if self._shown is not None:
            self._lasting.put_away(self._shown)
            self.look()

    @Slot()
    def _help(self) -> None:
        shown = self._shown
        if shown is None:
            return
        action = self._action_that_helps(shown)
        if shown.page:
            self.place_wanted.emit(shown.page, "" if action is not None else shown.subject)
        if action is not None:
            action.trigger()
