"""The history of jobs that ended, newest first, loaded a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from PySide6.QtCore import QObject, Signal

from app.figures import file_name, mbit_text, moment_text, table_line
from app.models.table_model import ROOT, Heading, Index, TableModel
from transfer_core.events import JobState, JobView
from transfer_core.units import format_bytes, format_duration

PAGE_ROWS = 200


class HistoryColumn(IntEnum):
    """The columns, left to right."""

    OUTCOME = 0
    FINISHED = 1
    FILE = 2
    SIZE = 3
    DURATION = 4
    RATE = 5
    DESTINATION = 6
    ATTEMPTS = 7
    LINKS = 8


HEADINGS = (
    Heading("outcome"),
    Heading("finished (UTC)"),
    Heading("file"),
    Heading("size", is_figure=True),
    Heading("took", is_figure=True),
    Heading("Mbit/s", "Mean over the whole time that the job took", is_figure=True),
    Heading("destination"),
    Heading("tries", is_figure=True),
    Heading("links, or why not", "What each link carried; why it did not arrive"),
)
_OUTCOMES = {JobState.COMPLETED: "Arrived", JobState.FAILED: "Failed", JobState.CANCELLED: "Cancelled"}


class HistoryModel(TableModel):
    """Rows that came in pages. `more_wanted(limit, offset)` asks for the next; `append` brings it."""

    more_wanted = Signal(int, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(HEADINGS, parent)
        self._jobs: list[JobView] = []
        self._texts: list[tuple[str, ...]] = []
        self._complete = True  # nothing older is left to load
        self._asked = False

    def replace(self, jobs: Sequence[JobView], *, limit: int = PAGE_ROWS) -> None:
        """Show these and nothing else. Fewer than `limit` means that there are no older ones."""
        self.beginResetModel()
        self._jobs = list(jobs)
        self._texts = [_texts(job) for job in jobs]
        self._complete = len(jobs) < limit
        self._asked = False
        self.endResetModel()

    def append(self, jobs: Sequence[JobView], *, limit: int = PAGE_ROWS) -> None:
        """Add older ones below; one that is shown already is left out."""
        self._asked = False
        self._complete = len(jobs) < limit
        shown = {(job.file_id, job.completed_at) for job in self._jobs}
        fresh = [job for job in jobs if (job.file_id, job.completed_at) not in shown]
        if not fresh:
            return
        first = len(self._jobs)
        self.beginInsertRows(ROOT, first, first + len(fresh) - 1)
        self._jobs.extend(fresh)
        self._texts.extend(_texts(job) for job in fresh)
        self.endInsertRows()

    def job(self, row: int) -> JobView:
        """The job of that row."""
        return self._jobs[row]

    def row_text(self, row: int) -> str:
        """One row for the clipboard, tab-separated, with the reason of a failure."""
        job = self._jobs[row]
        return table_line(filter(None, (*self._texts[row], job.error or "")))

    def canFetchMore(self, parent: Index) -> bool:
        """True while older rows may exist and are not under way."""
        return not parent.isValid() and not self._complete and not self._asked

    def fetchMore(self, parent: Index) -> None:
        """Ask for the next page; the view calls this when it is scrolled to the end."""
        if self.canFetchMore(parent):
            self._asked = True
            self.more_wanted.emit(PAGE_ROWS, len(self._jobs))

    def row_total(self) -> int:
        """Rows loaded so far."""
        return len(self._jobs)

    def text(self, row: int, column: int) -> str:
        """Made before."""
        return self._texts[row][column]

    def tip(self, row: int, column: int) -> str:
        """What the cell has no room for."""
        return _tip(self._jobs[row], column)

    def subject(self, row: int) -> JobView:
        """The job."""
        return self._jobs[row]


def _tip(job: JobView, column: int) -> str:
    why_not = job.reason and job.status is not JobState.COMPLETED
    if (column == HistoryColumn.OUTCOME and (job.reason or job.error)) or (column == HistoryColumn.LINKS and why_not):
        return " · ".join(filter(None, (job.reason, job.error)))
    if column == HistoryColumn.FILE:
        return "\n".join(filter(None, (job.path, job.stored_as and f"stored as {job.stored_as}", job.file_hash)))
    if column == HistoryColumn.LINKS and job.links:
        total = max(1, sum(job.links.values()))
        return "\n".join(
            f"{name}: {format_bytes(count)}, {count * 100 / total:.0f} %" for name, count in sorted(job.links.items())
        )
    if column == HistoryColumn.RATE:
        return "Mean over the whole time that the job took"
    return ""


def _texts(job: JobView) -> tuple[str, ...]:
    took = job.duration_s
    arrived = job.status is JobState.COMPLETED
    rate = mbit_text(job.size * 8 / took) if arrived and took else ""
    carried = " · ".join(f"{name} {format_bytes(count)}" for name, count in sorted(job.links.items()) if count)
    return (
        _OUTCOMES.get(job.status, job.status.value),
        moment_text(job.completed_at),
        file_name(job.path),
        format_bytes(job.size),
        format_duration(took),
        rate,
        job.destination,
        str(job.attempts),
        carried if arrived or not job.reason else job.reason,
    )
