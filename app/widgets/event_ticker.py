"""The last three notices in one line, for the bottom of the window. A click, or Enter, asks for the log."""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QStyle, QStyleOption, QWidget

from app.figures import clock_text, plain_tip
from app.widgets.look import Look, ThemeLike, look_of
from app.widgets.status_shape import SEVERITY_SHAPES, paint_shape, severity_colour
from transfer_core.events import Notice

NOTICES_MOST = 3
READABLE_EM = 14  # times a line's height: an older one that has less room says too little


class EventTicker(QWidget):
    """Newest at the left, whole if there is room for it; an older one is shown where it can be read."""

    log_wanted = Signal()

    def __init__(self, theme: ThemeLike, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._look: Look = look_of(theme)
        self._notices: deque[Notice] = deque(maxlen=NOTICES_MOST)
        self.setObjectName("eventTicker")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Latest events")
        self.setToolTip("Open the log")
        theme.changed.connect(self._apply_look)

    @property
    def texts(self) -> list[str]:
        """The notices shown, newest first."""
        return [f"{clock_text(notice.at)} {notice.text}" for notice in self._notices]

    @Slot(object)
    def show_notice(self, notice: Notice) -> None:
        """Put a notice in front; the oldest of three leaves."""
        self._notices.appendleft(notice)
        self.setAccessibleDescription("; ".join(self.texts))
        self.setToolTip(plain_tip("\n".join([*self.texts, "Click to open the log"])))
        self.update()

    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(400, QFontMetrics(self._look.small).height() + 12)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click asks for the log."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.log_wanted.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter asks for the log."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.log_wanted.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus line."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus line away."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        look = self._look
        metrics = QFontMetrics(look.small)
        painter = QPainter(self)
        style = QStyleOption()
        style.initFrom(self)
        self.style().drawPrimitive(QStyle.PrimitiveElement.PE_Widget, style, painter, self)
        painter.setFont(look.small)
        if self.hasFocus():
            painter.fillRect(0, 0, self.width(), 2, look.focus)
        side = max(10, metrics.ascent() - 1)
        x = 12
        end = self.width() - 16 - metrics.horizontalAdvance("Log") - 12
        painter.setPen(look.muted)
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(self.rect().adjusted(0, 0, -16, 0), right, "Log")
        for notice in self._notices:
            room = end - x
            if room < READABLE_EM * metrics.height() and notice is not self._notices[0]:
                break
            centre = self.height() / 2
            paint_shape(
                painter,
                SEVERITY_SHAPES[notice.severity],
                QRectF(x, centre - side / 2, side, side),
                severity_colour(notice.severity, look),
            )
            at = x + side + 6
            base = round(centre + metrics.ascent() / 2 - 1)
            when = clock_text(notice.at)
            painter.setPen(look.muted)
            painter.drawText(at, base, when)
            at += metrics.horizontalAdvance(when + " ")
            text = metrics.elidedText(notice.text, Qt.TextElideMode.ElideRight, x + room - at - 14)
            painter.setPen(look.text)
            painter.drawText(at, base, text)
            x = at + metrics.horizontalAdvance(text) + 24
        if not self._notices:
            painter.setPen(look.muted)
            painter.drawText(self.rect().adjusted(12, 0, -12, 0), Qt.AlignmentFlag.AlignVCenter, "No events yet")
        painter.end()
