"""The row of buttons over the Telemetry page. What there is no room for is reached by its key, or in the menu."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget

from app.actions import make_action, offer
from app.widgets.action_button import ActionButton
from app.widgets.fitting_row import FittingRow

SPANS_S = {"ten": 10.0, "thirty": 30.0, "minute": 60.0}
SPAN_FIRST_S = 30.0
_LEFT = ("listen", "race", "join", "end", "mark", "open", "replay", "compare", "export", "alarms")
_RANKS = {"alarms": 6, "export": 5, "compare": 3, "join": 2, "mark": 1}


class Tools:
    """Makes the actions of the page, and buttons for most of them."""

    def __init__(
        self, page: QWidget, slots: Mapping[str, Callable[[], object]], show_span: Callable[[float], object]
    ) -> None:
        self._actions = actions = {name: make_action(f"telemetry.{name}", page, slot) for name, slot in slots.items()}
        self.row = FittingRow()
        for name in _LEFT:
            self._add(actions[name], page, rank=_RANKS.get(name, 0))
        self.row.row.addStretch(1)
        self._spans: dict[float, QPushButton] = {}
        for name, span_s in SPANS_S.items():
            action = make_action(f"telemetry.{name}", page, partial(show_span, span_s))
            self._spans[span_s] = self._add(action, page, rank=4, checkable=True)
        self.freeze = self._add(actions["freeze"], page, checkable=True)
        self.show_span(SPAN_FIRST_S)

    def _add(self, action: QAction, page: QWidget, *, rank: int = 0, checkable: bool = False) -> QPushButton:
        button = ActionButton(action, page)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setCheckable(checkable)
        self.row.add(button, rank=rank)
        return button

    def offer(self, why_not: Mapping[str, str]) -> None:
        """Grey what can do nothing, for this reason, by name; empty for what can be done."""
        for name, why in why_not.items():
            offer(self._actions[name], why)

    def show_span(self, span_s: float) -> None:
        """Which stretch is shown."""
        for seconds, button in self._spans.items():
            button.setChecked(seconds == span_s)

    def show_frozen(self, frozen: bool) -> None:
        """Whether the picture stands still."""
        self.freeze.setChecked(frozen)
        self.freeze.setText("Frozen" if frozen else "Freeze")
