"""A walk over the real window: every control says what it is and what key it has, and Tab reaches it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QFontMetrics, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QTabBar,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

import app
from app.actions import COMMANDS, WINDOW
from app.application import LAYOUT_ROUNDS
from app.models.console_state import ConsoleState
from app.pages import PAGES, make_pages
from app.theme.theme import Theme
from app.theme.tokens import THEMES
from app.views.cameras.trigger_dialog import TriggerDialog
from app.views.cameras.watch_dialog import WatchDialog
from app.views.destinations.add_dialog import AddDestinationDialog
from app.views.dialogs.about import AboutDialog
from app.views.dialogs.errors import ErrorDialog
from app.views.dialogs.pair import PairDialog
from app.views.dialogs.shortcuts import ShortcutsDialog
from app.views.dialogs.sure import SureDialog
from app.views.links.card_column import CardColumn
from app.views.links.limits_dialog import LimitsDialog
from app.views.links.link_plot import LinkPlot
from app.views.links.simulate_dialog import SimulateDialog
from app.views.main_window import MainWindow
from app.views.queue.place_dialog import PlaceDialog
from app.views.settings.card import SettingsCard
from app.views.sync.share_dialog import ShareDialog
from app.views.telemetry.alarms_dialog import AlarmsDialog
from app.views.telemetry.join_dialog import JoinDialog
from app.views.telemetry.receive_dialog import ReceiveDialog
from app.widgets.dialog import Dialog
from app.widgets.fitting_row import FittingRow
from app.widgets.link_tile import LinkTile
from app.widgets.measures import BESIDE, CARD, GAP
from app.widgets.row_table import SIDES, RowTable
from app.workers.calls_here import CallsHere
from tests.support.fake_service import FakeService, demo_jobs
from tests.support.fake_telemetry import race_view
from transfer_core.engine.system import SystemClock
from transfer_core.events.alarm_limits import AlarmLimits

KINDS = (
    *(QAbstractButton, QAbstractItemView, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTabBar),
    *(LinkPlot, LinkTile),
)


@pytest.fixture
def theme() -> Theme:
    return Theme()


@pytest.fixture
def window(qtbot: QtBot, theme: Theme) -> Iterator[MainWindow]:
    service = FakeService()
    state = ConsoleState(SystemClock())
    shown = MainWindow(state, theme, make_pages)
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


def controls(window: QWidget) -> list[QWidget]:
    return [each for each in window.findChildren(QWidget) if isinstance(each, KINDS) and not is_qts_own(each)]


def faults(found: Iterable[QWidget], focused_first: Container[QWidget] = ()) -> list[str]:
    """What a control lacks: a name, words that say what it does, a key that leads to it or does it."""
    lacking = []
    for each in found:
        if not each.accessibleName():
            lacking.append(f"no name: {who(each)}")
        if not each.toolTip() and not isinstance(each, QTabBar):
            lacking.append(f"no tool tip: {who(each)}")
        if not key_of(each) and each not in focused_first:
            lacking.append(f"no key: {who(each)}")
    return lacking


def key_in(tip: str) -> str:
    """The key in brackets at the end of a tool tip."""
    told = re.search(r"  \(((?:Ctrl|Alt|Shift|Esc|Enter|Space|Del|Tab|End|Home|Left|F\d+|[A-Z0-9?])\b[^()]*)\)$", tip)
    return told[1] if told else ""


def key_of(widget: QWidget) -> str:
    """The key that its tool tip names, or that its own text or the label beside it has underlined."""
    told = key_in(widget.toolTip())
    if told:
        return told
    if isinstance(widget, QTabBar):
        return key_in(widget.tabToolTip(0))
    labels = widget.window().findChildren(QLabel)
    texts = [label.text() for label in labels if label.buddy() is widget]
    texts += [widget.text()] if isinstance(widget, QAbstractButton) else []
    return next((key for key in (QKeySequence.mnemonic(text).toString() for text in texts) if key), "")


def who(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.accessibleName()!r} {widget.objectName()!r}"


def test_every_control_has_a_name_and_says_what_it_does(window: MainWindow) -> None:
    found = controls(window)
    assert len(found) > 40
    assert faults(found, {page.first_focus for page in window.pages}) == []


def test_the_walk_finds_what_lacks_something(window: MainWindow, qtbot: QtBot) -> None:
    button = QPushButton("", window.page("log"))
    assert faults([button]) == [f"no name: {who(button)}", f"no tool tip: {who(button)}", f"no key: {who(button)}"]
    button.setAccessibleName("Wipe")
    button.setToolTip("Wipes everything (without asking)")
    assert faults([button]) == [f"no key: {who(button)}"]
    button.setToolTip("Wipes everything  (Ctrl+W)")
    assert faults([button]) == []
    assert button in controls(window)


def test_what_is_greyed_says_why_in_its_tool_tip(window: MainWindow) -> None:
    greyed = [each for each in window.findChildren(QAction) if each.objectName() in COMMANDS and not each.isEnabled()]
    assert len(greyed) > 15
    assert [each.objectName() for each in greyed if each.toolTip() == COMMANDS[each.objectName()].tool_tip()] == []


def all_dialogs() -> set[type[QDialog]]:
    """Every dialog class of the console, wherever it is kept."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        importlib.import_module(module.name)
    kinds, found = [QDialog], set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__.startswith("app.") and kind is not Dialog:
            found.add(kind)
    return found


DIALOGS: dict[str, Callable[[MainWindow], QDialog]] = {
    "PairDialog": lambda window: PairDialog(CallsHere(FakeService()), window),
    "ErrorDialog": ErrorDialog,
    "AboutDialog": lambda window: AboutDialog("", window),
    "ShortcutsDialog": lambda window: ShortcutsDialog({"queue": "Queue"}, "queue", Theme(), window),
    "AddDestinationDialog": lambda window: AddDestinationDialog(CallsHere(FakeService()), window),
    "PlaceDialog": lambda window: PlaceDialog(demo_jobs(), demo_jobs()[1:2], by_priority=False, parent=window),
    "WatchDialog": lambda window: WatchDialog(CallsHere(FakeService()), ["pit"], [], window),
    "TriggerDialog": lambda window: TriggerDialog(CallsHere(FakeService()), "", window),
    "ShareDialog": lambda window: ShareDialog(["factory"], accepts=False, parent=window),
    "ReceiveDialog": lambda window: ReceiveDialog(with_name=True, parent=window),
    "LimitsDialog": lambda window: LimitsDialog(CallsHere(FakeService()), ["wifi"], "wifi", print, window),
    "JoinDialog": lambda window: JoinDialog([race_view("r1", "heat")], "", [], window),
    "SureDialog": lambda window: SureDialog("Delete", "Delete it?", "It has 3 files.", "&Delete", window),
    "AlarmsDialog": lambda window: AlarmsDialog(AlarmLimits(), window),
    "SimulateDialog": lambda window: SimulateDialog(["wifi"], "wifi", window),
}


def test_every_dialog_of_the_console_is_walked_over() -> None:
    assert {kind.__name__ for kind in all_dialogs()} == set(DIALOGS)


@pytest.mark.parametrize("name", DIALOGS)
def test_every_control_of_a_dialog_has_name_words_and_key_is_reached_by_tab_and_closed_by_escape(
    window: MainWindow, qtbot: QtBot, name: str
) -> None:
    dialog = DIALOGS[name](window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    with qtbot.waitExposed(dialog):
        dialog.show()
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    found = controls(dialog)
    assert found
    assert faults(found) == []
    reached = reached_by_tab(qtbot, 3 * len(found))
    if any(isinstance(each, QRadioButton) for each in reached):  # one stop; arrows lead from choice to choice
        reached |= set(dialog.findChildren(QRadioButton))
    assert [who(each) for each in found if each.isVisible() and each.isEnabled() and each not in reached] == []
    qtbot.keyClick(QApplication.focusWidget() or dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    dialog.deleteLater()


def reached_by_tab(qtbot: QtBot, presses: int) -> set[QWidget]:
    reached: set[QWidget] = set()
    for _ in range(presses):
        focused = QApplication.focusWidget()
        assert focused is not None
        reached.add(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    return reached


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
    assert [who(each) for each in wanted - reached_by_tab(qtbot, 4 * len(wanted) + 40)] == []
    assert window.current_page is page


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


@pytest.fixture
def undressed(qapp: QApplication) -> Iterator[None]:
    """Give the application its plain looks back."""
    font, palette, style = qapp.font(), qapp.palette(), qapp.style().objectName()
    yield
    qapp.setStyleSheet("")
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setFont(font)


@pytest.mark.parametrize("theme_name", THEMES)
def test_a_screen_of_1366_by_768_at_150_percent_is_large_enough_for_every_page(
    window: MainWindow, qapp: QApplication, qtbot: QtBot, theme: Theme, theme_name: str, undressed: None
) -> None:
    theme.set_name(theme_name)
    theme.install(qapp)
    window.resize(round(1366 / 1.5), round(768 / 1.5))
    for page in window.pages:
        window.go_to(page.name)
        assert window.minimumSizeHint().width() <= 1366 / 1.5
        assert window.minimumSizeHint().height() <= 768 / 1.5
        qtbot.waitUntil(lambda page=page: cut_buttons(page) == [])


@pytest.mark.parametrize("theme_name", THEMES)
def test_no_table_of_shared_folders_cuts_a_column_on_a_screen_of_1366_by_768_at_150_percent(
    window: MainWindow, qapp: QApplication, qtbot: QtBot, theme: Theme, theme_name: str, undressed: None
) -> None:
    theme.set_name(theme_name)
    theme.install(qapp)
    window.resize(round(1366 / 1.5), round(768 / 1.5))
    window.go_to("sync")
    qtbot.waitUntil(lambda: cut_columns(window.current_page) == [])


@pytest.fixture(params=THEMES)
def dressed(
    request: pytest.FixtureRequest, window: MainWindow, qapp: QApplication, theme: Theme, undressed: None
) -> MainWindow:
    """The window in each theme, as large as the screen of a small laptop."""
    theme.set_name(request.param)
    theme.install(qapp)
    window.resize(1366, 768)
    return window


def test_no_page_scrolls_as_a_whole_in_a_window_of_1366_by_768_though_there_is_a_message_on_top(
    dressed: MainWindow, qtbot: QtBot
) -> None:
    qtbot.waitUntil(dressed.banner.isVisible)
    for page in dressed.pages:
        dressed.go_to(page.name)
        qtbot.waitUntil(lambda page=page: scrolled_by(page) == 0)


def test_the_plots_of_three_links_are_seen_whole_in_a_window_of_1366_by_768(
    dressed: MainWindow, qapp: QApplication, qtbot: QtBot
) -> None:
    dressed.go_to("links")
    cards = dressed.findChild(CardColumn)
    assert cards is not None
    assert len(cards.cards) == 3
    plots = [card.plot for card in cards.cards.values()]
    qtbot.waitUntil(lambda: all(plot.height() >= plot.minimumHeight() for plot in plots))
    for _ in range(LAYOUT_ROUNDS):
        qapp.processEvents()
    assert cards.widget().height() <= cards.viewport().height()


def test_the_smallest_window_shows_some_of_a_page_and_cuts_nothing_on_top(dressed: MainWindow, qtbot: QtBot) -> None:
    assert dressed.current_page.name == "queue"
    dressed.top.left.value.setText("1,234,567 files · 98.8 TB")
    dressed.resize(1, 1)
    qtbot.waitUntil(lambda: dressed.size() == dressed.minimumSizeHint())
    assert dressed.tabs.width() >= 400
    assert dressed.tabs.height() >= 240
    assert dressed.top.state_button.isVisible()
    assert dressed.top.menu.isVisible()
    qtbot.waitUntil(lambda: cut_on_top(dressed) == [])


def test_the_figures_on_top_are_where_they_were_after_a_round_of_the_themes(
    window: MainWindow, qapp: QApplication, qtbot: QtBot, theme: Theme, undressed: None
) -> None:
    theme.install(qapp)
    places: list[list[int]] = []
    for name in (*THEMES, *THEMES):
        theme.set_name(name)
        for _ in range(LAYOUT_ROUNDS):
            qapp.processEvents()
        top = window.top
        places.append([each.x() for each in (top.total, top.left, top.done, top.to, top.utc)])
    assert places[: len(THEMES)] == places[len(THEMES) :]


def cut_on_top(window: MainWindow) -> list[str]:
    """What is seen of the bar on top and has no room for its text, or lies outside."""
    shown = [each for each in window.top.findChildren(QWidget) if each.isVisible()]
    texts = [each for each in shown if isinstance(each, QLabel | QAbstractButton)]
    inside = window.top.rect()
    return [
        who(each)
        for each in texts
        if each.width() < each.minimumSizeHint().width()
        or not inside.contains(each.rect().translated(each.mapTo(window.top, each.rect().topLeft())))
    ]


def test_cards_and_buttons_of_all_pages_stand_equally_far_apart(dressed: MainWindow) -> None:
    dressed.go_to("settings")
    assert {row.row.spacing() for row in dressed.findChildren(FittingRow)} == {BESIDE}
    settings, limits = dressed.page("settings"), dressed.page("destinations").limits
    cards = settings.findChildren(SettingsCard)
    tops = [card.mapTo(settings, card.rect().topLeft()).y() for card in cards]
    below = [top + card.height() for top, card in zip(tops, cards, strict=True)]
    assert {high - low for high, low in zip(tops[1:], below, strict=False)} == {GAP}
    insides = {each.layout().contentsMargins().left() for each in (*cards, settings.receive, limits)}
    assert insides == {CARD[0]}


def scrolled_by(page: QWidget) -> int:
    """How much of a page is out of sight."""
    frame = page.parentWidget().parentWidget()
    assert isinstance(frame, QScrollArea)
    return frame.verticalScrollBar().maximum()


def test_no_two_controls_of_a_page_have_the_same_letter_underlined(window: MainWindow) -> None:
    for page in window.pages:
        window.go_to(page.name)
        shown = [each for each in page.findChildren(QWidget) if isinstance(each, (QLabel, QAbstractButton))]
        letters = [QKeySequence.mnemonic(each.text()).toString() for each in shown]
        assert [key for key, times in Counter(filter(None, letters)).items() if times > 1] == [], page.name


def cut_columns(page: QWidget) -> list[str]:
    """Columns that can be seen and have no room for their heading, or end outside of their table."""
    tables = [each for each in page.findChildren(RowTable) if each.isVisible()]
    found = []
    for table in tables:
        header, metrics = table.horizontalHeader(), QFontMetrics(table.look.small)
        for column in range(header.count()):
            end = header.sectionViewportPosition(column) + header.sectionSize(column)
            is_narrow = header.sectionSize(column) < metrics.horizontalAdvance(table.heading(column)) + SIDES
            if not table.isColumnHidden(column) and (is_narrow or end > table.viewport().width()):
                found.append(f"{table.accessibleName()}: {table.heading(column)}")
    return found


def cut_buttons(page: QWidget) -> list[str]:
    """Buttons that can be seen and have no room for their text."""
    buttons = page.findChildren(QPushButton)
    return [who(each) for each in buttons if each.isVisible() and each.width() < each.sizeHint().width()]
