from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication

from app.views.log.page import LogPage
from tests.support.console_world import HandState, PlainTheme, notice
from transfer_core.events import Severity


@pytest.fixture
def state() -> HandState:
    return HandState()


@pytest.fixture
def page(qtbot, state) -> LogPage:
    page = LogPage(state, PlainTheme())
    qtbot.addWidget(page)
    page.resize(900, 300)
    with qtbot.waitExposed(page):
        page.show()
    yield page
    page.on_hidden()


def test_a_hidden_page_keeps_lines_and_fills_the_table_when_shown(page, state, qtbot) -> None:
    state.noticed.emit(notice("before"))
    qtbot.wait(300)
    assert page.table.model().rowCount() == 0
    page.on_shown()
    assert page.table.model().rowCount() == 1


def test_a_shown_page_takes_new_lines_by_itself_and_follows_them(page, state, qtbot) -> None:
    page.on_shown()
    for number in range(100):
        state.noticed.emit(notice(f"line {number}"))
    qtbot.waitUntil(lambda: page.rows_shown == 100)
    bar = page.table.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0


def test_scrolling_up_stops_following_and_following_jumps_back(page, state, qtbot) -> None:
    page.on_shown()
    for number in range(100):
        state.noticed.emit(notice(f"line {number}"))
    page.flush()
    bar = page.table.verticalScrollBar()
    bar.triggerAction(bar.SliderAction.SliderToMinimum)
    qtbot.waitUntil(lambda: not page.follow.isChecked())
    state.noticed.emit(notice("newest"))
    page.flush()
    assert bar.value() == 0
    page.follow.setChecked(True)
    assert bar.value() == bar.maximum()


def test_severity_and_words_narrow_the_lines(page, state) -> None:
    page.on_shown()
    state.noticed.emit(notice("LTE lost", Severity.SERIOUS))
    state.noticed.emit(notice("LTE back"))
    state.noticed.emit(notice("disk full", Severity.CRITICAL))
    page.flush()
    page.level.setCurrentText("Serious and worse")
    assert page.rows_shown == 2
    assert page.count.text() == "2 of 3 lines"
    page.find_field.setText("lte")
    assert page.rows_shown == 1


def test_copying_takes_the_selection_or_else_all_that_is_shown(page, state) -> None:
    page.on_shown()
    state.noticed.emit(notice("one", error="Full text"))
    state.noticed.emit(notice("two"))
    page.flush()
    page.copy_lines()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 3
    page.table.choose_rows([1])  # whatever keys another test has left held
    page.copy_lines()
    assert QGuiApplication.clipboard().text().endswith("two")
    assert "one" not in QGuiApplication.clipboard().text()


def test_without_lines_the_page_says_what_comes_there_and_why_a_search_shows_none(page, state) -> None:
    page.on_shown()
    assert page.empty.isVisibleTo(page)
    assert "Nothing has happened yet" in page.empty.text()
    assert not page.copy_action.isEnabled()
    state.noticed.emit(notice("wifi lost"))
    page.flush()
    assert page.count.text() == "1 line"
    assert not page.empty.isVisibleTo(page)
    page.find_field.setText("no such word")
    assert page.empty.isVisibleTo(page)
    assert "None of 1 line" in page.empty.text()
