"""The queue as a Qt model: rows in the queue's order, text made once when a job changes, rows that can be dragged.

Drops land between rows: rows dragged inside ask to be moved, files from elsewhere ask to be added. A move is shown at
once and held against older news until it is settled; what the engine says afterwards is what counts. Any number of
rows comes, goes or moves in one step, so that thousands cost no more signals than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import PurePath

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.figures import DASH, file_name, plain_tip, seen, was_text
from app.models.queue_order import moved
from transfer_core.events import JobState, JobView
from transfer_core.units import format_bytes, format_duration

ROWS_MIME = "application/x-drs-sync-jobs"
JOB_ROLE = int(Qt.ItemDataRole.UserRole)
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_WORDS = {
    JobState.PENDING: "Queued",
    JobState.UPLOADING: "Sending",
    JobState.PAUSED: "Paused",
    JobState.COMPLETED: "Arrived, hash equal",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}
FINISHING = "Finishing"  # all bytes are there; the whole is compared, or put together


class Column(IntEnum):
    """The columns, from the left."""

    PLACE = 0
    FILE = 1
    SIZE = 2
    SENT = 3
    RATE = 4
    LEFT = 5
    STATE = 6


HEADS = ("", "file", "size", "sent", "Mbit/s", "done in", "state")
_RIGHT = frozenset({Column.SIZE, Column.RATE, Column.LEFT})
# joined once: Qt asks for them thousands of times when a selection changes, and joining flags is slow in Python
_ROW_FLAGS = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsDragEnabled
_STILL_FLAGS = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
_ROOT_FLAGS = Qt.ItemFlag.ItemIsDropEnabled
_FIGURE_ALIGNMENT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class _Held:
    """A row that was moved here: its provisional place, and the engine's newest word about it."""

    priority: int
    position: float
    place_before: tuple[int, float]
    newest: JobView


def has_begun(job: JobView) -> bool:
    """Whether bytes of it go. Some jobs are taken up ahead of their turn, so that no link ever waits for the next."""
    return job.status is JobState.UPLOADING and (job.bytes_done > 0 or job.rate_bps > 0)


def state_words(job: JobView, *, is_heard: bool = True) -> str:
    """The state, and why, in words; of an engine that is not heard of, what it did last."""
    is_ahead = job.status is JobState.UPLOADING and not has_begun(job)
    words = _WORDS[JobState.PENDING if is_ahead else job.status]
    if not job.reason:
        if has_begun(job) and job.bytes_done >= job.size:
            words = FINISHING
        return was_text(words, is_heard=is_heard or not has_begun(job))
    reason = job.reason.removeprefix(f"{PurePath(job.path).name} ")  # the row names the file already
    if job.status in (JobState.PENDING, JobState.UPLOADING):
        return f"Waiting: {reason}"
    if job.status is JobState.FAILED:
        return f"Failed: {reason}"
    return words


def _key(job: JobView) -> tuple[int, float, str]:
    return job.priority, job.position, job.file_id


def _texts(job: JobView, *, is_heard: bool) -> tuple[str, ...]:
    share = 1.0 if not job.size else job.bytes_done / job.size
    running = job.status is JobState.UPLOADING
    return (
        "",  # the place is painted, since it changes with every other row's coming and going
        file_name(job.path),
        format_bytes(job.size),
        f"{share:.0%}",
        _rate_text(job, is_heard=is_heard) if running and job.rate_bps else "",
        format_duration(job.eta_s) if running and is_heard else "",
        state_words(job, is_heard=is_heard),
    )


def _rate_text(job: JobView, *, is_heard: bool) -> str:
    return f"{job.rate_bps / 1e6:.1f}" if is_heard else DASH


class QueueModel(QAbstractTableModel):
    """Rows sorted by (priority, position)."""

    files_dropped = Signal(list, object)  # paths, file id to land before or None
    move_wanted = Signal(list, object)  # file ids, file id to land before or None
    order_changed = Signal()  # rows came, went, moved or changed their priority

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[JobView] = []
        self._rows: dict[str, int] = {}
        self._made: dict[str, tuple[str, ...]] = {}  # texts, made when first asked for
        self._held: dict[str, _Held] = {}
        self._is_heard = True

    # --- reading

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """How many jobs are listed."""
        return 0 if parent.isValid() else len(self._jobs)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        """The fixed columns."""
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Heads of the columns, over their text."""
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
        job = self._jobs[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(job)[index.column()]
        if role == JOB_ROLE:
            return job
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in _RIGHT:
            return _FIGURE_ALIGNMENT
        if role == Qt.ItemDataRole.ToolTipRole:
            words = f"{job.status.value.upper()}: {self._text(job)[Column.STATE]}"  # as programs call it, and people
            return plain_tip(seen(job.path) if index.column() == Column.FILE else words)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._text(job)[Column.FILE]}, {self._text(job)[Column.STATE]}"
        return None

    def _text(self, job: JobView) -> tuple[str, ...]:
        texts = self._made.get(job.file_id)
        if texts is None:
            texts = self._made[job.file_id] = _texts(job, is_heard=self._is_heard)
        return texts

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

    def show_heard(self, is_heard: bool) -> None:
        """Whether the engine is heard of; rates and ends of one that is not are no longer known."""
        if is_heard != self._is_heard:
            self._is_heard = is_heard
            self._made.clear()
            if self._jobs:
                self._tell(list(range(len(self._jobs))))

    def update_jobs(self, changed: Iterable[JobView]) -> None:
        """Take newer views: same place, new row, or another place."""
        fresh: dict[str, JobView] = {}
        touched: list[int] = []
        is_moved = False
        for job in changed:
            row = self._rows.get(job.file_id)
            if row is None:
                fresh[job.file_id] = job
                continue
            job = self._as_held(job)  # noqa: PLW2901 - the same job in its provisional place
            before = self._jobs[row]
            is_moved |= (before.priority, before.position) != (job.priority, job.position)
            self._jobs[row] = job
            self._made.pop(job.file_id, None)
            touched.append(row)
        if touched:
            self._tell(touched)
        if fresh:
            is_moved |= not self._append(sorted(fresh.values(), key=_key))
        if is_moved:
            self._reorder(sorted(self._jobs, key=_key))
        if is_moved or fresh:
            self.order_changed.emit()

    def remove_jobs(self, file_ids: Iterable[str]) -> None:
        """These are off the list."""
        going = {file_id for file_id in file_ids if file_id in self._rows}
        if not going:
            return
        first = min(self._rows[file_id] for file_id in going)
        if max(self._rows[file_id] for file_id in going) - first + 1 != len(going):  # not in one piece: make them so
            last = [job for job in self._jobs if job.file_id in going]
            self._reorder([job for job in self._jobs if job.file_id not in going] + last)
            first = len(self._jobs) - len(going)
        self.beginRemoveRows(_ROOT, first, first + len(going) - 1)
        del self._jobs[first : first + len(going)]
        for file_id in going:
            for known in (self._rows, self._made, self._held):
                known.pop(file_id, None)
        self._number()
        self.endRemoveRows()
        self.order_changed.emit()

    def _tell(self, rows: list[int]) -> None:
        """One signal for each run of rows, or one for all when most have changed."""
        last_column = len(HEADS) - 1
        if len(rows) * 2 > len(self._jobs):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._jobs) - 1, last_column))
            return
        rows = sorted(set(rows))
        first = last = rows[0]
        for row in [*rows[1:], -1]:
            if row == last + 1:
                last = row
                continue
            self.dataChanged.emit(self.index(first, 0), self.index(last, last_column))
            first = last = row

    def _append(self, jobs: list[JobView]) -> bool:
        """Rows behind all others; whether that is their place."""
        first = len(self._jobs)
        is_in_order = first == 0 or _key(self._jobs[-1]) <= _key(jobs[0])
        self.beginInsertRows(_ROOT, first, first + len(jobs) - 1)
        self._jobs.extend(jobs)
        self._number(first)
        self.endInsertRows()
        return is_in_order

    def _number(self, start: int = 0) -> None:
        for row in range(start, len(self._jobs)):
            self._rows[self._jobs[row].file_id] = row

    def _reorder(self, jobs: list[JobView]) -> None:
        if all(new is old for new, old in zip(jobs, self._jobs, strict=True)):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        ids = [self._jobs[index.row()].file_id for index in before]
        self._jobs = jobs
        self._number()
        # createIndex, since index() would ask for rows and columns again, thousands of times for a large selection
        places = zip(ids, before, strict=True)
        after = [self.createIndex(self._rows[file_id], index.column()) for file_id, index in places]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    # --- moving

    def move_rows(self, file_ids: Sequence[str], before: str | None) -> None:
        """Show these rows in their new place at once, hold them there, and ask for the move."""
        block = moved(self._jobs, file_ids, before)
        if not block:
            return
        for job in block:
            held = self._held.get(job.file_id)
            now = held.newest if held is not None else self._jobs[self._rows[job.file_id]]
            self._held[job.file_id] = _Held(job.priority, job.position, (now.priority, now.position), now)
            row = self._rows[job.file_id]
            self._jobs[row] = job
        self._reorder(sorted(self._jobs, key=_key))
        self.order_changed.emit()
        self.move_wanted.emit([job.file_id for job in block], before)

    def settle(self, file_ids: Iterable[str], *, failed: bool = False) -> None:
        """A move was done, or was not: let go of its rows, and show what the engine has said about them since."""
        held = [self._held.pop(file_id) for file_id in file_ids if file_id in self._held]
        self.update_jobs(
            each.newest for each in held if failed or (each.newest.priority, each.newest.position) != each.place_before
        )

    def _as_held(self, job: JobView) -> JobView:
        held = self._held.get(job.file_id)
        if held is None:
            return job
        self._held[job.file_id] = _Held(held.priority, held.position, held.place_before, job)
        return replace(job, priority=held.priority, position=held.position)

    def moveRows(
        self, source: _Index, row: int, count: int, destination: _Index, destination_row: int
    ) -> bool:  # Qt's own way to ask for a move
        """Move rows within the list; False where nothing would change."""
        inside = row >= 0 and count > 0 and row + count <= len(self._jobs) and 0 <= destination_row <= len(self._jobs)
        if source.isValid() or destination.isValid() or not inside or row <= destination_row <= row + count:
            return False
        before = self._jobs[destination_row].file_id if destination_row < len(self._jobs) else None
        self.move_rows([job.file_id for job in self._jobs[row : row + count]], before)
        return True

    # --- dragging

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Rows can be dragged until they have arrived; drops land between them, never on them."""
        if not index.isValid():
            return _ROOT_FLAGS
        return _STILL_FLAGS if self._jobs[index.row()].status is JobState.COMPLETED else _ROW_FLAGS

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
        """Ask for the move or the files. False for rows, so that the view does not delete the dragged ones itself."""
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
