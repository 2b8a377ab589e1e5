"""Paints what text alone can't: the bar of what was sent, by the link that carried it, and the state's shape."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.models.console_state import ConsoleState
from app.models.queue_model import JOB_ROLE, Column
from app.theme.theme import Theme
from app.widgets.status_shape import Shape, paint_shape
from transfer_core.events import JobState, JobView

_SHAPES = {
    JobState.PENDING: Shape.RING,
    JobState.UPLOADING: Shape.CIRCLE,
    JobState.PAUSED: Shape.BAR,
    JobState.COMPLETED: Shape.CIRCLE,
    JobState.FAILED: Shape.OCTAGON,
    JobState.CANCELLED: Shape.CROSS,
}


class RowDelegate(QStyledItemDelegate):
    """One for the whole table."""

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._theme = state, theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Rows are as high as the theme says."""
        return QSize(super().sizeHint(option, index).width(), self._theme.tokens.row_height)

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """The first column is a handle to drag by, and the place in the queue."""
        super().initStyleOption(option, index)
        if index.column() == Column.PLACE:
            option.text = f"⠿ {index.row() + 1}"
            option.features |= QStyleOptionViewItem.ViewItemFeature.HasDisplay

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The bar and the state are ours, the rest is text."""
        job = index.data(JOB_ROLE)
        if not isinstance(job, JobView) or index.column() not in (Column.SENT, Column.STATE):
            super().paint(painter, option, index)
            return
        tokens = self._theme.tokens
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(tokens.selection))
        if index.column() == Column.SENT:
            self._paint_bar(painter, QRectF(option.rect), job)
        else:
            self._paint_state(painter, QRectF(option.rect), job, str(index.data()))
        painter.restore()

    def _paint_bar(self, painter: QPainter, area: QRectF, job: JobView) -> None:
        tokens = self._theme.tokens
        bar = QRectF(area.left() + 8, area.center().y() - 4, max(0.0, area.width() - 16), 8)
        painter.fillRect(bar, QColor(tokens.track))
        share = 1.0 if not job.size else min(1.0, job.bytes_done / job.size)
        carried = {name: count for name, count in job.links.items() if count > 0}
        total = sum(carried.values())
        left = bar.left()
        for name in sorted(carried, key=self._state.link_index):
            width = bar.width() * share * carried[name] / total
            painter.fillRect(QRectF(left, bar.top(), width, bar.height()), QColor(self._colour(name)))
            left += width
        if not total and share:
            painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * share, bar.height()), QColor(tokens.muted))

    def _colour(self, link: str) -> str:
        return self._theme.tokens.link_colour(self._state.link_index(link))

    def _paint_state(self, painter: QPainter, area: QRectF, job: JobView, words: str) -> None:
        tokens = self._theme.tokens
        shape, colour = _SHAPES[job.status], tokens.muted
        if job.status is JobState.FAILED:
            colour = tokens.critical
        elif job.status is JobState.UPLOADING:
            colour = tokens.accent
        elif job.status is JobState.COMPLETED:
            colour = tokens.good
        if job.reason and job.status in (JobState.PENDING, JobState.UPLOADING):
            shape, colour = Shape.TRIANGLE, tokens.caution
        mark = QRectF(area.left() + 8, area.center().y() - 6, 12, 12)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_shape(painter, shape, mark, QColor(colour))
        painter.setPen(QColor(tokens.text))
        text = area.adjusted(28, 0, -6, 0)
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(text.width()))
        painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)
