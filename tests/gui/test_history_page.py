from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.models.history_model import PAGE_ROWS, HistoryColumn
from app.views.history.page import HistoryPage
from tests.support.console_world import HandState, PlainTheme, job_view
from transfer_core.events import JobState


@pytest.fixture
def state() -> HandState:
    return HandState()


@pytest.fixture
def page(qtbot, state) -> HistoryPage:
    page = HistoryPage(state, PlainTheme())
    qtbot.addWidget(page)
    page.resize(1100, 500)
    with qtbot.waitExposed(page):
        page.show()
    yield page
    page.on_hidden()


def test_showing_the_page_asks_for_the_newest(page, qtbot) -> None:
    with qtbot.waitSignal(page.history_wanted) as asked:
        page.on_shown()
    assert asked.args == [PAGE_ROWS, 0, ""]
    page.show_history([job_view(2), job_view(1)])
    assert page.table.model().rowCount() == 2
    assert page.count.text() == "2 files"


def test_without_history_the_page_says_what_will_come(page) -> None:
    page.on_shown()
    page.show_history([])
    assert page.empty.isVisible()
    assert not page.table.isVisible()


def test_the_table_gets_the_keyboard_once_it_has_rows_unless_somebody_searches(page, qtbot) -> None:
    page.on_shown()
    page.show_history([])
    page.first_focus.setFocus()
    page.show_history([job_view(2), job_view(1)])
    assert page.table.hasFocus()
    page.find_field.setFocus()
    qtbot.keyClicks(page.find_field, "x")
    page.show_history([job_view(2)])
    assert page.find_field.hasFocus()


def test_links_are_named_in_one_order_in_every_row(page) -> None:
    page.on_shown()
    page.show_history(
        [replace(job_view(n), links=links) for n, links in ((2, {"b": 5, "a": 7}), (1, {"a": 7, "b": 5}))]
    )
    model = page.table.model()
    assert {model.index(row, HistoryColumn.LINKS).data() for row in range(2)} == {"a 7 B · b 5 B"}


def test_scrolling_to_the_end_asks_for_older_ones(page, qtbot) -> None:
    page.on_shown()
    with qtbot.waitSignal(page.history_wanted) as asked:
        page.show_history([job_view(n) for n in range(PAGE_ROWS)])
        page.table.scrollToBottom()
    assert asked.args == [PAGE_ROWS, PAGE_ROWS, ""]
    page.show_history([job_view(n) for n in range(PAGE_ROWS, PAGE_ROWS + 10)])
    assert page.table.model().rowCount() == PAGE_ROWS + 10


def test_a_search_goes_out_once_typing_pauses(page, qtbot) -> None:
    page.on_shown()
    page.show_history([job_view(1)])
    asked: list[tuple[int, int, str]] = []
    page.history_wanted.connect(lambda *args: asked.append(args))
    with qtbot.waitSignal(page.history_wanted):
        qtbot.keyClicks(page.find_field, "stint")
    assert asked == [(PAGE_ROWS, 0, "stint")]


def test_a_job_that_ends_while_the_page_is_shown_is_asked_for(page, state, qtbot) -> None:
    page.on_shown()
    page.show_history([])
    with qtbot.waitSignal(page.history_wanted):
        state.jobs_changed.emit((job_view(1),))


def test_a_hidden_page_asks_for_nothing(page, state, qtbot) -> None:
    page.on_shown()
    page.on_hidden()
    with qtbot.assertNotEmitted(page.history_wanted, wait=700):
        state.jobs_changed.emit((job_view(1),))


def test_retry_takes_only_those_that_did_not_arrive(page, qtbot) -> None:
    page.on_shown()
    page.show_history([job_view(1), job_view(2, JobState.FAILED), job_view(3, JobState.CANCELLED)])
    assert not page.retry_button.isEnabled()
    page.table.selectAll()
    assert page.retry_button.text() == "Retry 2"
    with qtbot.waitSignal(page.retry_requested) as asked:
        qtbot.mouseClick(page.retry_button, Qt.MouseButton.LeftButton)
    assert asked.args == [["id2", "id3"]]


def test_rows_and_errors_can_be_copied_with_keys(page, qtbot) -> None:
    page.on_shown()
    page.show_history([job_view(1), job_view(2, JobState.FAILED, reason="no room", error="relay_full")])
    page.table.setFocus()
    page.table.selectAll()
    qtbot.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Arrived\t2026-11-21 14:00:01\tstint1.mcap")
    page.copy_errors()
    assert QGuiApplication.clipboard().text() == "/data/stint2.mcap: no room [relay_full]"


def test_a_selection_survives_a_reload(page) -> None:
    page.on_shown()
    page.show_history([job_view(1), job_view(2, JobState.FAILED)])
    page.table.selectRow(1)
    page.reload()
    page.show_history([job_view(3), job_view(1), job_view(2, JobState.FAILED)])
    assert [index.row() for index in page.table.selectionModel().selectedRows()] == [2]


def test_why_a_file_failed_has_room_also_in_a_narrow_window(page: HistoryPage) -> None:
    table = page.table
    needed = [HistoryColumn.OUTCOME, HistoryColumn.FILE, HistoryColumn.LINKS]
    page.on_shown()
    page.show_history([job_view(1)])
    assert not table.isColumnHidden(HistoryColumn.FINISHED)
    table.setMinimumWidth(0)
    page.setMinimumWidth(0)
    table.resize(sum(map(table.width_of, needed)) + 40, 300)
    assert not any(map(table.isColumnHidden, needed))
    assert table.columnWidth(HistoryColumn.LINKS) >= table.width_of(HistoryColumn.LINKS)
