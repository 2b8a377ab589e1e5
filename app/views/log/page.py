"""The Log page: every notice of this run, filtered by severity and words, following the newest unless scrolled away."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QMenu, QVBoxLayout, QWidget

from app.actions import make_action, name_field, offer
from app.models.log_model import LINES_MOST, LogColumn, LogFilter, LogModel
from app.models.table_model import SUBJECT_ROLE
from app.views.page import Page, page_column
from app.widgets.action_button import ActionButton
from app.widgets.look import look_of
from app.widgets.plain_label import PlainLabel
from app.widgets.row_table import Columns, Index, RowTable
from app.widgets.status_shape import SEVERITY_SHAPES, Shape, severity_colour
from transfer_core.events import Notice, Severity

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

FLUSH_MS = 250
_LEVELS = {
    "Everything": Severity.INFO,
    "Caution and worse": Severity.CAUTION,
    "Serious and worse": Severity.SERIOUS,
    "Critical only": Severity.CRITICAL,
}

_SAMPLES: dict[int, str] = {LogColumn.AT: "00:00:00", LogColumn.SEVERITY: "severity", LogColumn.TOPIC: "destination"}


class LogPage(Page):
    """A table of notices. While hidden it only keeps them; the table is filled when the page is shown."""

    name = "log"
    title = "Log"

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._theme = theme
        self._look = look_of(theme)
        self._waiting: deque[Notice] = deque(maxlen=LINES_MOST)
        self._model = LogModel(self)
        self._filter = LogFilter(self._model, self)
        self._timer = QTimer(self)
        self._timer.setInterval(FLUSH_MS)
        self._timer.timeout.connect(self.flush)
        self._build()
        state.noticed.connect(self.keep)
        theme.changed.connect(self._apply_look)

    def _build(self) -> None:
        self.level = QComboBox()
        self.level.addItems(list(_LEVELS))
        name_field("log.severity", self.level)
        label = PlainLabel("Severity")
        self.level.currentTextChanged.connect(self._choose_level)
        self.follow = QCheckBox("Follow")
        self.follow.setChecked(True)
        name_field("log.follow", self.follow)
        self.follow.toggled.connect(self._follow_changed)
        self.copy_action = make_action("log.copy", self, self.copy_lines)
        self.copy_button = ActionButton(self.copy_action)
        self.find_field = QLineEdit(placeholderText="Find in log", clearButtonEnabled=True)
        name_field("log.find", self.find_field)
        self.find_field.setMaximumWidth(320)
        self.find_field.textChanged.connect(self._choose_words)
        self.count = PlainLabel()
        bar = QHBoxLayout()
        for widget in (label, self.level, self.follow, self.copy_button, self.count):
            bar.addWidget(widget)
        bar.addStretch(1)
        bar.addWidget(self.find_field)
        self.table = self._build_table()
        layout = page_column(self)
        layout.addLayout(bar)
        layout.addWidget(self.table, 1)
        self.empty = PlainLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self.empty.setProperty("kind", "muted")
        QVBoxLayout(self.table.viewport()).addWidget(self.empty)
        self._add_actions()
        self._update_count()

    def _build_table(self) -> RowTable:
        tip = "What happened, newest last"
        table = RowTable(self._filter, self._look, "Log lines", tip, Columns(_SAMPLES, wide=LogColumn.TEXT))
        table.draw_shapes(LogColumn.SEVERITY, self._shape)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.verticalScrollBar().sliderMoved.connect(self._scrolled)
        self._scrolled_later = QTimer(self, singleShot=True, interval=0)
        self._scrolled_later.timeout.connect(self._scrolled)
        table.verticalScrollBar().actionTriggered.connect(lambda _action: self._scrolled_later.start())
        return table

    def _add_actions(self) -> None:
        make_action("log.find", self, lambda: self.find_field.setFocus(Qt.FocusReason.ShortcutFocusReason))
        make_action("log.follow", self.table, lambda: self.follow.setChecked(True))
        make_action("log.severity", self, lambda: self.level.setFocus(Qt.FocusReason.ShortcutFocusReason))

    @property
    def first_focus(self) -> QWidget:
        """The lines."""
        return self.table

    def show_subject(self, subject: str) -> None:
        """Select the line of that moment, given as UTC ISO 8601."""
        self.flush()
        self.find_field.clear()
        self.level.setCurrentIndex(0)
        row = self._model.row_at(subject)
        if row is not None:
            self.follow.setChecked(False)
            index = self._filter.mapFromSource(self._model.index(row, 0))
            self.table.choose_rows([index.row()])
            self.table.scrollTo(index, RowTable.ScrollHint.PositionAtCenter)

    def layout_widgets(self) -> dict[str, QWidget]:
        """The table."""
        return {"table": self.table}

    # --- page contract
    def on_shown(self) -> None:
        """Fill the table with what came meanwhile, and go on four times a second."""
        self.flush()
        self._timer.start()

    def on_hidden(self) -> None:
        """Stop filling."""
        self._timer.stop()

    @Slot(object)
    def keep(self, notice: Notice) -> None:
        """Keep a notice until the next look."""
        self._waiting.append(notice)

    @Slot()
    def flush(self) -> None:
        """Move what was kept into the table."""
        if not self._waiting:
            return
        self._model.append(self._waiting)
        self._waiting.clear()
        self._update_count()
        if self.follow.isChecked():
            self.table.scrollToBottom()

    @property
    def rows_shown(self) -> int:
        """Lines that the filter lets through."""
        return self._filter.rowCount()

    # --- what a person does
    @Slot()
    def copy_lines(self) -> None:
        """Put the selected lines on the clipboard, or all shown if none is selected."""
        chosen = self.table.chosen_rows() or range(self._filter.rowCount())
        sources = [self._filter.mapToSource(self._filter.index(row, 0)).row() for row in chosen]
        QGuiApplication.clipboard().setText("\n".join(self._model.row_text(row) for row in sources))

    @Slot(str)
    def _choose_level(self, text: str) -> None:
        self._filter.choose(least=_LEVELS[text])
        self._after_filter()

    @Slot(str)
    def _choose_words(self, text: str) -> None:
        self._filter.choose(find=text)
        self._after_filter()

    def _after_filter(self) -> None:
        self._update_count()
        if self.follow.isChecked():
            self.table.scrollToBottom()

    @Slot(bool)
    def _follow_changed(self, follow: bool) -> None:
        if follow:
            self.table.scrollToBottom()

    @Slot()
    def _scrolled(self) -> None:
        bar = self.table.verticalScrollBar()
        self.follow.setChecked(bar.value() >= bar.maximum())

    @Slot(QPoint)
    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.copy_action)
        menu.popup(self.table.viewport().mapToGlobal(where))

    # --- looks
    def _shape(self, index: Index) -> tuple[Shape, QColor]:
        severity = index.data(SUBJECT_ROLE).severity
        return SEVERITY_SHAPES[severity], severity_colour(severity, self._look)

    def _update_count(self) -> None:
        shown, all_lines = self._filter.rowCount(), self._model.rowCount()
        lines = "1 line" if all_lines == 1 else f"{all_lines:,} lines"
        self.count.setText(lines if shown == all_lines else f"{shown} of {lines}")
        self.empty.setText(
            f"None of {lines} is so severe and has these words."
            if all_lines
            else "Nothing has happened yet. Links, files, relays and their errors are told here."
        )
        self.empty.setVisible(not shown)
        offer(self.copy_action, "" if shown else "There is no line to copy")

    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.table.apply_look(self._look)
