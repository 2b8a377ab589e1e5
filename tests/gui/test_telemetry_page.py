"""The Telemetry page over simulated drones: live, replayed, compared; by key; with no work while hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QAction, QColor, QDropEvent, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.console_state import ConsoleState
from app.models.sources_model import SourceRow
from app.models.telemetry_alarms import Alarm
from app.models.telemetry_feed import SOURCES_EVERY
from app.models.telemetry_offers import FIRST_SELECT, NOT_RECORDING, NOTHING_TO_MARK
from app.theme.theme import Theme
from app.views.telemetry.alarms_dialog import AlarmsDialog
from app.views.telemetry.join_dialog import JoinDialog
from app.views.telemetry.lane_plot import LanePlot
from app.views.telemetry.live_words import live_words
from app.views.telemetry.mode_bar import Mode
from app.views.telemetry.page import TelemetryPage
from app.views.telemetry.picture import PLOTTED_MOST, recorded_source
from app.views.telemetry.receive_dialog import ReceiveDialog
from app.views.telemetry.track_view import TrackView, Trail
from app.widgets.fixed_items import FixedCurve
from app.widgets.look import look_of
from app.widgets.status_shape import SEVERITY_SHAPES
from app.workers.calls_here import CallsHere
from tests.support.console_world import colours_in
from tests.support.fake_service import FakeService
from tests.support.fake_telemetry import T0, FakeTelemetry, race_view
from transfer_core.events import EngineFound, EngineLost, EngineSilent, Severity
from transfer_core.events.alarm_limits import AlarmLimits, AlarmLimitsChanged, parse_rules
from transfer_core.events.telemetry import LIVE, RaceRemoved, RacesChanged, RaceState, Role
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S


@pytest.fixture
def clock() -> ManualClock:
    """Monotonic time as the feed's clock has it."""
    return ManualClock(monotonic_ns=T0)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def telemetry(service: FakeService) -> FakeTelemetry:
    return service.telemetry


@pytest.fixture
def state(clock: ManualClock) -> ConsoleState:
    return ConsoleState(clock)


@pytest.fixture
def theme() -> Theme:
    return Theme()


@pytest.fixture
def page(qtbot: QtBot, service: FakeService, state: ConsoleState, theme: Theme) -> Iterator[TelemetryPage]:
    shown = TelemetryPage(state, theme)
    qtbot.addWidget(shown)
    shown.resize(1150, 650)
    shown.connect_to(CallsHere(service))
    with qtbot.waitExposed(shown):
        shown.show()
    shown.on_shown()
    yield shown
    shown.on_hidden()


def tick(page: TelemetryPage, times: int = 9) -> None:
    for _ in range(times):
        page.feed.tick()


def fly(page: TelemetryPage, telemetry: FakeTelemetry, clock: ManualClock, seconds: float, feed: str = LIVE) -> None:
    telemetry.fly(seconds, feed)
    clock.advance(round(seconds * NS_PER_S))
    tick(page)


def rows(page: TelemetryPage) -> dict[str, dict[str, str]]:
    model = page.rows
    heads = [str(model.headerData(column, Qt.Orientation.Horizontal)) for column in range(model.columnCount())]
    texts = [[str(model.index(row, column).data()) for column in range(len(heads))] for row in range(model.rowCount())]
    return {line[0]: dict(zip(heads, line, strict=True)) for line in texts}


def do(page: TelemetryPage, name: str) -> None:
    action = page.findChild(QAction, f"telemetry.{name}")
    assert action is not None
    action.trigger()


def test_live_it_shows_every_drone_in_plots_track_and_table(page, telemetry, clock) -> None:
    tick(page)
    fly(page, telemetry, clock, 6.0)
    assert page.bar.mode is Mode.LIVE
    assert "UDP 127.0.0.1:9001" in page.bar.words.text()
    assert page.track.names == ["Ada", "Grace"]
    assert [lane.name for lane in page.plot.lanes][:3] == ["Speed", "Height", "Pitch"]
    x, y = page.plot.points_of("10.0.0.1:5001")
    assert np.nanmax(x) == pytest.approx(0.0, abs=0.05)
    assert np.nanmin(x) == pytest.approx(-6.0, abs=0.2)
    assert 0.0 <= np.nanmin(y) < np.nanmax(y) <= 1.0
    table = rows(page)
    ada = table["Ada (10.0.0.1:5001)"]
    assert (ada["state"], ada["Hz"], ada["loss %"]) == ("live", "100.0", "0")
    assert float(ada["Speed m/s"]) > 1


def test_values_can_be_read_at_any_moment_while_it_is_live(page, telemetry, clock, qtbot) -> None:
    page.channels.model.set_checked(["Timestamp"])
    tick(page)
    fly(page, telemetry, clock, 8.0)
    page.show_cursor(-3.0)
    tick(page)
    assert float(rows(page)["Ada (10.0.0.1:5001)"]["Timestamp s"]) == pytest.approx(4.99, abs=0.05)
    fly(page, telemetry, clock, 1.0)
    assert float(rows(page)["Ada (10.0.0.1:5001)"]["Timestamp s"]) == pytest.approx(5.99, abs=0.05)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert page.picture.cursor_s == pytest.approx(-3.25)
    qtbot.keyClick(page, Qt.Key.Key_Escape)
    assert page.picture.cursor_s is None


def test_rows_that_are_selected_are_plotted_alone(page, telemetry, clock) -> None:
    tick(page)
    fly(page, telemetry, clock, 2.0)
    page.table.selectRow(1)
    tick(page)
    assert len(page.plot.points_of("10.0.0.1:5001")[0]) == 0
    assert len(page.plot.points_of("10.0.0.2:5001")[0]) > 0
    assert page.track.names == ["Ada", "Grace"]
    page.table.clearSelection()
    tick(page)
    assert len(page.plot.points_of("10.0.0.1:5001")[0]) > 0


def test_more_sources_than_anyone_tells_apart_are_left_to_the_table(page, service, clock) -> None:
    service.telemetry = FakeTelemetry(PLOTTED_MOST + 6)
    tick(page)
    fly(page, service.telemetry, clock, 1.0)
    assert len(page.track.names) == page.rows.rowCount() == PLOTTED_MOST + 6
    assert "plots leave 6 sources out" in page.bar.words.text()


def test_who_falls_silent_is_said_to_be_within_a_few_frames(page, telemetry, clock) -> None:
    fly(page, telemetry, clock, 2.0)
    telemetry.silent = {1}
    telemetry.fly(0.05)
    clock.advance(NS_PER_S // 20)
    for _ in range(SOURCES_EVERY + 1):
        page.feed.tick()
    assert next(line["state"] for name, line in rows(page).items() if "Grace" in name) == "silent"
    assert "Grace: silent" in page.bar.words.text()


def test_a_silent_source_is_said_to_be_and_shows_no_value(page, telemetry, clock) -> None:
    tick(page)
    fly(page, telemetry, clock, 5.0)
    telemetry.silent = {1}
    fly(page, telemetry, clock, 1.0)
    table = rows(page)
    grace = table["Grace (10.0.0.2:5001)"]
    assert (grace["state"], grace["Hz"], grace["Speed m/s"]) == ("silent", "—", "—")
    assert table["Ada (10.0.0.1:5001)"]["state"] == "live"
    x, _ = page.plot.points_of("10.0.0.2:5001")
    assert np.nanmax(x) < -0.9


@pytest.mark.parametrize("news", [EngineSilent(True), EngineLost("it was killed", 1.0)])
def test_all_is_how_it_was_while_the_engine_is_not_heard_of(page, telemetry, clock, state, news) -> None:
    fly(page, telemetry, clock, 3.0)
    good = Theme().tokens.good
    assert good in colours_in(page.table)
    state.apply([news])
    clock.advance(5 * NS_PER_S)
    tick(page)
    ada = rows(page)["Ada (10.0.0.1:5001)"]
    assert (ada["state"], ada["Hz"], ada["loss %"], ada["Speed m/s"]) == ("was live", "—", "—", "—")
    assert ada["heard"] == "5.0 s ago"
    assert page.bar.badge.text() == "NO NEWS"
    assert "silent" not in page.bar.words.text()  # the engine is, and no drone that anyone knows of
    assert good not in colours_in(page.table)
    assert page.track.old_names == ["Ada", "Grace"]


def test_what_is_heard_of_again_is_live_again(page, telemetry, clock, state) -> None:
    fly(page, telemetry, clock, 3.0)
    state.apply([EngineLost("it was killed", 1.0)])
    tick(page)
    assert page.track.old_names == ["Ada", "Grace"]
    state.apply([EngineFound()])
    fly(page, telemetry, clock, 1.0)
    assert rows(page)["Ada (10.0.0.1:5001)"]["state"] == "live"
    assert page.bar.badge.text() == "LIVE"
    assert page.track.old_names == []


def test_a_replay_stands_still_while_the_engine_is_not_heard_of_and_is_still_no_live_picture(
    page, telemetry, clock, state
) -> None:
    page.desk.open_replay("r1")
    tick(page)
    state.apply([EngineSilent(True)])
    at_ns = page.feed.end_ns()
    clock.advance(5 * NS_PER_S)
    tick(page)
    assert page.feed.end_ns() == at_ns
    assert page.bar.badge.text() == "REPLAY · NO NEWS"


def test_a_race_is_not_said_to_be_recorded_by_an_engine_that_is_not_heard_of(page, state) -> None:
    state.apply([RacesChanged((race_view("race9", "night", state=RaceState.LIVE),))])

    def told() -> list[str]:
        model = page.races.model
        return [str(model.index(row, 0).data()) for row in range(model.rowCount())]

    assert any(line.endswith("  recording") for line in told())
    state.apply([EngineSilent(True)])
    assert not any(line.endswith("  recording") for line in told())
    assert any(line.endswith("  was recording") for line in told())


def test_an_empty_battery_is_an_alarm(page, telemetry, clock) -> None:
    tick(page)
    fly(page, telemetry, clock, 2.0)
    ring = page.feed.rings["10.0.0.1:5001"]
    moment_ns = page.feed.end_ns()
    assert moment_ns is not None
    level = ring.value_at("BatteryPercentage", moment_ns / NS_PER_S)
    assert level is not None
    page.picture.limits = AlarmLimits(battery_low=level + 0.01)
    tick(page)
    assert rows(page)["Ada (10.0.0.1:5001)"]["state"] == f"battery {level:.0%}"


def test_hidden_it_asks_and_draws_nothing_and_what_was_missed_is_there_again(page, telemetry, clock) -> None:
    tick(page)
    fly(page, telemetry, clock, 1.0)
    page.on_hidden()
    assert not page.is_refreshing
    asked, drawn = telemetry.asked, page.frames_drawn
    telemetry.fly(4.0)
    clock.advance(4 * NS_PER_S)
    assert (telemetry.asked, page.frames_drawn) == (asked, drawn)
    page.on_shown()
    tick(page)
    x, _ = page.plot.points_of("10.0.0.1:5001")
    assert np.nanmin(x) == pytest.approx(-5.0, abs=0.2)


def test_frozen_the_picture_stands_and_the_data_goes_on(page, telemetry, clock, qtbot) -> None:
    tick(page)
    fly(page, telemetry, clock, 3.0)
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert page.is_frozen
    before = page.plot.points_of("10.0.0.1:5001")[0].copy()
    fly(page, telemetry, clock, 3.0)
    np.testing.assert_array_equal(page.plot.points_of("10.0.0.1:5001")[0], before)
    page.show_span(10.0)
    assert page.is_frozen
    qtbot.keyClick(page, Qt.Key.Key_Space)
    tick(page)
    assert np.nanmin(page.plot.points_of("10.0.0.1:5001")[0]) == pytest.approx(-6.0, abs=0.2)


def test_a_list_without_lines_says_so_from_the_start(qtbot: QtBot, state: ConsoleState, theme: Theme) -> None:
    fresh = TelemetryPage(state, theme)
    qtbot.addWidget(fresh)
    assert fresh.channels.empty.text() == "Nothing has come yet."


def test_channels_are_found_by_words_and_drawn_by_space(page, telemetry, clock, qtbot) -> None:
    tick(page)
    fly(page, telemetry, clock, 1.0)
    page.channels.field.setText("gyro yaw")
    model = page.channels.model
    assert [model.index(row).data() for row in range(model.rowCount())] == ["GyroYaw  deg/s"]
    page.channels.view.setCurrentIndex(model.index(0))
    qtbot.keyClick(page.channels.view, Qt.Key.Key_Space)
    tick(page)
    assert page.plot.lanes[-1].name == "GyroYaw"
    assert not page.is_frozen
    qtbot.keyClick(page.channels.view, Qt.Key.Key_Space)
    tick(page)
    assert "GyroYaw" not in [lane.name for lane in page.plot.lanes]


def test_a_replay_can_not_be_mistaken_for_live_and_is_steered_by_key(page, telemetry, clock, qtbot) -> None:
    tick(page)
    fly(page, telemetry, clock, 2.0)
    live = page.bar.grab().toImage()
    page.races.select("r1")
    qtbot.keyClick(page.races.view, Qt.Key.Key_Return)
    assert (page.bar.mode, page.bar.badge.text()) == (Mode.REPLAY, "REPLAY")
    assert page.bar.grab().toImage().pixelColor(4, 20) != live.pixelColor(4, 20)
    assert telemetry.called[:2] == [("open_replay", ("r1",)), ("play", ())]
    assert page.feed.rings == {}
    fly(page, telemetry, clock, 1.0, feed="replay-1")
    tick(page, 18)
    assert rows(page)["Ada (10.0.0.1:5001)"]["state"] == "replayed"
    assert "heat 1" in page.bar.words.text()
    for name in ("play", "step", "back", "faster", "slower", "loop", "loop"):
        do(page, name)
    page.bar.slider.setValue(500)
    told = [call for call in telemetry.called if call[0] != "open_replay"][1:]
    assert told == [
        ("pause", ()),
        ("step", (1,)),
        ("step", (-1,)),
        ("set_speed", (2.0,)),
        ("set_speed", (1.0,)),
        ("set_loop", (0, 10 * NS_PER_S)),
        ("set_loop", (None, None)),
        ("seek", (10 * NS_PER_S,)),
    ]
    do(page, "live")
    assert page.bar.mode is Mode.LIVE
    assert telemetry.called[-1] == ("close_replay", ("replay-1",))


def test_speeds_stay_within_bounds(page, telemetry) -> None:
    page.desk.open_replay("r1")
    for _ in range(10):
        do(page, "faster")
    assert telemetry.called[-1] == ("set_speed", (50.0,))
    for _ in range(20):
        do(page, "slower")
    assert telemetry.called[-1] == ("set_speed", (0.1,))


def test_a_replay_that_others_closed_leads_back_to_live(page, telemetry, clock) -> None:
    page.desk.open_replay("r1")
    assert page.bar.mode is Mode.REPLAY
    telemetry.close_replay("replay-1")
    tick(page)
    assert page.bar.mode is Mode.LIVE


def test_two_races_are_laid_side_by_side(page, telemetry, qtbot) -> None:
    page.channels.model.set_checked(["Height", "BatteryVoltage"])
    with qtbot.waitSignal(page.noted):
        page.races.select("r1")
        do(page, "compare")
    page.races.select("r2")
    do(page, "compare")
    assert page.bar.mode is Mode.COMPARE
    assert not page.is_refreshing
    assert "heat 1 (solid)  with  heat 2 (dashed)" in page.bar.words.text()
    assert [lane.name for lane in page.plot.lanes] == ["PositionY", "BatteryVoltage"]
    page.show_cursor(-10.0)
    table = rows(page)
    assert float(table["1 Ada"]["PositionY"]) == pytest.approx(5.0, abs=0.1)
    assert float(table["2 Ada"]["PositionY"]) == pytest.approx(10.0, abs=0.2)
    page.channels.model.set_checked(["Timestamp"])
    assert [lane.name for lane in page.plot.lanes] == ["Timestamp"]
    do(page, "live")
    assert page.is_refreshing


def refused(page: TelemetryPage, name: str) -> str:
    """Why a command can't be used, as its button says; empty if it can."""
    action = page.findChild(QAction, f"telemetry.{name}")
    assert action is not None
    return "" if action.isEnabled() else action.toolTip()


def test_what_can_do_nothing_is_grey_and_says_why(page: TelemetryPage, telemetry: FakeTelemetry, qtbot: QtBot) -> None:
    tick(page)
    assert refused(page, "end") == f"{NOT_RECORDING}  (E)"
    assert refused(page, "mark") == f"{NOTHING_TO_MARK}  (M)"
    assert refused(page, "replay") == f"{FIRST_SELECT}  (R)"
    page.races.select("r1")
    assert refused(page, "replay") == refused(page, "compare") == refused(page, "export") == ""
    page.races.field.setText("no race is called so")
    assert refused(page, "replay")
    page.races.field.clear()
    page.races.select("r1")
    do(page, "replay")
    assert refused(page, "mark") == ""
    page.go_live()
    assert refused(page, "mark")
    page.desk.note_races((race_view("r9", "heat 9", state=RaceState.LIVE),))
    assert refused(page, "end") == refused(page, "mark") == refused(page, "join") == ""
    page.desk.note_races((race_view("r9", "heat 9", state=RaceState.ENDED),))
    assert refused(page, "end")


def test_a_race_is_recorded_marked_and_ended(page, telemetry, qtbot, monkeypatch) -> None:
    do(page, "race")
    dialog = page.findChild(ReceiveDialog)
    assert dialog is not None
    dialog.name.setText("Final")
    dialog.port.setValue(9100)
    dialog.accept_button.click()
    assert telemetry.called[-1] == ("create_race", ("Final", 9100, "127.0.0.1", None))
    assert "Final  recording" in [page.races.model.index(row).data() for row in range(page.races.model.rowCount())]
    monkeypatch.setattr("app.views.telemetry.wishes.QInputDialog.getText", lambda *_: ("crash", True))
    do(page, "mark")
    assert telemetry.called[-1] == ("mark", ("r9", "crash", None))
    do(page, "end")
    assert telemetry.called[-1] == ("end_race", ("r9",))
    assert page.races.current == "r9"  # so that it can be looked at again at once


def test_a_race_that_is_deleted_by_mistake_comes_back_and_is_selected(page, telemetry, qtbot) -> None:
    tick(page)
    page.races.select("r1")
    told = []
    page.done.connect(lambda text, take_back: told.append((text, take_back)))
    do(page, "delete")
    assert telemetry.called[-1] == ("discard_race", ("r1",))
    assert page.races.model.row_of("r1") < 0
    ((text, take_back),) = told
    assert text.startswith("heat 1 is deleted")
    take_back()
    assert telemetry.called[-1] == ("take_back_race", ("r1",))
    assert page.races.current == "r1"


def test_a_layout_is_read_from_the_games_file_and_a_small_buffer_is_said(page, telemetry, qtbot, tmp_path) -> None:
    path = tmp_path / "TelemetryConfiguration.json"
    path.write_text('{"StreamFormat": ["Timestamp"]}')
    telemetry.layout = lambda text: {"decoder": "liftoff", "StreamFormat": ["Timestamp"]} if "Timestamp" in text else {}
    do(page, "listen")
    dialog = page.findChild(ReceiveDialog)
    dialog.decoder.setCurrentIndex(1)
    dialog.path.setText(str(path))
    with qtbot.waitSignal(page.noted) as said:
        dialog.accept_button.click()
    assert "200 kB" in said.args[0]
    assert telemetry.called[-1][1][2] == {"decoder": "liftoff", "StreamFormat": ["Timestamp"]}
    do(page, "listen")
    dialog = page.findChildren(ReceiveDialog)[-1]
    dialog.decoder.setCurrentIndex(1)
    dialog.path.setText(str(tmp_path / "none.json"))
    with qtbot.waitSignal(page.failed) as failed:
        dialog.accept_button.click()
    assert failed.args[0].code == "E_SOURCE_UNREADABLE"


def test_a_log_that_is_dropped_is_opened_and_replayed(page, telemetry) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/data/race.drslog"), QUrl.fromLocalFile("/data/notes.txt")])
    copy = Qt.DropAction.CopyAction
    event = QDropEvent(QPointF(QPoint(5, 5)), copy, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    page.dropEvent(event)
    opened = [call for call in telemetry.called if call[0].startswith("open")]
    assert opened == [("open_recording", ("/data/race.drslog",)), ("open_replay", ("r5",))]


def test_the_table_is_copied_as_text_and_races_follow_events(page, telemetry, clock, state) -> None:
    tick(page)
    fly(page, telemetry, clock, 1.0)
    page.table.copy_rows()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].startswith("source\tstate\tHz")
    assert len(lines) == 3
    state.apply([RacesChanged((race_view("r7", "newer", created_at="2027-01-01"),)), RaceRemoved("r1")])
    names = [page.races.model.index(row).data() for row in range(page.races.model.rowCount())]
    assert names == ["newer  20 s", "heat 2  20 s"]


def test_an_alarm_of_any_channel_shows_by_shape_and_words_drawn_or_not(page, telemetry, clock, service, qtbot) -> None:
    telemetry.limits = AlarmLimits(battery_low=0, battery_empty=0, rules=parse_rules("MotorRPM2 > -1 critical"))
    page.on_hidden()
    page.on_shown()
    page.channels.model.set_checked(["Timestamp"])
    tick(page)
    fly(page, telemetry, clock, 3.0)
    assert rows(page)["Ada (10.0.0.1:5001)"]["state"].startswith("MotorRPM2 ")
    row = page.rows.row(0)
    assert row.alarm.severity is Severity.CRITICAL
    assert page.table.shape_of(0) is SEVERITY_SHAPES[Severity.CRITICAL]


def test_limits_are_asked_for_kept_and_refused_with_a_reason(page, telemetry, state, qtbot) -> None:
    do(page, "alarms")
    dialog = page.findChild(AlarmsDialog)
    assert dialog is not None
    dialog.rules.setPlainText("Speed > fast")
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert "Speed > fast" in dialog.problem.text()
    dialog.rules.setPlainText("Speed > 40 serious\n")
    dialog.loss.setValue(50)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert "heavy_loss" in dialog.problem.text()
    dialog.loss.setValue(5)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert telemetry.called[-1][0] == "set_alarm_limits"
    assert telemetry.limits == AlarmLimits(loss=0.05, rules=parse_rules("Speed > 40 serious"))
    assert page.picture.limits == telemetry.limits
    other = AlarmLimits(loss=0.5, heavy_loss=0.6)
    state.apply([AlarmLimitsChanged(other)])
    assert page.picture.limits == other


def test_pilots_and_viewers_join_a_race_that_is_recorded(page, telemetry, clock, state, qtbot) -> None:
    noted: list[str] = []
    page.noted.connect(noted.append)
    assert refused(page, "join") == f"{NOT_RECORDING}  (J)"
    running = race_view("r9", "heat 9", state=RaceState.LIVE)
    telemetry.races_there["r9"] = running
    state.apply([RacesChanged((running,))])
    tick(page)
    fly(page, telemetry, clock, 1.0)
    do(page, "join")
    dialog = page.findChild(JoinDialog)
    assert dialog is not None
    assert [dialog.source.itemData(row) for row in range(dialog.source.count())] == [
        "",
        "10.0.0.1:5001",
        "10.0.0.2:5001",
    ]
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.isVisible()  # nobody is named yet
    dialog.name.setText("Marie")
    dialog.source.setCurrentIndex(2)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert telemetry.called[-1] == ("join_race", ("r9", "Marie", Role.PILOT, "10.0.0.2:5001"))
    assert "Marie" in noted[-1]
    do(page, "join")
    viewer = page.findChildren(JoinDialog)[-1]
    assert "Marie (pilot)" in viewer.members.text()
    viewer.name.setText("Tim")
    viewer.role.setCurrentText("Viewer")
    assert not viewer.source.isEnabled()
    qtbot.keyClick(viewer, Qt.Key.Key_Return)
    assert telemetry.called[-1] == ("join_race", ("r9", "Tim", Role.VIEWER, ""))


def test_what_is_listened_to_may_be_passed_on_to_a_paired_relay(page, telemetry, qtbot) -> None:
    do(page, "listen")
    dialog = page.findChild(ReceiveDialog)
    assert dialog is not None
    relays = [dialog.relay.itemText(row) for row in range(1, dialog.relay.count())]
    assert relays
    dialog.relay.setCurrentIndex(1)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert telemetry.called[-1] == ("forward", (9001, relays[0], "UDP 9001"))


def test_the_band_says_what_comes_from_where_and_where_it_goes() -> None:
    own = FakeTelemetry().listeners()[0]
    passed_on = replace(own, forwards_to="factory", forward_skipped=2, forward_missing=1)
    waits = replace(own, forwards_to="factory", forward_error="there is no connection to the relay")
    from_afar = replace(own, port=9007, origin="track", missing=4)
    assert "→ factory, 3 not there" in live_words([passed_on], [], 0)
    assert "→ factory (there is no connection" in live_words([waits], [], 0)
    assert "UDP 9007 from track, 4 missing" in live_words([from_afar], [], 0)


def test_who_needs_a_hand_stands_in_the_band_since_the_table_may_have_no_room() -> None:
    own = FakeTelemetry().listeners()[0]
    sources = [recorded_source(name) for name in ("Ada", "Grace", "Vic", "Ed")]
    silent, fine = Alarm(Severity.SERIOUS, "silent"), Alarm(Severity.INFO, "live")
    rows = [SourceRow(source, silent, (), place) for place, source in enumerate(sources)]
    assert live_words([own], [], 0, rows).startswith("◆ Ada: silent, Grace: silent, and 2 more")
    assert live_words([own], [], 0, [replace(rows[0], alarm=fine), rows[1]]).startswith("◆ Grace: silent   UDP")
    assert live_words([own], [], 0, [replace(row, alarm=fine) for row in rows]).startswith("UDP")


@pytest.mark.parametrize("mode", [Mode.REPLAY, Mode.COMPARE])
def test_the_band_needs_no_more_width_than_a_window_at_150_percent_has(page: TelemetryPage, mode: Mode) -> None:
    page.bar.show_mode(mode, "a race with a name that is longer than any window has room for " * 3)
    assert page.bar.minimumSizeHint().width() <= 640


def test_the_name_of_a_race_has_as_many_lines_as_it_needs(page: TelemetryPage, qtbot: QtBot) -> None:
    long = race_view("r7", "a race with a name that is longer than the list at the left is wide")
    page.desk.note_races((long,))
    view = page.races.view
    wide = view.viewport().width()
    index = page.races.model.index(page.races.model.row_of("r7"))
    qtbot.waitUntil(lambda: view.visualRect(index).height() > 2 * view.fontMetrics().height())
    assert view.visualRect(index).width() <= wide


def test_a_comparison_is_drawn_anew_in_another_theme(page: TelemetryPage, theme: Theme) -> None:
    for race_id in ("r1", "r2"):
        race = page.desk.race(race_id)
        assert race is not None
        page.comparison.choose(race)
    assert page.bar.mode is Mode.COMPARE

    def colours() -> set[str]:
        return {item.opts["pen"].color().name() for item in page.plot.items() if isinstance(item, FixedCurve)}

    mine = page.picture.colour("1 Ada").name()
    assert mine in colours()
    theme.set_name("dark")
    assert page.picture.colour("1 Ada").name() != mine
    assert page.picture.colour("1 Ada").name() in colours()


def test_names_of_drones_lie_neither_on_each_other_nor_on_dots(qtbot: QtBot) -> None:
    track = TrackView(look_of(Theme()))
    qtbot.addWidget(track)
    track.resize(300, 300)
    track.show()
    here = np.array([0.0, 10.0])
    trails = {
        name: Trail(here, here + shift, name, is_old=False)
        for name, shift in (("Ada", 0.0), ("Grace", 0.2), ("Vic", 5.0))
    }
    track.draw(trails, dict.fromkeys(trails, QColor("red")))
    places = track.label_places()
    assert set(places) >= {"Ada", "Vic"}
    boxes = list(places.values())
    assert not any(one.intersects(other) for at, one in enumerate(boxes) for other in boxes[at + 1 :])


@pytest.mark.parametrize("shape", [(300, 300), (260, 120), (120, 300)], ids=str)
def test_nothing_lies_over_the_words_that_say_which_way_is_up(qtbot: QtBot, shape: tuple[int, int]) -> None:
    look = look_of(Theme())
    track = TrackView(look)
    qtbot.addWidget(track)
    track.resize(*shape)
    track.show()
    track.draw({}, {})
    QApplication.processEvents()
    words = QRect(0, 0, track.viewport().width(), 6 + QFontMetrics(look.small).height())
    before = track.grab(words).toImage()
    everywhere = np.linspace(-50.0, 50.0, 400)
    trails = {
        "Ada": Trail(everywhere, np.full(400, 50.0), "Ada", is_old=False),
        "Grace": Trail(np.full(400, -50.0), everywhere, "Grace", is_old=False),
        "Vic": Trail(np.full(400, -30.0), everywhere, "Vic", is_old=False),
    }
    track.draw(trails, dict.fromkeys(trails, QColor("red")))
    QApplication.processEvents()
    assert track.label_places()
    assert not any(place.intersects(words) for place in track.label_places().values())
    assert track.grab(words).toImage() == before


@pytest.mark.parametrize("shape", [(600, 300), (300, 150), (290, 146), (220, 110), (160, 60)], ids=str)
def test_what_is_said_while_nothing_has_come_is_not_cut(qtbot: QtBot, shape: tuple[int, int]) -> None:
    look = look_of(Theme("sun"))
    plot = LanePlot(look)
    qtbot.addWidget(plot)
    plot.resize(*shape)
    plot.show()
    QApplication.processEvents()
    picture = plot.viewport().grab().toImage()
    ground = picture.pixel(0, 0)
    inked = [any(picture.pixel(x, y) != ground for x in range(picture.width())) for y in range(picture.height())]
    lines = [len(list(rows)) for is_ink, rows in groupby(inked) if is_ink]
    assert lines
    assert min(lines) >= QFontMetrics(look.small).capHeight()


def test_the_line_that_keys_act_on_is_the_one_that_is_marked(page, telemetry, qtbot) -> None:
    tick(page)
    view = page.races.view
    assert page.races.current == ""
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    assert page.races.current == "r2"
    assert [index.row() for index in view.selectionModel().selectedIndexes()] == [0]
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert page.races.current == "r1"
    assert [index.row() for index in view.selectionModel().selectedIndexes()] == [1]


def test_two_sources_stand_whole_above_the_scroll_bar_of_a_table_at_its_lowest(page, telemetry, clock) -> None:
    fly(page, telemetry, clock, 1.0)
    page.resize(520, page.minimumSizeHint().height())
    QApplication.processEvents()
    table = page.table
    assert table.horizontalScrollBar().maximum() > 0
    assert table.model().rowCount() == 2
    assert table.rowViewportPosition(1) + table.rowHeight(1) <= table.viewport().height()
