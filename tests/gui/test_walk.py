"""A walk over the real window: every control says what it is and what key it has, and Tab reaches it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.actions import COMMANDS, WINDOW
from app.models.console_state import ConsoleState
from app.pages import PAGES, make_pages
from app.theme.theme import Theme
from app.views.links.link_plot import LinkPlot
from app.views.main_window import MainWindow
from app.widgets.link_tile import LinkTile
from app.workers.calls_here import CallsHere
from tests.support.fake_service import FakeService
from transfer_core.engine.system import SystemClock

KINDS = (
    *(QAbstractButton, QAbstractItemView, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTabBar),
    *(LinkPlot, LinkTile),
)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    service = FakeService()
    state = ConsoleState(SystemClock())
    shown = MainWindow(state, Theme(), make_pages)
    qtbot.addWidget(shown)
    for part in (shown.strip, *shown.pages):
        part.connect_to(CallsHere(service))
    state.apply(service.subscribe().drain())
    with qtbot.waitExposed(shown):
        shown.show()
    for page in reversed(shown.pages):  # what a page makes when it is shown is there then
        shown.go_to(page.name)
    yield shown
    shown.close()
    for page in shown.pages:
        page.on_hidden()


def is_qts_own(widget: QWidget) -> bool:
    """A part that Qt makes for itself inside another control."""
    parent = widget.parentWidget()
    own = isinstance(widget, QHeaderView) or widget.objectName().startswith(("qt_", "Scroll"))
    inside = isinstance(parent, QAbstractSpinBox | QComboBox | QLineEdit | QTableView | QTabBar)
    return own or inside or (parent is not None and "ComboBox" in parent.metaObject().className())


def controls(window: MainWindow) -> list[QWidget]:
    return [each for each in window.findChildren(QWidget) if isinstance(each, KINDS) and not is_qts_own(each)]


def who(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.accessibleName()!r} {widget.objectName()!r}"


def test_every_control_has_a_name_and_says_what_it_does(window: MainWindow) -> None:
    found = controls(window)
    assert len(found) > 40
    assert [who(each) for each in found if not each.accessibleName()] == []
    assert [who(each) for each in found if not each.toolTip() and not isinstance(each, QTabBar)] == []


def test_every_action_and_its_button_tell_the_key(window: MainWindow) -> None:
    for action in window.findChildren(QAction):
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        if action.objectName() in COMMANDS and key:
            assert f"({key})" in action.toolTip(), action.objectName()


def test_every_command_of_the_table_can_be_done(window: MainWindow) -> None:
    made = {action.objectName() for action in window.findChildren(QAction)}
    lacking = {name for name, command in COMMANDS.items() if name not in made and not command.is_widget_key}
    assert lacking == set()
    pages = {page.name for page in window.pages}
    assert {command.page for command in COMMANDS.values()} <= pages | {WINDOW}


def test_no_two_commands_share_a_key(window: MainWindow) -> None:
    window_keys = [key.toString() for command in COMMANDS.values() if command.page == WINDOW for key in command.keys]
    window_keys += [
        action.shortcut().toString() for action in window.actions() if action.objectName().startswith("page.")
    ]
    for page in {command.page for command in COMMANDS.values()} - {WINDOW}:
        keys = [key.toString() for command in COMMANDS.values() if command.page == page for key in command.keys]
        twice = [key for key, count in Counter(keys + window_keys).items() if count > 1]
        assert twice == [], page


def test_keys_are_known_to_qt() -> None:
    for command in COMMANDS.values():
        for key in command.keys:
            assert not key.isEmpty(), command.name
            assert all(combination.key() != Qt.Key.Key_unknown for combination in key), command.name


@pytest.mark.parametrize("place", range(len(PAGES)))
def test_tab_reaches_every_control_of_a_page(window: MainWindow, qtbot: QtBot, place: int) -> None:
    page = window.pages[place]
    window.go_to(page.name)
    window.activateWindow()
    qtbot.waitUntil(lambda: window.focusWidget() is not None)
    wanted = {each for each in controls(window) if each.isVisible() and each.isEnabled()}
    reached: set[QWidget] = set()
    for _ in range(4 * len(wanted) + 40):
        focused = QApplication.focusWidget()
        assert focused is not None
        reached.add(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert [who(each) for each in wanted - reached] == []
    assert window.tabs.currentWidget() is page


def test_the_first_control_is_the_pages_own_and_no_button_that_stops_things(window: MainWindow) -> None:
    assert window.focusWidget() is window.page("queue").first_focus
    for page in window.pages:
        window.go_to(page.name)
        focused = window.focusWidget()
        assert focused is page or page.isAncestorOf(focused)
        assert not isinstance(focused, QAbstractButton)


def test_the_menu_holds_every_command_that_has_a_place_in_it(window: MainWindow) -> None:
    for page in window.pages:
        window.go_to(page.name)
        menu = window.make_menu()
        listed = {action.objectName() for part in menu.findChildren(type(menu)) for action in part.actions()}
        expected = {name for name, command in COMMANDS.items() if command.menu and command.page in (page.name, WINDOW)}
        assert expected <= listed
        menu.deleteLater()
