"""The hours of a week as a grid that is painted on: each cell has no cap, a cap, or lets nothing pass.

Arrows lead from hour to hour, Shift with them marks a block, Space paints what is marked; a mouse marks and paints by
drawing over it. What a cell is shows by its mark as well as by its shade: empty, a filled foot, or a bar across.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.figures import plain_tip
from app.widgets.look import ThemeLike, look_of
from transfer_core.units import format_rate

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 24
CELLS = len(DAYS) * HOURS
LABELLED_HOURS = (0, 6, 12, 18)
KEYS_HELP = "Arrows lead, Shift marks, Space paints  (Space)"
_STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class WeekGrid(QWidget):
    """`cells` is empty or one cap for each hour, in bits per second; `brush_bps` is what painting puts there."""

    painted = Signal()

    def __init__(self, theme: ThemeLike, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._look = look_of(theme)
        self._cells: list[float | None] = [None] * CELLS
        self._at = (0, 8)
        self._anchor = (0, 8)
        self._drawing = False
        self.brush_bps: float | None = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Caps by hour of the week")
        self.setToolTip(plain_tip(KEYS_HELP))
        theme.changed.connect(self._apply_look)
        self._say_where()

    @property
    def cells(self) -> tuple[float | None, ...]:
        """The timetable; empty when no hour has a cap."""
        return () if all(cap is None for cap in self._cells) else tuple(self._cells)

    def show_cells(self, cells: Sequence[float | None]) -> None:
        """Show another timetable."""
        self._cells = list(cells) if len(cells) == CELLS else [None] * CELLS
        self._say_where()
        self.update()

    def paint_marked(self) -> None:
        """Put the brush's cap into the marked hours."""
        first_day, last_day = sorted((self._at[0], self._anchor[0]))
        first_hour, last_hour = sorted((self._at[1], self._anchor[1]))
        for day in range(first_day, last_day + 1):
            for hour in range(first_hour, last_hour + 1):
                self._cells[day * HOURS + hour] = self.brush_bps
        self._say_where()
        self.update()
        self.painted.emit()

    # --- what each hour is

    def words(self, day: int, hour: int) -> str:
        """One hour for people."""
        cap = self._cells[day * HOURS + hour]
        what = "no cap" if cap is None else format_rate(cap) if cap else "nothing goes"
        return f"{DAYS[day]} {hour}:00 to {hour + 1}:00: {what}"

    def _say_where(self) -> None:
        self.setAccessibleDescription(self.words(*self._at))

    # --- keyboard and mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Lead, mark, paint."""
        step = _STEPS.get(Qt.Key(event.key()))
        if step is not None:
            day = min(max(self._at[0] + step[0], 0), len(DAYS) - 1)
            hour = min(max(self._at[1] + step[1], 0), HOURS - 1)
            self._go_to((day, hour), marks=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif event.key() == Qt.Key.Key_Space:
            self.paint_marked()
        else:
            super().keyPressEvent(event)

    def _go_to(self, place: tuple[int, int], *, marks: bool) -> None:
        self._at = place
        if not marks:
            self._anchor = place
        self._say_where()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to mark."""
        place = self.place_at(event.position().toPoint())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self._drawing = True
            self._go_to(place, marks=False)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Mark on."""
        place = self.place_at(event.position().toPoint())
        if self._drawing and place is not None:
            self._go_to(place, marks=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Paint what was marked."""
        if self._drawing and event.button() == Qt.MouseButton.LeftButton:
            self._drawing = False
            self.paint_marked()

    def event(self, event: QEvent) -> bool:
        """The tool tip says what the hour under the pointer is."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = self.place_at(event.pos())
            QToolTip.showText(
                event.globalPos(), plain_tip(self.toolTip() if place is None else self.words(*place)), self
            )
            return True
        return super().event(event)

    # --- places

    def _label_width(self) -> int:
        return self.fontMetrics().horizontalAdvance("Wed") + 10

    def _head_height(self) -> int:
        return self.fontMetrics().height() + 2

    def _row_height(self) -> int:
        return max(18, self.fontMetrics().height() + 2)

    def cell(self, day: int, hour: int) -> QRect:
        """Where an hour is."""
        left, wide = self._label_width(), self.width() - self._label_width() - 1
        x, end = left + hour * wide // HOURS, left + (hour + 1) * wide // HOURS
        return QRect(x, self._head_height() + day * self._row_height(), end - x, self._row_height())

    def place_at(self, point: QPoint) -> tuple[int, int] | None:
        """The hour at a point; None beside the grid."""
        return next(
            ((day, hour) for day in range(len(DAYS)) for hour in range(HOURS) if self.cell(day, hour).contains(point)),
            None,
        )

    def sizeHint(self) -> QSize:
        """Wide enough that each hour can be hit."""
        return QSize(self._label_width() + HOURS * 16, self._head_height() + len(DAYS) * self._row_height() + 2)

    def minimumSizeHint(self) -> QSize:
        """Half as wide."""
        hint = self.sizeHint()
        return QSize(hint.width() // 2, hint.height())

    # --- looks

    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.updateGeometry()
        self.update()

    def paintEvent(self, _event: object) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setPen(self._look.muted)
        for hour in LABELLED_HOURS:
            area = self.cell(0, hour)
            painter.drawText(QRect(area.left(), 0, 60, self._head_height()), f"{hour}:00")
        for day, name in enumerate(DAYS):
            row = self.cell(day, 0)
            painter.setPen(self._look.muted)
            painter.drawText(QRect(0, row.top(), row.left(), row.height()), Qt.AlignmentFlag.AlignVCenter, name)
            for hour in range(HOURS):
                self._paint_cell(painter, self.cell(day, hour), self._cells[day * HOURS + hour])
        self._paint_mark(painter)
        painter.end()

    def _paint_cell(self, painter: QPainter, area: QRect, cap: float | None) -> None:
        look = self._look
        painter.setPen(look.border)
        painter.setBrush(look.card)
        painter.drawRect(area)
        inner = QRectF(area).adjusted(2, 2, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if cap:
            painter.setBrush(look.muted)
            painter.drawRect(
                QRectF(inner.left(), inner.bottom() - inner.height() * 0.4, inner.width(), inner.height() * 0.4)
            )
        elif cap is not None:
            painter.setBrush(look.text)
            painter.drawRect(QRectF(inner.left(), inner.center().y() - 1.5, inner.width(), 3))

    def _paint_mark(self, painter: QPainter) -> None:
        marked = self.cell(*self._at).united(self.cell(*self._anchor))
        if self.hasFocus() or self._drawing:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._look.focus, 2))
            painter.drawRect(marked)
