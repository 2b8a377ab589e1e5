"""The queue as a Qt model: rows in the queue's order, text made once when a job changes, rows that can be dragged.

Drops land between rows: rows dragged inside ask to be moved, files from elsewhere ask to be added. The model asks by
signal and moves the rows at once; what the engine says next is what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import PurePath

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from transfer_core.config import priority_name
from transfer_core.events import JobState, JobView
from transfer_core.units import format_bytes, format_duration

ROWS_MIME = "application/x-drs-sync-jobs"
JOB_ROLE = int(Qt.ItemDataRole.UserRole)
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_WORDS = {
    JobState.PENDING: "Next in line",
    JobState.UPLOADING: "Sending",
    JobState.PAUSED: "Paused",
    JobState.COMPLETED: "Arrived, hash equal",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}


class Column(IntEnum):
    """The columns, from the left."""

    PLACE = 0
    FILE = 1
    PRIORITY = 2
    SIZE = 3
    SENT = 4
    RATE = 5
    LEFT = 6
    STATE = 7


HEADS = ("", "file", "priority", "size", "sent", "Mbit/s", "done in", "state")
_RIGHT = frozenset({Column.SIZE, Column.RATE, Column.LEFT})


def state_words(job: JobView) -> str:
    """The state, and why, in words."""
    words = _WORDS[job.status]
    if job.reason and job.status in (JobState.PENDING, JobState.UPLOADING):
        words = f"Waiting: {job.reason}"
    elif job.reason and job.status is JobState.FAILED:
        words = f"Failed: {job.reason}"
    return words


def _texts(job: JobView) -> tuple[str, ...]:
    share = 1.0 if not job.size else job.bytes_done / job.size
    running = job.status is JobState.UPLOADING
    return (
        "",
        PurePath(job.path).name,
        f"{job.priority} {priority_name(job.priority)}"
        if not priority_name(job.priority).isdigit()
        else str(job.priority),
        format_bytes(job.size),
        f"{share:.0%}",
        f"{job.rate_bps / 1e6:.1f}" if running and job.rate_bps else "",
        format_duration(job.eta_s) if running else "",
        state_words(job),
    )


class QueueModel(QAbstractTableModel):
    """Rows sorted by (priority, position)."""

    files_dropped = Signal(list, object)  # paths, file id to land before or None
    move_wanted = Signal(list, object)  # file ids, file id to land before or None

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[JobView] = []
        self._rows: dict[str, int] = {}
        self._texts: list[tuple[str, ...]] = []

    # --- reading

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """How many jobs are listed."""
        return 0 if parent.isValid() else len(self._jobs)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        """The fixed columns."""
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Heads of the columns."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(HEADS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in _RIGHT else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text that was made when the job changed; the job itself under JOB_ROLE."""
        if not index.isValid() or index.row() >= len(self._jobs):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[index.row()][index.column()]
        if role == JOB_ROLE:
            return self._jobs[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return (
                self._jobs[index.row()].path
                if index.column() == Column.FILE
                else self._texts[index.row()][Column.STATE]
            )
        return None

    def job_at(self, row: int) -> JobView:
        """The job of a row."""
        return self._jobs[row]

    def row_of(self, file_id: str) -> int | None:
        """The row of a job, None if it is not listed."""
        return self._rows.get(file_id)

    @property
    def jobs(self) -> Sequence[JobView]:
        """All jobs in their order."""
        return self._jobs

    # --- changing

    def update_jobs(self, changed: Iterable[JobView]) -> None:
        """Take newer views: same place, new row, or another place."""
        moved = False
        touched: list[int] = []
        for job in changed:
            row = self._rows.get(job.file_id)
            if row is None:
                self._insert(job)
                continue
            before = self._jobs[row]
            moved |= (before.priority, before.position) != (job.priority, job.position)
            self._jobs[row], self._texts[row] = job, _texts(job)
            touched.append(row)
        if touched:
            self._tell(touched)
        if moved:
            self._sort()

    def _tell(self, rows: list[int]) -> None:
        """One signal for each run of rows, or one for all when most have changed."""
        if len(rows) * 2 > len(self._jobs):
            rows = [0, len(self._jobs) - 1]
            self.dataChanged.emit(self.index(rows[0], 0), self.index(rows[1], len(HEADS) - 1))
            return
        rows.sort()
        first = last = rows[0]
        for row in [*rows[1:], -1]:
            if row == last + 1:
                last = row
                continue
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(HEADS) - 1))
            first = last = row

    def _insert(self, job: JobView) -> None:
        key = (job.priority, job.position, job.file_id)
        low, high = 0, len(self._jobs)
        while low < high:
            middle = (low + high) // 2
            other = self._jobs[middle]
            if (other.priority, other.position, other.file_id) < key:
                low = middle + 1
            else:
                high = middle
        self.beginInsertRows(QModelIndex(), low, low)
        self._jobs.insert(low, job)
        self._texts.insert(low, _texts(job))
        self._number(low)
        self.endInsertRows()

    def _number(self, start: int = 0) -> None:
        for row in range(start, len(self._jobs)):
            self._rows[self._jobs[row].file_id] = row

    def _sort(self) -> None:
        self._reorder(sorted(self._jobs, key=lambda job: (job.priority, job.position, job.file_id)))

    def _reorder(self, jobs: list[JobView]) -> None:
        if jobs == self._jobs:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        ids = [self._jobs[index.row()].file_id for index in before]
        texts = dict(zip((job.file_id for job in self._jobs), self._texts, strict=True))
        self._jobs = jobs
        self._texts = [texts[job.file_id] for job in jobs]
        self._number()
        after = [self.index(self._rows[file_id], index.column()) for file_id, index in zip(ids, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def remove_jobs(self, file_ids: Iterable[str]) -> None:
        """These are off the list."""
        rows = sorted((self._rows[file_id] for file_id in file_ids if file_id in self._rows), reverse=True)
        for row in rows:
            self.beginRemoveRows(QModelIndex(), row, row)
            self._rows.pop(self._jobs[row].file_id)
            del self._jobs[row]
            del self._texts[row]
            self._number(row)
            self.endRemoveRows()

    # --- dragging

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Rows can be dragged; drops land between them, never on them."""
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        return Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsDragEnabled

    def supportedDropActions(self) -> Qt.DropAction:
        """Rows move; files are copied."""
        return Qt.DropAction.MoveAction | Qt.DropAction.CopyAction

    def mimeTypes(self) -> list[str]:
        """Our own rows, and files."""
        return [ROWS_MIME, "text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The dragged rows by job id, in their order."""
        rows = sorted({index.row() for index in indexes})
        mime = QMimeData()
        mime.setData(ROWS_MIME, "\n".join(self._jobs[row].file_id for row in rows).encode())
        return mime

    def canDropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: _Index) -> bool:
        """Our rows and local files."""
        return data.hasFormat(ROWS_MIME) or any(url.isLocalFile() for url in data.urls())

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: _Index) -> bool:
        """Ask for the move or the files. False, so that the view does not delete the dragged rows itself."""
        place = row if row >= 0 else (parent.row() if parent.isValid() else len(self._jobs))
        before = self._jobs[place].file_id if place < len(self._jobs) else None
        if data.hasFormat(ROWS_MIME):
            ids = bytes(data.data(ROWS_MIME).data()).decode().split("\n")
            self.move_rows([file_id for file_id in ids if file_id in self._rows], before)
            return False
        paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        if paths:
            self.files_dropped.emit(paths, before)
        return bool(paths)

    def move_rows(self, file_ids: Sequence[str], before: str | None) -> None:
        """Show these rows in their new place at once, and ask for the move."""
        moving = set(file_ids)
        if not moving or before in moving:
            return
        rest = [job for job in self._jobs if job.file_id not in moving]
        block = [job for job in self._jobs if job.file_id in moving]
        at = next((i for i, job in enumerate(rest) if job.file_id == before), len(rest))
        moved = rest[:at] + block + rest[at:]
        if moved == self._jobs:
            return
        self._reorder(moved)
        self.move_wanted.emit([job.file_id for job in block], before)
