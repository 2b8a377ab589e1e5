"""A button that follows an action: its text, tool tip, state and key."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget


class ActionButton(QPushButton):
    """Triggers the action; the key is the action's own."""

    def __init__(self, action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self.setAutoDefault(False)
        self.clicked.connect(action.trigger)
        action.changed.connect(self.follow)
        self.follow()

    @Slot()
    def follow(self) -> None:
        """Take over what the action says."""
        self.setText(self._action.text())
        self.setToolTip(self._action.toolTip())
        self.setAccessibleName(self._action.text().replace("…", ""))
        self.setEnabled(self._action.isEnabled())
