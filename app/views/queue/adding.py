"""How files come into the queue: chosen in the system's dialog, or dropped; and the word about it in the row on top."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.figures import files_text
from app.widgets.plain_label import PlainLabel

NOTE_MS = 4000


class FileChooser(PlainLabel):
    """The word beside the buttons. Asks by `files_wanted`; the owner answers with `added` or `refused`."""

    files_wanted = Signal(list, object)  # paths, file id to land before or None

    def __init__(self, page: QWidget) -> None:
        super().__init__(parent=page)
        self.setProperty("kind", "muted")
        self._page = page
        self._folder = ""  # where files were last chosen
        self._ends = QTimer(self, interval=NOTE_MS, singleShot=True)
        self._ends.timeout.connect(self.clear)

    def choose_files(self) -> None:
        """Open the dialog for files."""
        self._choose("Add files", QFileDialog.FileMode.ExistingFiles)

    def choose_folder(self) -> None:
        """Open the dialog for a folder."""
        self._choose("Add folder", QFileDialog.FileMode.Directory)

    def _choose(self, title: str, mode: QFileDialog.FileMode) -> None:
        """Open the system's dialog beside the work, at the folder where the last one was left."""
        dialog = QFileDialog(self._page, f"{title} · DRS-SYNC", self._folder)
        dialog.setFileMode(mode)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, mode is QFileDialog.FileMode.Directory)
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, "Add")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self._chosen)
        dialog.open()

    @Slot(list)
    def _chosen(self, paths: list[str]) -> None:
        if paths:
            self._folder = str(PurePath(paths[0]).parent)
            self.want(paths)

    @Slot(list, object)
    def want(self, paths: list[str], before: str | None = None) -> None:
        """Ask for these to be queued, and say at once that it is under way."""
        self.setText("1 path, preparing…" if len(paths) == 1 else f"{len(paths)} paths, preparing…")
        self.files_wanted.emit(paths, before)

    def added(self, count: int, skipped: int = 0) -> None:
        """They are queued."""
        text = f"{files_text(count)} queued"
        self.setText(f"{text}, {skipped} left out" if skipped else text)
        self._ends.start()

    def refused(self) -> None:
        """They were not queued; the reason is shown elsewhere."""
        self.clear()
