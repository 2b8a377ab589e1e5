"""The queue's table: rows under bands that name their priority, a drop line between rows, drags of several at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, QTimer, Slot
from PySide6.QtGui import (
    QColor,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFontMetrics,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from app.figures import files_text
from app.models.console_state import ConsoleState
from app.models.queue_model import ROWS_MIME, Column, QueueModel
from app.theme.theme import Theme
from app.views.queue.row_delegate import DOTS, PADDING, RowDelegate
from app.widgets.whole_rows import WholeRows

_SAMPLES = {Column.SIZE: "999.9 MB", Column.RATE: "1000.0", Column.LEFT: "59 min 59 s"}
_PADDING = 20
DIGITS_LEAST = 3  # that a place has room for
# in this order, each while bar, name and state together have less than so many times the type size
_DROPPED = {Column.LEFT: 30, Column.RATE: 30, Column.SIZE: 24, Column.PLACE: 18}
BAR_LEAST, BAR_MOST = 56, 150  # px
EDGE_MS = 30  # between two steps of scrolling while rows are held near an edge
NAME_SHARE = 0.52  # of what the figures leave to name and state


class QueueTable(WholeRows):
    """Shows a `QueueModel`. A band is no row: it is room above the first row of each priority."""

    def __init__(self, model: QueueModel, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = model
        self._theme = theme
        self._find = ""
        self._hidden = False
        self._bands: frozenset[int] = frozenset()
        self._drop_row: int | None = None
        self._fits = True
        self._fitting = False
        self._digits = DIGITS_LEAST
        self._drag_y = 0
        self._edge = QTimer(self, interval=EDGE_MS)
        self._edge.timeout.connect(self._scroll_on)
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
        header.setMinimumSectionSize(36)
        header.sectionResized.connect(self._section_resized)
        self.reset_columns()

    def reset_columns(self) -> None:
        """Order as made, and widths that follow the room until a person changes one."""
        self._fits = True
        header = self.horizontalHeader()
        for place in range(header.count()):
            header.moveSection(header.visualIndex(place), place)
        self.fit_columns()

    @property
    def columns_fit(self) -> bool:
        """False once a person has chosen widths."""
        return self._fits

    def keep_columns(self) -> None:
        """Leave the widths as they are from now on."""
        self._fits = False

    def fit_columns(self) -> None:
        """Figures get what they need, never less; the bar, the name and the state share the rest, and no more.

        Where that is too little, some figures are left out: the tiles and the panel beside show them too. So the
        name, the state and the bar are in sight without scrolling in any window.
        """
        if not self._fits:
            return
        metrics = QFontMetrics(self._theme.font())
        widths = {column: metrics.horizontalAdvance(text) + _PADDING for column, text in _SAMPLES.items()}
        widths[Column.PLACE] = metrics.horizontalAdvance("0" * self._digits) + DOTS + 2 * PADDING
        room = self.viewport().width()
        for column, least in _DROPPED.items():
            is_dropped = room - sum(widths.values()) < least * self._theme.tokens.text_px
            self.setColumnHidden(column, is_dropped)
            if is_dropped:
                del widths[column]
        rest = room - sum(widths.values())
        bar = max(BAR_LEAST, min(BAR_MOST, rest // 4))
        widths[Column.SENT] = bar
        widths[Column.FILE] = round((rest - bar) * NAME_SHARE)
        widths[Column.STATE] = rest - bar - widths[Column.FILE]
        header = self.horizontalHeader()
        self._fitting = True
        for column, width in widths.items():
            header.resizeSection(column, width)
        self._fitting = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the new room among the columns."""
        super().resizeEvent(event)
        self.fit_columns()

    @Slot(int, int, int)
    def _section_resized(self, _column: int, _before: int, _now: int) -> None:
        if not self._fitting and QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            self._fits = False

    # --- bands, and what is found

    def has_band(self, row: int) -> bool:
        """Whether the band of its priority stands above that row."""
        return row in self._bands

    def show_found(self, text: str) -> None:
        """Show only rows whose path has these words."""
        self._find = text.strip().casefold()
        self.sync_rows()

    @Slot()
    def sync_rows(self) -> None:
        """Hide what is not looked for, and make room for the bands."""
        jobs = self._queue.jobs
        digits = max(DIGITS_LEAST, len(str(len(jobs))))
        if digits != self._digits:
            self._digits = digits
            self.fit_columns()
        words = self._find.split()
        shown = list(range(len(jobs)))
        if words:
            shown = [row for row in shown if all(word in jobs[row].path.casefold() for word in words)]
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
        for row in range(len(jobs)):  # Qt carries a height along with its row when rows change places
            height = tokens.row_height + (tokens.group_height if row in self._bands else 0)
            if header.sectionSize(row) not in (height, 0):  # 0: hidden
                header.resizeSection(row, height)
        self.viewport().update()

    @Slot()
    def _apply_theme(self) -> None:
        self._delegate.apply_theme()
        self.fit_columns()
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
        self._drag_y = round(event.position().y())
        self._drop_row = self.row_at_drop(self._drag_y)
        self.viewport().update()
        if self._edge_step():
            self._edge.start()
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()

    def _edge_step(self) -> int:
        """Px to scroll by while rows are held near the upper or lower edge, the faster the nearer."""
        room = self._theme.tokens.row_height
        above, below = room - self._drag_y, self._drag_y - (self.viewport().height() - room)
        return -above if above > 0 else max(0, below)

    @Slot()
    def _scroll_on(self) -> None:
        bar = self.verticalScrollBar()
        before, step = bar.value(), self._edge_step()
        bar.setValue(before + step)
        if self._drop_row is None or bar.value() == before:
            self._edge.stop()
        else:
            self._drop_row = self.row_at_drop(self._drag_y)
            self.viewport().update()

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Carry a small label instead of a picture of the rows, which would hide where they land."""
        rows = self.selected_rows()
        if not rows:
            return
        drag = QDrag(self)
        drag.setMimeData(self._queue.mimeData([self._queue.index(row, 0) for row in rows]))
        drag.setPixmap(self._chip(files_text(len(rows))))
        drag.setHotSpot(QPoint(-14, -10))
        drag.exec(actions, Qt.DropAction.MoveAction)
        self._drop_row = None
        self._edge.stop()

    def _chip(self, text: str) -> QPixmap:
        tokens, font = self._theme.tokens, self._theme.font()
        metrics = QFontMetrics(font)
        ratio = self.devicePixelRatioF()
        size = QSize(metrics.horizontalAdvance(text) + 24, metrics.height() + 10)
        picture = QPixmap(size * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(tokens.text))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(0, 0, size.width(), size.height(), tokens.radius, tokens.radius)
        painter.setFont(font)
        painter.setPen(QColor(tokens.card))
        painter.drawText(0, 0, size.width(), size.height(), int(Qt.AlignmentFlag.AlignCenter), text)
        painter.end()
        return picture

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Take the line away."""
        self._drop_row = None
        self._edge.stop()
        self.viewport().update()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Move the rows; copying keeps the view from deleting what was dragged."""
        self._drop_row = None
        self._edge.stop()
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
        rows = self.chosen_rows()
        return [row for row in rows if not self.isRowHidden(row)] if self._hidden else rows

    def select_rows(self, rows: list[int]) -> None:
        """Select these and no others, with one change of the selection."""
        chosen = QItemSelection()
        for first, last in _runs(rows):
            chosen.select(self._queue.index(first, 0), self._queue.index(last, 0))
        selection = self.selectionModel()
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        selection.select(chosen, flags)
        if rows:
            selection.setCurrentIndex(self._queue.index(rows[0], 0), QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(self._queue.index(rows[0], 0))


def _runs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of rows without a gap."""
    runs: list[tuple[int, int]] = []
    for row in sorted(rows):
        if runs and row == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs
