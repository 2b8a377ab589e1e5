"""The window as a whole: what stands on top, the banner and what helps, the ways to places, by mouse and by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.models.conditions import Condition
from app.models.console_state import ConsoleState
from app.models.queue_model import Column
from app.pages import make_pages
from app.theme.theme import Theme
from app.views.dialogs.shortcuts import ShortcutsDialog
from app.views.main_window import MainWindow
from tests.support.console_window import ShownWindow, shown_window
from tests.support.console_world import notice
from tests.support.fake_service import FakeService, demo_engine
from tests.support.fake_sync import demo_folders
from tests.support.fake_watches import FakeWatches, demo_watches
from transfer_core.engine.system import SystemClock
from transfer_core.events import DestinationsChanged, DestinationView, EngineChanged, EngineSilent, Severity
from transfer_core.events.sync import SyncChanged
from transfer_core.events.watches import WatchesChanged

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SILENT = DestinationView("factory", "relay", ("192.0.2.7:9000",), False, why="E_LINK_DOWN: no answer")


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[ShownWindow]:
    service = FakeService()
    service.watches = FakeWatches(demo_watches()[:2], service.emit)  # none that needs a hand
    with shown_window(qtbot, service) as made:
        yield made


def press(qtbot: QtBot, key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, key, keys)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"severity": Severity.INFO, "online": True}, "All well"),
        ({"severity": Severity.INFO, "online": False}, "Offline"),
        ({"severity": Severity.CAUTION}, "Degraded"),
        ({"severity": Severity.SERIOUS}, "Needs a hand"),
        ({"severity": Severity.CRITICAL}, "Stopped"),
        ({"paused": True}, "Paused"),
    ],
)
def test_the_worst_state_stands_on_top_in_a_word(shown: ShownWindow, changes: dict[str, object], word: str) -> None:
    shown.state.apply([EngineChanged(demo_engine(**changes))])
    assert shown.window.top.state_button.text() == word
    assert shown.window.top.state_button.accessibleName().startswith(f"State: {word}.")


def test_without_a_relay_the_top_says_so_and_that_nothing_goes_anywhere(shown: ShownWindow) -> None:
    shown.state.apply([DestinationsChanged(()), EngineChanged(demo_engine(severity=Severity.INFO, online=False))])
    assert shown.window.top.state_button.text() == "Not paired"
    assert shown.window.top.to.value.text() == "no destination"


def test_the_figures_on_top_keep_their_places_whatever_the_state_says(shown: ShownWindow, qtbot: QtBot) -> None:
    top = shown.window.top
    shown.window.resize(1366, 768)

    def places(**changes: object) -> tuple[int, ...]:
        shown.state.apply([EngineChanged(demo_engine(**changes))])
        QApplication.processEvents()
        return tuple(figure.x() for figure in (top.total, top.left, top.done, top.to, top.utc))

    calm = places(severity=Severity.INFO, why="", rate_bps=0.0, files_left=1, bytes_left=9_000)
    assert places(severity=Severity.CAUTION, why="LTE is switched off", rate_bps=174.5e6, files_left=6) == calm
    full = "factory: the relay's disk is full, and a reason that is longer than there is room for it"
    assert places(severity=Severity.SERIOUS, why=full, rate_bps=99.9e6, bytes_left=9_900_000_000) == calm
    assert places(severity=Severity.CRITICAL, why="", paused=True) == calm


def test_large_figures_and_a_long_name_are_read_on_top(shown: ShownWindow, qtbot: QtBot) -> None:
    name = "factory-in-sakhir-behind-the-second-grandstand"
    destination = DestinationView(name, "relay", ("192.0.2.7:9000",), True)
    engine = demo_engine(rate_bps=12_345.6e6, files_left=1_234_567, bytes_left=98_765_432_100_000)
    shown.service.emit(EngineChanged(engine), DestinationsChanged((destination,)))
    shown.pass_events()
    top = shown.window.top
    for figure, text in ((top.total, "12345.6 Mbit/s"), (top.left, "1,234,567 files · 98.8 TB")):
        assert figure.value.text() == text
        qtbot.waitUntil(lambda figure=figure: figure.value.width() >= figure.value.sizeHint().width())
    assert "…" in top.to.value.text()
    assert top.to.toolTip() == name


def test_an_unknown_end_is_blank_and_an_empty_queue_says_nothing_is_left(shown: ShownWindow) -> None:
    shown.state.apply([EngineChanged(demo_engine(eta_s=None))])
    assert shown.window.top.done.value.text() == ""
    shown.state.apply([EngineChanged(demo_engine(files_left=0, bytes_left=0, eta_s=3.0))])
    assert shown.window.top.left.value.text() == "nothing"
    assert "done in" not in [label.text() for label in shown.window.top.findChildren(QLabel)]
    assert shown.window.top.done.value.text() == ""


def test_a_relay_that_is_away_is_a_banner_until_it_is_back(shown: ShownWindow, qtbot: QtBot) -> None:
    banner = shown.window.banner
    shown.state.apply([DestinationsChanged((SILENT,))])
    qtbot.waitUntil(lambda: banner.text.text() == "factory can't be reached: no answer")
    assert banner.isVisible()
    shown.state.apply([DestinationsChanged((replace(SILENT, online=True, why=""),))])
    qtbot.waitUntil(lambda: not banner.isVisible())


def test_a_server_that_is_away_leads_to_its_row_among_the_destinations(shown: ShownWindow, qtbot: QtBot) -> None:
    bucket = DestinationView("archive", "s3", ("s3://race",), online=False, why="there are no credentials")
    shown.state.apply([DestinationsChanged((replace(SILENT, online=True, why=""), bucket))])
    qtbot.waitUntil(lambda: "archive" in shown.window.banner.text.text())
    shown.window.banner.helps.click()
    page = shown.window.page("destinations")
    assert shown.window.current_page is page
    assert [index.data() for index in page.table.selectionModel().selectedRows(1)] == ["archive"]


def test_a_camera_whose_folder_is_away_is_told_on_every_page_and_leads_to_its_card(
    shown: ShownWindow, qtbot: QtBot
) -> None:
    shown.state.apply([EngineChanged(demo_engine(severity=Severity.INFO)), WatchesChanged(demo_watches())])
    qtbot.waitUntil(
        lambda: shown.window.banner.text.text().startswith("camera03: /data/ring/camera03 can't be watched")
    )
    assert shown.window.banner.isVisible()
    assert shown.window.top.state_button.text() == "Needs a hand"
    shown.window.banner.helps.click()
    assert shown.window.current_page.name == "cameras"
    shown.state.apply([WatchesChanged(demo_watches()[:2])])
    qtbot.waitUntil(lambda: not shown.window.banner.isVisible())


def test_a_shared_folder_that_waits_for_a_word_is_told_on_every_page(shown: ShownWindow, qtbot: QtBot) -> None:
    shown.state.apply([SyncChanged(demo_folders())])
    qtbot.waitUntil(
        lambda: shown.window.banner.text.text().startswith("Shared folder strategy waits for your word: 31 of 40 files")
    )
    assert shown.window.banner.isVisible()
    shown.window.banner.helps.click()
    assert shown.window.current_page.name == "sync"
    shown.state.apply([SyncChanged(demo_folders()[:2])])
    qtbot.waitUntil(lambda: not shown.window.banner.isVisible())


def test_of_two_destinations_that_are_away_the_one_that_more_files_wait_for_is_told(
    shown: ShownWindow, qtbot: QtBot
) -> None:
    bucket = DestinationView("archive", "s3", ("s3://race",), online=False, why="there are no credentials")
    shown.state.apply([DestinationsChanged((bucket, SILENT))])
    qtbot.waitUntil(lambda: shown.window.banner.text.text() == "factory can't be reached: no answer")
    assert shown.window.banner.isVisible()


def test_the_state_on_top_is_never_calmer_than_the_banner_also_once_that_is_put_away(
    shown: ShownWindow, qtbot: QtBot
) -> None:
    word = shown.window.top.state_button.text
    bucket = DestinationView("archive", "s3", ("s3://race",), online=False, why="there are no credentials")
    online = replace(SILENT, online=True, why="")
    shown.state.apply([EngineChanged(demo_engine(severity=Severity.INFO)), DestinationsChanged((online, bucket))])
    qtbot.waitUntil(lambda: word() == "Needs a hand")
    assert "archive can't be reached" in shown.window.top.state_button.toolTip()
    shown.window.banner.close_button.click()
    assert (shown.window.banner.isVisible(), word()) == (False, "Needs a hand")
    shown.state.apply([DestinationsChanged((online,))])
    qtbot.waitUntil(lambda: word() == "All well")


def test_an_engine_that_can_t_start_is_not_starting_for_ever(qtbot: QtBot) -> None:
    window = MainWindow(ConsoleState(SystemClock()), Theme(), make_pages)
    qtbot.addWidget(window)
    assert window.top.state_button.text() == "Starting"
    window.tell(Condition("service", Severity.CRITICAL, "The queue is not worked here: another agent works it"))
    assert window.top.state_button.text() == "Stopped"


def test_a_banner_that_is_put_away_stays_away_and_comes_back_when_it_is_worse(shown: ShownWindow, qtbot: QtBot) -> None:
    window = shown.window
    window.tell(Condition("disk", Severity.CAUTION, "little room", page="settings", detail="E_X: little room"))
    assert window.banner.isVisible()
    press(qtbot, Qt.Key.Key_H, CONTROL | SHIFT)
    assert QGuiApplication.clipboard().text() == "E_X: little room"
    press(qtbot, Qt.Key.Key_M, CONTROL | SHIFT)
    assert not window.banner.isVisible()
    window.tell(Condition("disk", Severity.SERIOUS, "no room", page="settings"))
    assert window.banner.text.text() == "no room"


def test_a_note_is_read_though_the_banner_tells_of_something_worse(shown: ShownWindow) -> None:
    window = shown.window
    window.note("No race is being recorded. " * 20)
    assert window.banner.text.text() == "No race is being recorded. " * 20
    window.tell(Condition("disk", Severity.SERIOUS, "no room", page="settings"))
    window.note("camera01 is looked at again")
    assert (window.banner.text.text(), window.toast.text.text()) == ("no room", "camera01 is looked at again")
    assert window.toast.isVisible()


def test_a_note_goes_by_itself_and_what_needs_a_hand_stays(shown: ShownWindow, qtbot: QtBot) -> None:
    window = shown.window
    timer = window.findChild(QTimer, "note ends")
    assert isinstance(timer, QTimer)
    timer.setInterval(20)
    window.note("camera01 is looked at again. " * 20)
    assert window.banner.isVisible()
    qtbot.waitUntil(lambda: not window.banner.isVisible())
    window.note("camera01 is looked at again. " * 20)
    window.tell(Condition("disk", Severity.SERIOUS, "no room", page="settings"))
    assert window.banner.text.text() == "no room"
    qtbot.waitUntil(lambda: not timer.isActive())
    window.take_back("disk")
    assert not window.banner.isVisible()


def test_a_short_note_moves_nothing_on_the_page(shown: ShownWindow) -> None:
    window = shown.window
    before = window.tabs.geometry()
    window.note("camera01 is looked at again")
    QApplication.sendPostedEvents()
    assert (window.toast.text.text(), window.banner.isVisible()) == ("camera01 is looked at again", False)
    assert window.tabs.geometry() == before


def test_a_note_leaves_what_can_be_undone_where_it_is(shown: ShownWindow) -> None:
    window = shown.window
    window.tell(Condition("disk", Severity.SERIOUS, "no room", page="settings"))
    window.tell_done("Removed 3 files", lambda: None)
    window.note("camera01 is looked at again")
    assert window.toast.text.text() == "Removed 3 files"


def test_what_helps_is_done_by_its_key(shown: ShownWindow, qtbot: QtBot) -> None:
    shown.window.tell(Condition("disk", Severity.SERIOUS, "no room", page="settings"))
    press(qtbot, Qt.Key.Key_H, CONTROL)
    assert shown.window.current_page.name == "settings"


def test_keys_of_a_banner_that_is_not_there_do_nothing(shown: ShownWindow, qtbot: QtBot) -> None:
    before = shown.window.current_page
    for key, keys in ((Qt.Key.Key_H, CONTROL), (Qt.Key.Key_M, CONTROL | SHIFT)):
        press(qtbot, key, keys)
    assert shown.window.current_page is before


def test_f8_leads_to_the_worst_and_a_click_on_the_state_too(shown: ShownWindow, qtbot: QtBot) -> None:
    press(qtbot, Qt.Key.Key_F8)
    assert shown.window.current_page.name == "queue"  # a job has failed there
    assert [job.file_id for job in shown.window.page("queue").selected()] == ["job7"]
    shown.window.go_to("log")
    qtbot.mouseClick(shown.window.top.state_button, Qt.MouseButton.LeftButton)
    assert shown.window.current_page.name == "queue"


def test_pause_all_by_key_and_resume_again(shown: ShownWindow, qtbot: QtBot) -> None:
    for verb, said in (("pause_all", "Resume all"), ("resume_all", "Pause all")):
        press(qtbot, Qt.Key.Key_P, CONTROL | SHIFT)
        shown.pass_events()
        assert shown.service.called(verb) == [()]
        assert shown.window.top.pause.text() == said


def test_every_page_has_its_key_and_its_number_on_the_tab(shown: ShownWindow, qtbot: QtBot) -> None:
    for number, page in enumerate(shown.window.pages, 1):
        press(qtbot, Qt.Key(Qt.Key.Key_0.value + number), CONTROL)
        assert shown.window.current_page is page
        assert f"(Ctrl+{number})" in shown.window.tabs.tabToolTip(number - 1)


def test_theme_and_zoom_by_key(shown: ShownWindow, qtbot: QtBot) -> None:
    press(qtbot, Qt.Key.Key_L, CONTROL | SHIFT)
    assert shown.theme.name == "dark"
    press(qtbot, Qt.Key.Key_Plus, CONTROL)
    assert shown.theme.zoom > 1.0
    press(qtbot, Qt.Key.Key_0, CONTROL)
    assert shown.theme.zoom == 1.0


def test_f1_shows_all_keys_those_of_the_page_first(shown: ShownWindow, qtbot: QtBot) -> None:
    shown.window.go_to("links")
    press(qtbot, Qt.Key.Key_F1)
    (sheet,) = shown.window.findChildren(ShortcutsDialog)
    assert sheet.isVisible()
    assert sheet.model.index(0, 2).data() == "Links"
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: shown.window.findChildren(ShortcutsDialog) == [])


def test_the_ticker_leads_to_the_log(shown: ShownWindow, qtbot: QtBot) -> None:
    shown.state.apply([notice("LTE lost", Severity.CAUTION)])
    qtbot.mouseClick(shown.window.ticker, Qt.MouseButton.LeftButton)
    assert shown.window.current_page.name == "log"


def test_hidden_pages_do_not_work(qtbot: QtBot) -> None:
    with shown_window(qtbot, FakeService()) as shown:
        shown.window.go_to("settings")
        calls = len(shown.service.called("chunk_map"))
        shown.window.page("queue").select(["job1"])
        qtbot.wait(300)
        assert len(shown.service.called("chunk_map")) <= calls + 1


def test_before_the_service_has_said_anything_nothing_is_claimed(qtbot: QtBot) -> None:
    state = ConsoleState(SystemClock())
    window = MainWindow(state, Theme(), make_pages)
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    assert window.top.state_button.text() == "Starting"
    assert "Pair with a relay first" not in seen_texts(window)
    state.apply([EngineChanged(demo_engine(severity=Severity.INFO, online=False, files_left=0))])
    qtbot.waitUntil(lambda: "Pair with a relay first" in seen_texts(window))
    assert window.top.state_button.text() == "Not paired"
    window.close()
    for page in window.pages:
        page.on_hidden()


def seen_texts(window: MainWindow) -> set[str]:
    return {label.text() for label in window.findChildren(QLabel) if label.isVisible()}


def test_the_buttons_on_top_keep_their_places_whatever_they_say(shown: ShownWindow, qtbot: QtBot) -> None:
    top = shown.window.top

    def places() -> tuple[int, ...]:
        QApplication.sendPostedEvents()
        return tuple(button.x() for button in (top.pause, top.look, top.menu))

    before = places()
    press(qtbot, Qt.Key.Key_P, CONTROL | SHIFT)
    shown.pass_events()
    assert (top.pause.text(), places()) == ("Resume all", before)
    shown.window.window_actions["window.theme"].setText("Light theme")
    assert places() == before


def test_what_an_unheard_engine_did_last_looks_old(shown: ShownWindow, qtbot: QtBot) -> None:
    queue, links = shown.window.page("queue"), shown.window.page("links")
    qtbot.waitUntil(lambda: queue.model.rowCount() > 1, timeout=60_000)
    rate, end, words = (queue.model.index(1, column) for column in (Column.RATE, Column.LEFT, Column.STATE))
    assert (rate.data(), end.data(), words.data()) == ("143.5", "21 s", "Sending")
    shown.state.apply([EngineSilent(True)])
    assert (rate.data(), end.data(), words.data()) == ("—", "", "Was sending")
    assert links.toolbar.badge.text() == "NO NEWS"
    shown.state.apply([EngineSilent(False)])
    assert (rate.data(), end.data(), words.data()) == ("143.5", "21 s", "Sending")
    assert links.toolbar.badge.text() == "LIVE"


def test_a_reason_on_top_is_whole_or_long_enough_to_say_something_or_a_count_or_nothing(shown: ShownWindow) -> None:
    button, em = shown.window.top.state_button, shown.theme.font().pixelSize()
    button.show_state(Severity.CAUTION, "Degraded", ("Wi-Fi silent · 1 of 3 links", "Wi-Fi silent", "1 of 3"), "")
    said = [button.reason_in(room) for room in range(30 * em)]
    assert said[0] == ""
    assert said[-1] == "Wi-Fi silent · 1 of 3 links"
    assert "1 of 3" in said
    assert "Wi-Fi silent" in said
    assert all(len(text) >= len("Wi-Fi…") or text in ("", "1 of 3") for text in said)
    assert [len(text) for text in said] == sorted(len(text) for text in said)
