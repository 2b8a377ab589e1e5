"""The tabs of the pages."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.theme.theme import Theme
from app.widgets.page_tabs import PageTabs
from tests.support.console_world import colours_in


def make_tabs(qtbot: QtBot, theme: Theme) -> PageTabs:
    tabs = PageTabs(theme)
    qtbot.addWidget(tabs)
    for name in ("Queue", "Links"):
        tabs.addTab(name)
    tabs.resize(600, tabs.sizeHint().height())
    with qtbot.waitExposed(tabs):
        tabs.show()
    return tabs


def test_a_click_and_an_arrow_key_change_the_page(qtbot: QtBot) -> None:
    tabs = make_tabs(qtbot, Theme())
    qtbot.mouseClick(tabs, Qt.MouseButton.LeftButton, pos=tabs.tabRect(1).center())
    assert tabs.currentIndex() == 1
    tabs.setFocus()
    qtbot.keyClick(tabs, Qt.Key.Key_Left)
    assert tabs.currentIndex() == 0


def test_the_bar_has_one_colour_up_to_the_right_edge(qtbot: QtBot) -> None:
    theme = Theme("dark")
    tabs = make_tabs(qtbot, theme)
    image = tabs.grab().toImage()
    assert image.pixelColor(QPoint(image.width() - 3, 3)).name() == theme.tokens.chrome


def test_tabs_grow_with_the_zoom_and_take_the_theme(qtbot: QtBot) -> None:
    theme = Theme()
    tabs = make_tabs(qtbot, theme)
    before = tabs.tabSizeHint(0)
    theme.set_zoom(1.5)
    assert tabs.tabSizeHint(0).width() > before.width() * 1.3
    theme.set_name("dark")
    assert theme.tokens.chrome in colours_in(tabs)


def test_many_tabs_in_a_narrow_bar_lose_their_numbers_before_their_names(qtbot: QtBot) -> None:
    tabs = make_tabs(qtbot, Theme())
    for name in ("Cameras", "Destinations", "Telemetry", "Sync", "History", "Log", "Settings"):
        tabs.addTab(name)
    tabs.resize(1100, tabs.height())
    wide = tabs.tabRect(tabs.count() - 1).right()
    tabs.resize(660, tabs.height())
    assert tabs.tabRect(tabs.count() - 1).right() < min(660, wide)
    tabs.resize(1100, tabs.height())
    assert tabs.tabRect(tabs.count() - 1).right() == wide


def test_tabs_that_do_not_all_fit_are_as_wide_as_the_theme_s_type_asks_for(qtbot: QtBot) -> None:
    theme = Theme()
    tabs = make_tabs(qtbot, theme)
    tabs.resize(150, tabs.height())
    for name in ("sun", "light"):
        theme.set_name(name)
        places = range(tabs.count())
        assert [tabs.tabRect(i).width() for i in places] == [tabs.tabSizeHint(i).width() for i in places]
