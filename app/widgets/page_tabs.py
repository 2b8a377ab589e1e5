"""The tabs of the pages: a name, and the number of its key in small figures beside it while there is room."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QTabBar, QWidget

from app.widgets.look import ThemeLike, look_of

_FITS = ((12, True, False), (8, True, False), (7, False, False), (5, False, True))  # padding, number, small type
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
        self._pad, self._numbers, self._small = _FITS[0]
        self.setAccessibleName("Pages")
        theme.changed.connect(self._apply_look)

    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self._choose()
        self.updateGeometry()
        for index in range(self.count()):
            self.setTabText(index, self.tabText(index))  # lays the tabs out again, which a change of sizes does not
        self.update()

    def _choose(self) -> None:
        """The widest way in which all tabs fit; the tightest if none does."""
        for fit in _FITS:
            self._pad, self._numbers, self._small = fit
            if sum(self.tabSizeHint(index).width() for index in range(self.count())) <= self.width():
                return

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose how to fit, before the tabs are laid out."""
        self._choose()
        super().resizeEvent(event)

    def tabInserted(self, index: int) -> None:
        """One more has to fit."""
        super().tabInserted(index)
        self._choose()

    def _fonts(self) -> tuple[QFont, QFont]:
        """Of the tab in front, and of the others."""
        look = self._look
        front = QFont(look.small if self._small else look.strong)
        front.setWeight(look.strong.weight())
        return front, look.small if self._small else look.font

    def tabSizeHint(self, index: int) -> QSize:
        """Room for the name in its widest face, and for the number."""
        metrics = QFontMetrics(self._fonts()[0])
        number = 6 + self._number_width(index) if self._numbers else 0
        wide = metrics.horizontalAdvance(self.tabText(index)) + number
        return QSize(wide + 2 * self._pad, QFontMetrics(self._look.strong).height() + 18)

    def _number_width(self, index: int) -> int:
        return QFontMetrics(self._look.small).horizontalAdvance(str(index + 1))

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
            font = self._fonts()[0 if front else 1]
            painter.setFont(font)
            painter.setPen(look.text if front else look.muted)
            wide = QFontMetrics(font).horizontalAdvance(self.tabText(index)) + 6
            spare = (area.width() - 2 * self._pad - wide - self._number_width(index)) // 2 if self._numbers else 0
            left = area.left() + self._pad + max(0, spare)
            name = QRect(left, area.top(), area.right() - left, area.height() - _LINE)
            painter.drawText(name, middle, self.tabText(index))
            if self._numbers:
                painter.setFont(look.small)
                painter.setPen(look.muted)
                painter.drawText(name.adjusted(wide, 1, 0, 1), middle, str(index + 1))
            if front:
                colour = look.focus if self.hasFocus() else look.text
                painter.fillRect(area.left(), area.bottom() - _LINE + 1, area.width(), _LINE, colour)
        painter.end()
