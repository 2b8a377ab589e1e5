"""The strip of link tiles at the left: every link in its fixed place, whatever page is shown.

Links that are left out stand small at the bottom, with the reason. Alt+1 to Alt+9 go to a tile; K there kills or
restores it. The strip refreshes four times a second while it can be seen.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QFrame, QMenu, QScrollArea, QVBoxLayout, QWidget

from app.models.link_history import LinkHistory
from app.models.sample_rings import mean_line
from app.views.links.limits_dialog import LimitsDialog
from app.views.links.simulate_dialog import SimulateDialog
from app.views.page import ServiceCalls
from app.widgets.link_tile import SPARK_S, LinkTile
from app.widgets.look import look_of
from app.widgets.plain_label import PlainLabel
from app.widgets.spark_line import Spark
from transfer_core.events import LinkState, LinkView
from transfer_core.units import NS_PER_S

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

REFRESH_MS = 250
GAP, TIGHT = 10, 4  # px between tiles, and where that is too much for all of them
TILE_KEYS = 9
WIDTH_EM, WIDTH_LEAST, WIDTH_MOST = 15.8, 212, 340  # px but for the first, which goes by the type's size
SPARK_STEP = 2  # px between two points of a spark
SPARK_TOP_LEAST_BPS = 1e6  # below this a spark stays flat rather than showing noise as mountains


class LinkStrip(QWidget):
    """Tiles over the console's links."""

    kill_requested = Signal(str)
    restore_requested = Signal(str)
    done = Signal(str, object)  # what was just done, and a function that takes it back
    simulate_requested = Signal(str, object)

    def __init__(
        self, state: ConsoleState, theme: Theme, history: LinkHistory | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._theme = theme
        self._history = history or LinkHistory(state, self)
        self._look = look_of(theme)
        self._tiles: dict[str, LinkTile] = {}
        self._service: ServiceCalls | None = None
        self._turn = 0  # whose tile is refreshed next
        self._top_bps = SPARK_TOP_LEAST_BPS
        self.setAccessibleName("Links")
        self.setObjectName("linkStrip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._fit_later = QTimer(self, singleShot=True, interval=0)  # once the layout has its sizes
        self._fit_later.timeout.connect(self._fit_height)
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._refresh_next)
        for place in range(TILE_KEYS):
            shortcut = QShortcut(QKeySequence(f"Alt+{place + 1}"), self)
            shortcut.activated.connect(lambda place=place: self.focus_tile(place))
        state.links_changed.connect(self.show_links)
        theme.changed.connect(self._apply_look)
        self.show_links(state.links)

    def _build(self) -> None:
        self._column = QWidget()
        self._tiles_layout = QVBoxLayout(self._column)
        self._space(GAP)
        self._empty = PlainLabel("Looking for links…", wordWrap=True)
        self._tiles_layout.addWidget(self._empty)
        self._tiles_layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(self._column)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.viewport().setAutoFillBackground(False)
        self._column.setAutoFillBackground(False)
        self._scroll = scroll
        self._unused = PlainLabel(wordWrap=True)
        self._unused.setObjectName("unusedLinks")
        self._unused.setAccessibleName("Links that are not used")
        self._unused.setContentsMargins(12, 6, 12, 10)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addWidget(self._unused)
        self._apply_look()

    def connect_to(self, service: ServiceCalls) -> None:
        """Connect wishes to verbs."""
        self._service = service
        self.kill_requested.connect(partial(self._switch, service, "kill_link", "restore_link", "{} is switched off"))
        self.restore_requested.connect(partial(self._switch, service, "restore_link", "kill_link", "{} is restored"))
        self.simulate_requested.connect(partial(service.call, "simulate_link"))

    def _switch(self, service: ServiceCalls, verb: str, undo: str, words: str, name: str) -> None:
        take_back = partial(service.call, undo, name)
        service.call(verb, name, on_result=lambda _: self.done.emit(words.format(name), take_back))

    @property
    def tiles(self) -> tuple[LinkTile, ...]:
        """The tiles, top to bottom."""
        return tuple(self._tiles.values())

    @property
    def unused_text(self) -> str:
        """What the foot of the strip says."""
        return self._unused.text()

    def tile(self, link: str) -> LinkTile:
        """The tile of a link. KeyError if it has none."""
        return self._tiles[link]

    def focus_tile(self, place: int) -> None:
        """Give the tile at that place the keyboard, and bring it into view."""
        if place < len(self._tiles):
            tile = self.tiles[place]
            tile.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self._scroll.ensureWidgetVisible(tile)

    @Slot(object)
    def show_links(self, links: tuple[LinkView, ...]) -> None:
        """Take over the links; tiles are made anew only when the set of links differs."""
        used = [(place, link) for place, link in enumerate(links) if link.state is not LinkState.UNUSED]
        if [link.name for _, link in used] != list(self._tiles):
            self._make_tiles(used)
        now_ns = self._state.now_ns()
        for _, link in used:
            self._tiles[link.name].show_link(link, now_ns)
        self._empty.setVisible(not used)
        unused = [f"{link.name}: {link.why or 'not used'}" for link in links if link.state is LinkState.UNUSED]
        self._unused.setText("\n".join(unused))
        self._unused.setVisible(bool(unused))
        self._fit_later.start()

    def _make_tiles(self, used: list[tuple[int, LinkView]]) -> None:
        kept = self._tiles
        self._tiles = {}
        for row, (place, link) in enumerate(used):
            tile = kept.pop(link.name, None)
            if tile is None:
                tile = LinkTile(self._look, place=place, parent=self._column)
                tile.kill_requested.connect(self.kill_requested)
                tile.restore_requested.connect(self.restore_requested)
                tile.menu_requested.connect(self._show_menu)
            tile.move_to(place, row)
            self._tiles_layout.removeWidget(tile)
            self._tiles_layout.insertWidget(row, tile)
            self._tiles[link.name] = tile
        for tile in kept.values():
            self._tiles_layout.removeWidget(tile)
            tile.deleteLater()
        self._timer.setInterval(REFRESH_MS // max(1, len(self._tiles)))

    @Slot()
    def refresh(self) -> None:
        """Let time pass on every tile, and move the sparks on."""
        self._turn = 0
        for _ in self._tiles:
            self._refresh_next()

    @Slot()
    def _refresh_next(self) -> None:
        """One tile at a time, so that no click waits for all of them to be painted."""
        if not self._tiles:
            return
        now_ns = self._state.now_ns()
        end_s = now_ns / NS_PER_S
        self._turn %= len(self._tiles)
        if self._turn == 0:
            self._fit_scale(end_s)
        tile = self.tiles[self._turn]
        self._turn += 1
        if tile.link is not None:
            window = self._history.rings[tile.link.name].window(end_s - SPARK_S, end_s)
            t_s, rate = mean_line(window.t_s, window.throughput_bps, SPARK_S, max(2, tile.width() // SPARK_STEP))
            tile.show_spark(Spark(t_s, rate, end_s - SPARK_S, end_s, self._top_bps))
        tile.tick(now_ns)

    def _fit_scale(self, end_s: float) -> None:
        windows = (self._history.rings[name].window(end_s - SPARK_S, end_s) for name in self._tiles)
        peaks = [float(np.fmax.reduce(window.throughput_bps)) for window in windows if len(window)]
        self._top_bps = max([SPARK_TOP_LEAST_BPS, *(peak for peak in peaks if np.isfinite(peak))]) * 1.05

    @Slot()
    def _fit_height(self) -> None:
        """All links in sight matter more than their last minute, and than air."""
        room, gaps = self._scroll.viewport().height(), len(self._tiles) + 1
        is_compact = sum(tile.full_height for tile in self.tiles) + GAP * gaps > room
        for tile in self.tiles:
            tile.set_compact(is_compact)
        is_tight = is_compact and sum(tile.sizeHint().height() for tile in self.tiles) + GAP * gaps > room
        self._space(TIGHT if is_tight else GAP)

    def _space(self, gap: int) -> None:
        self._tiles_layout.setContentsMargins(GAP, gap, GAP, gap)
        self._tiles_layout.setSpacing(gap)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More or less room for the tiles."""
        super().resizeEvent(event)
        self._fit_later.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to refresh."""
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop refreshing."""
        super().hideEvent(event)
        self._timer.stop()

    @Slot(str, QPoint)
    def _show_menu(self, name: str, where: QPoint) -> None:
        tile = self._tiles[name]
        menu = QMenu(self)
        menu.addAction(tile.switch.text(), tile.ask_switch).setEnabled(tile.switch.isEnabled())
        menu.addSeparator()
        menu.addAction("Limits…", lambda: self._limit(name))
        menu.addAction("Simulate…", lambda: self._simulate(name))
        menu.addAction(
            "Copy figures", lambda: QGuiApplication.clipboard().setText(f"{name}: {tile.accessibleDescription()}")
        )
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(where)

    def _limit(self, name: str) -> None:
        if self._service is not None:
            used = [link.name for link in self._state.links if link.state is not LinkState.UNUSED]
            LimitsDialog(self._service, used, name, self.done.emit, self).open_beside()

    def _simulate(self, name: str) -> None:
        dialog = SimulateDialog([link.name for link in self._state.links], name, self)
        dialog.simulate_requested.connect(self.simulate_requested)
        dialog.open_beside()

    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        self.setFixedWidth(min(WIDTH_MOST, max(WIDTH_LEAST, round(WIDTH_EM * self._look.font.pixelSize()))))
        for tile in self._tiles.values():
            tile.apply_look(self._look)
        self._fit_later.start()
