"""The Destinations page: whether each is there and why not, what waits for it, and what uploads may use."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QHeaderView, QLabel, QTableView, QVBoxLayout, QWidget

from app.actions import make_action
from app.models.destinations_model import DESTINATION_ROLE, DestinationColumn, DestinationsModel, state_words
from app.views.destinations.add_dialog import AddDestinationDialog
from app.views.destinations.limits_panel import LimitsPanel
from app.views.page import Page, ServiceCalls
from app.widgets.action_button import ActionButton
from app.widgets.fitting_row import FittingRow
from app.widgets.look import look_of
from app.widgets.shape_delegate import ShapeDelegate
from app.widgets.status_shape import Shape
from transfer_core.errors import error_from_code
from transfer_core.events import DestinationView
from transfer_core.service import DestinationTest

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

COUNT_MS = 500  # jobs are counted at most so often


class DestinationsPage(Page):
    """A table of destinations above the limits."""

    name = "destinations"
    title = "Destinations"

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._theme = state, theme
        self._look = look_of(theme)
        self._service: ServiceCalls | None = None
        self._shown = False
        self._model = DestinationsModel(self)
        self._counting = QTimer(self, singleShot=True, interval=COUNT_MS)
        self._counting.timeout.connect(self._count)
        self.limits = LimitsPanel(theme, self)
        self._build()
        theme.changed.connect(self._apply_look)

    def _build(self) -> None:
        bar = FittingRow()
        bar.row.setContentsMargins(0, 0, 0, 0)
        slots = {
            "add": self.add_destination,
            "test": self.test_chosen,
            "retry": self.retry_failed,
            "remove": self.remove_chosen,
        }
        self.actions_by_name = {name: make_action(f"destinations.{name}", self, slot) for name, slot in slots.items()}
        for rank, action in enumerate(self.actions_by_name.values()):
            bar.add(ActionButton(action), rank=rank)
        self.note = QLabel()
        self.note.setProperty("kind", "muted")
        self.note.setMinimumWidth(60)
        bar.add(self.note, rank=9)
        bar.row.addStretch(1)
        self.table = self._build_table()
        self.empty = QLabel("There is no destination yet. Add an upload server or a bucket, or pair with a relay.")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setProperty("kind", "empty")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(10)
        layout.addWidget(bar)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.limits)
        make_action("destinations.copy", self.table, self.copy_rows)
        self._fit()
        self._update_controls()

    def _build_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._model)
        table.setAccessibleName("Destinations")
        table.setToolTip("Where files can go")
        table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setItemDelegateForColumn(DestinationColumn.STATE, ShapeDelegate(self._shape, table))
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.horizontalHeader().setStretchLastSection(True)
        table.horizontalHeader().setHighlightSections(False)
        table.selectionModel().selectionChanged.connect(self._choose)
        self._model.modelReset.connect(self._choose)
        return table

    # --- page contract

    @property
    def first_focus(self) -> QWidget:
        """The table, or the first limit while there is none."""
        return self.table if self.table.isVisibleTo(self) else self.limits.cap

    def layout_widgets(self) -> dict[str, QWidget]:
        """The table."""
        return {"table": self.table}

    def connect_to(self, service: ServiceCalls) -> None:
        """Connect wishes to verbs."""
        self._service = service
        self.limits.limits_changed.connect(partial(service.call, "uploads.change_limits"))

    def on_shown(self) -> None:
        """Begin to follow."""
        if self._shown:
            return
        self._shown = True
        self._state.destinations_changed.connect(self._show)
        self._state.jobs_changed.connect(self._counting.start)
        self._state.jobs_removed.connect(self._counting.start)
        self._show()
        self._count()
        if self._service is not None:
            self._service.call("uploads.limits", on_result=self.limits.show_limits)

    def on_hidden(self) -> None:
        """Stop following; what was changed last goes out."""
        if not self._shown:
            return
        self._shown = False
        self._state.destinations_changed.disconnect(self._show)
        self._state.jobs_changed.disconnect(self._counting.start)
        self._state.jobs_removed.disconnect(self._counting.start)
        self._counting.stop()
        self.limits.finish()

    def show_subject(self, subject: str) -> None:
        """Choose a destination by its name."""
        self._show()
        row = self._model.row_of(subject)
        if row >= 0:
            self.table.selectRow(row)

    # --- following

    @Slot()
    def _show(self) -> None:
        chosen = self._chosen()
        self._model.show_destinations(self._state.destinations)
        if chosen is not None and self._chosen() is None:
            self.table.selectRow(max(0, self._model.row_of(chosen.name)))
        self._update_controls()

    @Slot()
    def _count(self) -> None:
        self._model.count_jobs(self._state.each_job())
        self._update_controls()

    def _chosen(self) -> DestinationView | None:
        rows = self.table.selectionModel().selectedRows()
        return self._model.view(rows[0].row()) if rows else None

    @Slot()
    def _choose(self) -> None:
        chosen = self._chosen()
        self.limits.choose_destination("" if chosen is None else chosen.name)
        self._update_controls()

    def _update_controls(self) -> None:
        chosen, actions = self._chosen(), self.actions_by_name
        actions["test"].setEnabled(chosen is not None and chosen.kind != "relay")
        actions["remove"].setEnabled(chosen is not None)
        failed = self._model.failed_jobs
        actions["retry"].setText(f"Retry {failed} failed" if failed else "Retry failed")
        actions["retry"].setEnabled(failed > 0)
        has_rows = self._model.rowCount() > 0
        self.table.setVisible(has_rows)
        self.empty.setVisible(not has_rows)

    # --- what a person does

    @Slot()
    def add_destination(self) -> None:
        """Open the dialog."""
        if self._service is None:
            return
        dialog = AddDestinationDialog(self._service, self)
        dialog.added.connect(self.noted)
        dialog.open_beside()

    @Slot()
    def test_chosen(self) -> None:
        """Ask the chosen destination whether it is there."""
        chosen = self._chosen()
        if chosen is None or self._service is None:
            return
        self.note.setText(f"Asking {chosen.name}…")
        self._service.call(
            "uploads.test_known", chosen.name, on_result=partial(self._tested, chosen.name), on_error=self._test_failed
        )

    def _tested(self, name: str, found: DestinationTest) -> None:
        self.note.clear()
        if found.is_good:
            self.noted.emit(f"{name} is there: {found.rtt_ms or 0:.0f} ms over {found.link}")
            return
        error = error_from_code(found.error, f"{name}: {found.why}")
        error.hint = found.hint or error.hint
        self.failed.emit(error)

    def _test_failed(self, error: object) -> None:
        self.note.clear()
        self.failed.emit(error)

    @Slot()
    def retry_failed(self) -> None:
        """Queue all that failed again."""
        if self._service is not None:
            self._service.call(
                "uploads.retry_failed", on_result=lambda count: self.noted.emit(f"{count} files are queued again")
            )

    @Slot()
    def remove_chosen(self) -> None:
        """Forget the chosen destination; refused while something is queued for it."""
        chosen = self._chosen()
        if chosen is not None and self._service is not None:
            self._service.call(
                "forget_destination",
                chosen.name,
                on_result=lambda _: self.noted.emit(f"{chosen.name} is forgotten"),
                on_error=self.failed.emit,
            )

    @Slot()
    def copy_rows(self) -> None:
        """Put the chosen destination on the clipboard, tab-separated."""
        rows = [index.row() for index in self.table.selectionModel().selectedRows()]
        texts = [[str(self._model.index(row, at).data()) for at in range(self._model.columnCount())] for row in rows]
        if texts:
            QGuiApplication.clipboard().setText("\n".join("\t".join(row) for row in texts))

    # --- looks

    def _shape(self, index: QModelIndex | QPersistentModelIndex) -> tuple[Shape, QColor]:
        view: DestinationView = index.data(DESTINATION_ROLE)
        if view.online is None:
            return Shape.RING, self._look.muted
        if not view.online:
            return Shape.DIAMOND, self._look.serious
        return (Shape.TRIANGLE, self._look.caution) if view.why else (Shape.CIRCLE, self._look.good)

    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self._fit()
        self.table.viewport().update()

    def _fit(self) -> None:
        metrics = QFontMetrics(self._look.font)
        samples = {
            DestinationColumn.STATE: f"{state_words(DestinationView('', '', (), None))}  0",
            DestinationColumn.NAME: "factory-bucket",
            DestinationColumn.KIND: "HTTP chunks 0",
            DestinationColumn.WAITING: "waiting",
            DestinationColumn.FAILED: "failed",
            DestinationColumn.FREE: "room there",
            DestinationColumn.WHY: "no answer over UDP: files go over HTTP, slowly",
        }
        for column, sample in samples.items():
            self.table.setColumnWidth(column, metrics.horizontalAdvance(sample) + 24)
        self.table.verticalHeader().setDefaultSectionSize(max(30, metrics.height() + 12))
