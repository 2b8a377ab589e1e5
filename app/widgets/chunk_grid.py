"""A file as a grid of cells, each in the colour of the link that carried it; grey is not there yet."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.figures import plain_tip

COLUMNS, ROWS = 30, 12
CELLS = COLUMNS * ROWS


class ChunkGrid(QWidget):
    """`cells[i]` is 0 for not yet there, else 1 + an index into the colours."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells = b""
        self._colours: list[QColor] = []
        self._empty = QColor()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Parts of the file, by the link that carried them")

    def show_cells(self, cells: bytes, colours: Sequence[QColor], empty: QColor, words: str) -> None:
        """Paint these; `words` say the same."""
        self._cells, self._colours, self._empty = cells, list(colours), empty
        self.setAccessibleDescription(words)
        self.setToolTip(plain_tip(words))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """As high as all rows of square cells."""
        return QSize(240, self.heightForWidth(max(240, self.width())))

    def hasHeightForWidth(self) -> bool:
        """Cells are square."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Height of all rows at that width."""
        rows = -(-max(1, len(self._cells)) // COLUMNS)
        return max(3, round(width / COLUMNS * min(rows, ROWS)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw. Cells end where whole pixels end, so that they fill the width."""
        side = self.width() / COLUMNS
        edges = [round(place * side) for place in range(max(COLUMNS, ROWS) + 1)]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.setPen(Qt.PenStyle.NoPen)
        for place, mark in enumerate(self._cells[:CELLS]):
            known = 0 < mark <= len(self._colours)
            colour = self._colours[mark - 1] if known else self._empty
            column, row = place % COLUMNS, place // COLUMNS
            left, top = edges[column], edges[row]
            painter.fillRect(left, top, edges[column + 1] - left - 1, edges[row + 1] - top - 1, colour)
        painter.end()
