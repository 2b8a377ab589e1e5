"""What the window looked like comes back with the next run, and a file with nonsense in it stops nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.application import LAYOUT_NAME, Console
from app.models.console_state import ConsoleState
from app.models.queue_model import Column
from app.pages import make_pages
from app.theme.theme import Theme
from app.views.kept_layout import fit_screen, give_layout, give_look, take_layout
from app.views.main_window import MainWindow
from app.workers.layout_file import LayoutFile
from tests.support.fake_service import FakeService
from transfer_core.engine.system import SystemClock


@pytest.fixture
def theme() -> Theme:
    return Theme()


@pytest.fixture
def windows(qtbot: QtBot, theme: Theme) -> Iterator[list[MainWindow]]:
    made = []
    for _ in range(2):
        window = MainWindow(ConsoleState(SystemClock()), theme, make_pages)
        qtbot.addWidget(window)
        with qtbot.waitExposed(window):
            window.show()
        made.append(window)
    yield made
    for window in made:
        window.close()
        for page in window.pages:
            page.on_hidden()


def queue_table(window: MainWindow) -> Any:
    return window.page("queue").layout_widgets()["table"]


def test_place_page_theme_zoom_splitter_and_columns_come_back(windows: list[MainWindow], theme: Theme) -> None:
    first, second = windows
    first.setGeometry(20, 30, 1100, 650)
    first.go_to("history")
    theme.set_name("sun")
    theme.set_zoom(1.25)
    table = queue_table(first)
    table.keep_columns()
    table.horizontalHeader().moveSection(table.horizontalHeader().visualIndex(Column.SIZE), 0)
    table.setColumnWidth(Column.FILE, 333)
    kept = json.loads(json.dumps(take_layout(first, theme)))
    theme.set_name("light")
    theme.set_zoom(1.0)
    give_look(theme, kept)
    give_layout(second, kept)
    assert (theme.name, theme.zoom) == ("sun", 1.25)
    assert second.geometry() == first.geometry()
    assert second.current_page is second.page("history")
    header = queue_table(second).horizontalHeader()
    assert header.logicalIndex(0) == Column.SIZE
    assert header.sectionSize(Column.FILE) == 333


def test_columns_that_follow_the_room_go_on_following_it(windows: list[MainWindow], theme: Theme) -> None:
    first, second = windows
    give_layout(second, take_layout(first, theme))
    assert queue_table(second).columns_fit


def test_a_window_whose_screen_is_gone_comes_up_where_it_can_be_seen(windows: list[MainWindow], theme: Theme) -> None:
    first, second = windows
    before = second.pos()
    give_layout(second, take_layout(first, theme) | {"window": [15_000, 9_000, 900, 600]})
    assert second.pos() == before
    assert (second.width(), second.height()) == (900, 600)


@pytest.mark.parametrize(("smaller_by", "takes_all"), [(0, True), (20, True), (100, False)])
def test_a_first_window_that_does_not_fit_takes_the_whole_screen(
    qtbot: QtBot, smaller_by: int, takes_all: bool
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    room = window.screen().availableSize()
    window.resize(room.width() - smaller_by, room.height() - smaller_by)
    fit_screen(window)
    assert window.isMaximized() is takes_all


NONSENSE = (
    {"window": [1, 2]},
    {"window": "wide", "parts": 7, "page": ["queue"], "theme": 3, "zoom": "big"},
    {"window": [0, 0, -5, 10**12], "theme": "pink", "zoom": 77, "page": "nowhere"},
    {"parts": {"queue.table": {"order": [0, 0, 0, 0, 0, 0, 0], "widths": [0] * 7, "hidden": "all"}}},
    {"parts": {"queue.table": {"order": [9] * 7, "widths": [-1] * 7, "sort": [99, 5]}}},
    {"parts": {"queue.split": {"sizes": [0, 0]}, "queue.table": {"widths": [None] * 7}}},
    {"parts": {"queue.split": {"sizes": [-1, 5]}, "queue.table": []}, "maximized": "yes"},
)


@pytest.mark.parametrize("kept", NONSENSE)
def test_nonsense_is_left_out_value_by_value(windows: list[MainWindow], theme: Theme, kept: dict[str, Any]) -> None:
    window = windows[0]
    before = take_layout(window, theme)
    give_look(theme, kept)
    give_layout(window, kept)
    assert take_layout(window, theme) | {"parts": {}} == before | {"parts": {}}
    header = queue_table(window).horizontalHeader()
    assert all(header.sectionSize(column) > 20 for column in range(header.count()))
    assert header.logicalIndex(0) == 0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = LayoutFile(tmp_path / "new" / LAYOUT_NAME)
    assert file.read() == {}
    file.finish({"theme": "sun"})
    again = LayoutFile(tmp_path / "new" / LAYOUT_NAME)
    assert again.read()["theme"] == "sun"
    assert again.problem == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', "\x00\xff", "[" * 100_000, '{"version": 1', "null"])
def test_a_broken_file_reads_as_nothing_and_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / LAYOUT_NAME).write_bytes(text.encode("latin-1"))
    file = LayoutFile(tmp_path / LAYOUT_NAME)
    assert file.read() == {}
    assert "could not be read" in file.problem


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    LayoutFile(tmp_path / "file" / LAYOUT_NAME).finish({"theme": "sun"})


def test_the_console_opens_with_a_broken_file_says_so_and_mends_it(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / LAYOUT_NAME
    path.write_text("not json")
    console = Console(FakeService, LayoutFile(path))
    qtbot.addWidget(console.window)
    with qtbot.waitExposed(console.window):
        console.window.show()
    console.start()
    qtbot.waitUntil(lambda: "could not be read" in console.window.banner.text.text())
    console.theme.set_name("dark")
    qtbot.keyClick(console.window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    console.window.close()
    assert console.stop()
    for page in console.window.pages:
        page.on_hidden()
    kept = LayoutFile(path).read()
    assert (kept["theme"], kept["page"]) == ("dark", "links")


def test_a_splitter_that_nobody_has_seen_keeps_what_was_kept(windows: list[MainWindow], theme: Theme) -> None:
    """It has no sizes before its page is laid out, and none that are meant while half of it is hidden."""
    window, _ = windows
    kept = {"parts": {"telemetry.split": {"sizes": [190, 900]}, "queue.split": {"sizes": [800, 300]}}}
    window.page("queue").details.hide()
    taken = take_layout(window, theme, kept)["parts"]
    assert {name: taken[name] for name in kept["parts"]} == kept["parts"]
    window.go_to("telemetry")
    window.page("queue").details.show()
    taken = take_layout(window, theme, kept)["parts"]
    assert all(sum(taken[name]["sizes"]) != sum(kept["parts"][name]["sizes"]) for name in kept["parts"])
