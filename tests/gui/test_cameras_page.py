from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.console_state import ConsoleState
from app.models.watch_words import figures
from app.theme.theme import Theme
from app.theme.tokens import THEMES
from app.views.cameras.camera_card import FIGURES_GAP, LABEL_GAP, MARGIN, PICTURE, CameraCard
from app.views.cameras.page import CamerasPage
from app.views.cameras.trigger_dialog import TriggerDialog
from app.views.cameras.watch_dialog import WatchDialog
from app.widgets.action_button import ActionButton
from app.widgets.look import look_of
from app.workers.calls_here import CallsHere
from app.workers.thumbnails import Thumbnails, decode
from tests.support.fake_service import FakeService
from tests.support.fake_watches import demo_watches
from transfer_core.errors import NotFoundError, SourceMissing
from transfer_core.events import DestinationsChanged, DestinationView, EngineSilent, Severity
from transfer_core.events.watch_words import watch_problem
from transfer_core.events.watches import WatchesChanged, WatchState, WatchView
from transfer_core.ingest.sample_jpeg import jpeg_of_size, sample_picture
from transfer_core.sim.manual_clock import ManualClock

NOW_NS = 10**12


def write_frame(path: Path, number: int = 7) -> Path:
    parts = jpeg_of_size(sample_picture(640, 480, number), 50_000, memoryview(bytes(50_000)))
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_NS)


@pytest.fixture
def state(clock: ManualClock) -> ConsoleState:
    state = ConsoleState(clock)
    state.apply([DestinationsChanged((DestinationView("factory", "relay", ("192.0.2.7:9000",), True),))])
    return state


@pytest.fixture
def service(state: ConsoleState) -> FakeService:
    made = FakeService()
    made.watches.tell = lambda event: state.apply([event])
    return made


@pytest.fixture
def page(qtbot: QtBot, state: ConsoleState, service: FakeService) -> Iterator[CamerasPage]:
    page = CamerasPage(state, Theme())
    page.connect_to(CallsHere(service))
    qtbot.addWidget(page)
    page.resize(1140, 690)
    with qtbot.waitExposed(page):
        page.show()
    page.on_shown()
    state.apply([WatchesChanged(demo_watches())])
    yield page
    page.on_hidden()


def do(page: CamerasPage, name: str) -> None:
    page.page_actions[name].trigger()


def test_each_watch_has_a_card_that_says_how_it_does(page: CamerasPage) -> None:
    text = page.card("camera01").accessibleDescription()
    for words in (
        *("watching", "in: 30.0 fps · 46,836", "backlog: 6 · 9.0 MB"),
        *("delay: 22 · p99 74 ms", "newest: —"),
    ):
        assert words in text
    assert not page.empty.isVisible()


@pytest.mark.parametrize("theme", THEMES)
def test_the_figures_of_a_card_are_whole_in_every_theme(qtbot: QtBot, theme: str) -> None:
    look = look_of(Theme(theme))
    card = CameraCard(look)
    qtbot.addWidget(card)
    label = QFontMetrics(look.small).horizontalAdvance("backlog")
    for p50_ms, p99_ms in ((22.0, 74.0), (100.0, 744.0), (999.0, 999.0), (999.0, 9400.0), (9900.0, 59_000.0)):
        view = replace(demo_watches()[0], latency_p50_ms=p50_ms, latency_p99_ms=p99_ms)
        value = max(QFontMetrics(look.font).horizontalAdvance(text) for _, text in figures(view, NOW_NS))
        assert card.sizeHint().width() >= PICTURE.width() + FIGURES_GAP + label + LABEL_GAP + value + 2 * MARGIN


@pytest.mark.parametrize(
    ("name", "severity", "words"),
    [
        ("camera01", Severity.INFO, ""),
        ("camera02", Severity.CAUTION, "is gone"),
        ("camera03", Severity.SERIOUS, "can't be watched"),
        ("camera04", Severity.INFO, ""),
        ("camera06", Severity.CAUTION, "has been open for 61 s"),
    ],
)
def test_what_is_wrong_is_said_on_its_card(page: CamerasPage, name: str, severity: Severity, words: str) -> None:
    view = page.card(name).view
    assert view is not None
    assert watch_problem(view, NOW_NS)[0] is severity
    assert words in watch_problem(view, NOW_NS)[1]
    assert words in page.card(name).toolTip()


def test_a_destination_that_does_not_answer_and_a_camera_that_falls_behind_are_told() -> None:
    view = demo_watches()[0]
    assert watch_problem(replace(view, online=False), NOW_NS)[0] is Severity.SERIOUS
    late = replace(view, newest_there_ns=NOW_NS - 6 * 10**9)
    assert watch_problem(late, NOW_NS) == (Severity.CAUTION, "the other end falls behind")
    for other in (
        replace(late, backlog=0),
        replace(late, state=WatchState.PAUSED),
        replace(late, state=WatchState.ENDED),
        replace(late, online=None),
    ):
        assert watch_problem(other, NOW_NS) == (Severity.INFO, "")


def test_why_frames_wait_is_told_on_their_cards(page: CamerasPage, state: ConsoleState) -> None:
    told = "frames wait for factory: f.jpg needs 1.5 MB, there are 0 B free"
    views = demo_watches()
    state.apply([WatchesChanged(tuple(replace(view, blocked=told) for view in views))])
    assert told in page.card("camera01").accessibleDescription()
    assert told in page.card("camera01").toolTip()
    assert told not in page.card("camera04").accessibleDescription()
    state.apply([WatchesChanged(views)])
    assert told not in page.card("camera01").accessibleDescription()


def test_a_picture_whose_name_is_no_unicode_is_asked_for_once(
    page: CamerasPage, state: ConsoleState, qtbot: QtBot
) -> None:
    path = "/data/ring/camera01/frame_\udcff.jpg"
    state.apply([WatchesChanged((replace(demo_watches()[0], newest_frame=path),))])
    qtbot.waitUntil(lambda: page.card("camera01").picture_path == path)


def test_an_error_is_shown_for_ten_minutes_and_counted_for_ever() -> None:
    view = replace(demo_watches()[0], error="E_X: it went wrong", error_ns=NOW_NS, errors=1)
    assert watch_problem(view, NOW_NS + 599 * 10**9)[1] == "it went wrong"
    assert watch_problem(view, NOW_NS + 601 * 10**9)[1] == ""
    assert dict(figures(view, NOW_NS))["errors"] == "1"


def test_ages_go_on_while_nothing_comes(page: CamerasPage, state: ConsoleState, clock: ManualClock) -> None:
    state.apply([WatchesChanged((replace(demo_watches()[0], newest_there_ns=NOW_NS),))])
    clock.advance(3 * 10**9)
    page.refresh()
    assert "newest: there 3.0 s ago" in page.card("camera01").accessibleDescription()


def test_cards_stay_while_their_figures_change_and_go_with_their_watch(page: CamerasPage, state: ConsoleState) -> None:
    before = page.card("camera02")
    first, second, *_ = demo_watches()
    state.apply([WatchesChanged((first, replace(second, backlog=9)))])
    assert page.card("camera02") is before
    with pytest.raises(KeyError):
        page.card("camera03")
    state.apply([WatchesChanged(())])
    assert page.empty.isVisible()


@pytest.mark.parametrize("words", ["Watch a folder…", "Import…"])
def test_a_page_without_cameras_offers_both_ways_to_one_however_narrow_it_is(
    page: CamerasPage, state: ConsoleState, words: str
) -> None:
    state.apply([WatchesChanged(())])
    page.resize(420, 400)
    QApplication.processEvents()
    button = next(each for each in page.empty.findChildren(ActionButton) if each.text() == words)
    assert button.isVisible()
    button.click()
    assert any(isinstance(each, WatchDialog) and each.isVisible() for each in page.children())


def test_hidden_it_asks_for_no_picture_and_paints_nothing_new(page: CamerasPage, state: ConsoleState) -> None:
    page.on_hidden()
    state.apply([WatchesChanged((replace(demo_watches()[0], backlog=77),))])
    assert "77" not in page.card("camera01").accessibleDescription()
    page.on_shown()
    assert "77" in page.card("camera01").accessibleDescription()


def test_the_last_frame_is_shown_as_it_was_when_it_has_left(
    page: CamerasPage, state: ConsoleState, qtbot: QtBot, tmp_path: Path
) -> None:
    path = write_frame(tmp_path / "a.jpg")
    state.apply([WatchesChanged((replace(demo_watches()[0], newest_frame=str(path)),))])
    qtbot.waitUntil(lambda: not page.card("camera01").picture.isNull())
    shown = page.card("camera01").picture
    assert (shown.width(), shown.height()) == (148, 111)
    state.apply([WatchesChanged((replace(demo_watches()[0], newest_frame=str(tmp_path / "gone.jpg")),))])
    qtbot.waitUntil(lambda: page.card("camera01").picture_path.endswith("gone.jpg"))
    assert page.card("camera01").picture == shown


def test_pictures_are_decoded_in_another_thread(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noting(path: str, size: QSize) -> object:
        threads.append(threading.get_ident())
        return decode(path, size)

    monkeypatch.setattr("app.workers.thumbnails.decode", noting)
    thumbnails = Thumbnails()
    thumbnails.start()
    with qtbot.waitSignal(thumbnails.arrived) as arrived:
        thumbnails.wish("camera01", str(write_frame(tmp_path / "a.jpg")), QSize(100, 100))
    thumbnails.stop()
    assert arrived.args[2].size() == QSize(100, 75)
    assert threads != [threading.get_ident()]


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_what_is_no_picture_gives_none(qapp: object, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert decode(str(tmp_path / "a.jpg"), QSize(10, 10)).isNull()
    assert np.array_equal(decode(str(write_frame(tmp_path / "b.jpg")), QSize(64, 64)).size().toTuple(), (64, 48))


def test_arrows_lead_from_card_to_card_and_the_buttons_mean_the_chosen_one(
    page: CamerasPage, qtbot: QtBot, service: FakeService
) -> None:
    assert page.chosen == "camera01"
    assert page.first_focus is page.card("camera01")
    page.card("camera01").setFocus()
    qtbot.keyClick(page.card("camera01"), Qt.Key.Key_Right)
    assert page.chosen == "camera02"
    qtbot.keyClick(page.card("camera02"), Qt.Key.Key_Down)
    assert page.chosen == "camera05"
    qtbot.keyClick(page.card("camera05"), Qt.Key.Key_Down)
    assert page.chosen == "camera05"
    qtbot.keyClick(page.card("camera05"), Qt.Key.Key_End)
    assert page.chosen == "camera07"
    do(page, "pause")
    assert service.watches.calls == [("resume", "camera07")]


def test_pause_and_resume_follow_the_state_and_only_what_stands_still_is_forgotten(
    page: CamerasPage, service: FakeService
) -> None:
    def offered() -> tuple[str, bool, bool]:
        actions = page.page_actions
        return actions["pause"].text(), actions["remove"].isEnabled(), actions["rescan"].isEnabled()

    assert offered() == ("Pause", False, True)
    do(page, "pause")
    assert offered() == ("Resume", True, False)
    do(page, "pause")
    do(page, "pause")
    do(page, "remove")
    assert [call[0] for call in service.watches.calls] == ["pause", "resume", "pause", "remove"]
    assert page.chosen == "camera02"


def test_what_is_forgotten_comes_back_with_undo(page: CamerasPage, service: FakeService, qtbot: QtBot) -> None:
    do(page, "pause")
    page.card("camera01").setFocus()
    with qtbot.waitSignal(page.done) as done:
        do(page, "remove")
    assert page.card("camera02").hasFocus()
    text, undo = done.args
    assert text == "camera01 is forgotten; its files stay"
    undo()
    assert service.watches.calls[-1] == ("restore", "camera01")
    assert page.card("camera01").view is not None


def test_a_folder_that_can_t_be_looked_at_again_is_not_said_to_be(
    page: CamerasPage, service: FakeService, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(page.noted) as noted:
        do(page, "rescan")
    assert noted.args == ["camera01 is looked at again"]
    service.watches.fail["rescan"] = NotFoundError("there is no watch")
    with qtbot.waitSignal(page.failed), qtbot.assertNotEmitted(page.noted):
        do(page, "rescan")


def test_a_verb_that_fails_is_told(page: CamerasPage, service: FakeService, qtbot: QtBot) -> None:
    service.watches.fail["pause"] = NotFoundError("there is no watch")
    with qtbot.waitSignal(page.failed) as failed:
        do(page, "pause")
    assert failed.args[0].code == "E_NOT_FOUND"


def test_a_folder_is_added_with_what_the_dialog_says(page: CamerasPage, service: FakeService, qtbot: QtBot) -> None:
    do(page, "add")
    dialog = next(each for each in page.children() if isinstance(each, WatchDialog))
    dialog.ok.click()
    assert "nothing is named" in dialog.problem.text()
    dialog.place.setText("/data/ring/camera01")
    dialog.pattern.setText("*.jpg")
    dialog.delete_after.setChecked(True)
    dialog.max_files.setValue(799)
    with qtbot.waitSignal(page.noted):
        dialog.ok.click()
    ((_, spec),) = service.watches.calls
    assert (spec.name, spec.directory, spec.destination) == ("camera01-2", "/data/ring/camera01", "factory")
    assert (spec.pattern, spec.delete_after, spec.max_files) == ("*.jpg", True, 799)
    assert page.card("camera01-2").isVisible()


def test_a_refused_folder_keeps_the_dialog_open_with_the_reason(page: CamerasPage, service: FakeService) -> None:
    service.watches.fail["add"] = SourceMissing("/nowhere is no folder")
    do(page, "add")
    dialog = next(each for each in page.children() if isinstance(each, WatchDialog))
    dialog.place.setText("/nowhere")
    dialog.ok.click()
    assert "/nowhere is no folder" in dialog.problem.text()
    assert dialog.isVisible()
    assert dialog.ok.isEnabled()
    dialog.reject()


def test_cameras_are_imported_from_a_file(page: CamerasPage, service: FakeService, qtbot: QtBot) -> None:
    do(page, "import")
    dialog = next(each for each in page.children() if isinstance(each, WatchDialog))
    dialog.place.setText("/data/camera_config.json")
    with qtbot.waitSignal(page.noted) as noted:
        dialog.ok.click()
    assert noted.args == ["2 cameras are watched"]
    assert service.watches.calls[0][:2] == ("import_cameras", "/data/camera_config.json")


def test_a_trigger_begins_with_the_newest_frame_unless_another_is_named(
    page: CamerasPage, service: FakeService, qtbot: QtBot
) -> None:
    do(page, "trigger")
    dialog = next(each for each in page.children() if isinstance(each, TriggerDialog))
    assert dialog.frame.text() == "frame_camera01_000046836.jpg"
    dialog.ball.setText("ball_001")
    with qtbot.waitSignal(page.noted) as noted:
        dialog.ok.click()
    assert service.watches.calls == [("trigger", "frame_camera01_000046836.jpg", "ball_001")]
    assert noted.args == ["2 cameras from frame_camera01_000046836.jpg on, to ball_001/camera01"]


def test_the_chosen_card_is_copied_as_text(page: CamerasPage) -> None:
    page.show_subject("camera03")
    next(action for action in page.actions() if action.objectName() == "cameras.copy").trigger()
    assert QGuiApplication.clipboard().text().startswith("camera03: folder is away\n/data/ring/camera03 to factory")


def test_what_is_not_known_is_a_dash_and_never_zero() -> None:
    view = WatchView(demo_watches()[0].spec, WatchState.WATCHING)
    assert dict(figures(view, NOW_NS))["newest"] == "—"
    slow = replace(view, latency_p50_ms=640.0, latency_p99_ms=4600.0)
    assert dict(figures(slow, NOW_NS))["delay"] == "640 ms · p99 4.6 s"
    assert dict(figures(replace(slow, latency_p50_ms=1200.0), NOW_NS))["delay"] == "1.2 · p99 4.6 s"
    assert dict(figures(view, NOW_NS))["in"] == "— fps · 0"
    assert dict(figures(view, NOW_NS))["delay"] == "—"


def test_rates_of_an_engine_that_does_not_answer_are_not_shown(page: CamerasPage, state: ConsoleState) -> None:
    page.refresh()
    assert page.totals.text().startswith("90.0 fps in")
    before = page.card("camera01").grab().toImage()
    state.apply([EngineSilent(True)])
    page.refresh()
    assert page.totals.text().startswith("— fps in")
    assert "in: — fps · 46,836" in page.card("camera01").accessibleDescription()
    assert page.card("camera01").grab().toImage() != before
    state.apply([EngineSilent(False)])
    page.refresh()
    assert page.totals.text().startswith("90.0 fps in")


def test_of_an_engine_that_does_not_answer_nobody_knows_whether_the_other_end_falls_behind(
    page: CamerasPage, state: ConsoleState
) -> None:
    state.apply([WatchesChanged((replace(demo_watches()[0], newest_there_ns=NOW_NS - 60 * 10**9),))])
    assert "falls behind" in page.card("camera01").toolTip()
    state.apply([EngineSilent(True)])
    page.refresh()
    assert "falls behind" not in page.card("camera01").toolTip()
