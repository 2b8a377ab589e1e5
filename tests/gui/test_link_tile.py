from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from app.widgets.link_tile import LinkTile
from app.widgets.look import look_of
from tests.support.console_world import START_NS, SUN, PlainTheme, colours_in, link_view
from transfer_core.events import LinkState
from transfer_core.units import NS_PER_S

LOOK_TEXT = "#e8eaed"
AMBER = "#e0a030"


@pytest.fixture
def tile(qtbot) -> LinkTile:
    tile = LinkTile(look_of(PlainTheme()), place=0)
    qtbot.addWidget(tile)
    tile.resize(190, tile.sizeHint().height())
    tile.show_link(link_view("wifi"), START_NS)
    tile.show()
    return tile


def test_a_click_on_kill_asks_for_it_and_says_so_at_once(tile, qtbot) -> None:
    with qtbot.waitSignal(tile.kill_requested) as asked:
        qtbot.mouseClick(tile.switch, Qt.MouseButton.LeftButton)
    assert asked.args == ["wifi"]
    assert tile.switch.text() == "Killing…"
    assert not tile.switch.isEnabled()


def test_a_confirmed_kill_offers_restore(tile, qtbot) -> None:
    qtbot.mouseClick(tile.switch, Qt.MouseButton.LeftButton)
    tile.show_link(link_view("wifi", LinkState.KILLED), START_NS + NS_PER_S // 5)
    assert tile.switch.text() == "Restore"
    with qtbot.waitSignal(tile.restore_requested) as asked:
        qtbot.mouseClick(tile.switch, Qt.MouseButton.LeftButton)
    assert asked.args == ["wifi"]
    assert tile.switch.text() == "Restoring…"


def test_a_kill_without_answer_is_told_in_amber_and_can_be_asked_again(tile, qtbot) -> None:
    qtbot.mouseClick(tile.switch, Qt.MouseButton.LeftButton)
    tile.tick(START_NS + 9 * NS_PER_S // 10)
    assert not tile.is_overdue
    assert AMBER not in colours_in(tile)
    tile.tick(START_NS + 21 * NS_PER_S // 10)
    assert tile.is_overdue
    assert tile.foot_text == "no answer 2.1 s"
    assert AMBER in colours_in(tile)
    with qtbot.waitSignal(tile.kill_requested):
        qtbot.mouseClick(tile.switch, Qt.MouseButton.LeftButton)


def test_an_unrelated_change_does_not_count_as_an_answer(tile, qtbot) -> None:
    qtbot.mouseClick(tile.switch, Qt.MouseButton.LeftButton)
    tile.show_link(link_view("wifi", LinkState.DEGRADED), START_NS)
    assert tile.switch.text() == "Killing…"


def test_k_kills_and_enter_space_and_esc_do_not(tile, qtbot) -> None:
    tile.setFocus()
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_Space):
        with qtbot.assertNotEmitted(tile.kill_requested):
            qtbot.keyClick(tile, key)
    with qtbot.waitSignal(tile.kill_requested):
        qtbot.keyClick(tile, Qt.Key.Key_K)


def test_a_killing_tile_does_not_ask_twice(tile, qtbot) -> None:
    qtbot.keyClick(tile, Qt.Key.Key_K)
    with qtbot.assertNotEmitted(tile.kill_requested):
        qtbot.keyClick(tile, Qt.Key.Key_K)


def test_figures_go_stale_and_then_are_lost_as_time_passes(tile) -> None:
    assert (tile.quality, tile.rate_text) == ("live", "78.4")
    tile.tick(START_NS + 3 * NS_PER_S)
    assert (tile.quality, tile.rate_text) == ("stale", "78.4")
    tile.tick(START_NS + 11 * NS_PER_S)
    assert (tile.quality, tile.rate_text) == ("lost", "—")


def test_stale_figures_look_stale(tile) -> None:
    live = tile.grab().toImage()
    tile.tick(START_NS + 1)
    assert tile.grab().toImage() == live
    tile.tick(START_NS + 3 * NS_PER_S)
    stale = tile.grab().toImage()
    rate = stale.copy(10, 30, 60, 26)
    bright = sum(rate.pixelColor(x, y).name() == LOOK_TEXT for x in range(60) for y in range(26))
    assert bright == 0
    assert stale != live


def test_the_age_of_the_figures_is_told(tile) -> None:
    tile.tick(START_NS + NS_PER_S // 5)
    assert tile.foot_text == "0.2 s ago"


def test_a_killed_link_tells_since_when(tile) -> None:
    tile.show_link(link_view("wifi", LinkState.KILLED), START_NS + 12 * NS_PER_S)
    assert tile.foot_text == "killed 12 s ago"


def test_every_control_has_a_name_a_tip_and_a_key(tile) -> None:
    assert tile.switch.accessibleName() == "Kill link wifi"
    assert "K" in tile.switch.toolTip()
    assert "Alt+1" in tile.switch.toolTip()
    assert tile.accessibleName() == "Link wifi"
    assert "78.4 Mbit/s" in tile.accessibleDescription()
    assert not tile.switch.isDefault()
    assert not tile.switch.autoDefault()
    assert tile.switch.height() >= 24


def test_another_theme_changes_colours_and_size_at_once(tile) -> None:
    height = tile.sizeHint().height()
    tile.apply_look(look_of(PlainTheme(SUN)))
    assert tile.sizeHint().height() > height
    assert SUN.card in colours_in(tile)


def test_a_link_that_returns_says_whether_it_has_answered_and_is_no_alarm(tile) -> None:
    since_ns = START_NS + NS_PER_S
    waits = replace(
        link_view("wifi", LinkState.RETURNING), since_ns=since_ns, measured_ns=START_NS, why="no answer yet"
    )
    tile.show_link(waits, since_ns)
    tile.tick(since_ns + NS_PER_S // 2)
    assert tile.foot_text == "no answer yet"
    answers = replace(waits, measured_ns=since_ns + NS_PER_S, why="answers again", throughput_bps=40e6)
    tile.show_link(answers, since_ns + NS_PER_S)
    tile.tick(since_ns + 3 * NS_PER_S // 2)
    assert tile.foot_text == "returning for 1.5 s"
    assert tile.rate_text == "40.0"
    assert AMBER not in colours_in(tile)
    assert "returning, answers again" in tile.accessibleDescription()
