"""What the relay of this process receives and has received, newest first, as a Qt table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from transfer_core.events import IncomingView, JobState
from transfer_core.units import format_bytes

HEADERS = ("file", "from", "size", "state")
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class IncomingModel(QAbstractTableModel):
    """Replaced as a whole; rows that are the same files in the same order keep their selection."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._views: tuple[IncomingView, ...] = ()
        self._texts: list[tuple[str, ...]] = []

    def replace(self, views: Sequence[IncomingView]) -> None:
        """Show these instead."""
        views = tuple(views)
        if views == self._views:
            return
        same_rows = [view.file_id for view in views] == [view.file_id for view in self._views]
        if not same_rows:
            self.beginResetModel()
        self._views, self._texts = views, [_texts(view) for view in views]
        if same_rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(views) - 1, len(HEADERS) - 1))
        else:
            self.endResetModel()

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """Number of files."""
        return 0 if parent.isValid() else len(self._views)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        """Number of columns."""
        return 0 if parent.isValid() else len(HEADERS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text made before; where the file lies as the tool tip."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[index.row()][index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            view = self._views[index.row()]
            return "\n".join(part for part in (view.stored_as or view.path, view.file_hash) if part)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 2:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Column names, over their columns' text."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(HEADERS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == 2 else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None


def _texts(view: IncomingView) -> tuple[str, ...]:
    if view.status is JobState.COMPLETED:
        state = f"arrived {(view.completed_at or '')[11:19]}".rstrip()
    elif view.size:
        state = f"{view.status.value}, {view.bytes_done / view.size:.0%}"
    else:
        state = view.status.value
    return view.path, view.agent, format_bytes(view.size), state
