"""The tabs of the pages: a name, and the number of its key in small figures beside it."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QTabBar, QWidget

from app.widgets.look import ThemeLike, look_of

_PAD = 12
_LINE = 2  # below the tab in front
_WIDEST = 16_000  # px: more than any window, so that the bar goes on to its right edge


class PageTabs(QTabBar):
    """Painted here, since a style sheet knows one size of text in a tab."""

    def __init__(self, theme: ThemeLike, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._look = theme, look_of(theme)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setDrawBase(False)
        self.setMouseTracking(True)
        self.setAccessibleName("Pages")
        theme.changed.connect(self._apply_look)

    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.updateGeometry()
        self.update()

    def tabSizeHint(self, index: int) -> QSize:
        """Room for the name in its widest face, and for the number."""
        strong, small = QFontMetrics(self._look.strong), QFontMetrics(self._look.small)
        wide = strong.horizontalAdvance(self.tabText(index)) + 6 + small.horizontalAdvance(str(index + 1))
        return QSize(wide + 2 * _PAD, strong.height() + 18)

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(_WIDEST, super().sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        look = self._look
        painter = QPainter(self)
        tokens = self._theme.tokens
        painter.fillRect(self.rect(), QColor(tokens.chrome))
        painter.fillRect(0, self.height() - 1, self.width(), 1, QColor(tokens.border))
        middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        for index in range(self.count()):
            area = self.tabRect(index)
            front = index == self.currentIndex()
            font = look.strong if front else look.font
            painter.setFont(font)
            painter.setPen(look.text if front else look.muted)
            name = QRect(area.left() + _PAD, area.top(), area.width() - _PAD, area.height() - _LINE)
            painter.drawText(name, middle, self.tabText(index))
            wide = QFontMetrics(font).horizontalAdvance(self.tabText(index)) + 6
            painter.setFont(look.small)
            painter.setPen(look.muted)
            painter.drawText(name.adjusted(wide, 1, 0, 1), middle, str(index + 1))
            if front:
                colour = look.focus if self.hasFocus() else look.text
                painter.fillRect(area.left(), area.bottom() - _LINE + 1, area.width(), _LINE, colour)
        painter.end()
