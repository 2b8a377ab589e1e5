"""What every flat table of the console shares: its headings, the side on which a column stands, and the usual roles.

A model says how many rows it has and what stands in a cell; the rest is answered here. Text should be made when a row
changes, not when it is asked for: Qt asks for every cell in sight, for each role, at every paint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.figures import plain_tip, table_line

Index = QModelIndex | QPersistentModelIndex

ROOT = QModelIndex()
SUBJECT_ROLE = Qt.ItemDataRole.UserRole + 1
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class Heading:
    """The name of a column, what it means, and whether its cells are figures, which stand at the right."""

    text: str
    tip: str = ""
    is_figure: bool = False


def headings(texts: Sequence[str], figures: Sequence[int] = ()) -> tuple[Heading, ...]:
    """Headings that need no explaining; `figures` are the columns that stand at the right."""
    return tuple(Heading(text, is_figure=column in figures) for column, text in enumerate(texts))


class TableModel(QAbstractTableModel):
    """Base of the console's tables. `SUBJECT_ROLE` gives what a whole row is about."""

    def __init__(self, headings: Sequence[Heading], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.headings = tuple(headings)

    # --- what a table says of itself

    def row_total(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def text(self, row: int, column: int) -> str:
        """What stands in a cell."""
        raise NotImplementedError

    def tip(self, row: int, column: int) -> str:
        """What its tool tip says; empty for none."""
        return ""

    def subject(self, row: int) -> object:
        """What the row is about."""
        return None

    def row_text(self, row: int) -> str:
        """One row for the clipboard, tab-separated."""
        return table_line(self.text(row, column) for column in range(len(self.headings)))

    def tell_rows(self, first: int, last: int, first_column: int = 0) -> None:
        """These rows have changed, from that column on. Nothing is told of a table without rows."""
        if last >= first:
            self.dataChanged.emit(self.index(first, first_column), self.index(last, len(self.headings) - 1))

    # --- what Qt asks

    def rowCount(self, parent: Index = ROOT) -> int:
        """See `row_total`."""
        return 0 if parent.isValid() else self.row_total()

    def columnCount(self, parent: Index = ROOT) -> int:
        """One for each heading."""
        return 0 if parent.isValid() else len(self.headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, side, tool tip and subject."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(index.row(), index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if self.headings[index.column()].is_figure else _LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self.tip(index.row(), index.column())) or None
        return self.subject(index.row()) if role == SUBJECT_ROLE else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The heading, over its column's text."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.headings):
            return None
        heading = self.headings[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return heading.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return heading.tip or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if heading.is_figure else _LEFT
        return None
