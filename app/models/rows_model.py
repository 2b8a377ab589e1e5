"""A table of texts that is replaced as a whole; rows that stay keep their selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex

ROOT = QModelIndex()
SUBJECT_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row: what it is about, its texts, and what the tool tip says of it."""

    subject: object
    texts: tuple[str, ...]
    tip: str = ""


class RowsModel(QAbstractTableModel):
    """`right` are the columns of figures."""

    def __init__(self, headers: Sequence[str], right: Sequence[int] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._headers, self._right = tuple(headers), frozenset(right)
        self._rows: tuple[TextRow, ...] = ()

    @property
    def rows(self) -> tuple[TextRow, ...]:
        """As they are shown."""
        return self._rows

    def replace(self, rows: Sequence[TextRow]) -> None:
        """Show these. Nothing is told if they are the same; a table of the same length is not reset."""
        fresh = tuple(rows)
        if fresh == self._rows:
            return
        if len(fresh) == len(self._rows):
            self._rows = fresh
            self.dataChanged.emit(self.index(0, 0), self.index(len(fresh) - 1, len(self._headers) - 1))
            return
        self.beginResetModel()
        self._rows = fresh
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns."""
        return 0 if parent.isValid() else len(self._headers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, alignment, tool tip and subject."""
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in self._right:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tip or row.texts[index.column()]
        return row.subject if role == SUBJECT_ROLE else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Headings."""
        if orientation is Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in self._right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return self._headers[section] if role == Qt.ItemDataRole.DisplayRole else None
