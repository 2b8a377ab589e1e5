"""What a table of whole rows does otherwise than Qt's: how keys lead through it, and what its heading heeds."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QTableView

_STEPS = (Qt.Key.Key_Up, Qt.Key.Key_Down)
_OUTERMOST = {Qt.Key.Key_Home: 1, Qt.Key.Key_End: -1}


class WholeRows(QTableView):
    """The first key chooses the row at hand, Home and End the outermost: Qt makes a row current when the keyboard
    comes, but selects none, and would step over it; its Home and End lead along the row.

    The heading knows of no selection: it would ask each selected row, for each column, whether it may be selected.
    """

    def setSelectionModel(self, selection: QItemSelectionModel) -> None:
        """See the class; called by `setModel`, too."""
        super().setSelectionModel(selection)
        header = self.horizontalHeader()
        header.setSelectionModel(QItemSelectionModel(selection.model(), header))

    def chosen_rows(self) -> list[int]:
        """The selected rows, from the top."""
        runs = self.selectionModel().selection().toList()
        return sorted({row for run in runs for row in range(run.top(), run.bottom() + 1)})

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See the class; all else as in any table."""
        key, plain = event.key(), not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        row = self.currentIndex().row()
        if plain and key in _OUTERMOST:
            row = self._outermost(_OUTERMOST[Qt.Key(key)])
        elif not (plain and key in _STEPS and row >= 0 and not self.selectionModel().hasSelection()):
            super().keyPressEvent(event)
            return
        if row >= 0 and not self.isRowHidden(row):
            chosen = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.selectionModel().setCurrentIndex(self.model().index(row, 0), chosen)

    def _outermost(self, step: int) -> int:
        """The first or the last row that is shown; -1 without one."""
        rows = range(self.model().rowCount())[::step]
        return next((row for row in rows if not self.isRowHidden(row)), -1)
