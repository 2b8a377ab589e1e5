from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest

from app.models.console_state import ConsoleState
from app.models.destinations_model import DestinationColumn
from app.theme.theme import Theme
from app.views.destinations.add_dialog import AddDestinationDialog
from app.views.destinations.limits_panel import SLIDER_TOP, slider_mbps, slider_place
from app.views.destinations.page import DestinationsPage
from app.views.dialogs.sure import SureDialog
from app.widgets.week_grid import CELLS, WeekGrid
from app.workers.calls_here import CallsHere
from tests.support.console_world import PlainTheme
from tests.support.fake_service import FakeService
from transfer_core.engine.system import SystemClock
from transfer_core.errors import ServerRefused
from transfer_core.events import DestinationsChanged, DestinationView, EngineFound, EngineLost, EngineSilent
from transfer_core.service import DestinationTest, NewDestination, UploadLimits

HOTEL = DestinationView("hotel", "tus", ("https://host/files",), online=False, why="a login page answers")


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def state(service: FakeService) -> ConsoleState:
    made = ConsoleState(SystemClock())
    made.apply(service.subscribe().drain())
    return made


@pytest.fixture
def page(qtbot, service, state) -> Iterator[DestinationsPage]:
    page = DestinationsPage(state, Theme())
    qtbot.addWidget(page)
    page.connect_to(CallsHere(service))
    page.resize(1100, 640)
    with qtbot.waitExposed(page):
        page.show()
    page.on_shown()
    yield page
    page.on_hidden()


def row(page: DestinationsPage, number: int) -> list[str]:
    model = page.table.model()
    return [model.index(number, column).data() for column in range(model.columnCount())]


def test_each_destination_says_whether_it_is_there_why_not_and_what_waits(page, state, service) -> None:
    state.apply([DestinationsChanged((*service.destinations(), HOTEL))])
    assert row(page, 0)[:5] == ["Online", "factory", "", "6", "1"]
    assert row(page, 0)[DestinationColumn.KIND] == "relay, UDP"
    assert row(page, 1)[DestinationColumn.STATE] == "Offline"
    assert row(page, 1)[DestinationColumn.WHY] == "a login page answers"
    assert "login page" in page.table.model().index(1, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_names_and_addresses_are_whole_where_there_is_room_and_reasons_have_no_code(page, state) -> None:
    name, address = "factory-in-sakhir-by-the-hotel", "https://192.0.2.200:9000/a-bucket"
    views = (DestinationView(name, "s3", (address,), False, why="E_TOKEN: the server refuses the key"),)
    page.resize(1366, 700)
    state.apply([DestinationsChanged(views)])
    assert row(page, 0)[DestinationColumn.WHY] == "the server refuses the key"
    for column, text in ((DestinationColumn.NAME, name), (DestinationColumn.ADDRESS, address)):
        assert page.table.columnWidth(column) >= page.table.fontMetrics().horizontalAdvance(text)
    page.resize(640, 700)
    assert page.table.columnWidth(DestinationColumn.NAME) < 200


def test_without_destinations_the_page_says_what_to_do(page, state) -> None:
    state.apply([DestinationsChanged(())])
    assert page.empty.isVisible()
    assert page.first_focus is page.add_button


def test_the_first_destination_is_chosen_when_the_page_is_shown(page, service) -> None:
    assert page.table.chosen_rows() == [0]
    assert page.limits.own_cap.isEnabled()


def test_the_chosen_row_stays_chosen_when_others_come(page, state, service) -> None:
    state.apply([DestinationsChanged((*service.destinations(), HOTEL))])
    page.show_subject("hotel")
    state.apply(
        [DestinationsChanged((DestinationView("archive", "s3", ("s3://b",), None), *service.destinations(), HOTEL))]
    )
    assert [index.row() for index in page.table.selectionModel().selectedRows()] == [2]
    page.actions_by_name["test"].trigger()
    assert service.uploads.called("test_known") == [("hotel",)]


def test_a_test_that_fails_is_shown_with_what_to_do(page, state, service, qtbot) -> None:
    state.apply([DestinationsChanged((HOTEL,))])
    page.show_subject("hotel")
    service.uploads.test = DestinationTest(False, "tus", error="E_BAD_ANSWER", why="it is a login page", hint="Log in.")
    with qtbot.waitSignal(page.failed) as failed:
        page.actions_by_name["test"].trigger()
    assert failed.args[0].one_line() == "E_BAD_ANSWER: hotel: it is a login page. Log in."
    service.uploads.test = DestinationTest(True, "tus", "5G", 41.2)
    with qtbot.waitSignal(page.noted) as noted:
        page.actions_by_name["test"].trigger()
    assert noted.args == ["hotel is there: 41 ms over 5G"]


def test_all_that_failed_is_queued_again(page, service, qtbot) -> None:
    assert page.actions_by_name["retry"].text() == "Retry 1 failed"
    with qtbot.waitSignal(page.noted):
        page.actions_by_name["retry"].trigger()
    assert service.uploads.called("retry_failed") == [("",)]


def test_a_destination_is_forgotten_when_a_person_is_sure(page, service, qtbot) -> None:
    page.show_subject("factory")
    page.actions_by_name["remove"].trigger()
    (kept,) = page.findChildren(SureDialog)
    assert "new token" in kept.facts.text()
    qtbot.keyClick(kept.keep_button, Qt.Key.Key_Return)
    assert service.called("forget_destination") == []
    page.actions_by_name["remove"].trigger()
    sure = next(each for each in page.findChildren(SureDialog) if each.isVisible())
    qtbot.mouseClick(sure.agree_button, Qt.MouseButton.LeftButton)
    assert service.called("forget_destination") == [("factory",)]


def test_a_hidden_page_does_no_work(page, state) -> None:
    page.on_hidden()
    state.apply([DestinationsChanged(())])
    assert page.table.model().rowCount() == 1


# --- limits


def test_a_cap_goes_out_once_the_hand_rests(page, service, qtbot) -> None:
    assert page.limits.cap.value() == 20.0
    page.limits.slider.setValue(slider_place(1.0))
    page.limits.slider.setValue(slider_place(2.0))
    assert service.uploads.called("change_limits") == []
    qtbot.waitUntil(lambda: len(service.uploads.called("change_limits")) == 1)
    assert service.uploads.kept.all_bps == 2e6
    page.limits.slider.setValue(SLIDER_TOP)
    qtbot.waitUntil(lambda: service.uploads.kept.all_bps is None)
    assert page.limits.cap.text() == "no cap"


def test_what_was_changed_last_goes_out_when_the_page_is_left(page, service) -> None:
    page.limits.concurrent.setValue(7)
    page.on_hidden()
    assert service.uploads.kept.concurrent == 7
    assert service.uploads.kept.timetable[10] == 0.0  # the rest is as it was


def test_nothing_is_changed_before_it_is_known_what_is_set(qtbot, state) -> None:
    page = DestinationsPage(state, Theme())
    qtbot.addWidget(page)
    wanted: list[UploadLimits] = []
    page.limits.limits_changed.connect(wanted.append)
    page.limits.concurrent.setValue(7)
    page.limits.finish()
    assert wanted == []
    page.limits.show_limits(UploadLimits(all_bps=3e6))
    assert (page.limits.cap.value(), page.limits.concurrent.value()) == (3.0, 2)


def test_a_destination_has_a_cap_of_its_own(page, service) -> None:
    page.table.clearSelection()
    assert not page.limits.own_cap.isEnabled()
    page.show_subject("factory")
    page.limits.own_cap.setValue(5.0)
    page.limits.finish()
    assert dict(service.uploads.kept.by_destination) == {"factory": 5e6}
    page.table.clearSelection()
    assert page.limits.own_cap.text() == "no cap"


@pytest.mark.parametrize("mbps", [0.0, 0.1, 1.0, 10.0, 20.0, 100.0, 1000.0])
def test_the_slider_and_the_field_agree(mbps: float) -> None:
    assert slider_mbps(slider_place(mbps)) == pytest.approx(mbps, rel=0.05)


# --- the timetable


@pytest.fixture
def grid(qtbot) -> WeekGrid:
    grid = WeekGrid(PlainTheme())
    qtbot.addWidget(grid)
    grid.resize(grid.sizeHint())
    with qtbot.waitExposed(grid):
        grid.show()
    return grid


def test_a_block_is_painted_with_keys(grid, qtbot) -> None:
    grid.brush_bps = 5e6
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right):
        qtbot.keyClick(grid, key)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down):
        qtbot.keyClick(grid, key, Qt.KeyboardModifier.ShiftModifier)
    with qtbot.waitSignal(grid.painted):
        qtbot.keyClick(grid, Qt.Key.Key_Space)
    painted = {index for index, cap in enumerate(grid.cells) if cap is not None}
    assert painted == {day * 24 + hour for day in (1, 2) for hour in (9, 10)}
    assert grid.accessibleDescription() == "Wed 10:00 to 11:00: 5.0 Mbit/s"


def test_a_block_is_painted_by_drawing_and_taken_off_again(grid, qtbot) -> None:
    def draw() -> None:
        first, last = grid.cell(5, 0).center(), grid.cell(6, 23).center()
        qtbot.mousePress(grid, Qt.MouseButton.LeftButton, pos=first)
        QTest.mouseMove(grid, last)
        qtbot.mouseMove(grid, last)
        qtbot.mouseRelease(grid, Qt.MouseButton.LeftButton, pos=last)

    draw()
    assert len(grid.cells) == CELLS
    assert all(cap == 0.0 for cap in grid.cells[5 * 24 :])
    assert all(cap is None for cap in grid.cells[: 5 * 24])
    assert grid.words(6, 3) == "Sun 3:00 to 4:00: nothing goes"
    grid.brush_bps = None
    draw()
    assert grid.cells == ()
    assert grid.place_at(QPoint(0, 0)) is None


# --- the dialog


@pytest.fixture
def dialog(qtbot, service) -> AddDestinationDialog:
    dialog = AddDestinationDialog(CallsHere(service))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_a_destination_is_tried_and_then_kept(dialog, service, qtbot) -> None:
    assert not dialog.add.isEnabled()
    dialog.name.setText("box")
    dialog.url.setText("http://host/files")
    dialog.token.setText("secret")
    assert not dialog.options["endpoint"].isVisible()
    qtbot.mouseClick(dialog.test, Qt.MouseButton.LeftButton)
    assert dialog.outcome.text() == "It is there and speaks tus: 41 ms over 5G"
    with qtbot.waitSignal(dialog.added) as added:
        qtbot.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    assert added.args == ["box is kept; it speaks tus"]
    assert service.uploads.called("add_destination") == [(NewDestination("box", "http://host/files", "", "secret"),)]
    assert not dialog.isVisible()


def test_what_is_refused_stays_with_its_reason(dialog, service, qtbot) -> None:
    service.uploads.fail["add_destination"] = ServerRefused("the server answered 401", hint="Check the token.")
    dialog.name.setText("box")
    dialog.url.setText("http://host")
    qtbot.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    assert dialog.isVisible()
    assert dialog.outcome.text() == "E_SERVER_REFUSED: the server answered 401. Check the token."
    dialog.url.setText("http://other")
    assert not dialog.outcome.isVisible()


def test_a_bucket_has_fields_of_its_own(dialog) -> None:
    dialog.url.setText("s3://race")
    assert dialog.options["endpoint"].isVisible()
    dialog.options["endpoint"].setText("https://s3.example.org")
    assert dialog.destination().options == {"endpoint": "https://s3.example.org"}
    dialog.url.setText("http://host")
    assert dialog.destination().options == {}
    dialog.compress.setChecked(True)
    assert dialog.destination().options == {"compress": "zstd"}


def test_a_state_that_is_not_heard_of_any_more_is_not_drawn_as_good(page: DestinationsPage, state) -> None:
    good = Theme().tokens.good

    def drawn() -> set[str]:
        image = page.table.viewport().grab(QRect(0, 0, 30, 30)).toImage()
        return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}

    assert good in drawn()
    state.apply([EngineSilent(True)])
    assert good not in drawn()
    assert page.table.model().index(0, DestinationColumn.STATE).data() == "Was online"
    state.apply([EngineSilent(False)])
    assert good in drawn()


def test_the_pages_are_told_when_the_engine_is_heard_of_no_more_and_when_it_is_again(state) -> None:
    told: list[bool] = []
    state.heard_changed.connect(told.append)
    state.apply([EngineSilent(True)])
    state.apply([EngineLost("it was killed", 1.0)])
    state.apply([EngineFound()])
    state.apply([EngineLost("it was killed", 1.0)])
    assert told == [False, True, False]
    assert not state.is_heard
