"""The History page: what ended, when, how fast, over which links, and what to do about what failed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QWidget

from app.actions import make_action, name_field, offer
from app.figures import files_text
from app.models.history_model import PAGE_ROWS, HistoryColumn, HistoryModel
from app.models.table_model import SUBJECT_ROLE
from app.views.page import Page, ServiceCalls, empty_label, page_column
from app.widgets.action_button import ActionButton
from app.widgets.look import look_of
from app.widgets.plain_label import PlainLabel
from app.widgets.row_table import Columns, Index, RowTable
from app.widgets.status_shape import Shape
from transfer_core.events import JobState, JobView

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

TYPING_MS = 250  # a search goes out when typing has paused so long
RELOAD_MS = 500  # and new ends are asked for at most so often

_SAMPLES: dict[int, str] = {
    HistoryColumn.OUTCOME: "Cancelled",
    HistoryColumn.FINISHED: "2026-12-28 14:32:07",
    HistoryColumn.SIZE: "999.9 MB",
    HistoryColumn.DURATION: "59 min 59 s",
    HistoryColumn.RATE: "1000.0",
    HistoryColumn.DESTINATION: "destination",
    HistoryColumn.FILE: "telemetry_car23_stint12.mcap",
    HistoryColumn.LINKS: "wifi 999 MB · 5g 999 MB",
}
_DROPPED = tuple(
    (column,)
    for column in (
        HistoryColumn.ATTEMPTS,
        HistoryColumn.RATE,
        HistoryColumn.DESTINATION,
        HistoryColumn.DURATION,
        HistoryColumn.SIZE,
        HistoryColumn.FINISHED,  # the rows are in its order all the same
    )
)
_RETRIABLE = (JobState.FAILED, JobState.CANCELLED)


class HistoryPage(Page):
    """A table of ended jobs. The owner answers `history_wanted` with `show_history`."""

    name = "history"
    title = "History"

    history_wanted = Signal(int, int, str)  # limit, offset, find
    retry_requested = Signal(list)  # file ids

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._theme = theme
        self._look = look_of(theme)
        self._shown = False
        self._asked = (PAGE_ROWS, 0)
        self._known_ends: set[str] = set()
        self._model = HistoryModel(self)
        self._model.more_wanted.connect(self._ask)
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typing.timeout.connect(self.reload)
        self._ended = QTimer(self, singleShot=True, interval=RELOAD_MS)
        self._ended.timeout.connect(self._reload_all)
        self._build()
        theme.changed.connect(self._apply_look)

    def _build(self) -> None:
        self.find_field = QLineEdit(placeholderText="Find in history", clearButtonEnabled=True)
        name_field("history.find", self.find_field)
        self.find_field.setMaximumWidth(320)
        self.find_field.textChanged.connect(self._type)
        self.retry_action = make_action("history.retry", self, self.retry_selected)
        self.retry_button = ActionButton(self.retry_action)
        self.count = PlainLabel()
        bar = QHBoxLayout()
        bar.addWidget(self.retry_button)
        bar.addWidget(self.count)
        bar.addStretch(1)
        bar.addWidget(self.find_field)
        self.table = self._build_table()
        self.empty = empty_label("Nothing has ended yet. Files come here when they arrive, fail or are cancelled.")
        layout = page_column(self)
        layout.addLayout(bar)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty, 1)
        self._add_actions()
        self._update_controls()

    def _build_table(self) -> RowTable:
        tip = "What has ended, newest first"
        table = RowTable(
            self._model,
            self._look,
            "History of jobs",
            tip,
            Columns(_SAMPLES, wide=HistoryColumn.LINKS, dropped=_DROPPED, names=(HistoryColumn.FILE,)),
        )
        table.draw_shapes(HistoryColumn.OUTCOME, self._shape)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.selectionModel().selectionChanged.connect(self._update_controls)
        return table

    def _add_actions(self) -> None:
        self.copy_action = make_action("history.copy", self.table, self.copy_rows)
        self.copy_error_action = make_action("history.copy_error", self.table, self.copy_errors)
        make_action("history.find", self, lambda: self.find_field.setFocus(Qt.FocusReason.ShortcutFocusReason))

    @property
    def first_focus(self) -> QWidget:
        """The table, or what looks through it."""
        return self.table if self.table.isVisibleTo(self) else self.find_field

    def layout_widgets(self) -> dict[str, QWidget]:
        """The table."""
        return {"table": self.table}

    def connect_to(self, service: ServiceCalls) -> None:
        """Connect wishes to verbs."""
        self.history_wanted.connect(
            lambda limit, offset, find: service.call(
                "history", limit=limit, offset=offset, find=find, on_result=self.show_history
            )
        )
        self.retry_requested.connect(partial(service.call, "retry"))

    # --- page contract
    def on_shown(self) -> None:
        """Ask for the newest page, and again when jobs end."""
        if self._shown:
            return
        self._shown = True
        self._state.jobs_changed.connect(self._note_ends)
        self._known_ends = {job.file_id for job in self._state.jobs if job.status.is_final}
        self.reload()

    def on_hidden(self) -> None:
        """Stop working."""
        if not self._shown:
            return
        self._shown = False
        self._state.jobs_changed.disconnect(self._note_ends)
        self._typing.stop()
        self._ended.stop()

    @Slot()
    def _type(self) -> None:
        self._typing.start()

    @Slot()
    def reload(self) -> None:
        """Ask for the newest page."""
        self._ask(PAGE_ROWS, 0)

    @Slot(int, int)
    def _ask(self, limit: int, offset: int) -> None:
        self._asked = (limit, offset)
        self.history_wanted.emit(limit, offset, self.find_field.text().strip())

    @Slot()
    def _reload_all(self) -> None:
        self._ask(max(PAGE_ROWS, self._model.rowCount()), 0)

    @Slot(object)
    def _note_ends(self, jobs: Sequence[JobView]) -> None:
        ended = {job.file_id for job in jobs if job.status.is_final}
        if ended - self._known_ends:
            self._ended.start()
        self._known_ends = ended

    def show_history(self, jobs: Sequence[JobView]) -> None:
        """The answer to the last `history_wanted`."""
        limit, offset = self._asked
        if offset:
            self._model.append(jobs, limit=limit)
        else:
            chosen = {job.file_id for job in self._selected()}
            self._model.replace(jobs, limit=limit)
            self.table.choose_rows([row for row, job in enumerate(jobs) if job.file_id in chosen])
        self._update_controls()

    # --- what a person does
    def _selected(self) -> list[JobView]:
        return [self._model.job(row) for row in self.table.chosen_rows()]

    @Slot()
    def retry_selected(self) -> None:
        """Ask to queue the selected jobs that did not arrive once more."""
        ids = [job.file_id for job in self._selected() if job.status in _RETRIABLE]
        if ids:
            self.retry_requested.emit(ids)

    @Slot()
    def copy_rows(self) -> None:
        """Put the selected rows on the clipboard, tab-separated."""
        rows = self.table.chosen_rows()
        if rows:
            QGuiApplication.clipboard().setText("\n".join(self._model.row_text(row) for row in rows))

    @Slot()
    def copy_errors(self) -> None:
        """Put the errors of the selected rows on the clipboard."""
        texts = [f"{job.path}: {job.reason} [{job.error or 'no code'}]" for job in self._selected() if _has_error(job)]
        if texts:
            QGuiApplication.clipboard().setText("\n".join(texts))

    @Slot(QPoint)
    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions([self.retry_action, self.copy_action, self.copy_error_action])
        menu.popup(self.table.viewport().mapToGlobal(where))

    @Slot()
    def _update_controls(self) -> None:
        chosen = self._selected()
        retriable = sum(job.status in _RETRIABLE for job in chosen)
        self.retry_action.setText(f"Retry {retriable}" if retriable > 1 else "Retry")
        offer(self.retry_action, "" if retriable else "Select a failed or cancelled file first")
        offer(self.copy_action, "" if chosen else "Select a file first")
        offer(self.copy_error_action, "" if any(map(_has_error, chosen)) else "Select a file with an error first")
        rows = self._model.rowCount()
        more = "+" if self._model.canFetchMore(QModelIndex()) else ""
        self.count.setText(f"{rows:,}+ files" if more else files_text(rows))
        was_empty = not self.table.isVisibleTo(self)
        self.table.setVisible(bool(rows) or bool(self.find_field.text()))
        self.empty.setVisible(not self.table.isVisibleTo(self))
        if was_empty and self.find_field.hasFocus() and not self.find_field.text():
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)  # it was only lent

    # --- looks
    def _shape(self, index: Index) -> tuple[Shape, QColor]:
        status = index.data(SUBJECT_ROLE).status
        if status is JobState.COMPLETED:
            return Shape.CIRCLE, self._look.good
        if status is JobState.FAILED:
            return Shape.OCTAGON, self._look.critical
        return Shape.CROSS, self._look.muted

    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.table.apply_look(self._look)


def _has_error(job: JobView) -> bool:
    return bool(job.error or (job.reason and job.status is JobState.FAILED))
