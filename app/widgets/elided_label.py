"""A line of text that is cut in its middle where there is no room; the tool tip has it whole."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.figures import seen
from app.widgets.plain_label import PlainLabel


class ElidedLabel(PlainLabel):
    """For names and paths, whose beginning and end both matter."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        area = self.contentsRect()
        text = self.fontMetrics().elidedText(seen(self.text()), Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(area, int(self.alignment()), text)
        painter.end()
