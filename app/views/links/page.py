"""The Links page: three aligned lanes for each link, one time axis, one cursor, one set of scales, and a table twin.

A timer redraws ten times a second while the page is shown and live; hidden it does nothing at all. Space freezes the
picture on a copy of the samples, so the window and the cursor can still be moved while the data goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.models.link_history import LinkHistory
from app.models.links_model import LinksModel
from app.models.sample_rings import SampleRings
from app.views.links.card_column import CardColumn
from app.views.links.figures_table import FiguresTable
from app.views.links.frame_drawer import FrameDrawer, Moment
from app.views.links.lane_axis import LaneAxis
from app.views.links.limits_dialog import LimitsDialog
from app.views.links.link_card import LinkCard
from app.views.links.simulate_dialog import SimulateDialog
from app.views.links.time_ruler import TimeRuler
from app.views.links.toolbar import Toolbar
from app.views.page import Page, ServiceCalls, page_column
from app.widgets.look import look_of
from transfer_core.events import LinkMark, LinkState, LinkView

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

FRAME_MS = 100
TEXTS_NS = 250_000_000  # between two looks at the words and figures


def utc_clock() -> str:
    """The time of day in UTC, as `14:32:07`."""
    return datetime.now(UTC).strftime("%H:%M:%S")


class LinksPage(Page):
    """Plots and figures of all links."""

    name = "links"
    title = "Links"

    simulate_requested = Signal(str, object)

    def __init__(
        self,
        state: ConsoleState,
        theme: Theme,
        history: LinkHistory | None = None,
        parent: QWidget | None = None,
        *,
        clock: Callable[[], str] = utc_clock,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._theme = theme
        self._history = history or LinkHistory(state, self)
        self._clock = clock
        self._look = look_of(theme)
        self._span_s = 60.0
        self._frozen: tuple[SampleRings, tuple[LinkMark, ...], int] | None = None
        self._frozen_at = ""
        self._cursor_s: float | None = None
        self._frames = 0
        self._shown = False
        self._service: ServiceCalls | None = None
        self._drawer = FrameDrawer()
        self._told_ns = 0
        self._is_new = True
        self._standing: tuple[tuple[object, ...], ...] = ()
        self._model = LinksModel(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._draw_on)
        theme.changed.connect(self._apply_look)
        state.heard_changed.connect(self._show_badge)

    # --- building
    def _build(self) -> None:
        self._cards = CardColumn(self._look)
        self._cards.hovered.connect(self.show_cursor)
        self._cards.mark_clicked.connect(self._open_mark)
        self._ruler = TimeRuler(self._look)
        plots = QWidget()
        plots_layout = QVBoxLayout(plots)
        plots_layout.setContentsMargins(0, 0, 0, 0)
        plots_layout.setSpacing(2)
        plots_layout.addWidget(self._cards, 1)
        plots_layout.addWidget(self._ruler)
        self._split = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=True)
        self._split.addWidget(plots)
        self._table = FiguresTable(self._model, self._look)
        self._split.addWidget(self._table)
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 0)
        layout = page_column(self)
        slots: dict[str, Callable[[], object]] = {
            "freeze": self._toggle_frozen,
            "limits": self.open_limits,
            "simulate": self.open_simulate,
            "live": self.go_live,
        }
        self.toolbar = Toolbar(self, self.show_window, slots)
        self.toolbar.show_window(self._span_s)
        self._show_badge()
        layout.addLayout(self.toolbar)
        layout.addWidget(self._split, 1)

    # --- what others may read
    @property
    def is_frozen(self) -> bool:
        """True while the picture stands still."""
        return self._frozen is not None

    @property
    def is_refreshing(self) -> bool:
        """True while the page redraws by itself."""
        return self._timer.isActive()

    @property
    def frames_drawn(self) -> int:
        """How often the plots were drawn."""
        return self._frames

    @property
    def table(self) -> FiguresTable:
        """The text twin."""
        return self._table

    def card(self, link: str) -> LinkCard:
        """The card of a link. KeyError if it has none."""
        return self._cards.cards[link]

    # --- page contract
    def connect_to(self, service: ServiceCalls) -> None:
        """Connect wishes to verbs."""
        self._service = service
        self.simulate_requested.connect(partial(service.call, "simulate_link"))

    def show_subject(self, subject: str) -> None:
        """Bring that link's card into view."""
        self._cards.bring_into_view(subject)

    def layout_widgets(self) -> dict[str, QWidget]:
        """The splitter between plots and figures."""
        return {"split": self._split}

    def on_shown(self) -> None:
        """Begin to work."""
        if self._shown:
            return
        self._shown = True
        self._state.links_changed.connect(self._follow_links)
        self.show_links(self._state.links)
        self.refresh()
        self._timer.start()

    def on_hidden(self) -> None:
        """Stop working."""
        if not self._shown:
            return
        self._shown = False
        self._timer.stop()
        self._state.links_changed.disconnect(self._follow_links)

    @Slot(object)
    def _follow_links(self, links: tuple[LinkView, ...]) -> None:
        """What came, went or changed its state is shown at once; figures are, four times a second."""
        standing = tuple((link.name, link.state, link.why) for link in links)
        if standing != self._standing:
            self.show_links(links)

    def show_links(self, links: tuple[LinkView, ...]) -> None:
        """Take over the links; cards are made anew only when the set of links differs."""
        self._standing = tuple((link.name, link.state, link.why) for link in links)
        used = [(place, link) for place, link in enumerate(links) if link.state is not LinkState.UNUSED]
        if self._cards.set_links(used):
            self._drawer.reset()
            self._is_new = True  # they have their places with the next turn of the loop; then all are drawn at once
            self._timer.setInterval(FRAME_MS // max(1, len(used)))
        self.toolbar.offer_links(bool(used))
        now_ns = self._told_ns = self._state.now_ns()
        for _, link in used:
            self._cards.cards[link.name].show_link(link, now_ns)
        rows = self._model.rowCount()
        self._model.show_links([link for _, link in used], now_ns)
        if rows != self._model.rowCount():
            self._fit_table()

    # --- the picture
    @Slot()
    def refresh(self) -> None:
        """Draw one whole frame, unless the picture is frozen; ages go on all the same."""
        if self._frozen is None:
            self._draw(self._history.rings, self._history.all_marks, self._state.now_ns())
        self.show_links(self._state.links)

    @Slot()
    def _draw_on(self) -> None:
        """Draw one card more; or bring words and figures up to date, which takes a turn of its own."""
        if self._is_new:
            self._is_new = False
            self.refresh()
        elif self._state.now_ns() - self._told_ns >= TEXTS_NS:
            self.show_links(self._state.links)
        elif self._frozen is None:
            if self._drawer.is_done:
                self._begin(self._history.rings, self._history.all_marks, self._state.now_ns())
            self._drawer.draw_next(self._cursor_s)

    def _draw(self, rings: SampleRings, marks: tuple[LinkMark, ...], end_ns: int) -> None:
        self._begin(rings, marks, end_ns)
        while not self._drawer.is_done:
            self._drawer.draw_next(self._cursor_s)

    def _begin(self, rings: SampleRings, marks: tuple[LinkMark, ...], end_ns: int) -> None:
        self._frames += 1
        self._drawer.begin(self._cards.cards, Moment(rings, marks, end_ns, self._span_s))
        self._place_ruler()

    def _place_ruler(self) -> None:
        card = next(iter(self._cards.cards.values()), None)
        if card is None:
            return
        left = LaneAxis.width_for(self._look) + card.plot.x()
        self._ruler.show_axis(self._span_s, left, left + card.plot.pixels, self._frozen_at or "now")

    def show_window(self, span_s: float) -> None:
        """Show so many seconds, live or frozen."""
        self._span_s = span_s
        self.toolbar.show_window(span_s)
        self._drawer.reset()
        if self._cursor_s is not None:
            self.show_cursor(max(self._cursor_s, -span_s))
        if self._frozen is not None:
            self._draw(*self._frozen)
        elif self._shown:
            self.refresh()

    @Slot()
    def go_live(self) -> None:
        """Follow the data again."""
        self.set_frozen(False)

    def _toggle_frozen(self) -> None:
        self.set_frozen(not self.is_frozen)

    def set_frozen(self, frozen: bool) -> None:
        """Hold the picture, or follow the data again."""
        if frozen == self.is_frozen:
            return
        if frozen:
            self._frozen = (self._history.rings.copy(), self._history.all_marks, self._state.now_ns())
            self._frozen_at = self._clock()
        else:
            self._frozen, self._frozen_at = None, ""
        self._cards.set_frozen(frozen)
        if self._frozen is not None:  # all cards at the same moment
            self._draw(*self._frozen)
        self._show_badge()
        self._place_ruler()
        if not frozen and self._shown:
            self.refresh()

    @Slot()
    def _show_badge(self) -> None:
        self.toolbar.show_frozen(self._frozen_at, self._look, is_heard=self._state.is_heard)

    @Slot(object)
    def show_cursor(self, x_s: float | None) -> None:
        """Read all lanes of all links at that many seconds before the newest moment; None ends it."""
        self._cursor_s = x_s
        self._cards.show_cursor(x_s)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space freezes; Left and Right move the cursor, Esc takes it away."""
        step_s = self._span_s / 120
        if event.key() == Qt.Key.Key_Space:
            self.set_frozen(not self.is_frozen)
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            at_s = -self._span_s / 2 if self._cursor_s is None else self._cursor_s
            move_s = -step_s if event.key() == Qt.Key.Key_Left else step_s
            self.show_cursor(min(0.0, max(-self._span_s, at_s + move_s)))
        elif event.key() == Qt.Key.Key_Escape and self._cursor_s is not None:
            self.show_cursor(None)
        else:
            super().keyPressEvent(event)

    @Slot(object)
    def _open_mark(self, mark: LinkMark) -> None:
        self.place_wanted.emit("log", mark.at)

    def _chosen_link(self) -> str:
        """The one chosen in the table, or else the first."""
        names = list(self._cards.cards)
        return next((names[row] for row in self._table.chosen_rows() if row < len(names)), "".join(names[:1]))

    @Slot()
    def open_limits(self) -> None:
        """Ask what a link may."""
        if self._service is not None:
            dialog = LimitsDialog(self._service, list(self._cards.cards), self._chosen_link(), self.done.emit, self)
            dialog.open_beside()

    @Slot()
    def open_simulate(self) -> None:
        """Ask for a link and its made-up conditions."""
        names = [link.name for link in self._state.links]
        dialog = SimulateDialog(names, self._chosen_link(), self)
        dialog.simulate_requested.connect(self.simulate_requested)
        dialog.open_beside()

    # --- looks
    def _fit_table(self) -> None:
        """All its rows, as long as the plots keep most of the page."""
        self._table.fit()
        table = min(self.height() // 4, self._table.maximumHeight())
        self._split.setSizes([self.height() - table, table])

    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self._cards.apply_look(self._look)
        self._ruler.apply_look(self._look)
        was_whole = self._table.height() >= self._table.maximumHeight()
        self._table.apply_look(self._look)
        if was_whole:
            self._fit_table()
        self._show_badge()
        if self._frozen is not None:
            self._draw(*self._frozen)
        elif self._shown:
            self.refresh()
