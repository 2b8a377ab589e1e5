"""Overview: the shared folders, the machines and the files of the chosen one, and what is not synced and why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from app.actions import make_action, name_field
from app.figures import plain_tip
from app.models.rows_model import RowsModel
from app.models.sync_rows import (
    FILE_HEADERS,
    FOLDER_HEADERS,
    LASTING,
    PEER_HEADERS,
    WORST,
    file_rows,
    folder_row,
    peer_rows,
)
from app.models.table_model import SUBJECT_ROLE
from app.views.sync.text_table import TextTable
from app.widgets.look import Look
from app.widgets.measures import GAP
from app.widgets.plain_label import PlainLabel
from app.widgets.status_shape import Shape
from transfer_core.events.sync import SyncFileView, SyncFolderView, SyncState

TYPING_MS = 250
REPORTS_SHOWN = 6
FOLDERS_SEEN = 2
PEERS_EDGE = 8  # px for the frame around them, left and right
SHAPES = {
    SyncState.SYNCED: Shape.CIRCLE,
    SyncState.SYNCING: Shape.RING,
    SyncState.OFFLINE: Shape.TRIANGLE,
    SyncState.PAUSED: Shape.PAUSE,
    SyncState.QUESTION: Shape.DIAMOND,
    SyncState.MISSING: Shape.OCTAGON,
    SyncState.REFUSED: Shape.DIAMOND,
    SyncState.FAILED: Shape.OCTAGON,
    SyncState.IDLE: Shape.BAR,
}


def state_colour(state: SyncState, look: Look) -> QColor:
    """Grey unless it needs a hand."""
    if state in (SyncState.MISSING, SyncState.FAILED):
        return look.critical
    if state in (SyncState.QUESTION, SyncState.REFUSED):
        return look.serious
    if state is SyncState.OFFLINE:
        return look.caution
    return look.good if state is SyncState.SYNCED else look.muted


class Overview(QWidget):
    """Folders above; files and machines of the chosen one below."""

    folder_chosen = Signal(str)
    files_wanted = Signal(str)  # what to find
    file_opened = Signal(str)

    def __init__(self, look: Look, page: QWidget) -> None:
        super().__init__()
        self._look = look
        self._states: dict[str, SyncState] = {}
        self._disputed: frozenset[str] = frozenset()
        self._is_heard = True
        self.folder_model = RowsModel(FOLDER_HEADERS, right=(2, 3, 4, 5, 6), parent=self)
        samples = (
            "a folder's name",
            "in sync, conflict mm",
            "1,000,000",
            "1000.0 MB",
            "100,000",
            "100,000",
            "conflicts",
            "factory relay",
            "/a/folder's/path",
        )
        self.folders = TextTable(
            self.folder_model,
            look,
            "Shared folders",
            "sync.folders",
            page,
            wide=8,
            samples=samples,
            dropped=((3,), (7,), (2,), (5,), (4,)),
        )
        self.folders.draw_shapes(1, self._shape)
        self.folders.selectionModel().selectionChanged.connect(self._choose)
        self.file_model = RowsModel(FILE_HEADERS, right=(2,), parent=self)
        self.files = TextTable(
            self.file_model,
            look,
            "Files of the folder",
            "sync.files",
            page,
            samples=("run 01/lap 07.csv", "deleted", "1000.0 MB", "a laptop's name", "2026-11-21 14:32:07"),
            dropped=((1,), (3,), (4,)),
        )
        self.files.activated.connect(lambda index: self.file_opened.emit(str(index.data(SUBJECT_ROLE))))
        self.peer_model = RowsModel(PEER_HEADERS, right=(2,), parent=self)
        self.peers = TextTable(
            self.peer_model,
            look,
            "Machines of the folder",
            "sync.machines",
            page,
            samples=("engineer 3", "through factory", "1,000"),
            dropped=((2,),),
        )
        self.find_field = QLineEdit(placeholderText="Find in files", clearButtonEnabled=True)
        name_field("sync.find", self.find_field)
        make_action("sync.find", page, lambda: self.find_field.setFocus(Qt.FocusReason.ShortcutFocusReason))
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typing.timeout.connect(lambda: self.files_wanted.emit(self.find_field.text().strip()))
        self.find_field.textChanged.connect(lambda _: self._typing.start())
        self.reports = PlainLabel()
        self.reports.setProperty("kind", "warning")
        self.reports.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # no height by width
        self.reports.hide()
        self._lay_out()
        self._make_room()

    def _lay_out(self) -> None:
        below = QWidget()
        right = QVBoxLayout()
        right.setSpacing(6)
        right.addWidget(self.peers, 1)
        left = QVBoxLayout()
        left.setSpacing(6)
        left.addWidget(self.find_field)
        left.addWidget(self.files, 1)
        row = QHBoxLayout(below)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addLayout(left, 5)
        row.addLayout(right, 2)
        self.split = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False, handleWidth=GAP)
        self.split.addWidget(self.folders)
        self.split.addWidget(below)
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.split, 1)
        layout.addWidget(self.reports)

    def _shape(self, index: QModelIndex | QPersistentModelIndex) -> tuple[Shape, QColor]:
        name = str(index.data(SUBJECT_ROLE))
        state = self._states.get(name, SyncState.IDLE)
        if name in self._disputed and state not in WORST:
            return Shape.TRIANGLE, self._look.caution
        if not self._is_heard and state not in LASTING:
            return Shape.RING, self._look.muted
        return SHAPES[state], state_colour(state, self._look)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        for table in (self.folders, self.files, self.peers):
            table.apply_look(look)
        self._make_room()

    def _make_room(self) -> None:
        """So many folders are always seen, and each machine with its state."""
        self.peers.setMinimumWidth(self.peers.width_of(0) + self.peers.width_of(1) + PEERS_EDGE)
        self.folders.setMinimumHeight(self.folders.verticalHeader().defaultSectionSize() * (FOLDERS_SEEN + 1) + 4)

    def _choose(self) -> None:
        chosen = self.folders.chosen()
        if chosen:
            self.folder_chosen.emit(str(chosen[0]))

    def show_folders(self, folders: Sequence[SyncFolderView], chosen: str, *, is_heard: bool = True) -> None:
        """All folders; the chosen one's machines and reports."""
        self._is_heard = is_heard
        self._states = {folder.name: folder.state for folder in folders}
        self._disputed = frozenset(folder.name for folder in folders if folder.conflicts)
        self.folder_model.replace([folder_row(folder, is_heard=is_heard) for folder in folders])
        if not self.folders.chosen():
            self.folders.choose(chosen)
        folder = next((each for each in folders if each.name == chosen), None)
        self.peer_model.replace([] if folder is None else peer_rows(folder, is_heard=is_heard))
        reports = () if folder is None else folder.reports
        lines = [f"{path}: {why}" for path, why in reports[:REPORTS_SHOWN]]
        if len(reports) > REPORTS_SHOWN:
            lines.append(f"and {len(reports) - REPORTS_SHOWN} more")
        if folder is not None and folder.text and folder.state is not SyncState.PAUSED:  # who paused it knows
            lines.insert(0, folder.text)
        self.reports.setText("\n".join(f"▲ {line}" for line in lines))
        self.reports.setToolTip(plain_tip("\n".join(lines)))
        self.reports.setVisible(bool(lines))

    def show_files(self, files: Sequence[SyncFileView]) -> None:
        """Files of the chosen folder."""
        self.file_model.replace(file_rows(files))
