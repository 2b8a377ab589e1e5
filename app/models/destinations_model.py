"""The destinations as rows: whether each is there, how much waits for it, and why it isn't."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from transfer_core.events import DestinationView, JobState, JobView
from transfer_core.units import format_bytes

Index = QModelIndex | QPersistentModelIndex

ROOT = QModelIndex()
DESTINATION_ROLE = Qt.ItemDataRole.UserRole + 1


class DestinationColumn(IntEnum):
    """The columns, left to right."""

    STATE = 0
    NAME = 1
    KIND = 2
    WAITING = 3
    FAILED = 4
    FREE = 5
    WHY = 6
    ADDRESS = 7


HEADERS = ("state", "name", "speaks", "waiting", "failed", "room there", "why", "address")
KIND_WORDS = {
    "relay": "relay, UDP",
    "relay-http": "relay, HTTP",
    "chunked": "HTTP chunks",
    "tus": "tus",
    "s3": "S3",
}
_FIGURES = (DestinationColumn.WAITING, DestinationColumn.FAILED, DestinationColumn.FREE)
_LEFT = frozenset({JobState.PENDING, JobState.UPLOADING, JobState.PAUSED})


def state_words(view: DestinationView) -> str:
    """Whether it is there, in a word."""
    return {True: "Online", False: "Offline", None: "Not asked yet"}[view.online]


class DestinationsModel(QAbstractTableModel):
    """One row for each destination, by name."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._views: list[DestinationView] = []
        self._waiting: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def show_destinations(self, views: Sequence[DestinationView]) -> None:
        """Rows as they are now; rows that stay keep their place, and with it the selection."""
        if [view.name for view in views] == [view.name for view in self._views]:
            self._views = list(views)
            self._tell()
            return
        self.beginResetModel()
        self._views = list(views)
        self.endResetModel()

    def count_jobs(self, jobs: Iterable[JobView]) -> None:
        """Count anew what waits for each and what failed."""
        waiting: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for job in jobs:
            if job.status in _LEFT:
                waiting[job.destination] += 1
            elif job.status is JobState.FAILED:
                failed[job.destination] += 1
        if (waiting, failed) != (self._waiting, self._failed):
            self._waiting, self._failed = waiting, failed
            self._tell()

    def _tell(self) -> None:
        if self._views:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._views) - 1, len(HEADERS) - 1))

    def view(self, row: int) -> DestinationView:
        """The destination of that row."""
        return self._views[row]

    def row_of(self, name: str) -> int:
        """The row of that destination; -1 if there is none."""
        return next((row for row, view in enumerate(self._views) if view.name == name), -1)

    @property
    def failed_jobs(self) -> int:
        """How many jobs failed, of all destinations."""
        return sum(self._failed.values())

    def rowCount(self, parent: Index = ROOT) -> int:
        """Number of destinations."""
        return 0 if parent.isValid() else len(self._views)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Number of columns."""
        return 0 if parent.isValid() else len(HEADERS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The text of a cell, or the destination itself as `DESTINATION_ROLE`."""
        if not index.isValid():
            return None
        view = self._views[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(view, DestinationColumn(index.column()))
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(view)
        if role == DESTINATION_ROLE:
            return view
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        return None

    def _text(self, view: DestinationView, column: DestinationColumn) -> str:
        match column:
            case DestinationColumn.STATE:
                return state_words(view)
            case DestinationColumn.NAME:
                return view.name
            case DestinationColumn.KIND:
                return KIND_WORDS.get(view.kind, view.kind)
            case DestinationColumn.WAITING:
                return str(self._waiting[view.name] or "")
            case DestinationColumn.FAILED:
                return str(self._failed[view.name] or "")
            case DestinationColumn.FREE:
                return "" if view.free_bytes is None else format_bytes(view.free_bytes)
            case DestinationColumn.ADDRESS:
                return ", ".join(view.addresses)
            case DestinationColumn.WHY:
                return view.why

    @staticmethod
    def _tip(view: DestinationView) -> str:
        known = f"known by {view.fingerprint}" if view.fingerprint else ""
        return "\n".join(
            filter(None, (f"{view.name}: {state_words(view)}", ", ".join(view.addresses), known, view.why))
        )

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Column names."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(HEADERS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in _FIGURES else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
