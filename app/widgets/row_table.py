"""A table of whole rows: columns as wide as their widest text and never jumping, one shape column, copying by key.

Every table of the console but the queue's is one. A column's width comes from a sample of its widest text and from its
heading, so that live figures do not move it; one column may take what room is left. What is copied is tab-separated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QAbstractItemModel, QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QFontMetrics, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.figures import plain_tip, table_line
from app.widgets.look import Look
from app.widgets.shape_delegate import NameDelegate, ShapeDelegate, ShapeOf
from app.widgets.whole_rows import WholeRows

SIDES = 16  # px left and right of a cell's text
SHAPE_GAP = 6  # px between a shape and its text
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide columns are: each as its heading or its sample, `wide` as what is left (the last one, if not said).

    `names` are cut in their middle. `dropped` are groups of columns that are left out, one group after the other, where
    there is no room.
    """

    samples: Mapping[int, str] = field(default_factory=dict)
    wide: int | None = None
    sample: str = ""  # for columns without one of their own
    dropped: Sequence[Sequence[int]] = ()
    names: Sequence[int] = ()


class RowTable(WholeRows):
    """`name` is its accessible name and `tip` what it holds. Small ones have small text and stand below something."""

    def __init__(
        self,
        model: QAbstractItemModel,
        look: Look,
        name: str,
        tip: str,
        columns: Columns,
        *,
        one: bool = False,
        small: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.look = look
        self._columns, self._small = columns, small
        self._shapes: set[int] = set()
        self.setModel(model)
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(tip))
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        mode = QTableView.SelectionMode
        self.setSelectionMode(mode.SingleSelection if one else mode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        if small:
            self.setProperty("kind", "small")
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for column in columns.names:
            self.setItemDelegateForColumn(column, NameDelegate(self))
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        if columns.wide is None:
            header.setStretchLastSection(True)
        else:
            header.setSectionResizeMode(columns.wide, QHeaderView.ResizeMode.Stretch)
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.fit()

    def draw_shapes(self, column: int, shape_of: ShapeOf) -> None:
        """Put a status shape before the text of a column."""
        self._shapes.add(column)
        self.setItemDelegateForColumn(column, ShapeDelegate(shape_of, self))
        self.fit()

    # --- sizes

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self.look = look
        self.fit()
        self.viewport().update()

    @property
    def row_height(self) -> int:
        """Of each row, by the theme's text."""
        metrics = QFontMetrics(self.look.small if self._small else self.look.font)
        return max(24, metrics.height() + 8) if self._small else max(30, metrics.height() + 12)

    @Slot()
    def fit(self) -> None:
        """Set widths and heights by the theme's text."""
        self.verticalHeader().setDefaultSectionSize(self.row_height)
        self.horizontalHeader().setFixedHeight(max(24, QFontMetrics(self.look.small).height() + 10))
        for column in range(self.model().columnCount()):
            if column != self._columns.wide:
                self.setColumnWidth(column, self.width_of(column))

        self._drop_columns()

    def _drop_columns(self) -> None:
        needed = sum(self.width_of(column) for column in range(self.model().columnCount())) if self.drops else 0
        for columns in self.drops:
            is_dropped = needed > self.viewport().width()
            for column in columns:
                self.setColumnHidden(column, is_dropped)
                needed -= self.width_of(column) if is_dropped else 0

    @property
    def drops(self) -> Sequence[Sequence[int]]:
        """Groups of columns that are left out where there is no room, the first one first."""
        return self._columns.dropped

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More or less room for columns."""
        super().resizeEvent(event)
        self._drop_columns()

    def width_of(self, column: int) -> int:
        """What a column needs, whatever stands in it now."""
        metrics, head = QFontMetrics(self.look.small if self._small else self.look.font), QFontMetrics(self.look.small)
        sample = metrics.horizontalAdvance(self._columns.samples.get(column, self._columns.sample))
        shape = metrics.ascent() + SHAPE_GAP if column in self._shapes else 0
        return max(sample + shape, head.horizontalAdvance(self.heading(column))) + SIDES

    def heading(self, column: int) -> str:
        """The column's name."""
        return str(self.model().headerData(column, Qt.Orientation.Horizontal))

    # --- what is chosen

    def choose_rows(self, rows: Sequence[int]) -> None:
        """Select these and no others, whatever keys are held."""
        selection = self.selectionModel()
        selection.clearSelection()
        add = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in rows:
            selection.select(self.model().index(row, 0), add)
        if rows:
            selection.setCurrentIndex(self.model().index(rows[0], 0), QItemSelectionModel.SelectionFlag.NoUpdate)

    # --- copying

    def text_of(self, rows: Sequence[int]) -> str:
        """These rows below their headings, tab-separated."""
        model = self.model()
        columns = range(model.columnCount())
        lines = [[self.heading(column) for column in columns]]
        lines += [[str(model.index(row, column).data()) for column in columns] for row in rows]
        return "\n".join(map(table_line, lines))

    @Slot()
    def copy_rows(self) -> None:
        """Put the selected rows, or else all, on the clipboard."""
        rows = self.chosen_rows() or range(self.model().rowCount())
        QGuiApplication.clipboard().setText(self.text_of(rows))
