"""The time axis that all cards share: how long ago, and `now` or the moment of the freeze at its right end."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.views.links.scales import time_step_s
from app.widgets.look import Look


class TimeRuler(QWidget):
    """Painted below the cards, aligned with their lanes."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._span_s = 60.0
        self._left = 0
        self._right = 0
        self._end = "now"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Time axis")

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.updateGeometry()
        self.update()

    def show_axis(self, span_s: float, left: int, right: int, end: str) -> None:
        """Show so many seconds between two places (px from the left); `end` names the newest moment."""
        if (span_s, left, right, end) != (self._span_s, self._left, self._right, self._end):
            self._span_s, self._left, self._right, self._end = span_s, left, right, end
            self.update()

    def sizeHint(self) -> QSize:
        """One line of small text."""
        return QSize(300, QFontMetrics(self._look.small).height() + 4)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        width = self._right - self._left
        if width <= 0:
            return
        painter = QPainter(self)
        painter.setFont(self._look.small)
        painter.setPen(self._look.muted)
        step_s = time_step_s(self._span_s, width)
        ago_s = self._span_s
        while ago_s > 0:
            x = self._right - round(width * ago_s / self._span_s)
            text = f"−{ago_s / 60:.0f} min" if self._span_s > 60 else f"−{ago_s:.0f} s"
            painter.drawText(QRect(x - 45, 0, 90, self.height()), Qt.AlignmentFlag.AlignCenter, text)
            ago_s -= step_s
        painter.setPen(self._look.text)
        box = QRect(self._right - 100, 0, 108, self.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._end)
        painter.end()
