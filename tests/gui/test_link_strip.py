from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from app.models.link_history import LinkHistory
from app.views.link_strip import LinkStrip
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
