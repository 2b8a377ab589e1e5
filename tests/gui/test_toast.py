"""What was just done, and how it is taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.views.main_window import MainWindow
from tests.support.console_window import shown_window
from tests.support.fake_service import FakeService


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def window(qtbot: QtBot, service: FakeService) -> Iterator[MainWindow]:
    with shown_window(qtbot, service) as shown:
        yield shown.window


def test_a_killed_link_is_told_and_restored_by_one_click(
    window: MainWindow, service: FakeService, qtbot: QtBot
) -> None:
    qtbot.mouseClick(window.strip.tile("Wi-Fi").switch, Qt.MouseButton.LeftButton)
    assert service.called("kill_link") == [("Wi-Fi",)]
    assert window.toast.isVisible()
    assert window.toast.text.text() == "Wi-Fi is switched off"
    qtbot.mouseClick(window.toast.undo_button, Qt.MouseButton.LeftButton)
    assert service.called("restore_link") == [("Wi-Fi",)]
    assert not window.toast.isVisible()


def test_the_key_takes_back_what_is_told_and_only_once(window: MainWindow, service: FakeService, qtbot: QtBot) -> None:
    window.page("queue").table.setFocus()
    window.page("queue").show_subject("job1")
    qtbot.keyClick(window.page("queue").table, Qt.Key.Key_Delete)
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    for _ in range(2):
        qtbot.keyClick(window.page("queue").table, Qt.Key.Key_Z, keys)
    assert service.called("undo") == [()]


def test_what_cannot_be_taken_back_has_no_button(window: MainWindow) -> None:
    window.tell_done("Paired with factory")
    assert window.toast.isVisible()
    assert not window.toast.undo_button.isVisible()
    assert not window.window_actions["window.undo"].isEnabled()


def test_it_stays_at_the_foot_of_the_pages_and_never_takes_the_keyboard(window: MainWindow, qtbot: QtBot) -> None:
    focused = window.focusWidget()
    window.tell_done("Removed 1 file", lambda: None)
    assert window.focusWidget() is focused
    window.resize(1000, 600)
    qtbot.waitUntil(lambda: window.toast.geometry().bottom() < window.tabs.height())
    assert window.tabs.rect().contains(window.toast.geometry())
