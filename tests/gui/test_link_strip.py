from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget

from app.models.link_history import LinkHistory
from app.views.link_strip import GAP, TIGHT, LinkStrip
from app.widgets.link_tile import LinkTile
from app.widgets.look import look_of
from tests.support.console_world import SUN, HandState, PlainTheme, colours_in, link_view
from transfer_core.events import LinkState


@pytest.fixture
def state() -> HandState:
    state = HandState()
    state.set_links(link_view("wifi"), link_view("lte"), link_view("eth0", LinkState.UNUSED, why="no carrier"))
    return state


@pytest.fixture
def strip(qtbot, state) -> LinkStrip:
    strip = LinkStrip(state, PlainTheme(), LinkHistory(state))
    qtbot.addWidget(strip)
    strip.resize(212, 640)
    with qtbot.waitExposed(strip):
        strip.show()
    return strip


def test_used_links_are_tiles_in_their_order_and_unused_ones_a_line_with_the_reason(strip) -> None:
    assert [tile.link.name for tile in strip.tiles] == ["wifi", "lte"]
    assert strip.unused_text == "eth0: no carrier"


def test_a_change_keeps_the_tiles_and_their_focus(strip, state) -> None:
    before = strip.tiles
    state.change_link("lte", throughput_bps=1e6)
    assert strip.tiles == before
    assert strip.tile("lte").rate_text == "1.0"


def test_a_new_link_keeps_the_tiles_that_were_there(strip, state) -> None:
    wifi = strip.tile("wifi")
    state.set_links(*state.links, link_view("5g"))
    assert strip.tile("wifi") is wifi
    assert [tile.link.name for tile in strip.tiles] == ["wifi", "lte", "5g"]


def test_alt_and_a_digit_goes_to_a_tile_and_k_kills_there(strip, qtbot) -> None:
    qtbot.keyClick(strip, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert strip.tile("lte").hasFocus()
    with qtbot.waitSignal(strip.kill_requested) as asked:
        qtbot.keyClick(strip.tile("lte"), Qt.Key.Key_K)
    assert asked.args == ["lte"]


def test_time_alone_makes_figures_stale(strip, state) -> None:
    state.pass_time(3)
    strip.refresh()
    assert strip.tile("wifi").quality == "stale"


def test_another_theme_reaches_every_tile(qtbot, state) -> None:
    theme = PlainTheme()
    strip = LinkStrip(state, theme, LinkHistory(state))
    qtbot.addWidget(strip)
    strip.resize(212, 640)
    strip.show()
    theme.switch(SUN)
    for tile in strip.tiles:
        assert SUN.card in colours_in(tile)


class Paints(QObject):
    """Calls back whenever one of these is painted."""

    def __init__(self, tell: Callable[[], None], *watched: QWidget) -> None:
        super().__init__()
        self._tell = tell
        for widget in watched:
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._tell()
        return False


def test_new_figures_wait_for_the_next_tick_but_a_new_state_is_painted_at_once(qtbot, state) -> None:
    tile = LinkTile(look_of(PlainTheme()), place=0)
    qtbot.addWidget(tile)
    tile.show_link(link_view("wifi"), state.now_ns())
    with qtbot.waitExposed(tile):
        tile.show()
    QApplication.processEvents()
    painted: list[str] = []
    paints = Paints(lambda: painted.append(tile.rate_text), tile)

    def paints_after(change: Callable[[], None]) -> int:
        painted.clear()
        change()
        QApplication.processEvents()
        return len(painted)

    assert paints_after(lambda: tile.show_link(link_view("wifi", throughput_bps=1e6), state.now_ns())) == 0
    assert paints_after(lambda: tile.tick(state.now_ns())) == 1
    assert paints_after(lambda: tile.tick(state.now_ns())) == 0  # nothing differs
    assert paints_after(lambda: tile.show_link(link_view("wifi", LinkState.KILLED), state.now_ns())) == 1
    paints.deleteLater()


def test_each_tile_is_refreshed_in_a_turn_of_its_own(strip, state, qtbot) -> None:
    seen: list[tuple[str, ...]] = []
    paints = Paints(lambda: seen.append(tuple(tile.quality for tile in strip.tiles)), *strip.tiles)
    state.pass_time(3)
    qtbot.waitUntil(lambda: ("stale", "stale") in seen)
    assert {("stale", "live"), ("live", "stale")} & set(seen)
    paints.deleteLater()


def test_a_strip_too_low_for_its_tiles_leaves_their_last_minute_out_before_it_scrolls(strip, state, qtbot) -> None:
    full = strip.tile("wifi").height()
    strip.resize(212, 2 * full)
    qtbot.waitUntil(lambda: strip.tile("wifi").height() < full)
    strip.resize(212, 4 * full)
    qtbot.waitUntil(lambda: strip.tile("wifi").height() == full)


def test_a_strip_too_low_even_then_moves_its_tiles_together_before_it_scrolls(strip, state, qtbot) -> None:
    state.set_links(*(link_view(name) for name in ("wifi", "lte", "5g")))
    first, second, last = strip.tiles
    qtbot.waitUntil(lambda: last.y() > second.y() > first.y())
    apart = second.y() - first.geometry().bottom()
    strip.resize(212, 3 * second.height() - 10)
    qtbot.waitUntil(lambda: second.height() < second.full_height)
    low = second.height()
    strip.resize(212, 3 * low + 4 * TIGHT)
    qtbot.waitUntil(lambda: second.y() - first.geometry().bottom() == apart - (GAP - TIGHT))
    assert last.visibleRegion().boundingRect().height() == low
