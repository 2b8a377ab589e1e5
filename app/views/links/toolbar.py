"""The row above the plots: how much time they show, freeze, what can be said of a link, and whether they are live."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.actions import make_action, offer
from app.figures import NO_NEWS, plain_tip
from app.widgets.action_button import ActionButton
from app.widgets.look import Look

WINDOWS_S = {"1 min": 60.0, "5 min": 300.0, "30 min": 1800.0}
WINDOW_COMMANDS = ("links.minute", "links.five_minutes", "links.half_hour")


class Toolbar(QHBoxLayout):
    """Its buttons don't take the keyboard from a click, so that Space stays the page's."""

    def __init__(self, page: QWidget, show_window: Callable[[float], object], slots: dict[str, Callable[[], object]]):
        super().__init__()
        self.setSpacing(8)
        self._page = page
        self._windows: dict[str, QPushButton] = {}
        self._of_links: list[QAction] = []
        for (label, span_s), name in zip(WINDOWS_S.items(), WINDOW_COMMANDS, strict=True):
            button = self._add(name, partial(show_window, span_s))  # in no group: Tab has to reach each
            button.setCheckable(True)
            self._windows[label] = button
        self.addSpacing(8)
        self.freeze = self._add("links.freeze", slots["freeze"])
        self.freeze.setCheckable(True)
        self.addStretch(1)
        self.limits = self._add("links.limits", slots["limits"], of_links=True)
        self.simulate = self._add("links.simulate", slots["simulate"], of_links=True)
        self.badge = QPushButton()
        self.badge.setObjectName("liveBadge")
        self.badge.setAutoDefault(False)
        self.badge.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.badge.clicked.connect(slots["live"])
        self.addWidget(self.badge)

    def _add(self, name: str, slot: Callable[[], object], *, of_links: bool = False) -> ActionButton:
        action = make_action(name, self._page, slot)
        if of_links:
            self._of_links.append(action)
        button = ActionButton(action, self._page)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.addWidget(button)
        return button

    def offer_links(self, has_some: bool) -> None:
        """Grey what is said of a link while there is none."""
        for action in self._of_links:
            if action.isEnabled() is not has_some:
                offer(action, "" if has_some else "There is no link yet")

    def show_window(self, span_s: float) -> None:
        """Check the button of the window that is shown."""
        for label, seconds in WINDOWS_S.items():
            self._windows[label].setChecked(seconds == span_s)

    def show_frozen(self, frozen_at: str, look: Look, *, is_heard: bool = True) -> None:
        """Since when the picture stands still; empty while it follows the data, or would if there were any."""
        self.freeze.setChecked(bool(frozen_at))
        text = f"FROZEN {frozen_at} · jump to live" if frozen_at else "LIVE" if is_heard else NO_NEWS
        tip = "Follow the data again  (Space)" if frozen_at else "The picture follows the data  (Space)"
        self.badge.setText(text)
        self.badge.setAccessibleName(text)
        self.badge.setToolTip(plain_tip(tip))
        self.badge.setAccessibleDescription(tip)
        colour = look.caution if frozen_at or not is_heard else look.border
        self.badge.setStyleSheet(
            f"QPushButton#liveBadge {{ border: 1px solid {colour.name()}; color: {look.text.name()}; }}"
        )
