"""The versions, delta and monitor views of the Sync page."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.figures import plain_tip
from app.models.rows_model import RowsModel
from app.models.sync_rows import (
    EVENT_HEADERS,
    SAVING_HEADERS,
    VECTOR_HEADERS,
    event_rows,
    figures_text,
    progress_text,
    saving_rows,
    sum_of,
    vector_rows,
)
from app.views.sync.causal_view import CausalView
from app.views.sync.saving_bars import SavingBars
from app.views.sync.text_table import TextTable
from app.widgets.look import Look
from app.widgets.plain_label import PlainLabel
from transfer_core.events.sync import SyncFolderView, SyncHappening, SyncSavingView, SyncVectorView

LINES_KEPT = 1000
FOLDERS_TOLD = 4


def _column(view: QWidget) -> QVBoxLayout:
    layout = QVBoxLayout(view)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    return layout


class Versions(QWidget):
    """The causal history of a chosen file, drawn, and what each machine has of it."""

    def __init__(self, look: Look, page: QWidget) -> None:
        super().__init__()
        self.head = PlainLabel()
        self.head.setProperty("kind", "strong")
        self.drawing = CausalView(look)
        self.model = RowsModel(VECTOR_HEADERS, right=(2,), parent=self)
        samples = (
            "this machine",
            "deleted",
            "1000.0 MB",
            "a laptop's name",
            "2026-11-21 14:32:07",
            "concurrent",
            "pit2 ...713990",
        )
        self.table = TextTable(
            self.model, look, "Version vectors", "sync.vectors", page, wide=6, samples=samples, dropped=((1,), (2,))
        )
        layout = _column(self)
        layout.addWidget(self.head)
        layout.addWidget(self.drawing, 2)
        layout.addWidget(self.table, 1)
        self.show_file("", (), ())

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self.drawing.apply_look(look)
        self.table.apply_look(look)

    def show_file(self, path: str, vectors: Sequence[SyncVectorView], lines: Sequence[SyncHappening]) -> None:
        """One file; its history, oldest first."""
        self.head.setText(path or "No file is chosen")
        names: dict[str, str] = {}
        for each in vectors:
            newest = max(each.counters.items(), key=lambda pair: pair[1], default=None)
            if newest is not None and each.by:
                names.setdefault(newest[0], each.by)
        self.model.replace(vector_rows(vectors, names))
        empty = "Nothing is known of its past." if path else "Choose a file in the overview, and press Enter."
        self.drawing.show_history(lines, empty)


class Delta(QWidget):
    """Bytes saved, in all and by file."""

    def __init__(self, look: Look, page: QWidget) -> None:
        super().__init__()
        self.bars = SavingBars(look)
        self.model = RowsModel(SAVING_HEADERS, right=(1, 2, 3, 4, 5), parent=self)
        samples = ("run 01/lap 07.csv", "1,000", "1000.0 MB", "1000.0 MB", "1000.0 MB", "−100 %", "2026-11-21 14:32:07")
        self.table = TextTable(
            self.model, look, "Bytes by file", "sync.savings", page, samples=samples, dropped=((1,), (6,))
        )
        layout = _column(self)
        layout.addWidget(self.bars)
        layout.addWidget(self.table, 1)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self.bars.apply_look(look)
        self.table.apply_look(look)

    def show_folders(self, folders: Sequence[SyncFolderView]) -> None:
        """The figures of all."""
        self.bars.show_figures(sum_of(folders))

    def show_savings(self, savings: Sequence[SyncSavingView]) -> None:
        """By file."""
        self.model.replace(saving_rows(savings))


class Monitor(QWidget):
    """Live progress and events."""

    def __init__(self, look: Look, page: QWidget) -> None:
        super().__init__()
        self.figures = PlainLabel()
        self.figures.setProperty("kind", "strong")
        self.figures.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.progress = PlainLabel()
        self.progress.setProperty("kind", "muted")
        self.progress.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._lines: deque[SyncHappening] = deque(maxlen=LINES_KEPT)
        self.model = RowsModel(EVENT_HEADERS, parent=self)
        samples = (
            "2026-11-21 14:32:07",
            "a folder's name",
            "received",
            "run 01/lap 07.csv",
            "from a laptop's name, and some more words",
        )
        self.table = TextTable(
            self.model, look, "What happens", "sync.events", page, wide=3, samples=samples, dropped=((1,), (4,))
        )
        layout = _column(self)
        layout.addWidget(self.figures)
        layout.addWidget(self.progress)
        layout.addWidget(self.table, 1)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self.table.apply_look(look)

    def show_folders(self, folders: Sequence[SyncFolderView], *, is_heard: bool = True) -> None:
        """How far each is."""
        self.figures.setText(figures_text(sum_of(folders)))
        lines = [f"{each.name}: {progress_text(each, is_heard=is_heard)}" for each in folders]
        self.progress.setText("\n".join(lines[:FOLDERS_TOLD]))
        self.progress.setToolTip(plain_tip("\n".join(lines)))

    def start_with(self, lines: Sequence[SyncHappening]) -> None:
        """What happened until now, newest first."""
        self._lines.clear()
        self._lines.extend(lines)
        self.model.replace(event_rows(self._lines))

    def add(self, lines: Sequence[SyncHappening]) -> None:
        """New lines, oldest first."""
        self._lines.extendleft(lines)
        self.model.replace(event_rows(self._lines))
