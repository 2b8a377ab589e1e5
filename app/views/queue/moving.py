"""Moves of the selected rows: by a step, to a place, or to where a dialog says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.models.queue_model import QueueModel
from app.views.queue.place_dialog import PlaceDialog
from transfer_core.events import JobView


class Moves(QObject):
    """Over a model and what is selected in it."""

    priority_wanted = Signal(list, int)  # file ids, priority

    def __init__(self, model: QueueModel, selected: Callable[[], Sequence[JobView]], page: QWidget) -> None:
        super().__init__(page)
        self._model, self._selected, self._page = model, selected, page

    def move_by(self, step: int) -> None:
        """Move the selected rows one place."""
        jobs = self._selected()
        if not jobs:
            return
        first = self._model.row_of(jobs[0].file_id) or 0
        last = self._model.row_of(jobs[-1].file_id) or 0
        self.move_to(first - 1 if step < 0 else last + 2)

    def move_to(self, row: int) -> None:
        """Move the selected rows in front of a row of the list as it stands."""
        ids = [job.file_id for job in self._selected()]
        moving = set(ids)
        before = next((job.file_id for job in self._model.jobs[max(0, row) :] if job.file_id not in moving), None)
        self._model.move_rows(ids, before)

    def move_to_end(self) -> None:
        """Behind everything else."""
        self.move_to(len(self._model.jobs))

    def move_ids_to(self, file_ids: Sequence[str], place: int) -> None:
        """Move these jobs so that the first of them stands at that place, 0 being the first."""
        moving = set(file_ids)
        others = [job.file_id for job in self._model.jobs if job.file_id not in moving]
        self._model.move_rows(file_ids, others[place] if place < len(others) else None)

    def ask_where(self, *, by_priority: bool) -> None:
        """Ask for the number of the place, or for another priority."""
        jobs = self._selected()
        if not jobs:
            return
        ids = [job.file_id for job in jobs]
        dialog = PlaceDialog(self._model.jobs, jobs, by_priority=by_priority, parent=self._page)
        dialog.place_chosen.connect(lambda place: self.move_ids_to(ids, place - 1))
        dialog.priority_chosen.connect(lambda priority: self.priority_wanted.emit(ids, priority))
        dialog.open_beside()
