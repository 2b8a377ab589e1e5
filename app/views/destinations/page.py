"""The Destinations page: whether each is there and why not, what waits for it, and what uploads may use."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QWidget

from app.actions import make_action, offer
from app.figures import files_text
from app.models.destinations_model import DestinationColumn, DestinationsModel
from app.models.table_model import SUBJECT_ROLE
from app.views.destinations.add_dialog import AddDestinationDialog
from app.views.destinations.limits_panel import LimitsPanel
from app.views.destinations.table import DestinationsTable
from app.views.dialogs.sure import SureDialog
from app.views.page import Page, ServiceCalls, empty_label, page_column
from app.widgets.action_button import ActionButton
from app.widgets.fitting_row import FittingRow
from app.widgets.look import look_of
from app.widgets.plain_label import PlainLabel
from app.widgets.row_table import Index
from app.widgets.status_shape import Shape
from transfer_core.errors import error_from_code
from transfer_core.events import DestinationView
from transfer_core.service import DestinationTest

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

LINES_LEAST = 10  # of text: three rows with their heading, also where the limits need much room
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
        slots = {
            "add": self.add_destination,
            "test": self.test_chosen,
            "retry": self.retry_failed,
            "remove": self.remove_chosen,
        }
        self.actions_by_name = {name: make_action(f"destinations.{name}", self, slot) for name, slot in slots.items()}
        for rank, action in enumerate(self.actions_by_name.values()):
            bar.add(ActionButton(action), rank=rank)
        self.add_button = bar.findChildren(ActionButton)[0]
        self.note = PlainLabel()
        self.note.setProperty("kind", "muted")
        self.note.setMinimumWidth(60)
        bar.add(self.note, rank=9)
        bar.row.addStretch(1)
        self.table = self._build_table()
        self.empty = empty_label("There is no destination yet. Add an upload server or a bucket, or pair with a relay.")
        self.empty.setMinimumHeight(self.table.minimumHeight())
        layout = page_column(self)
        layout.addWidget(bar)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.limits)
        make_action("destinations.copy", self.table, self.copy_rows)
        self._update_controls()

    def _build_table(self) -> DestinationsTable:
        table = DestinationsTable(self._model, self._look, self)
        table.draw_shapes(DestinationColumn.STATE, self._shape)
        table.setMinimumHeight(LINES_LEAST * table.fontMetrics().height())
        table.selectionModel().selectionChanged.connect(self._choose)
        self._model.modelReset.connect(self._choose)
        self._state.heard_changed.connect(self._model.show_heard)
        return table

    # --- page contract

    @property
    def first_focus(self) -> QWidget:
        """The table, or the way to a first row; a digit that is pressed here must set no cap."""
        return self.table if self.table.isVisibleTo(self) else self.add_button

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
        if self._chosen() is None and self._state.destinations:
            self.table.choose_rows([0])
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
            self.table.choose_rows([row])

    # --- following

    @Slot()
    def _show(self) -> None:
        chosen = self._chosen()
        self._model.show_destinations(self._state.destinations)
        if chosen is not None and self._chosen() is None:
            self.table.choose_rows([max(0, self._model.row_of(chosen.name))])
        self._update_controls()

    @Slot()
    def _count(self) -> None:
        self._model.count_jobs(self._state.tally)
        self._update_controls()

    def _chosen(self) -> DestinationView | None:
        rows = self.table.chosen_rows()
        return self._model.view(rows[0]) if rows else None

    @Slot()
    def _choose(self) -> None:
        chosen = self._chosen()
        self.limits.choose_destination("" if chosen is None else chosen.name)
        self._update_controls()

    def _update_controls(self) -> None:
        chosen, actions = self._chosen(), self.actions_by_name
        first_choose = "Choose a destination first" if chosen is None else ""
        is_relay = chosen is not None and chosen.kind == "relay"
        offer(actions["test"], first_choose or ("A relay is asked all the time" if is_relay else ""))
        offer(actions["remove"], first_choose)
        failed = self._model.failed_jobs
        actions["retry"].setText(f"Retry {failed} failed" if failed else "Retry failed")
        offer(actions["retry"], "" if failed else "Nothing has failed")
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
                "uploads.retry_failed", on_result=lambda count: self.noted.emit(f"{files_text(count)} queued again")
            )

    @Slot()
    def remove_chosen(self) -> None:
        """Ask whether the chosen destination may be forgotten; refused while something is queued for it."""
        chosen = self._chosen()
        if chosen is None:
            return
        lost = "a new token of it" if chosen.kind == "relay" else "its address and its secrets again"
        facts = f"To send there again takes {lost}. Nothing is deleted there."
        dialog = SureDialog("Forget a destination", f"Forget {chosen.name}?", facts, "&Forget", self)
        dialog.agreed.connect(partial(self._forget, chosen.name))
        dialog.open_beside()

    def _forget(self, name: str) -> None:
        if self._service is not None:
            self._service.call(
                "forget_destination",
                name,
                on_result=lambda _: self.noted.emit(f"{name} is forgotten"),
                on_error=self.failed.emit,
            )

    @Slot()
    def copy_rows(self) -> None:
        """Put the chosen destination on the clipboard, tab-separated."""
        rows = self.table.chosen_rows()
        if rows:
            QGuiApplication.clipboard().setText("\n".join(self._model.row_text(row) for row in rows))

    # --- looks

    def _shape(self, index: Index) -> tuple[Shape, QColor]:
        view: DestinationView = index.data(SUBJECT_ROLE)
        if view.online is None or not self._state.is_heard:  # or not known any more
            return Shape.RING, self._look.muted
        if not view.online:
            return Shape.DIAMOND, self._look.serious
        return (Shape.TRIANGLE, self._look.caution) if view.why else (Shape.CIRCLE, self._look.good)

    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.table.apply_look(self._look)
