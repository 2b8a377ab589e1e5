"""What the relay of this process receives and has received, newest first, as a Qt table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from app.figures import clock_text
from app.models.table_model import TableModel, headings
from transfer_core.events import IncomingView, JobState
from transfer_core.units import format_bytes

HEADINGS = headings(("file", "from", "size", "state"), (2,))


class IncomingModel(TableModel):
    """Replaced as a whole; rows that are the same files in the same order keep their selection."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(HEADINGS, parent)
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
            self.tell_rows(0, len(views) - 1)
        else:
            self.endResetModel()

    def row_total(self) -> int:
        """Number of files."""
        return len(self._views)

    def text(self, row: int, column: int) -> str:
        """Made before."""
        return self._texts[row][column]

    def tip(self, row: int, column: int) -> str:
        """Where the file lies, and its hash."""
        view = self._views[row]
        return "\n".join(part for part in (view.stored_as or view.path, view.file_hash) if part)


def _texts(view: IncomingView) -> tuple[str, ...]:
    if view.status is JobState.COMPLETED:
        state = f"arrived {clock_text(view.completed_at)}".rstrip()
    elif view.size:
        state = f"{view.status.value}, {view.bytes_done / view.size:.0%}"
    else:
        state = view.status.value
    return view.path, view.agent, format_bytes(view.size), state
