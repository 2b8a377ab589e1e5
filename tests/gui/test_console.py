"""Window and service together, as `drs-sync console` runs them, over a service in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Console
from app.views.dialogs.errors import ErrorDialog
from app.views.dialogs.pair import PairDialog
from tests.support.fake_service import FakeService
from transfer_core.errors import DiskFull, TokenInvalid
from transfer_core.events import EngineFound, EngineLost, EngineSilent, JobsChanged


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def console(qtbot: QtBot, service: FakeService) -> Iterator[Console]:
    made = Console(lambda: service)
    qtbot.addWidget(made.window)
    with qtbot.waitExposed(made.window):
        made.window.show()
    with qtbot.waitSignal(made.service.started):
        made.start()
    qtbot.waitUntil(lambda: bool(made.state.links))
    made.window.activateWindow()
    qtbot.waitUntil(made.window.isActiveWindow)
    yield made
    made.window.toast.put_away()
    made.window.close()
    assert made.stop()
    for page in made.window.pages:
        page.on_hidden()


def test_files_dropped_on_another_page_are_queued_and_shown(
    console: Console, service: FakeService, qtbot: QtBot, tmp_path: Path
) -> None:
    console.window.go_to("links")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "lap.bin")), QUrl("https://example.org/not-a-file")])
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(500, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(console.window, enter)
    assert enter.isAccepted()
    drop = QDropEvent(QPointF(500, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(console.window, drop)
    qtbot.waitUntil(lambda: service.called("add_paths") == [([str(tmp_path / "lap.bin")], "drop")])
    assert console.window.current_page.name == "queue"


def test_what_is_no_file_is_not_taken(console: Console) -> None:
    mime = QMimeData()
    mime.setText("a word")
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(500, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(console.window, enter)
    assert not enter.isAccepted()


def test_errors_come_together_in_one_window_that_can_come_again(
    console: Console, service: FakeService, qtbot: QtBot
) -> None:
    service.fail["kill_link"] = DiskFull("no room at factory")
    for _ in range(2):
        console.window.strip.kill_requested.emit("Wi-Fi")
    qtbot.waitUntil(lambda: len(console.window.findChildren(ErrorDialog)) == 1)
    (dialog,) = console.window.findChildren(ErrorDialog)
    qtbot.waitUntil(lambda: "no room at factory" in dialog.text())
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: console.window.findChildren(ErrorDialog) == [])
    console.show_error(DiskFull("still no room"))
    assert len(console.window.findChildren(ErrorDialog)) == 1
    assert not console.window.toast.isVisible()


def test_ctrl_p_pairs_and_a_refusal_stays_in_the_dialog(console: Console, service: FakeService, qtbot: QtBot) -> None:
    service.fail["pair"] = TokenInvalid("that is no token")
    qtbot.keyClick(console.window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    (dialog,) = console.window.findChildren(PairDialog)
    dialog.token.setPlainText("drs1.wrong")
    dialog.pair.click()
    qtbot.waitUntil(lambda: "that is no token" in dialog.problem.text())
    del service.fail["pair"]
    dialog.pair.click()
    qtbot.waitUntil(lambda: console.window.findChildren(PairDialog) == [])
    assert console.window.toast.text.text() == "Paired with factory"
    assert console.window.findChildren(ErrorDialog) == []


def test_a_service_that_does_not_start_leaves_the_window_open_with_the_reason(qtbot: QtBot) -> None:
    def fails() -> FakeService:
        raise DiskFull("the state can't be written")

    console = Console(fails)
    qtbot.addWidget(console.window)
    with qtbot.waitExposed(console.window):
        console.window.show()
    console.start()
    qtbot.waitUntil(lambda: "the state can't be written" in console.window.banner.text.text())
    assert console.window.isVisible()
    console.window.close()
    assert console.stop()
    for page in console.window.pages:
        page.on_hidden()


def test_no_verb_of_the_service_runs_in_the_windows_thread(
    console: Console, service: FakeService, qtbot: QtBot
) -> None:
    console.window.page("queue").pause_wanted.emit(["job3"])
    qtbot.waitUntil(lambda: service.called("pause") == [(["job3"],)])
    assert "MainThread" not in service.threads


def test_an_engine_that_ended_is_told_and_told_again_when_it_runs(
    console: Console, service: FakeService, qtbot: QtBot
) -> None:
    service.emit(EngineLost("it was ended by signal 9 (SIGKILL)", 0.0, "its last words"))
    text = console.window.banner.text.text
    qtbot.waitUntil(lambda: "It is started again now" in text())
    assert "SIGKILL" in text()
    assert not console.state.engine.online
    listed = {job.file_id for job in console.state.each_job()}
    first, *others = service.jobs()
    service.emit(EngineFound(("the relay that receives here: port 9000 is taken",)), JobsChanged((first,)))
    qtbot.waitUntil(lambda: "was started again" in text())
    assert "Not switched on again: the relay that receives here: port 9000 is taken." in text()
    assert listed == {first.file_id, *(job.file_id for job in others)}
    qtbot.waitUntil(lambda: [job.file_id for job in console.state.each_job()] == [first.file_id])
    queue = console.window.page("queue")
    qtbot.waitUntil(lambda: [job.file_id for job in queue.model.jobs] == [first.file_id])


def test_an_engine_that_does_not_answer_is_told_until_it_does(
    console: Console, service: FakeService, qtbot: QtBot
) -> None:
    banner = console.window.banner
    service.emit(EngineSilent(True))
    qtbot.waitUntil(lambda: "does not answer" in banner.text.text())
    top = console.window.top
    assert top.state_button.text() == "Not answering"
    assert (top.total.value.text(), top.done.value.text()) == ("—", "")
    service.emit(EngineSilent(False))
    qtbot.waitUntil(lambda: not banner.isVisible() or "does not answer" not in banner.text.text())
    assert top.state_button.text() != "Not answering"
    assert top.total.value.text() == "174.5 Mbit/s"


def test_cancelling_and_queueing_are_taken_back_with_one_click(
    console: Console, service: FakeService, qtbot: QtBot, tmp_path: Path
) -> None:
    toast, queue = console.window.toast, console.window.page("queue")
    queue.cancel_wanted.emit(["job2", "job3"])
    qtbot.waitUntil(lambda: toast.text.text() == "Cancelled 2 files")
    toast.undo_button.click()
    qtbot.waitUntil(lambda: service.called("retry") == [(["job2", "job3"],)])
    (tmp_path / "lap.bin").write_bytes(b"lap")
    queue.files_wanted.emit([str(tmp_path / "lap.bin")], None)
    qtbot.waitUntil(lambda: toast.text.text() == "Queued 1 file for factory")
    (added,) = [job.file_id for job in service.jobs() if job.path.endswith("lap.bin")]
    toast.undo_button.click()
    qtbot.waitUntil(lambda: service.called("remove") == [([added],)])


def test_an_engine_that_ends_again_and_again_waits_for_a_click(
    console: Console, service: FakeService, qtbot: QtBot
) -> None:
    service.emit(EngineLost("it ended with code 1", None, "no module named x"))
    banner = console.window.banner
    qtbot.waitUntil(lambda: "it waits for you" in banner.text.text())
    assert banner.helps.text() == "Start the engine again"
    qtbot.mouseClick(banner.helps, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: service.called("restart_engine") == [()])
    qtbot.keyClick(
        console.window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    qtbot.waitUntil(lambda: len(service.called("restart_engine")) == 2)
