"""The Queue page as a person uses it: order by mouse and keys, files dropped, verbs by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QModelIndex, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QFontMetrics
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QScrollArea
from pytestqt.qtbot import QtBot

from app.models.console_state import ConsoleState
from app.models.queue_model import Column, QueueModel
from app.theme.theme import Theme
from app.views.queue.empty import DropZone
from app.views.queue.page import QueuePage
from app.views.queue.row_delegate import DOTS, PADDING, SHAPE_ROOM
from app.views.queue.table import QueueTable
from tests.support.console_world import colours_in
from transfer_core.engine.system import SystemClock
from transfer_core.events import EngineSilent, JobsChanged, JobsRemoved, JobState, JobView
from transfer_core.service.values import UNKNOWN_LINK, ChunkMap


def job(name: str, priority: int = 5, position: float = 0.0, **changes: object) -> JobView:
    values: dict[str, object] = {
        "file_id": name,
        "path": f"/data/{name}.bin",
        "size": 1000,
        "priority": priority,
        "position": position,
        "status": JobState.PENDING,
        "destination": "pit",
        "dest_path": f"{name}.bin",
    }
    return JobView(**{**values, **changes})  # type: ignore[arg-type]


FOUR = tuple(job(name, position=float(place)) for place, name in enumerate("abcd"))


def order(model: QueueModel) -> str:
    return "".join(each.file_id for each in model.jobs)


@pytest.fixture
def model(qtbot: QtBot) -> Iterator[QueueModel]:
    queue = QueueModel()
    tester = QAbstractItemModelTester(queue, QAbstractItemModelTester.FailureReportingMode.Fatal)
    queue.update_jobs(FOUR)
    yield queue
    tester.deleteLater()


@pytest.fixture
def state() -> ConsoleState:
    return ConsoleState(SystemClock())


@pytest.fixture
def page(qtbot: QtBot, state: ConsoleState) -> QueuePage:
    state.apply([JobsChanged(FOUR)])
    shown = QueuePage(state, Theme())
    qtbot.addWidget(shown)
    shown.resize(1000, 500)
    shown.show()
    shown.on_shown()
    return shown


def test_rows_stand_in_the_order_of_priority_and_position(model: QueueModel) -> None:
    model.update_jobs([job("urgent", priority=1), job("late", priority=9)])
    assert [each.file_id for each in model.jobs] == ["urgent", "a", "b", "c", "d", "late"]


def test_a_state_is_told_in_the_words_of_programs_too(model: QueueModel) -> None:
    model.update_jobs([job("b", status=JobState.PAUSED), job("c", status=JobState.FAILED, reason="the disk broke")])
    tips = {
        model.job_at(row).file_id: model.index(row, Column.STATE).data(Qt.ItemDataRole.ToolTipRole)
        for row in range(model.rowCount())
    }
    assert tips["a"] == "PENDING: Queued"
    assert tips["b"] == "PAUSED: Paused"
    assert tips["c"] == "FAILED: Failed: the disk broke"


def test_a_job_with_another_place_moves_and_one_that_is_gone_goes(model: QueueModel) -> None:
    model.update_jobs([job("a", position=2.5)])
    assert order(model) == "bcad"
    model.remove_jobs(["c", "unknown"])
    assert order(model) == "bad"


def test_dragged_rows_land_before_the_row_and_ask_for_the_move(model: QueueModel, qtbot: QtBot) -> None:
    mime = model.mimeData([model.index(2, 0), model.index(3, 0)])
    with qtbot.waitSignal(model.move_wanted) as wanted:
        model.dropMimeData(mime, Qt.DropAction.MoveAction, 1, 0, QModelIndex())
    assert wanted.args == [["c", "d"], "b"]
    assert order(model) == "acdb"


def test_rows_dropped_where_they_are_ask_for_nothing(model: QueueModel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(model.move_wanted):
        model.dropMimeData(model.mimeData([model.index(1, 0)]), Qt.DropAction.MoveAction, 2, 0, QModelIndex())
    assert order(model) == "abcd"


def test_a_selection_survives_a_move(page: QueuePage) -> None:
    page.select(["b", "c"])
    page.moves.move_to(4)
    assert [each.file_id for each in page.selected()] == ["b", "c"]
    assert order(page.model) == "adbc"


@pytest.mark.parametrize(
    ("key", "wanted", "result"),
    [
        (Qt.Key.Key_Up, [["b"], "a"], "bacd"),
        (Qt.Key.Key_Down, [["b"], "d"], "acbd"),
        (Qt.Key.Key_Home, [["b"], "a"], "bacd"),
        (Qt.Key.Key_End, [["b"], None], "acdb"),
    ],
)
def test_alt_and_a_key_move_the_selected_row(
    page: QueuePage, qtbot: QtBot, key: Qt.Key, wanted: list[object], result: str
) -> None:
    page.select(["b"])
    page.table.setFocus()
    with qtbot.waitSignal(page.move_wanted) as moved:
        qtbot.keyClick(page.table, key, Qt.KeyboardModifier.AltModifier)
    assert moved.args == wanted
    assert order(page.model) == result


def test_keys_ask_for_pause_retry_and_removal(page: QueuePage, qtbot: QtBot) -> None:
    page.select(["a", "c"])
    page.table.setFocus()
    with qtbot.waitSignal(page.pause_wanted) as paused:
        qtbot.keyClick(page.table, Qt.Key.Key_P)
    page.model.update_jobs([replace(each, status=JobState.FAILED) for each in FOUR])
    page.select(["a", "c"])
    with qtbot.waitSignal(page.retry_wanted) as retried:
        qtbot.keyClick(page.table, Qt.Key.Key_R)
    with qtbot.waitSignal(page.remove_wanted) as removed:
        qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert paused.args == retried.args == removed.args == [["a", "c"]]


def test_files_dropped_on_the_page_are_wanted(page: QueuePage, qtbot: QtBot) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/data/one.bin"), QUrl.fromLocalFile("/data/two")])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(20, 20), Qt.DropAction.CopyAction, mime, buttons, keys)
    page.dragEnterEvent(enter)
    assert enter.isAccepted()
    (zone,) = page.findChildren(DropZone)
    assert (zone.isVisibleTo(page), zone.text) == (True, "Drop to queue 2 files and folders")
    drop = QDropEvent(QPointF(20, 20), Qt.DropAction.CopyAction, mime, buttons, keys)
    with qtbot.waitSignal(page.files_wanted) as wanted:
        page.dropEvent(drop)
    assert wanted.args == [["/data/one.bin", "/data/two"], None]


def test_a_waiting_job_says_why(model: QueueModel) -> None:
    model.update_jobs([job("a", reason="the relay does not answer")])
    assert model.index(0, Column.STATE).data() == "Waiting: the relay does not answer"
    model.update_jobs([job("a", reason="a.bin needs 15.0 MB, there are 0 B")])
    assert model.index(0, Column.STATE).data() == "Waiting: needs 15.0 MB, there are 0 B"


def test_ten_thousand_rows_take_a_move_of_five_hundred(qtbot: QtBot) -> None:
    model = QueueModel()
    model.update_jobs(job(f"{n:05}", position=float(n)) for n in range(10_000))
    with qtbot.waitSignal(model.move_wanted):
        model.move_rows([f"{n:05}" for n in range(500)], None)
    assert model.job_at(9_999).file_id == "00499"


def test_a_hidden_page_shows_what_came_once_it_is_seen(qtbot: QtBot) -> None:
    state = ConsoleState(SystemClock())
    page = QueuePage(state, Theme())
    qtbot.addWidget(page)
    state.apply([JobsChanged(FOUR)])
    assert order(page.model) == ""
    page.on_shown()
    assert order(page.model) == "abcd"


def test_removed_jobs_leave_the_table_at_once(qtbot: QtBot) -> None:
    state = ConsoleState(SystemClock())
    state.apply([JobsChanged(FOUR)])
    page = QueuePage(state, Theme())
    qtbot.addWidget(page)
    state.apply([JobsRemoved(("a", "b"))])
    assert order(page.model) == "cd"


def drag_event(page: QueuePage, kind: type, y: int, rows: list[int]) -> QDropEvent:
    mime = page.model.mimeData([page.model.index(row, 0) for row in rows])
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    place = QPointF(40, y) if kind is QDropEvent else QPoint(40, y)
    event = kind(place, Qt.DropAction.MoveAction, mime, buttons, keys)
    event.keeps = mime  # the event does not own it
    return event


def test_rows_held_at_the_lower_edge_scroll_the_queue_and_land_where_the_line_is(page: QueuePage, qtbot: QtBot) -> None:
    page.model.update_jobs(job(f"{n:03}", position=float(10 + n)) for n in range(200))
    bar = page.table.verticalScrollBar()
    page.table.dragEnterEvent(drag_event(page, QDragEnterEvent, 100, [0]))
    qtbot.wait(100)
    assert bar.value() == 0
    low = page.table.viewport().height() - 4
    page.table.dragMoveEvent(drag_event(page, QDragMoveEvent, low, [0]))
    qtbot.waitUntil(lambda: bar.value() > 300)
    with qtbot.waitSignal(page.move_wanted) as wanted:
        page.table.dropEvent(drag_event(page, QDropEvent, low, [0]))
    row = page.model.row_of("a")
    assert wanted.args[0] == ["a"]
    assert row is not None
    assert row > 5
    stopped = bar.value()
    qtbot.wait(100)
    assert bar.value() == stopped


def test_rows_that_leave_the_table_scroll_nothing(page: QueuePage, qtbot: QtBot) -> None:
    page.model.update_jobs(job(f"{n:03}", position=float(10 + n)) for n in range(200))
    low = page.table.viewport().height() - 4
    page.table.dragEnterEvent(drag_event(page, QDragEnterEvent, low, [0]))
    page.table.dragLeaveEvent(QDragLeaveEvent())
    before = page.table.verticalScrollBar().value()
    qtbot.wait(100)
    assert page.table.verticalScrollBar().value() == before


def test_rows_dropped_among_another_priority_take_it(page: QueuePage, qtbot: QtBot) -> None:
    page.model.update_jobs([job("urgent", priority=1), job("soon", priority=1, position=1.0)])
    y = page.table.rowViewportPosition(1) + 2
    with qtbot.waitSignal(page.move_wanted) as wanted:
        page.table.dropEvent(drag_event(page, QDropEvent, y, [2, 3]))
    assert wanted.args == [["a", "b"], "soon"]
    assert [each.file_id for each in page.model.jobs if each.priority == 1] == ["urgent", "a", "b", "soon"]


def test_rows_are_selected_with_one_change_whatever_their_number(page: QueuePage, qtbot: QtBot) -> None:
    page.model.update_jobs(job(f"{n:03}", position=float(10 + n)) for n in range(200))
    changes: list[object] = []
    page.table.selectionModel().selectionChanged.connect(lambda *_: changes.append(None))
    wanted = [0, 1, 2, 7, 9, 10, 199]
    page.table.select_rows(wanted)
    assert page.table.selected_rows() == wanted
    assert len(changes) == 1


def test_rows_that_the_search_hides_are_not_selected(page: QueuePage) -> None:
    page.table.show_found("b.b")
    page.table.selectAll()
    assert [each.file_id for each in page.selected()] == ["b"]


def test_chunks_of_an_earlier_session_have_no_links_colour(page: QueuePage, qtbot: QtBot) -> None:
    page.select(["a"])
    page.details.show_chunk_map("a", ChunkMap(("wifi", UNKNOWN_LINK), bytes([1, 2, 0]), 3, 2))
    with qtbot.waitExposed(page):
        page.show()
    theme = Theme()
    colours = colours_in(page.details.grid)
    assert {theme.link_colour(0).name(), theme.tokens.muted, theme.tokens.track} <= colours


def test_a_narrow_table_leaves_figures_out_before_it_cuts_names(page: QueuePage, qtbot: QtBot) -> None:
    header = page.table.horizontalHeader()
    page.resize(1300, 500)
    qtbot.waitUntil(lambda: not header.isSectionHidden(Column.LEFT))
    page.resize(560, 500)
    qtbot.waitUntil(lambda: header.isSectionHidden(Column.LEFT))
    assert header.sectionSize(Column.FILE) >= 90
    assert not header.isSectionHidden(Column.STATE)
    page.resize(1300, 500)
    qtbot.waitUntil(lambda: not header.isSectionHidden(Column.LEFT))


def test_files_are_chosen_by_name_and_the_next_dialog_opens_where_the_last_was(
    page: QueuePage, qtbot: QtBot, tmp_path: Path
) -> None:
    for name in ("lap1.bin", "lap2.bin"):
        (tmp_path / name).write_bytes(b"0")
    page.adding.choose_files()
    (dialog,) = page.findChildren(QFileDialog)
    assert not dialog.windowTitle().startswith("Open")
    dialog.setDirectory(str(tmp_path))
    (field,) = (each for each in dialog.findChildren(QLineEdit) if each.objectName() == "fileNameEdit")
    field.setText('"lap1.bin" "lap2.bin"')
    with qtbot.waitSignal(page.files_wanted) as wanted:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert wanted.args == [[str(tmp_path / "lap1.bin"), str(tmp_path / "lap2.bin")], None]
    qtbot.waitUntil(lambda: page.findChildren(QFileDialog) == [])
    page.adding.choose_folder()
    (dialog,) = page.findChildren(QFileDialog)
    assert dialog.directory().absolutePath() == str(tmp_path)
    with qtbot.assertNotEmitted(page.files_wanted):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.findChildren(QFileDialog) == [])


def test_the_panel_keeps_its_labels_while_links_come_and_go(page: QueuePage) -> None:
    def shown(**links: int) -> dict[str, str]:
        page.details.show_job(job("a", links=links, status=JobState.UPLOADING))
        return page.details.carried

    assert shown(wifi=750, lte=250) == {"wifi": "750 B · 75 %", "lte": "250 B · 25 %"}
    labels = page.details.findChildren(QLabel)
    assert shown(lte=100) == {"lte": "100 B · 100 %"}
    assert shown() == {}
    assert shown(wifi=1, lte=3) == {"wifi": "1 B · 25 %", "lte": "3 B · 75 %"}
    assert page.details.findChildren(QLabel) == labels


def test_room_for_the_band_stays_with_the_first_row_when_rows_change_places(page: QueuePage) -> None:
    tokens = Theme().tokens
    page.model.move_rows(["c"], "a")
    page.model.move_rows(["d"], "c")
    heights = [page.table.rowHeight(row) for row in range(4)]
    assert heights == [tokens.row_height + tokens.group_height, *[tokens.row_height] * 3]


def test_a_job_taken_up_ahead_of_its_turn_is_next_in_line_until_bytes_of_it_go(model: QueueModel) -> None:
    def words(**changes: object) -> object:
        model.update_jobs([replace(FOUR[0], status=JobState.UPLOADING, **changes)])
        return model.index(0, Column.STATE).data()

    assert words() == "Queued"
    assert words(bytes_done=1) == "Sending"
    assert words(bytes_done=FOUR[0].size) == "Finishing"
    assert words(reason="no link is up") == "Waiting: no link is up"


def test_what_has_arrived_is_not_moved(page: QueuePage) -> None:
    page.model.update_jobs([replace(FOUR[0], status=JobState.COMPLETED)])
    page.select(["a"])
    moves = [action for action in page.actions() if action.objectName() in ("queue.up", "queue.bottom", "queue.move")]
    assert len(moves) == 3
    assert not any(action.isEnabled() for action in moves)
    assert not page.model.flags(page.model.index(0, 0)) & Qt.ItemFlag.ItemIsDragEnabled
    page.select(["a", "b"])
    assert all(action.isEnabled() for action in moves)


def test_a_hash_and_a_long_name_at_the_other_end_are_there_whole_and_do_not_widen_the_panel(page: QueuePage) -> None:
    digest, stored = f"blake3:{'0f' * 32}", f"agent/{'long_name_' * 12}.mcap"
    done = replace(FOUR[0], status=JobState.COMPLETED, file_hash=digest, stored_as=stored, duration_s=64.0)
    page.model.update_jobs([done])
    page.select(["a"])
    assert (page.details.fact("hash"), page.details.fact("stored as")) == (digest, stored)
    assert page.details.fact("took") == "1 min 04 s"
    tips = {label.toolTip() for label in page.details.findChildren(QLabel)}
    assert {digest, stored} <= tips
    assert page.details.minimumSizeHint().width() <= page.details.width()


@pytest.mark.parametrize("word", [f"/srv/{'full_resolution_' * 4}copy.mcap", "x" * 90])
def test_an_error_that_names_a_long_path_and_a_long_name_are_read_whole_beside_the_queue(
    page: QueuePage, word: str
) -> None:
    page.details.show_job(job(word, status=JobState.FAILED, error="E_DISK_FULL", reason=f"{word}: no space is left"))
    scroll = page.details.findChild(QScrollArea)
    assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()
    assert page.details.state.text().replace("\u200b", "") == f"Failed: {word}: no space is left"


def test_the_details_say_that_a_file_was_sent_when_the_engine_was_last_heard_of(
    page: QueuePage, state: ConsoleState
) -> None:
    page.details.show_job(job("a", status=JobState.UPLOADING, bytes_done=5))
    assert page.details.state.text() == "Sending"
    state.apply([EngineSilent(True)])
    assert page.details.state.text() == "Was sending"
    state.apply([EngineSilent(False)])
    assert page.details.state.text() == "Sending"


def test_a_low_window_scrolls_the_details_and_squeezes_neither_them_nor_the_page(page: QueuePage) -> None:
    page.details.show_job(job("a", status=JobState.COMPLETED, links={"wifi": 1, "lte": 2}, file_hash="blake3:00"))
    assert page.details.minimumSizeHint().height() < 150
    page.resize(1000, 320)
    QApplication.processEvents()
    squeezed = [
        label.text()
        for label in page.details.findChildren(QLabel)
        if label.isVisible() and label.height() < label.minimumSizeHint().height()
    ]
    assert squeezed == []


def test_a_map_that_only_says_that_all_is_there_is_left_out(page: QueuePage) -> None:
    unknown, known = (ChunkMap((name,), bytes([1, 1]), 2, 2) for name in (UNKNOWN_LINK, "wifi"))
    page.details.show_job(job("a", status=JobState.COMPLETED))
    page.details.show_chunk_map("a", unknown)
    assert not page.details.grid.isVisibleTo(page)
    page.details.show_chunk_map("a", known)
    assert page.details.grid.isVisibleTo(page)
    page.details.show_job(job("b", status=JobState.UPLOADING))
    page.details.show_chunk_map("b", unknown)
    assert page.details.grid.isVisibleTo(page)


@pytest.mark.parametrize("count", [5, 120, 10_000])
def test_the_place_of_the_last_row_is_written_out(page: QueuePage, count: int) -> None:
    page.table.model().update_jobs([job(f"job{number}", position=float(number)) for number in range(count)])
    metrics = QFontMetrics(page.table.font())
    room = page.table.columnWidth(Column.PLACE) - DOTS - 2 * PADDING
    assert room >= metrics.horizontalAdvance(str(page.table.model().rowCount()))


def test_the_map_of_a_file_is_asked_for_once_more_when_it_has_arrived(page: QueuePage) -> None:
    page.details.show_job(job("a", status=JobState.UPLOADING))
    asked: list[str] = []
    page.details.chunk_map_wanted.connect(lambda file_id, _cells: asked.append(file_id))
    page.details.show_job(job("a", status=JobState.COMPLETED))
    page.details.show_job(job("a", status=JobState.COMPLETED))
    assert asked == ["a"]


def test_which_link_carried_what_is_still_seen_once_the_file_is_there(page: QueuePage) -> None:
    page.details.show_job(job("a", status=JobState.UPLOADING))
    page.details.show_chunk_map("a", ChunkMap(("wifi", "lte"), bytes([1, 2, 0]), 3, 2))
    page.details.show_job(job("a", status=JobState.COMPLETED))
    page.details.show_chunk_map("a", ChunkMap((UNKNOWN_LINK,), bytes([1, 1, 1]), 3, 3))
    assert page.details.grid.isVisibleTo(page)
    assert "3 of 3 chunks" in page.details.done.text()


@pytest.mark.parametrize("theme", ["light", "sun"])
@pytest.mark.parametrize("width", [300, 360, 460, 620, 900])
def test_name_bar_and_state_are_in_sight_without_scrolling_in_any_window(
    model: QueueModel, state: ConsoleState, qtbot: QtBot, theme: str, width: int
) -> None:
    table = QueueTable(model, state, Theme(theme))
    qtbot.addWidget(table)
    table.resize(width, 300)
    table.show()
    QApplication.processEvents()
    assert table.horizontalScrollBar().maximum() == 0
    word = QFontMetrics(Theme(theme).font()).horizontalAdvance("Queued") + SHAPE_ROOM + 2 * PADDING
    for column, least in ((Column.FILE, word), (Column.SENT, 50), (Column.STATE, word)):
        left = table.columnViewportPosition(column)
        assert left >= 0
        assert left + table.columnWidth(column) <= table.viewport().width() + 1
        assert table.columnWidth(column) >= least


def test_columns_give_way_in_an_order_that_leaves_what_matters(
    model: QueueModel, state: ConsoleState, qtbot: QtBot
) -> None:
    table = QueueTable(model, state, Theme("sun"))
    qtbot.addWidget(table)
    table.show()
    gone: list[set[Column]] = []
    for width in range(1200, 260, -10):
        table.resize(width, 300)
        now = {column for column in Column if table.isColumnHidden(column)}
        assert not gone or gone[-1] <= now
        gone.append(now)
    order = [next(iter(after - before)) for before, after in pairwise(gone) if after != before]
    assert order == [Column.LEFT, Column.RATE, Column.SIZE, Column.PLACE]


def test_what_a_removal_took_off_is_selected_again_when_it_is_undone(page: QueuePage, state: ConsoleState) -> None:
    page.select(["b", "c"])
    state.apply([JobsRemoved(("b", "c"))])
    assert page.selected() == []
    state.apply([JobsChanged(FOUR[1:3])])
    page.refresh()
    assert [each.file_id for each in page.selected()] == ["b", "c"]
    page.select(["a"])
    state.apply([JobsRemoved(("d",))])
    state.apply([JobsChanged(FOUR[3:])])
    page.refresh()
    assert [each.file_id for each in page.selected()] == ["a"]


def test_a_copied_row_stays_one_row_of_cells_whatever_its_file_is_called(page: QueuePage) -> None:
    page.model.update_jobs([job("z", position=-1.0, path="/data/a\n\tb.bin", reason="one\ntwo")])
    page.table.selectRow(0)
    page.copy_rows()
    text = QApplication.clipboard().text()
    assert len(text.splitlines()) == 1
    assert text.startswith("/data/a b.bin\t")
    assert text.count("\t") == page.model.columnCount() - 2
