"""The dialogs as a person uses them: by key, with what they say when something is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from app.actions import COMMANDS, WINDOW
from app.models.console_state import ConsoleState
from app.theme.theme import Theme
from app.views.dialogs.about import AboutDialog
from app.views.dialogs.errors import ErrorDialog
from app.views.dialogs.pair import PairDialog
from app.views.dialogs.shortcuts import ShortcutsDialog, key_rows
from app.views.queue.page import QueuePage
from app.views.queue.place_dialog import PlaceDialog
from app.workers.calls_here import CallsHere
from tests.support.fake_service import FakeService, demo_jobs
from transfer_core.engine.system import SystemClock
from transfer_core.errors import DiskFull, TokenExpired
from transfer_core.events import JobsChanged

TITLES = {page: page.capitalize() for page in sorted({command.page for command in COMMANDS.values()} - {WINDOW})}


def shown(qtbot: QtBot, dialog: QDialog) -> QDialog:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    return dialog


@pytest.fixture
def service() -> FakeService:
    QGuiApplication.clipboard().clear()
    return FakeService()


@pytest.fixture
def pairing(qtbot: QtBot, service: FakeService) -> PairDialog:
    dialog = PairDialog(CallsHere(service))
    shown(qtbot, dialog)
    return dialog


def test_a_token_is_paired_by_enter_without_what_a_mail_broke_into_it(
    pairing: PairDialog, service: FakeService, qtbot: QtBot
) -> None:
    assert not pairing.pair.isEnabled()
    pairing.token.setPlainText("drs1.abc\n  def\n")
    pairing.name.setFocus()
    qtbot.keyClicks(pairing.name, "pit")
    with qtbot.waitSignal(pairing.paired) as told:
        qtbot.keyClick(pairing.name, Qt.Key.Key_Return)
    assert service.called("pair") == [("drs1.abcdef", "pit")]
    assert told.args == ["Paired with factory"]
    assert not pairing.isVisible()


def test_enter_in_the_token_pairs_too(pairing: PairDialog, service: FakeService, qtbot: QtBot) -> None:
    pairing.token.setPlainText("drs1.abc")
    with qtbot.waitSignal(pairing.paired):
        qtbot.keyClick(pairing.token, Qt.Key.Key_Return)
    assert service.called("pair") == [("drs1.abc", None)]


def test_a_refused_token_stays_with_the_reason_until_it_is_changed(
    pairing: PairDialog, service: FakeService, qtbot: QtBot
) -> None:
    service.fail["pair"] = TokenExpired("the token expired at 14:00")
    pairing.token.setPlainText("drs1.old")
    qtbot.mouseClick(pairing.pair, Qt.MouseButton.LeftButton)
    assert pairing.isVisible()
    assert "the token expired at 14:00" in pairing.problem.text()
    assert pairing.problem.isVisible()
    assert pairing.pair.isEnabled()
    pairing.token.setPlainText("drs1.new")
    assert not pairing.problem.isVisible()


def test_a_token_on_the_clipboard_is_there_already_and_other_text_is_not(qtbot: QtBot, service: FakeService) -> None:
    QGuiApplication.clipboard().setText("a shopping list")
    assert PairDialog(CallsHere(service)).token.toPlainText() == ""
    QGuiApplication.clipboard().setText(" drs1.fresh ")
    dialog = PairDialog(CallsHere(service))
    qtbot.addWidget(dialog)
    assert dialog.token.toPlainText() == "drs1.fresh"
    dialog.token.paste()
    assert dialog.token.toPlainText().strip() == "drs1.fresh"


def test_escape_closes_and_pairs_nothing(pairing: PairDialog, service: FakeService, qtbot: QtBot) -> None:
    pairing.token.setPlainText("drs1.abc")
    qtbot.keyClick(pairing.token, Qt.Key.Key_Escape)
    assert not pairing.isVisible()
    assert service.called("pair") == []


def test_errors_share_one_window_and_are_copied_whole(qtbot: QtBot) -> None:
    dialog = ErrorDialog()
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    dialog.add(TokenExpired("the token expired"))
    dialog.add(DiskFull("no room at pit"))
    dialog.add(TokenExpired("the token expired"))
    assert dialog.head.text() == "the token expired"
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    first, second = QGuiApplication.clipboard().text().splitlines()
    assert first.startswith("E_TOKEN_EXPIRED: the token expired.")
    assert first.endswith("(2 times)")
    assert second.startswith("E_DISK_FULL: no room at pit.")
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_sheet_of_keys_has_every_command_with_a_key_and_finds_words(qtbot: QtBot) -> None:
    rows = key_rows(TITLES, "links")
    assert len(rows) == sum(bool(command.key) for command in COMMANDS.values()) + len(TITLES)
    assert rows[0].where == "Links"
    dialog = ShortcutsDialog(TITLES, "links", Theme())
    shown(qtbot, dialog)
    qtbot.keyClicks(dialog.find_field, "take back queue")
    assert [dialog.model.index(row, 0).data() for row in range(dialog.model.rowCount())] == ["Ctrl+Z"]


def test_about_can_be_copied(qtbot: QtBot) -> None:
    dialog = AboutDialog("/somewhere/state")
    shown(qtbot, dialog)
    dialog.copy_facts()
    assert "state in: /somewhere/state" in QGuiApplication.clipboard().text()
    assert dialog.facts["version"]


@pytest.fixture
def queue(qtbot: QtBot, service: FakeService) -> Iterator[QueuePage]:
    state = ConsoleState(SystemClock())
    state.apply([JobsChanged(demo_jobs())])
    page = QueuePage(state, Theme())
    qtbot.addWidget(page)
    page.connect_to(CallsHere(service))
    with qtbot.waitExposed(page):
        page.show()
    page.refresh()
    yield page
    page.on_hidden()


def place_dialog(page: QueuePage) -> PlaceDialog:
    (dialog,) = (each for each in page.findChildren(PlaceDialog) if each.isVisible())
    return dialog


def test_ctrl_m_moves_the_selected_files_to_the_place_that_is_typed(
    queue: QueuePage, service: FakeService, qtbot: QtBot
) -> None:
    queue.select(["job5", "job6"])
    queue.table.setFocus()
    qtbot.keyClick(queue.table, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    dialog = place_dialog(queue)
    assert dialog.place.value() == 5
    dialog.place.selectAll()
    qtbot.keyClicks(dialog.place, "2")
    assert dialog.preview.text() == "Before telemetry_car7_stint2.mcap"
    with qtbot.waitSignal(queue.done) as told:
        qtbot.keyClick(dialog.place, Qt.Key.Key_Return)
    assert service.called("move") == [(["job5", "job6"], "job2")]
    assert told.args[0] == "Moved 2 files"
    told.args[1]()
    assert service.called("undo") == [()]


def test_alt_p_gives_the_selected_files_another_priority(queue: QueuePage, service: FakeService, qtbot: QtBot) -> None:
    queue.select(["job7"])
    queue.table.setFocus()
    qtbot.keyClick(queue.table, Qt.Key.Key_P, Qt.KeyboardModifier.AltModifier)
    dialog = place_dialog(queue)
    assert dialog.priority.currentText() == "9"
    dialog.priority.setCurrentIndex(1)
    assert dialog.preview.text() == "Before onboard_car7_fp2.mp4"
    qtbot.keyClick(dialog.priority, Qt.Key.Key_Return)
    assert service.called("set_priority") == [(["job7"], 2)]


@pytest.mark.parametrize(("typed", "expected"), [("1", 1), ("10", 10), ("7", 7), ("0", 9), ("31", 1)])
def test_a_digit_chooses_the_priority_of_that_number(
    queue: QueuePage, service: FakeService, qtbot: QtBot, typed: str, expected: int
) -> None:
    queue.select(["job7"])
    queue.moves.ask_where(by_priority=True)
    dialog = place_dialog(queue)
    qtbot.keyClicks(dialog.priority, typed)
    qtbot.keyClick(dialog.priority, Qt.Key.Key_Return)
    assert service.called("set_priority") == [(["job7"], expected)]


def test_a_place_past_the_end_is_the_end(queue: QueuePage, service: FakeService, qtbot: QtBot) -> None:
    queue.select(["job1"])
    queue.moves.ask_where(by_priority=False)
    dialog = place_dialog(queue)
    dialog.place.setValue(999)
    assert dialog.preview.text() == "At the end of the queue"
    qtbot.keyClick(dialog.place, Qt.Key.Key_Return)
    assert service.called("move") == [(["job1"], None)]


def test_files_that_went_away_meanwhile_are_left_out_of_the_move(queue: QueuePage, service: FakeService) -> None:
    queue.model.remove_jobs(["job5"])
    queue.moves.move_ids_to(["job5", "job6"], 0)
    assert service.called("move") == [(["job6"], "job1")]


def test_removal_says_so_and_can_be_taken_back(queue: QueuePage, service: FakeService, qtbot: QtBot) -> None:
    queue.select(["job1"])
    with qtbot.waitSignal(queue.done) as told:
        queue.table.setFocus()
        qtbot.keyClick(queue.table, Qt.Key.Key_Delete)
    assert told.args[0] == "Removed 1 file"
    assert "job1" not in {job.file_id for job in service.jobs()}
    told.args[1]()
    assert "job1" in {job.file_id for job in service.jobs()}


def test_a_dialog_does_not_stand_in_the_way(pairing: PairDialog) -> None:
    assert not pairing.isModal()
    assert QApplication.activeModalWidget() is None
