"""Settings are kept when asked to; this console becomes a relay, by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFormLayout, QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from app.theme.tokens import SUN
from app.views.settings.page import SettingsPage
from app.widgets.status_shape import Shape
from tests.support.console_window import ShownWindow, shown_window
from tests.support.console_world import colours_in
from transfer_core.config import Policy
from transfer_core.errors import PortInUse
from transfer_core.events import RelayChanged, RelayView

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[ShownWindow]:
    with shown_window(qtbot) as made:
        made.window.go_to("settings")
        yield made


@pytest.fixture
def page(shown: ShownWindow) -> SettingsPage:
    found = shown.window.page("settings")
    assert isinstance(found, SettingsPage)
    return found


def press(qtbot: QtBot, key: Qt.Key, keys: Qt.KeyboardModifier = CONTROL) -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, key, keys)


def test_what_others_have_set_meanwhile_stays(shown: ShownWindow, page: SettingsPage, qtbot: QtBot) -> None:
    box = page.findChild(QComboBox, "role.LTE")
    assert box is not None
    box.setCurrentText("backup")
    page.priority.setValue(3)
    others = {"link_roles": {"5G": "overflow"}, "link_caps_mbps": {"5G": 20.0}}
    shown.service.change_settings(replace(shown.service.settings(), **others))
    page.policy.setFocus()
    press(qtbot, Qt.Key.Key_S)
    saved = shown.service.settings()
    assert saved.default_priority == 3
    assert saved.link_caps_mbps == {"5G": 20.0}
    assert saved.link_roles == {"5G": "overflow", "LTE": "backup"}


def test_nothing_can_be_saved_until_something_is_changed(page: SettingsPage) -> None:
    assert not page.save.isEnabled()
    page.priority.setValue(3)
    assert page.save.isEnabled()
    page.priority.setValue(5)
    assert not page.save.isEnabled()


def test_ctrl_s_keeps_what_was_changed_and_nothing_else(shown: ShownWindow, page: SettingsPage, qtbot: QtBot) -> None:
    before = shown.service.settings()
    page.policy.setCurrentIndex(page.policy.findData(Policy.BEST))
    page.attempts.setValue(25)
    page.policy.setFocus()
    press(qtbot, Qt.Key.Key_S)
    assert shown.service.settings() == replace(before, policy=Policy.BEST, attempts_max=25)
    assert not page.save.isEnabled()


def test_what_was_changed_can_be_discarded_and_is_not_lost_by_looking_elsewhere(
    shown: ShownWindow, page: SettingsPage, qtbot: QtBot
) -> None:
    page.priority.setValue(2)
    shown.window.go_to("queue")
    shown.window.go_to("settings")
    assert page.priority.value() == 2
    page.priority.setFocus()
    press(qtbot, Qt.Key.Key_Backspace)
    assert page.priority.value() == 5
    assert shown.service.called("change_settings") == []


def test_a_folder_is_asked_for_before_anything_is_received(
    shown: ShownWindow, page: SettingsPage, qtbot: QtBot
) -> None:
    page.receive.listen.setFocus()
    press(qtbot, Qt.Key.Key_R, CONTROL | SHIFT)
    assert shown.service.called("start_relay") == []
    assert page.receive.status.text() == "Choose a folder first"
    assert page.receive.directory.hasFocus()


def test_receiving_starts_shows_a_token_copies_it_and_stops_by_key(
    shown: ShownWindow, page: SettingsPage, qtbot: QtBot
) -> None:
    qtbot.keyClicks(page.receive.directory, "/data/in")
    press(qtbot, Qt.Key.Key_R, CONTROL | SHIFT)
    shown.pass_events()
    assert shown.service.called("start_relay") == [("/data/in", "0.0.0.0:9000", "0.0.0.0:8443")]
    assert "Listens on 0.0.0.0:9000" in page.receive.status.text()
    assert page.receive.token_text.toPlainText() == "drs1.sample-token"
    assert not page.receive.directory.isEnabled()
    page.receive.incoming.setFocus()
    press(qtbot, Qt.Key.Key_Y, CONTROL | SHIFT)
    assert QGuiApplication.clipboard().text() == "drs1.sample-token"
    press(qtbot, Qt.Key.Key_R, CONTROL | SHIFT)
    shown.pass_events()
    assert shown.service.called("stop_relay") == [()]
    assert not page.receive.token_box.isVisible()


def test_what_has_arrived_is_listed_while_it_is_received(shown: ShownWindow, page: SettingsPage, qtbot: QtBot) -> None:
    shown.state.apply([RelayChanged(RelayView(running=True, listen="0.0.0.0:9000", directory="/data/in"))])
    page.receive.refresh()
    model = page.receive.incoming.model()
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == ["stint1.mcap"]


def test_a_relay_that_stopped_by_itself_says_why_in_its_place_and_in_the_banner(
    shown: ShownWindow, page: SettingsPage, qtbot: QtBot
) -> None:
    shown.state.apply([RelayChanged(RelayView(running=False, why="the disk is gone"))])
    assert page.receive.status.text() == "the disk is gone"
    text = "Receiving has stopped: the disk is gone. Senders keep their files until it goes on"
    qtbot.waitUntil(lambda: shown.window.banner.text.text() == text)
    assert shown.window.banner.isVisible()


def test_the_banner_of_a_relay_that_failed_starts_it_again_where_it_was(
    shown: ShownWindow, page: SettingsPage, qtbot: QtBot
) -> None:
    failed = RelayView(running=True, listen="0.0.0.0:9000", directory="/data/in", why="KeyError: 7")
    shown.state.apply([RelayChanged(failed)])
    shown.window.go_to("queue")
    banner = shown.window.banner
    qtbot.waitUntil(lambda: banner.helps.isVisible() and banner.helps.text() == "Start receiving again")
    assert page.receive.switch.text() == "Start receiving again"
    assert page.receive.directory.isEnabled()
    banner.helps.click()
    shown.pass_events()
    assert [call[0] for call in shown.service.calls if call[0].endswith("_relay")] == ["stop_relay", "start_relay"]
    assert shown.service.called("start_relay") == [("/data/in", "0.0.0.0:9000", "0.0.0.0:8443")]
    qtbot.waitUntil(lambda: "Receiving" not in banner.text.text())
    assert page.receive.switch.text() == "Stop receiving"


def test_a_port_in_use_is_an_error_and_the_fields_stay(shown: ShownWindow, page: SettingsPage, qtbot: QtBot) -> None:
    shown.service.fail["start_relay"] = PortInUse("0.0.0.0:9000 is in use")
    page.receive.directory.setText("/data/in")
    with qtbot.captureExceptions() as raised:  # here nobody but the test is told
        page.receive.switch.click()
    assert [str(error[1]) for error in raised] == ["0.0.0.0:9000 is in use"]
    assert page.receive.directory.text() == "/data/in"
    assert page.receive.directory.isEnabled()


def test_narrow_pages_stand_in_one_column(shown: ShownWindow, page: SettingsPage, qtbot: QtBot) -> None:
    shown.window.resize(1366, 768)
    qtbot.waitUntil(lambda: page.receive.x() > page.width() // 3)
    shown.window.resize(900, 768)
    qtbot.waitUntil(lambda: page.receive.mapTo(page, page.receive.rect().topLeft()).x() < 60)


def test_how_receiving_stands_is_told_by_shape_as_well(shown: ShownWindow, page: SettingsPage) -> None:
    receive, seen = page.receive, []
    for relay in (
        RelayView(running=False),
        RelayView(running=True, listen="0.0.0.0:9000", directory="/data/in"),
        RelayView(running=True, listen="0.0.0.0:9000", directory="/data/in", why="No space left on device"),
    ):
        shown.state.apply([RelayChanged(relay)])
        seen.append((receive.shape.shape, receive.status.text()))
    assert seen == [
        (Shape.BAR, "Not receiving"),
        (Shape.CIRCLE, "Listens on 0.0.0.0:9000 · 0 senders · 0 files arrived"),
        (Shape.DIAMOND, "No space left on device"),
    ]
    shown.theme.set_name("sun")
    assert SUN.serious in colours_in(receive.shape)


def cut(page: SettingsPage) -> list[str]:
    """The texts of a page that are not whole."""
    found = []
    for label in page.findChildren(QLabel):
        if not label.isVisible() or not label.text():
            continue
        if label.wordWrap():
            is_cut = label.height() < label.heightForWidth(label.width())
        else:
            is_cut = label.width() < label.sizeHint().width() or label.height() < label.fontMetrics().height()
        found += [label.text()] if is_cut else []
    for button in page.findChildren(QAbstractButton):
        found += [button.text()] if button.isVisible() and button.width() < button.sizeHint().width() else []
    return found


def broken(page: SettingsPage) -> list[str]:
    """Rows whose label does not stand beside its field, and what is wider than the window."""
    found = []
    for form in page.findChildren(QFormLayout):
        for row in range(form.rowCount()):
            parts = [
                form.itemAt(row, role) for role in (QFormLayout.ItemRole.LabelRole, QFormLayout.ItemRole.FieldRole)
            ]
            if all(parts):
                head, field = (part.geometry() for part in parts)
                beside = head.right() < field.left() and abs(head.center().y() - field.center().y()) <= 3
                found += [] if beside else [f"row {row} at {field}"]
    areas = page.findChildren(QScrollArea)
    return found + ["wider than the window" for area in areas if area.horizontalScrollBar().maximum() > 0]


@pytest.mark.parametrize("theme", ["light", "dark", "sun"])
@pytest.mark.parametrize("wide", [800, 911, 1050, 1100, 1366])
def test_no_text_is_cut_and_no_row_is_broken_at_any_width(
    shown: ShownWindow, page: SettingsPage, qtbot: QtBot, qapp: QApplication, theme: str, wide: int
) -> None:
    style = qapp.styleSheet(), qapp.palette()
    try:
        shown.theme.install(qapp)
        shown.theme.set_name(theme)
        shown.state.apply(
            [RelayChanged(RelayView(running=True, listen="0.0.0.0:9000", directory="/in", why="x " * 90))]
        )
        shown.window.resize(wide, 768)
        qapp.processEvents()
        qtbot.waitUntil(lambda: shown.window.width() == wide and not cut(page) and not broken(page))
    finally:
        qapp.setStyleSheet(style[0])
        qapp.setPalette(style[1])
