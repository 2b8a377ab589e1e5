"""The Queue page: what is to be sent, in its order, and everything that can be done to it by mouse and by key."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.models.console_state import ConsoleState
from app.models.queue_model import Column, QueueModel
from app.theme.theme import Theme
from app.views.queue.row_delegate import RowDelegate
from transfer_core.events import JobState, JobView

REFRESH_MS = 250
_WIDTHS = {
    Column.PLACE: 52,
    Column.FILE: 260,
    Column.SIZE: 80,
    Column.SENT: 180,
    Column.RATE: 70,
    Column.LEFT: 96,
}


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
        self.model.files_dropped.connect(self.files_wanted)
        self.model.move_wanted.connect(self.move_wanted)
        self.table = self._build_table()
        self._find = QLineEdit(placeholderText="Find in queue")
        self._empty = QLabel("Drop files or folders here, or press Ctrl+O")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._build()
        self.setAcceptDrops(True)
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        state.jobs_changed.connect(self._note_changes)
        state.jobs_removed.connect(self._note_removals)
        self._show_emptiness()

    # --- building

    def _build_table(self) -> QTableView:
        table = QTableView()
        table.setAccessibleName("Queue")
        table.setModel(self.model)
        table.setItemDelegate(RowDelegate(self._state, self._theme, table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        table.setDragDropOverwriteMode(False)
        table.setDropIndicatorShown(True)
        table.setDefaultDropAction(Qt.DropAction.MoveAction)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(self._theme.tokens.row_height)
        header = table.horizontalHeader()
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        return table

    def _build(self) -> None:
        self._actions = [
            self._action("Add files…", "Ctrl+O", self.add_files),
            self._action("Add folder…", "Ctrl+Shift+O", self.add_folder),
            self._action("Pair…", "Ctrl+P", self.pair_wanted.emit),
            self._action("Pause or resume", "P", self.toggle_pause),
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
        bar = QHBoxLayout()
        for action in self._actions:
            if action.text() in ("Add files…", "Pair…", "Pause or resume", "Retry", "Remove", "Move to…", "Undo"):
                button = QPushButton(action.text())
                button.setToolTip(f"{action.text()} ({action.shortcut().toString()})")
                button.setAccessibleName(action.text())
                button.clicked.connect(action.trigger)
                bar.addWidget(button)
        bar.addStretch(1)
        self._find.setAccessibleName("Find in queue")
        self._find.setMaximumWidth(200)
        self._find.textChanged.connect(self._filter)
        find = self._action("Find", "Ctrl+F", self._find.setFocus)
        self._find.setToolTip(f"Find in queue ({find.shortcut().toString()})")
        bar.addWidget(self._find)
        layout = QVBoxLayout(self)
        gap = self._theme.tokens.space_m
        layout.setContentsMargins(gap, gap, gap, gap)
        layout.addLayout(bar)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._empty)

    def _action(self, text: str, key: str, slot: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{text} ({key})")
        action.triggered.connect(lambda _checked=False: slot())
        self.addAction(action)
        return action

    # --- being shown

    def on_shown(self) -> None:
        """Catch up, and keep up four times a second."""
        self.refresh()
        self._timer.start()

    def on_hidden(self) -> None:
        """No work for nobody."""
        self._timer.stop()

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
            self._filter(self._find.text())
        self._show_emptiness()

    def _show_emptiness(self) -> None:
        self._empty.setVisible(self.model.rowCount() == 0)

    @Slot(str)
    def _filter(self, text: str) -> None:
        wanted = text.lower()
        for row, job in enumerate(self.model.jobs):
            self.table.setRowHidden(row, bool(wanted) and wanted not in job.path.lower())

    # --- what is selected

    def selected(self) -> list[JobView]:
        """The selected jobs in their order."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.model.job_at(row) for row in rows]

    def select(self, file_ids: list[str]) -> None:
        """Select these rows."""
        selection = self.table.selectionModel()
        selection.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for file_id in file_ids:
            row = self.model.row_of(file_id)
            if row is not None:
                selection.select(self.model.index(row, 0), flags)

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
            self.files_wanted.emit(paths, None)

    def add_folder(self) -> None:
        """Choose a folder."""
        path = QFileDialog.getExistingDirectory(self, "Add folder")
        if path:
            self.files_wanted.emit([path], None)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere on the page."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.files_wanted.emit(paths, None)

    @Slot(QPoint)
    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.addActions(self._actions)
        menu.popup(self.table.viewport().mapToGlobal(where))
        menu.aboutToHide.connect(menu.deleteLater)
