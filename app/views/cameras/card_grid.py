"""Cards side by side, as many in a row as fit; arrow keys lead from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

GAP = 10


class CardGrid(QWidget):
    """Lays its cards out itself: a grid whose columns follow the width. `moved_to(place)` when an arrow was pressed."""

    moved_to = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: list[QWidget] = []

    def set_cards(self, cards: Sequence[QWidget]) -> None:
        """These, in this order."""
        self._cards = list(cards)
        for card in self._cards:
            card.setParent(self)
            card.show()
        self.lay_out()

    @property
    def columns(self) -> int:
        """How many stand side by side."""
        if not self._cards:
            return 1
        least = max(card.sizeHint().width() for card in self._cards)
        return max(1, (self.width() + GAP) // (least + GAP))

    def lay_out(self) -> None:
        """Put every card in its place, and be as high as they need."""
        columns = self.columns
        high = max((card.sizeHint().height() for card in self._cards), default=0)
        wide = (self.width() - (columns - 1) * GAP) // columns
        for place, card in enumerate(self._cards):
            row, column = divmod(place, columns)
            card.setGeometry(column * (wide + GAP), row * (high + GAP), wide, high)
        rows = -(-len(self._cards) // columns)
        self.setMinimumHeight(max(0, rows * (high + GAP) - GAP))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other columns for another width."""
        super().resizeEvent(event)
        self.lay_out()

    def sizeHint(self) -> QSize:
        """One column at least."""
        return QSize(400, self.minimumHeight())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, Home and End."""
        focused = next((place for place, card in enumerate(self._cards) if card.hasFocus()), None)
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.columns,
            Qt.Key.Key_Down: self.columns,
            Qt.Key.Key_Home: -len(self._cards),
            Qt.Key.Key_End: len(self._cards),
        }
        step = steps.get(Qt.Key(event.key()))
        if focused is None or step is None:
            super().keyPressEvent(event)
            return
        wanted = focused + step
        if abs(step) == self.columns and not 0 <= wanted < len(self._cards):
            return
        self.moved_to.emit(min(max(wanted, 0), len(self._cards) - 1))
