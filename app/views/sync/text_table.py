"""The tables of the Sync page: rows of texts, one command that leads to each, one that copies."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, Qt, Slot
from PySide6.QtGui import QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.actions import COMMANDS, make_action
from app.models.rows_model import SUBJECT_ROLE, RowsModel
from app.widgets.look import Look
from app.widgets.shape_delegate import ShapeDelegate, ShapeOf

CHOOSE = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows


class TextTable(QTableView):
    """`command` gives it the keyboard, and tells its key. The column `wide` takes what room is left."""

    def __init__(
        self,
        model: RowsModel,
        look: Look,
        name: str,
        command: str,
        page: QWidget,
        *,
        wide: int = 0,
        samples: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._rows, self._wide, self._samples = model, wide, tuple(samples)
        self.setModel(model)
        self.setAccessibleName(name)
        self.setToolTip(COMMANDS[command].tool_tip())
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(wide, QHeaderView.ResizeMode.Stretch)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        make_action(command, page, lambda: self.setFocus(Qt.FocusReason.ShortcutFocusReason))
        make_action("sync.copy", self, self.copy_rows)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.apply_look(look)

    def draw_shapes(self, column: int, shape_of: ShapeOf) -> None:
        """Put a status shape before the text of a column."""
        self.setItemDelegateForColumn(column, ShapeDelegate(shape_of, self))

    def apply_look(self, look: Look) -> None:
        """Rows and columns by the theme's text."""
        metrics = QFontMetrics(look.font)
        row = max(28, metrics.height() + 12)
        self.verticalHeader().setDefaultSectionSize(row)
        self.horizontalHeader().setFixedHeight(row)
        for column, sample in enumerate(self._samples):
            if column != self._wide:
                heading = str(self._rows.headerData(column, Qt.Orientation.Horizontal))
                widest = max(metrics.horizontalAdvance(text) for text in (sample, heading))
                self.setColumnWidth(column, widest + 22)

    def chosen(self) -> list[object]:
        """The subjects of the selected rows."""
        return [index.data(SUBJECT_ROLE) for index in self.selectionModel().selectedRows()]

    def choose(self, subject: object) -> None:
        """Select the row of a subject."""
        for number, row in enumerate(self._rows.rows):
            if row.subject == subject:
                # selectRow would add to what is selected while Ctrl or Shift is held
                self.selectionModel().setCurrentIndex(self._rows.index(number, 0), CHOOSE)

    @Slot()
    def copy_rows(self) -> None:
        """Put the selected rows, or else all, on the clipboard, tab-separated below their headings."""
        numbers = sorted(index.row() for index in self.selectionModel().selectedRows())
        rows = [self._rows.rows[number] for number in numbers] or list(self._rows.rows)
        columns = range(self._rows.columnCount())
        lines = [[str(self._rows.headerData(column, Qt.Orientation.Horizontal)) for column in columns]]
        lines += [list(row.texts) for row in rows]
        QGuiApplication.clipboard().setText("\n".join("\t".join(line) for line in lines))
