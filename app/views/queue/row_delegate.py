"""Paints the rows of the queue: the band of a priority, name over destination, the bar by link, the state."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from app.figures import seen
from app.models.console_state import ConsoleState
from app.models.queue_model import JOB_ROLE, Column, has_begun
from app.theme.theme import Theme
from app.widgets.look import look_of
from app.widgets.status_shape import Shape, paint_shape
from transfer_core.config import priority_name
from transfer_core.events import JobState, JobView

PADDING = 8
BAR_HEIGHT = 9
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

DOTS = 12  # px that the dots to drag by take
SHAPE_ROOM = 20  # px from the left edge of a state's shape to its words


def band_text(priority: int) -> str:
    """`2 HIGH`; `PRIORITY 9` where it has no name."""
    name = priority_name(priority)
    return f"PRIORITY {priority}" if name.isdigit() else f"{priority} {name.upper()}"


def paint_play(painter: QPainter, box: QRectF, colour: QColor) -> None:
    """A triangle that points on."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    points = [box.topLeft(), QPointF(box.right(), box.center().y()), box.bottomLeft()]
    painter.drawPolygon(QPolygonF([QPointF(point) for point in points]))


class RowDelegate(QStyledItemDelegate):
    """One for the whole table; `has_band(row)` says where a band stands."""

    def __init__(self, state: ConsoleState, theme: Theme, has_band: Callable[[int], bool], table: QTableView) -> None:
        super().__init__(table)
        self._table = table
        self._state, self._theme, self._has_band = state, theme, has_band
        self.apply_theme()

    def apply_theme(self) -> None:
        """Make colours and fonts anew."""
        tokens = self._theme.tokens
        self._look = look_of(self._theme)
        self._row_height, self._group_height = tokens.row_height, tokens.group_height
        self._selection, self._track = QColor(tokens.selection), QColor(tokens.track)
        self._band, self._accent = QColor(tokens.raised), QColor(tokens.accent)
        self._figure_metrics = QFontMetrics(self._look.font)
        self._name_font = self._theme.font("text")
        self._name_font.setWeight(self._name_font.Weight.Medium)
        self._name_metrics, self._small_metrics = QFontMetrics(self._name_font), QFontMetrics(self._look.small)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Rows are as high as the theme says."""
        return QSize(super().sizeHint(option, index).width(), self._row_height)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Everything in the row is painted here."""
        job = index.data(JOB_ROLE)
        if not isinstance(job, JobView):
            return
        painter.save()
        area = QRect(option.rect)
        if self._has_band(index.row()):
            self._paint_band(painter, area, index.column(), job)
            area.setTop(area.bottom() + 1 - self._row_height)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, self._selection)
        painter.setPen(self._look.grid)
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        inner = QRectF(area).adjusted(PADDING, 0, -PADDING, -1)
        match index.column():
            case Column.PLACE:
                self._paint_place(painter, inner, index.row(), job)
            case Column.FILE:
                self._paint_name(painter, inner, str(index.data()), job)
            case Column.SENT:
                self._paint_bar(painter, inner, job)
            case Column.STATE:
                words = str(index.data())
                if self._table.isColumnHidden(Column.LEFT) and (left := index.sibling(index.row(), Column.LEFT).data()):
                    words = f"{words} · {left} left"
                self._paint_state(painter, inner, job, words)
            case _:
                painter.setFont(self._look.font)
                painter.setPen(self._look.text)
                text = self._figure_metrics.elidedText(
                    str(index.data()), Qt.TextElideMode.ElideRight, int(inner.width())
                )
                painter.drawText(inner, int(_RIGHT), text)
        painter.restore()

    def _paint_band(self, painter: QPainter, area: QRect, column: int, job: JobView) -> None:
        band = QRect(area.left(), area.top(), area.width(), self._group_height)
        painter.fillRect(band, self._band)
        painter.setPen(self._look.grid)
        painter.drawLine(band.bottomLeft(), band.bottomRight())
        if column in (Column.PLACE, Column.FILE):  # the text runs on from the first column into the second
            painter.setFont(self._look.small)
            painter.setPen(self._look.muted)
            shift = 0 if column == Column.PLACE else -self._table.columnWidth(Column.PLACE)
            painter.setClipRect(band)
            text = band.adjusted(PADDING + shift, 0, 200, 0)
            painter.drawText(text, int(_LEFT), band_text(job.priority))
            painter.setClipping(False)

    def _paint_place(self, painter: QPainter, area: QRectF, row: int, job: JobView) -> None:
        middle = area.center().y()
        if not job.status.is_final:  # six dots to drag by
            for x in (0, 4):
                for y in (-4, 0, 4):
                    painter.fillRect(QRectF(area.left() + x, middle + y - 1, 2, 2), self._look.muted)
        painter.setFont(self._look.font)
        painter.setPen(self._look.muted)
        painter.drawText(area.adjusted(DOTS, 0, 0, 0), int(_LEFT), str(row + 1))

    def _paint_name(self, painter: QPainter, area: QRectF, name: str, job: JobView) -> None:
        metrics, small = self._name_metrics, self._small_metrics
        top = area.center().y() - (metrics.height() + small.height()) / 2
        painter.setFont(self._name_font)
        painter.setPen(self._look.text)
        line = QRectF(area.left(), top, area.width(), metrics.height())
        painter.drawText(line, int(_LEFT), metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, int(area.width())))
        painter.setFont(self._look.small)
        painter.setPen(self._look.muted)
        line = QRectF(area.left(), line.bottom(), area.width(), small.height())
        folder, slash, _name = job.dest_path.rpartition("/")
        where = seen(f"{job.destination} · {folder}" if slash else job.destination)
        painter.drawText(line, int(_LEFT), small.elidedText(where, Qt.TextElideMode.ElideMiddle, int(area.width())))

    def _paint_bar(self, painter: QPainter, area: QRectF, job: JobView) -> None:
        bar = QRectF(area.left(), area.center().y() - BAR_HEIGHT / 2, area.width(), BAR_HEIGHT)
        painter.fillRect(bar, self._track)
        share = 1.0 if not job.size else min(1.0, job.bytes_done / job.size)
        carried = {name: count for name, count in job.links.items() if count > 0}
        total = sum(carried.values())
        left = bar.left()
        for name in sorted(carried, key=self._state.link_index):
            width = bar.width() * share * carried[name] / total
            colour = self._look.link(self._state.link_index(name))
            painter.fillRect(QRectF(left, bar.top(), width, BAR_HEIGHT), colour)
            left += width
        if not total and share:
            painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * share, BAR_HEIGHT), self._look.muted)

    def _paint_state(self, painter: QPainter, area: QRectF, job: JobView, words: str) -> None:
        look = self._look
        mark = QRectF(area.left(), area.center().y() - 6, 12, 12)
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        waits = bool(job.reason) and job.status in (JobState.PENDING, JobState.UPLOADING)
        if waits:
            paint_shape(painter, Shape.TRIANGLE, mark, look.caution)
        elif has_begun(job):
            paint_play(painter, mark.adjusted(1, 0, -1, 0), self._accent if self._state.is_heard else look.muted)
        elif job.status is JobState.PAUSED:
            paint_shape(painter, Shape.PAUSE, mark, look.muted)
        else:
            shape, colour = {
                JobState.PENDING: (Shape.RING, look.muted),
                JobState.UPLOADING: (Shape.RING, look.muted),
                JobState.COMPLETED: (Shape.CIRCLE, look.good),
                JobState.FAILED: (Shape.OCTAGON, look.critical),
                JobState.CANCELLED: (Shape.CROSS, look.muted),
            }[job.status]
            paint_shape(painter, shape, mark, colour)
        painter.setFont(look.font)
        painter.setPen(look.text)
        text = area.adjusted(SHAPE_ROOM, 2, 0, -2)
        if self._figure_metrics.horizontalAdvance(words) <= text.width():
            painter.drawText(text, int(_LEFT), words)
            return
        painter.setFont(look.small)
        self._paint_two_lines(painter, text, words)

    def _paint_two_lines(self, painter: QPainter, area: QRectF, words: str) -> None:
        """Break a long reason once, and cut it off after the second line."""
        metrics = self._small_metrics
        first, rest = words, ""
        while " " in first and metrics.horizontalAdvance(first) > area.width():
            first, _, last = first.rpartition(" ")
            rest = f"{last} {rest}".strip()
        width = int(area.width())
        lines = [metrics.elidedText(line, Qt.TextElideMode.ElideRight, width) for line in (first, rest) if line]
        painter.drawText(area, int(_LEFT), "\n".join(lines))
