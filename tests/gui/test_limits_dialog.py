"""What a link may, said by a person on the Links page and on a tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.views.links.limits_dialog import LimitsDialog
from tests.support.console_window import ShownWindow, shown_window
from transfer_core.errors import ConfigError
from transfer_core.events import LinksChanged

GB = 1_000_000_000


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[ShownWindow]:
    with shown_window(qtbot) as made:
        made.window.go_to("links")
        yield made


def opened(shown: ShownWindow, qtbot: QtBot) -> LimitsDialog:
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, Qt.Key.Key_L)
    (dialog,) = shown.window.findChildren(LimitsDialog)
    return dialog


def press_save(dialog: LimitsDialog, qtbot: QtBot) -> None:
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)


def test_a_link_gets_role_cap_and_data_plan_and_no_other_link_does(shown: ShownWindow, qtbot: QtBot) -> None:
    shown.service.change_settings(replace(shown.service.settings(), link_caps_mbps={"5G": 7.0}))
    dialog = opened(shown, qtbot)
    dialog.link.setCurrentText("LTE")
    dialog.role.setCurrentIndex(dialog.role.findData("backup"))
    dialog.cap.setValue(20.0)
    dialog.quota.setValue(16.5)
    dialog.reset_day.setValue(12)
    press_save(dialog, qtbot)
    settings = shown.service.settings()
    assert settings.link_roles == {"LTE": "backup"}
    assert settings.link_caps_mbps == {"5G": 7.0, "LTE": 20.0}
    assert settings.link_quotas == {"LTE": {"limit_bytes": 16_500_000_000, "reset_day": 12}}
    assert shown.window.toast.text.text() == "LTE: backup, at most 20 Mbit/s, 16.5 GB a month"


def test_what_was_said_can_be_taken_back(shown: ShownWindow, qtbot: QtBot) -> None:
    before = shown.service.settings()
    dialog = opened(shown, qtbot)
    dialog.cap.setValue(20.0)
    press_save(dialog, qtbot)
    assert shown.service.settings() != before
    shown.window.toast.take_back()
    assert shown.service.settings() == before


def test_the_dialog_begins_with_what_holds_now(shown: ShownWindow, qtbot: QtBot) -> None:
    quotas = {"Wi-Fi": {"limit_bytes": 20 * GB, "reset_day": 3}}
    shown.service.change_settings(
        replace(shown.service.settings(), link_roles={"Wi-Fi": "overflow"}, link_quotas=quotas)
    )
    dialog = opened(shown, qtbot)
    assert dialog.link.currentText() == "Wi-Fi"
    assert (dialog.role.currentData(), dialog.quota.value(), dialog.reset_day.value()) == ("overflow", 20.0, 3)
    dialog.link.setCurrentText("LTE")
    assert (dialog.role.currentData(), dialog.quota.value()) == ("primary", 0.0)
    assert not dialog.reset_day.isEnabled()


def test_a_refusal_is_told_and_the_dialog_stays(shown: ShownWindow, qtbot: QtBot) -> None:
    dialog = opened(shown, qtbot)
    shown.service.fail["change_settings"] = ConfigError("no such cap", hint="Choose another.")
    press_save(dialog, qtbot)
    assert dialog.isVisible()
    assert "no such cap" in dialog.problem.text()
    assert dialog.save_button.isEnabled()


def test_the_tile_shows_what_its_link_may_and_grows_for_it(shown: ShownWindow, qtbot: QtBot) -> None:
    tile = shown.window.strip.tile("5G")
    height = tile.sizeHint().height()
    links = [
        replace(link, rate_cap_bps=20e6, quota_bytes=20 * GB, used_bytes=19 * GB) if link.name == "5G" else link
        for link in shown.state.links
    ]
    shown.state.apply([LinksChanged(tuple(links))])
    assert tile.sizeHint().height() > height
    assert "1.0 GB of 20.0 GB left" in tile.toolTip()
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    assert tile.height() == tile.sizeHint().height()
