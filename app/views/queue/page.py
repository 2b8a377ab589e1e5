"""The Queue page: what is to be sent, in its order, and everything that can be done to it by mouse and by key."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.models.console_state import ConsoleState
from app.models.queue_model import QueueModel
from app.theme.theme import Theme
from app.views.queue.details import DetailsPanel
from app.views.queue.empty import DropZone, EmptyQueue
from app.views.queue.table import QueueTable
from app.widgets.action_button import ActionButton
from transfer_core.events import JobState, JobView

REFRESH_MS = 250
NOTE_MS = 4000
_NEEDS_ROWS = frozenset(
    {"Pause", "Cancel", "Retry", "Remove", "Move up", "Move down", "Move to the top", "Move to the bottom", "Move to…"}
) | {"Priority…"}
DETAILS_WIDTH = 268
_BAR = ("Add files…", "Add folder…", "Pair…", "Pause", "Retry", "Remove", "Move to…", "Undo")


class QueuePage(QWidget):
    """Talks up by signals; file ids are lists of text."""

    title = "Queue"
    shortcut = "Ctrl+1"

    files_wanted = Signal(list, object)  # paths, file id to land before or None
    move_wanted = Signal(list, object)
    pause_wanted = Signal(list)
    resume_wanted = Signal(list)
    cancel_wanted = Signal(list)
    retry_wanted = Signal(list)
    remove_wanted = Signal(list)
    priority_wanted = Signal(list, int)
    undo_wanted = Signal()
    pair_wanted = Signal()

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._theme = state, theme
        self._pending: dict[str, JobView] = {}
        self.model = QueueModel(self)
        self.model.update_jobs(state.jobs)
        self.model.files_dropped.connect(self.want_files)
        self.model.move_wanted.connect(self.move_wanted)
        self.table = QueueTable(self.model, state, theme)
        self.details = DetailsPanel(state, theme)
        self._find = QLineEdit(placeholderText="Find in queue")
        self._zone = DropZone(theme, self)
        self._note = QLabel()
        self._note.setProperty("kind", "muted")
        self._build()
        self.setAcceptDrops(True)
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self._note_ends = QTimer(self, interval=NOTE_MS, singleShot=True)
        self._note_ends.timeout.connect(self._note.clear)
        state.jobs_changed.connect(self._note_changes)
        state.jobs_removed.connect(self._note_removals)
        self._show_emptiness()

    # --- building

    def _build(self) -> None:
        self._actions = [
            self._action("Add files…", "Ctrl+O", self.add_files),
            self._action("Add folder…", "Ctrl+Shift+O", self.add_folder),
            self._action("Pair…", "Ctrl+P", self.pair_wanted.emit),
            self._action("Pause", "P", self.toggle_pause),
            self._action("Cancel", "Ctrl+Del", lambda: self._send(self.cancel_wanted)),
            self._action("Retry", "R", lambda: self._send(self.retry_wanted)),
            self._action("Remove", "Del", lambda: self._send(self.remove_wanted)),
            self._action("Move up", "Alt+Up", lambda: self.move_by(-1)),
            self._action("Move down", "Alt+Down", lambda: self.move_by(1)),
            self._action("Move to the top", "Alt+Home", lambda: self.move_to(0)),
            self._action("Move to the bottom", "Alt+End", lambda: self.move_to(len(self.model.jobs))),
            self._action("Move to…", "Ctrl+M", self.ask_place),
            self._action("Priority…", "Ctrl+R", self.ask_priority),
            self._action("Undo", "Ctrl+Z", self.undo_wanted.emit),
        ]
        self._undo = self._actions[-1]
        bar = QHBoxLayout()
        for action in self._actions:
            if action.text() in _BAR:
                bar.addWidget(ActionButton(action))
        bar.addStretch(1)
        self._find.setAccessibleName("Find in queue")
        self._find.setMaximumWidth(200)
        self._find.textChanged.connect(self._filter)
        find = self._action("Find", "Ctrl+F", self._find.setFocus)
        self._find.setToolTip(f"Find in queue ({find.shortcut().toString()})")
        bar.addWidget(self._find)
        bar.insertWidget(bar.count() - 2, self._note)
        self._split = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self._split.setHandleWidth(12)
        self._split.addWidget(self.table)
        self._split.addWidget(self.details)
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 0)
        self._split.setSizes([10_000, DETAILS_WIDTH])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(10)
        layout.addLayout(bar)
        layout.addWidget(self._split, 1)
        self._empty = EmptyQueue(self.table.viewport())
        self._empty.add_wanted.connect(self.add_files)
        self._empty.pair_wanted.connect(self.pair_wanted)
        self._state.destinations_changed.connect(self._show_emptiness)
        self._state.engine_changed.connect(self._show_undo)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.selectionModel().selectionChanged.connect(self._selection_changed)
        self._show_undo()
        self._selection_changed()

    def _action(self, text: str, key: str, slot: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setObjectName(text)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{text}  ({key})")
        action.triggered.connect(lambda _checked=False: slot())
        self.addAction(action)
        return action

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
        self.model.remove_jobs(file_ids)
        self._show_emptiness()

    @Slot()
    def refresh(self) -> None:
        """Show what has come since the last time."""
        if self._pending:
            pending, self._pending = self._pending, {}
            self.model.update_jobs(pending.values())
            self._selection_changed()
        self._show_emptiness()

    @Slot()
    def _show_emptiness(self) -> None:
        self._empty.show_for(self.model.rowCount() == 0, has_destination=bool(self._state.destinations))

    @Slot()
    def _show_undo(self) -> None:
        what = self._state.engine.undo
        self._undo.setEnabled(what is not None)
        self._undo.setToolTip(f"Undo {what}  (Ctrl+Z)" if what else "Nothing to undo  (Ctrl+Z)")

    @Slot(str)
    def _filter(self, text: str) -> None:
        self.table.find(text)

    @Slot()
    def _selection_changed(self) -> None:
        """What can be done to the selection, and its first job in full."""
        jobs = self.selected()
        states = {job.status for job in jobs}
        going = states & {JobState.PENDING, JobState.UPLOADING}
        can = {
            "Pause": bool(going or JobState.PAUSED in states),
            "Cancel": bool(going or JobState.PAUSED in states),
            "Retry": bool(states & {JobState.FAILED, JobState.CANCELLED}),
        }
        for action in self._actions:
            if action.objectName() in _NEEDS_ROWS:
                action.setEnabled(can.get(action.objectName(), bool(jobs)))
        pause = self._named("Pause")
        pause.setText("Resume" if JobState.PAUSED in states else "Pause")
        pause.setToolTip(f"{pause.text()}  (P)")
        self.details.show_job(jobs[0] if jobs else None, max(0, len(jobs) - 1))

    def _named(self, name: str) -> QAction:
        return next(action for action in self._actions if action.objectName() == name)

    # --- what is selected

    def selected(self) -> list[JobView]:
        """The selected jobs in their order."""
        return [self.model.job_at(row) for row in self.table.selected_rows()]

    def select(self, file_ids: list[str]) -> None:
        """Select these rows."""
        rows = (self.model.row_of(file_id) for file_id in file_ids)
        self.table.select_rows([row for row in rows if row is not None])

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

    def move_by(self, step: int) -> None:
        """Move the selected rows one place."""
        jobs = self.selected()
        if not jobs:
            return
        first = self.model.row_of(jobs[0].file_id) or 0
        last = self.model.row_of(jobs[-1].file_id) or 0
        self.move_to(first - 1 if step < 0 else last + 2)

    def move_to(self, row: int) -> None:
        """Move the selected rows in front of a row of the list as it stands."""
        row = max(0, row)
        ids = set(self._ids())
        jobs = self.model.jobs
        before = next((job.file_id for job in jobs[row:] if job.file_id not in ids), None)
        self.model.move_rows(self._ids(), before)

    def ask_place(self) -> None:
        """Ask for the number of the place."""
        if not self.selected():
            return
        place, chosen = QInputDialog.getInt(self, "Move to", "Place in the queue", 1, 1, max(1, len(self.model.jobs)))
        if chosen:
            self.move_to(place - 1)

    def ask_priority(self) -> None:
        """Ask for another priority."""
        jobs = self.selected()
        if jobs:
            text = "1 first, 10 last"
            priority, chosen = QInputDialog.getInt(self, "Priority", text, jobs[0].priority, 1, 10)
            if chosen:
                self.priority_wanted.emit([job.file_id for job in jobs], priority)

    # --- adding

    def add_files(self) -> None:
        """Choose files."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Add files")
        if paths:
            self.want_files(paths, None)

    def add_folder(self) -> None:
        """Choose a folder."""
        path = QFileDialog.getExistingDirectory(self, "Add folder")
        if path:
            self.want_files([path], None)

    @Slot(list, object)
    def want_files(self, paths: list[str], before: str | None) -> None:
        """Ask for these to be queued, and say at once that it is under way."""
        self._note.setText("1 path, preparing…" if len(paths) == 1 else f"{len(paths)} paths, preparing…")
        self.files_wanted.emit(paths, before)

    def files_added(self, added: int, skipped: int = 0) -> None:
        """They are queued."""
        text = "1 file queued" if added == 1 else f"{added} files queued"
        self._note.setText(f"{text}, {skipped} left out" if skipped else text)
        self._note_ends.start()

    def files_refused(self) -> None:
        """They were not queued; the reason is shown elsewhere."""
        self._note.setText("")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere on the page."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self._zone.show_over(self.rect())

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
            self.want_files(paths, None)

    @Slot(QPoint)
    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.addActions(self._actions)
        menu.popup(self.table.viewport().mapToGlobal(where))
        menu.aboutToHide.connect(menu.deleteLater)
