"""The panel beside the queue: one job in full, with the links that carry it and the error to copy."""

from __future__ import annotations

import re
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QColor, QGuiApplication
from PySide6.QtWidgets import QFormLayout, QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.figures import DASH, file_name, plain_tip, seen
from app.models.console_state import ConsoleState
from app.models.queue_model import state_words
from app.theme.theme import Theme
from app.widgets.action_button import ActionButton
from app.widgets.chunk_grid import CELLS, ChunkGrid
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain_label import PlainLabel
from transfer_core.config import priority_name
from transfer_core.events import JobState, JobView
from transfer_core.service.values import UNKNOWN_LINK, ChunkMap
from transfer_core.units import format_bytes, format_duration

MAP_MS = 1000
UNBROKEN_MOST = 20  # letters and digits that fit beside the queue
_LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"  # a name begins at the left, as in the queue, whatever its letters
_WHOLE = ("hash", "stored as")  # one word each, cut in its middle; the tool tip and Copy have it whole
_ROLES = (QFormLayout.ItemRole.LabelRole, QFormLayout.ItemRole.FieldRole)


def _label(kind: str = "", *, wrap: bool = False) -> QLabel:
    label = PlainLabel(wordWrap=wrap)
    if kind:
        label.setProperty("kind", kind)
    return label


def _label_at(form: QFormLayout, row: int, role: QFormLayout.ItemRole) -> QLabel:
    item = form.itemAt(row, role)
    label = None if item is None else item.widget()
    assert isinstance(label, QLabel)
    return label


class DetailsPanel(QFrame):
    """Shows what `show_job` was given last; asks for its chunk map once a second while it is sent."""

    chunk_map_wanted = Signal(str, int)  # file id, cells

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._state, self._theme = state, theme
        self._job: JobView | None = None
        self._map: ChunkMap | None = None
        self._others = 0
        self._facts: dict[str, QLabel] = {}
        self._build()
        self._timer = QTimer(self, interval=MAP_MS)
        self._timer.timeout.connect(self._ask_again)
        theme.changed.connect(self._show_map)
        state.heard_changed.connect(self._show_state)
        self.show_job(None)

    def _build(self) -> None:
        self.setMinimumWidth(200)
        self.name = _label("strong", wrap=True)
        self.done = _label("caption", wrap=True)
        self.state = _label(wrap=True)
        self._map_head = _label("section", wrap=True)
        self._map_head.setText("chunks, by the link that carried most of each")
        self.grid = ChunkGrid()
        self._links_head = _label("section")
        self._links_head.setText("links")
        self._links = QFormLayout()
        self._links.setHorizontalSpacing(12)
        self._links.setVerticalSpacing(4)
        self._job_head = _label("section")
        self._job_head.setText("job")
        facts = QFormLayout()
        facts.setHorizontalSpacing(12)
        facts.setVerticalSpacing(4)
        for name in ("priority", "source", "queued", "sent twice", "attempts", "error", "took", *_WHOLE):
            head, value = _label("muted"), ElidedLabel() if name in _WHOLE else _label(wrap=True)
            head.setText(name)
            head.setAlignment(Qt.AlignmentFlag.AlignTop)
            if name not in _WHOLE:
                value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            facts.addRow(head, value)
            self._facts[name] = value
        self._facts_form = facts
        self.copy = QWidget(self)  # until there is an action for it
        self.copy.hide()
        layout = self._scrolled_layout()
        for widget in (self.name, self.done, self.state):
            layout.addWidget(widget)
        for head, below in ((self._map_head, self.grid), (self._links_head, None)):
            layout.addSpacing(6)
            layout.addWidget(head)
            if below is not None:
                layout.addWidget(below)
        layout.addLayout(self._links)
        layout.addSpacing(6)
        layout.addWidget(self._job_head)
        layout.addLayout(facts)
        layout.addStretch(1)
        self._layout = layout

    def _scrolled_layout(self) -> QVBoxLayout:
        """What all stands in: a low window scrolls it, and the page beside it keeps still."""
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(6)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        for ground in (scroll.viewport(), body):
            ground.setAutoFillBackground(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(1, 1, 1, 1)  # the card's edge
        whole.addWidget(scroll)
        return layout

    def follow_copy(self, action: QAction) -> None:
        """Offer that action below an error."""
        self.copy = ActionButton(action)
        self.copy.setVisible(self._job is not None and self._job.error is not None)
        self._layout.insertWidget(self._layout.count() - 1, self.copy, 0, Qt.AlignmentFlag.AlignLeft)

    # --- what is shown

    @property
    def job(self) -> JobView | None:
        """The job shown."""
        return self._job

    def fact(self, name: str) -> str:
        """The text beside that name."""
        return self._facts[name].text()

    @property
    def carried(self) -> dict[str, str]:
        """What each link carried of the job, as it stands there."""
        rows = [row for row in range(self._links.rowCount()) if self._links.isRowVisible(row)]
        texts = [[_label_at(self._links, row, role).text() for role in _ROLES] for row in rows]
        return dict(texts)

    def show_job(self, job: JobView | None, others: int = 0) -> None:
        """Show a job, one of 1 + `others` selected; None if nothing is selected."""
        before, self._job, self._others = self._job, job, others
        for widget in (self.done, self.state, self._map_head, self.grid, self._links_head, self._job_head):
            widget.setVisible(job is not None)
        if job is None:
            self._dress_name("muted")
            self.name.setText("Select a file to see how it is sent")
            for name in self._facts:
                self._show_fact(name, "")
            self._show_links(None)
            self.copy.hide()
            return
        self._show_heads(job)
        self._show_links(job)
        self._show_facts(job)
        self.copy.setVisible(job.error is not None)
        if before is None or before.file_id != job.file_id:
            self._map = None
            self._show_map()
            self._ask()
        elif before.status is JobState.UPLOADING and job.status is not JobState.UPLOADING:
            self._ask()  # for the last time: what came since the timer's last turn

    def _show_heads(self, job: JobView) -> None:
        links_known = self._map is None or any(name != UNKNOWN_LINK for name in self._map.links)
        self._map_head.setText("chunks, by the link that carried most of each" if links_known else "chunks")
        says_more = links_known or job.status is not JobState.COMPLETED  # than that everything is there
        self._map_head.setVisible(says_more)
        self.grid.setVisible(says_more)
        more = f"  (and {self._others} more selected)" if self._others else ""
        self._dress_name("heading")
        self.name.setText(_LEFT_TO_RIGHT + _breakable(file_name(job.path)) + more)
        self.name.setToolTip(plain_tip(seen(job.path)))
        chunks = "" if self._map is None else f" · {self._map.chunks_done:,} of {self._map.chunks_total:,} chunks"
        self.done.setText(f"{format_bytes(job.bytes_done)} of {format_bytes(job.size)}{chunks}")
        self._show_state()

    @Slot()
    def _show_state(self) -> None:
        if self._job is not None:
            self.state.setText(_breakable(state_words(self._job, is_heard=self._state.is_heard)))

    def _dress_name(self, kind: str) -> None:
        if self.name.property("kind") != kind:
            self.name.setProperty("kind", kind)
            self.name.style().unpolish(self.name)
            self.name.style().polish(self.name)

    def _show_links(self, job: JobView | None) -> None:
        carried = {} if job is None else {name: count for name, count in job.links.items() if count > 0}
        total = sum(carried.values())
        names = sorted(carried, key=self._state.link_index)
        while self._links.rowCount() < len(names):  # rows are kept: making and dressing labels takes milliseconds
            self._links.addRow(_label("muted"), _label())
        for row in range(self._links.rowCount()):
            self._links.setRowVisible(row, row < len(names))
        for row, name in enumerate(names):
            value = f"{format_bytes(carried[name])} · {carried[name] * 100 / total:.0f} %"
            for role, text in zip(_ROLES, (name, value), strict=True):
                _label_at(self._links, row, role).setText(text)
        self._links_head.setVisible(bool(carried))

    def _show_facts(self, job: JobView) -> None:
        name = priority_name(job.priority)
        self._show_fact("priority", str(job.priority) if name.isdigit() else f"{job.priority} {name}")
        self._show_fact("source", job.source)
        self._show_fact("queued", job.created_at[11:19])
        resent = job.resent_bytes
        share = f" ({resent * 100 / job.bytes_done:.1f} %)" if job.bytes_done else ""
        self._show_fact("sent twice", f"{format_bytes(resent)}{share}" if resent else DASH)
        self._show_fact("attempts", str(job.attempts))
        self._show_fact("error", job.error or "")
        self._show_fact("took", format_duration(job.duration_s) if job.duration_s else "")
        self._show_fact("hash", job.file_hash)
        self._show_fact("stored as", job.stored_as or "")

    def _show_fact(self, name: str, text: str) -> None:
        self._facts[name].setText(text)
        if name in _WHOLE:
            self._facts[name].setToolTip(plain_tip(text))
        self._facts_form.setRowVisible(self._facts[name], bool(text))

    # --- the chunk map

    def on_shown(self) -> None:
        """Keep the map up to date."""
        self._timer.start()
        self._ask()

    def on_hidden(self) -> None:
        """Stop asking."""
        self._timer.stop()

    @Slot()
    def _ask_again(self) -> None:
        if self._job is not None and self._job.status is JobState.UPLOADING:
            self._ask()

    def _ask(self) -> None:
        if self._job is not None:
            self.chunk_map_wanted.emit(self._job.file_id, CELLS)

    def show_chunk_map(self, file_id: str, chunk_map: ChunkMap) -> None:
        """Take over a map, unless another job is shown by now."""
        if self._job is None or self._job.file_id != file_id:
            return
        self._map = chunk_map if self._map is None else _with_links_of(self._map, chunk_map)
        self._show_heads(self._job)
        self._show_map()

    @Slot()
    def _show_map(self) -> None:
        chunk_map, tokens = self._map, self._theme.tokens
        if chunk_map is None:
            self.grid.show_cells(bytes(CELLS), [], QColor(tokens.track), "not known yet")
            return
        colours = [self._link_colour(name) for name in chunk_map.links]
        words = f"{chunk_map.chunks_done} of {chunk_map.chunks_total} chunks are there"
        self.grid.show_cells(chunk_map.cells, colours or [QColor(tokens.muted)], QColor(tokens.track), words)

    def _link_colour(self, name: str) -> QColor:
        if name == UNKNOWN_LINK:
            return QColor(self._theme.tokens.muted)
        return self._theme.link_colour(self._state.link_index(name))

    @Slot()
    def copy_error(self) -> None:
        """Put the error of the job shown on the clipboard, with its code and the file."""
        if self._job is not None and self._job.error is not None:
            text = f"{self._job.error}: {self._job.reason}\n{self._job.path} ({self._job.file_id})"
            QGuiApplication.clipboard().setText(text)


def _with_links_of(before: ChunkMap, newest: ChunkMap) -> ChunkMap:
    """Once a file is there nobody knows any more which link carried a chunk: what was known before is kept."""
    is_known = any(name != UNKNOWN_LINK for name in newest.links)
    if is_known or newest.chunks_done < newest.chunks_total or len(before.cells) != len(newest.cells):
        return newest
    cells = bytes(cell or len(before.links) + 1 for cell in before.cells)
    return replace(newest, links=(*before.links, UNKNOWN_LINK), cells=cells)


def _breakable(text: str) -> str:
    """The text, with places where a label may break it: long names have no spaces, and would widen what is around."""
    return re.sub(rf"([_.\-/]|[^\W_]{{{UNBROKEN_MOST}}})", "\\1\u200b", text)
