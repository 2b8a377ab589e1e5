"""The queue's table: rows under bands that name their priority, a drop line between rows, drags of several at once."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Slot
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.models.console_state import ConsoleState
from app.models.queue_model import ROWS_MIME, Column, QueueModel
from app.theme.theme import Theme
from app.views.queue.row_delegate import RowDelegate

WIDTHS = {
    Column.PLACE: 54,
    Column.FILE: 250,
    Column.SIZE: 78,
    Column.SENT: 150,
    Column.RATE: 66,
    Column.LEFT: 84,
}


class QueueTable(QTableView):
    """Shows a `QueueModel`. A band is no row: it is room above the first row of each priority."""

    def __init__(self, model: QueueModel, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = model
        self._theme = theme
        self._find = ""
        self._hidden = False
        self._bands: frozenset[int] = frozenset()
        self._drop_row: int | None = None
        self.setObjectName("queueTable")
        self.setAccessibleName("Queue")
        self.setToolTip("What is to be sent, first to last; drag rows, or Alt+Up and Alt+Down")
        self.setModel(model)
        self._delegate = RowDelegate(state, theme, self.has_band, self)
        self.setItemDelegate(self._delegate)
        self._set_up()
        model.order_changed.connect(self.sync_rows)
        theme.changed.connect(self._apply_theme)
        self.sync_rows()

    def _set_up(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDragDropOverwriteMode(False)
        self.setDropIndicatorShown(False)  # painted here, between the rows that one sees
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(1)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        self.reset_columns()

    def reset_columns(self) -> None:
        """Order and widths as they were made."""
        header = self.horizontalHeader()
        for place in range(header.count()):
            header.moveSection(header.visualIndex(place), place)
        for column, width in WIDTHS.items():
            header.resizeSection(column, width)

    # --- bands, and what is found

    def has_band(self, row: int) -> bool:
        """Whether the band of its priority stands above that row."""
        return row in self._bands

    def find(self, text: str) -> None:
        """Show only rows whose path has these words."""
        self._find = text.strip().casefold()
        self.sync_rows()

    @Slot()
    def sync_rows(self) -> None:
        """Hide what is not looked for, and make room for the bands."""
        jobs = self._queue.jobs
        words = self._find.split()
        shown = [row for row, job in enumerate(jobs) if all(word in job.path.casefold() for word in words)]
        if words or self._hidden:
            wanted = set(shown)
            for row in range(len(jobs)):
                self.setRowHidden(row, row not in wanted)
            self._hidden = bool(words)
        firsts = shown[:1] + [row for above, row in pairwise(shown) if jobs[above].priority != jobs[row].priority]
        self._bands = frozenset(firsts)
        tokens = self._theme.tokens
        header = self.verticalHeader()
        header.setDefaultSectionSize(tokens.row_height)
        for row in firsts:
            header.resizeSection(row, tokens.row_height + tokens.group_height)
        self.viewport().update()

    @Slot()
    def _apply_theme(self) -> None:
        self._delegate.apply_theme()
        self.sync_rows()

    # --- rows dropped between rows; files are left to the page

    def row_at_drop(self, y: int) -> int:
        """The row in front of which a drop at that height lands; the number of rows at the very end."""
        index = self.indexAt(QPoint(4, y))
        if not index.isValid():
            return self._queue.rowCount()
        row = index.row()
        top, height = self.rowViewportPosition(row), self.rowHeight(row)
        body = self._theme.tokens.row_height
        return row + 1 if y > top + height - body / 2 else row

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Only our own rows."""
        self._consider(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show where they would land."""
        self._consider(event)

    def _consider(self, event: QDragMoveEvent) -> None:
        if not event.mimeData().hasFormat(ROWS_MIME):
            event.ignore()
            return
        self._drop_row = self.row_at_drop(round(event.position().y()))
        self.viewport().update()
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Take the line away."""
        self._drop_row = None
        self.viewport().update()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Move the rows; copying keeps the view from deleting what was dragged."""
        self._drop_row = None
        self.viewport().update()
        if not event.mimeData().hasFormat(ROWS_MIME):
            event.ignore()
            return
        row = self.row_at_drop(round(event.position().y()))
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self._queue.dropMimeData(event.mimeData(), Qt.DropAction.MoveAction, row, 0, QModelIndex())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The rows, and the line at which a drop would land."""
        super().paintEvent(event)
        if self._drop_row is None:
            return
        count = self._queue.rowCount()
        if self._drop_row < count:
            y = self.rowViewportPosition(self._drop_row)
        else:
            y = self.rowViewportPosition(count - 1) + self.rowHeight(count - 1) if count else 0
        painter = QPainter(self.viewport())
        painter.fillRect(0, max(0, y - 1), self.viewport().width(), 3, QColor(self._theme.tokens.accent))
        painter.end()

    # --- selection

    def selected_rows(self) -> list[int]:
        """The selected rows that can be seen, from the top."""
        chosen = (index.row() for index in self.selectionModel().selectedRows())
        return sorted(row for row in chosen if not self.isRowHidden(row))

    def select_rows(self, rows: list[int]) -> None:
        """Select these and no others."""
        selection = self.selectionModel()
        selection.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in rows:
            selection.select(self._queue.index(row, 0), flags)
        if rows:
            selection.setCurrentIndex(self._queue.index(rows[0], 0), QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(self._queue.index(rows[0], 0))
