"""A button that follows an action: its text, tool tip, state and key."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QStyle, QStyleOptionButton, QWidget

from app.figures import plain_tip


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
        self.setToolTip(plain_tip(self._action.toolTip()))
        self.setAccessibleName(self._action.text().replace("…", ""))
        self.setEnabled(self._action.isEnabled())


class SteadyButton(ActionButton):
    """As wide as the widest of the texts that it may say, so that what stands beside it keeps its place."""

    def __init__(self, action: QAction, texts: Sequence[str]) -> None:
        self._texts = texts
        super().__init__(action)

    def sizeHint(self) -> QSize:
        """For the widest."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        text = QSize(max(map(self.fontMetrics().horizontalAdvance, self._texts)), self.fontMetrics().height())
        return self.style().sizeFromContents(QStyle.ContentsType.CT_PushButton, option, text, self)

    def minimumSizeHint(self) -> QSize:
        """No narrower."""
        return self.sizeHint()
