"""The Queue page: what is to be sent, in its order, and everything that can be done to it by mouse and by key."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QLineEdit,
    QMenu,
    QSplitter,
    QWidget,
)

from app.actions import COMMANDS, make_action, name_field, offer
from app.figures import plain_tip, table_line
from app.models.console_state import ENGINE_UNKNOWN, ConsoleState
from app.models.queue_model import QueueModel
from app.theme.theme import Theme
from app.views.page import Page, ServiceCalls, page_column
from app.views.queue.adding import FileChooser
from app.views.queue.details import DetailsPanel
from app.views.queue.empty import DropZone, EmptyQueue
from app.views.queue.moving import Moves
from app.views.queue.table import QueueTable
from app.views.queue.wiring import QueueWiring
from app.widgets.action_button import ActionButton
from app.widgets.fitting_row import FittingRow
from app.widgets.measures import GAP
from transfer_core.events import JobState, JobView

REFRESH_MS = 250
DETAILS_WIDTH = 268
DETAILS_ROOM = 68  # times the type size: with less width the table needs all of it
_NEEDS_ROWS = frozenset(
    f"queue.{name}"
    for name in ("pause", "cancel", "retry", "remove", "up", "down", "top", "bottom", "move", "priority", "copy")
)
_ORDERS = tuple(f"queue.{name}" for name in ("up", "down", "top", "bottom", "move", "priority"))
_BAR = {  # the buttons, and which goes first when there is no room
    "window.add_files": 0,
    "window.add_folder": 7,
    "window.pair": 6,
    "queue.pause": 1,
    "queue.retry": 3,
    "queue.remove": 4,
    "queue.move": 5,
    "queue.undo": 2,
}


class QueuePage(Page):
    """Talks up by signals; file ids are lists of text."""

    name = "queue"
    title = "Queue"

    files_wanted = Signal(list, object)  # paths, file id to land before or None
    move_wanted = Signal(list, object)
    pause_wanted = Signal(list)
    resume_wanted = Signal(list)
    cancel_wanted = Signal(list)
    retry_wanted = Signal(list)
    remove_wanted = Signal(list)
    priority_wanted = Signal(list, int)
    clear_wanted = Signal()
    undo_wanted = Signal()
    pair_wanted = Signal()

    def __init__(
        self,
        state: ConsoleState,
        theme: Theme,
        actions: Mapping[str, QAction] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._theme = state, theme
        self._actions: dict[str, QAction] = dict(actions or {})
        self._pending: dict[str, JobView] = {}
        self._taken_off: frozenset[str] = frozenset()  # what was selected when it was removed
        self.model = QueueModel(self)
        self.model.update_jobs(state.jobs)
        self.adding = FileChooser(self)
        self.adding.files_wanted.connect(self.files_wanted)
        self.model.files_dropped.connect(self.adding.want)
        self.model.move_wanted.connect(self.move_wanted)
        self.table = QueueTable(self.model, state, theme)
        self.moves = Moves(self.model, self.selected, self)
        self.moves.priority_wanted.connect(self.priority_wanted)
        self.details = DetailsPanel(state, theme)
        self._find = QLineEdit(placeholderText="Find in queue")
        self._zone = DropZone(theme, self)
        self._details_wanted: bool | None = None  # None: as the width allows
        self._build()
        self.setAcceptDrops(True)
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        theme.changed.connect(self._fit_details)
        state.jobs_changed.connect(self._note_changes)
        state.jobs_removed.connect(self._note_removals)
        self._show_emptiness()

    # --- building

    def _make_actions(self) -> None:
        slots = {
            "window.add_files": self.adding.choose_files,
            "window.add_folder": self.adding.choose_folder,
            "window.pair": self.pair_wanted.emit,
            "queue.pause": self.toggle_pause,
            "queue.cancel": lambda: self._send(self.cancel_wanted),
            "queue.retry": lambda: self._send(self.retry_wanted),
            "queue.remove": lambda: self._send(self.remove_wanted),
            "queue.clear": self.clear_wanted.emit,
            "queue.up": lambda: self.moves.move_by(-1),
            "queue.down": lambda: self.moves.move_by(1),
            "queue.top": lambda: self.moves.move_to(0),
            "queue.bottom": self.moves.move_to_end,
            "queue.move": lambda: self.moves.ask_where(by_priority=False),
            "queue.priority": lambda: self.moves.ask_where(by_priority=True),
            "queue.undo": self.undo_wanted.emit,
            "queue.copy": self.copy_rows,
            "queue.copy_error": self.details.copy_error,
            "queue.find": self._find.setFocus,
            "queue.details": self.toggle_details,
            "queue.columns": self.table.reset_columns,
        }
        for name, slot in slots.items():
            known = self._actions.get(name)
            if known is None:
                self._actions[name] = make_action(name, self, slot)
            else:
                known.triggered.connect(slot)

    def _build(self) -> None:
        self._make_actions()
        bar = FittingRow()
        for name, rank in _BAR.items():
            bar.add(ActionButton(self._actions[name]), rank=rank)
        bar.row.addStretch(1)
        name_field("queue.find", self._find)
        self._find.setMinimumWidth(120)
        self._find.setMaximumWidth(200)
        self._find.textChanged.connect(self._filter)
        bar.add(self.adding, rank=8)
        bar.add(self._find)
        self._split = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self._split.setHandleWidth(GAP)
        self._split.addWidget(self.table)
        self._split.addWidget(self.details)
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 0)
        self._split.setSizes([10_000, DETAILS_WIDTH])
        self.details.follow_copy(self._actions["queue.copy_error"])
        layout = page_column(self)
        layout.addWidget(bar)
        layout.addWidget(self._split, 1)
        self._empty = EmptyQueue(self.table.viewport())
        self._empty.add_wanted.connect(self.adding.choose_files)
        self._empty.pair_wanted.connect(self.pair_wanted)
        self._state.destinations_changed.connect(self._show_emptiness)
        self._state.engine_changed.connect(self._show_undo)
        self._state.heard_changed.connect(self.model.show_heard)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.selectionModel().selectionChanged.connect(self._selection_changed)
        self._show_undo()
        self._selection_changed()

    @property
    def first_focus(self) -> QWidget:
        """The table."""
        return self.table

    def layout_widgets(self) -> dict[str, QWidget]:
        """The splitter and the table."""
        return {"split": self._split, "table": self.table}

    def show_subject(self, subject: str) -> None:
        """Select that job."""
        self.refresh()
        self._find.clear()
        self.select([subject])

    def connect_to(self, service: ServiceCalls) -> None:
        """Connect wishes to verbs."""
        self._wiring = QueueWiring(self, service)

    # --- being shown

    def on_shown(self) -> None:
        """Catch up, and keep up four times a second."""
        self.refresh()
        self._timer.start()
        self.details.on_shown()

    def on_hidden(self) -> None:
        """No work for nobody."""
        self._timer.stop()
        self.details.on_hidden()

    @Slot(object)
    def _note_changes(self, jobs: tuple[JobView, ...]) -> None:
        self._pending.update((job.file_id, job) for job in jobs)

    @Slot(object)
    def _note_removals(self, file_ids: tuple[str, ...]) -> None:
        for file_id in file_ids:
            self._pending.pop(file_id, None)
        self._taken_off = frozenset(file_ids).intersection(self._ids()) or self._taken_off
        self.model.remove_jobs(file_ids)
        self._show_emptiness()

    @Slot()
    def refresh(self) -> None:
        """Show what has come since the last time."""
        if self._pending:
            pending, self._pending = self._pending, {}
            self.model.update_jobs(pending.values())
            if back := [file_id for file_id in pending if file_id in self._taken_off]:  # undone: work goes on with them
                self._taken_off = frozenset()
                self.select(back)
            elif any(job.file_id in pending for job in self.selected()):
                self._selection_changed()
        self._show_emptiness()

    @Slot()
    def _show_emptiness(self) -> None:
        is_empty = self.model.rowCount() == 0 and self._state.engine is not ENGINE_UNKNOWN
        self._empty.show_for(is_empty, has_destination=bool(self._state.destinations))

    @Slot()
    def _show_undo(self) -> None:
        what = self._state.engine.undo
        undo = self._actions["queue.undo"]
        undo.setEnabled(what is not None)
        undo.setToolTip(plain_tip(COMMANDS["queue.undo"].tool_tip(f"Undo {what}" if what else "Nothing to undo")))

    @Slot(str)
    def _filter(self, text: str) -> None:
        self.table.show_found(text)

    @Slot()
    def _selection_changed(self) -> None:
        """What can be done to the selection, and its first job in full."""
        jobs = self.selected()
        states = {job.status for job in jobs}
        going = states & {JobState.PENDING, JobState.UPLOADING}
        to_come = any(job.status is not JobState.COMPLETED for job in jobs)
        open_still = "" if going or JobState.PAUSED in states else "Nothing selected is still to come"
        may_retry = states & {JobState.FAILED, JobState.CANCELLED}
        why_not = dict.fromkeys(_ORDERS, "" if to_come else "What has arrived has no place in the order") | {
            "queue.pause": open_still,
            "queue.cancel": open_still,
            "queue.retry": "" if may_retry else "Nothing selected has failed or was cancelled",
        }
        for name in _NEEDS_ROWS:
            offer(self._actions[name], why_not.get(name, "") if jobs else "Select a file first")
        has_error = any(job.error for job in jobs[:1])
        offer(self._actions["queue.copy_error"], "" if has_error else "Select a file with an error first")
        self._actions["queue.pause"].setText("Resume" if JobState.PAUSED in states else "Pause")
        self.details.show_job(jobs[0] if jobs else None, max(0, len(jobs) - 1))

    # --- what is selected

    def selected(self) -> list[JobView]:
        """The selected jobs in their order."""
        return [self.model.job_at(row) for row in self.table.selected_rows()]

    def select(self, file_ids: list[str]) -> None:
        """Select these rows."""
        rows = (self.model.row_of(file_id) for file_id in file_ids)
        self.table.select_rows([row for row in rows if row is not None])
        self._selection_changed()

    def _ids(self) -> list[str]:
        return [job.file_id for job in self.selected()]

    def _send(self, signal: object) -> None:
        ids = self._ids()
        if ids:
            signal.emit(ids)  # type: ignore[attr-defined]

    def toggle_pause(self) -> None:
        """Resume what is paused, else pause what goes on."""
        jobs = self.selected()
        paused = [job.file_id for job in jobs if job.status is JobState.PAUSED]
        going = [job.file_id for job in jobs if job.status in (JobState.PENDING, JobState.UPLOADING)]
        if paused:
            self.resume_wanted.emit(paused)
        elif going:
            self.pause_wanted.emit(going)

    # --- moving

    def settle_move(self, file_ids: list[str], *, failed: bool = False) -> None:
        """The engine has done a move, or has refused it."""
        self.model.settle(file_ids, failed=failed)

    # --- dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere on the page."""
        names = [url.fileName() or url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if names:
            event.acceptProposedAction()
            self._zone.show_over(self.rect(), names)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Take the zone away."""
        self._zone.hide()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped."""
        self._zone.hide()
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.adding.want(paths)

    # --- the rest

    def copy_rows(self) -> None:
        """Put the selected rows on the clipboard, tab-separated, with the whole path."""
        columns = range(1, self.model.columnCount())
        lines = []
        for row in self.table.selected_rows():
            texts = [str(self.model.index(row, column).data()) for column in columns]
            lines.append(table_line([self.model.job_at(row).path, *texts[1:]]))
        QGuiApplication.clipboard().setText("\n".join(lines))

    def toggle_details(self) -> None:
        """Show the panel with one file in full, or make room for the table."""
        self._details_wanted = not self.details.isVisibleTo(self)
        self._fit_details()

    def _fit_details(self) -> None:
        roomy = self.width() >= self._theme.tokens.text_px * DETAILS_ROOM
        shown = roomy if self._details_wanted is None else self._details_wanted
        if shown != self.details.isVisibleTo(self):
            self.details.setVisible(shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """With little width the panel makes room, unless a person has said otherwise."""
        super().resizeEvent(event)
        self._fit_details()

    @Slot(QPoint)
    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.addActions([action for name, action in self._actions.items() if COMMANDS[name].menu != "View"])
        menu.popup(self.table.viewport().mapToGlobal(where))
        menu.aboutToHide.connect(menu.deleteLater)
