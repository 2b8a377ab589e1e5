from __future__ import annotations

import pytest
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import (
    QApplication,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.models.rows_model import RowsModel, TextRow
from app.models.table_model import SUBJECT_ROLE
from app.theme.stylesheet import stylesheet
from app.theme.theme import Theme
from app.theme.tokens import THEMES
from app.widgets.look import look_of
from app.widgets.row_table import Columns, RowTable
from app.widgets.status_shape import Shape

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@pytest.fixture
def model(qapp: object) -> RowsModel:
    model = RowsModel(("name", "a long heading", "size"), right=(2,))
    model.replace([TextRow(name, (name, "short", "1")) for name in ("one", "two", "three")])
    return model


@pytest.fixture
def table(qtbot: QtBot, model: RowsModel) -> RowTable:
    table = RowTable(model, look_of(Theme()), "Names", "Some names", Columns({0: "a wide name indeed"}, wide=1))
    qtbot.addWidget(table)
    table.resize(600, 200)
    with qtbot.waitExposed(table):
        table.show()
    return table


def test_the_model_keeps_the_rules_while_rows_come_and_go(model: RowsModel) -> None:
    tester = QAbstractItemModelTester(model, FATAL)
    model.replace([TextRow("one", ("one", "now longer", "2"))])
    model.replace([])
    assert tester.model() is model


def test_a_cell_tells_its_side_its_tip_and_what_the_row_is_about(model: RowsModel) -> None:
    figure = model.index(1, 2)
    assert Qt.AlignmentFlag(figure.data(Qt.ItemDataRole.TextAlignmentRole)) & Qt.AlignmentFlag.AlignRight
    assert model.index(1, 0).data(Qt.ItemDataRole.ToolTipRole) == "two"
    assert model.index(1, 0).data(SUBJECT_ROLE) == "two"
    assert model.row_text(1) == "two\tshort\t1"


def test_a_column_is_as_wide_as_its_sample_and_no_live_text_moves_it(table: RowTable, model: RowsModel) -> None:
    before = table.columnWidth(0)
    assert before >= QFontMetrics(table.look.font).horizontalAdvance("a wide name indeed")
    model.replace([TextRow(name, (name * 20, "", "")) for name in ("one", "two", "three")])
    assert table.columnWidth(0) == before


def test_a_shape_has_room_before_the_widest_text(table: RowTable) -> None:
    before = table.columnWidth(0)
    table.draw_shapes(0, lambda index: (Shape.CIRCLE, QColor("red")))
    assert table.columnWidth(0) > before


def test_larger_type_makes_wider_columns_and_higher_rows(table: RowTable) -> None:
    before = table.columnWidth(0), table.rowHeight(0)
    table.apply_look(look_of(Theme(zoom=1.5)))
    assert table.columnWidth(0) > before[0]
    assert table.rowHeight(0) > before[1]


def test_choosing_all_of_many_rows_asks_the_model_of_those_alone_that_are_seen(qtbot: QtBot) -> None:
    asked: list[int] = []

    class Asked(RowsModel):
        def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
            asked.append(index.row())
            return super().flags(index)

    model = Asked(("name", "size"))
    model.replace([TextRow(row, (str(row), "1")) for row in range(2000)])
    table = RowTable(model, look_of(Theme()), "Names", "Some names", Columns({0: "999999"}))
    qtbot.addWidget(table)
    with qtbot.waitExposed(table):
        table.show()
    asked.clear()
    table.selectAll()
    table.horizontalHeader().viewport().repaint()
    table.viewport().repaint()
    assert len(table.chosen_rows()) == 2000
    assert len(asked) < 1000


def test_choosing_rows_leaves_no_other_selected(table: RowTable) -> None:
    table.selectAll()
    table.choose_rows([2, 0])
    assert table.chosen_rows() == [0, 2]
    table.choose_rows([])
    assert table.chosen_rows() == []


def test_copying_takes_the_selected_rows_or_else_all_below_their_headings(table: RowTable) -> None:
    table.copy_rows()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 4
    table.choose_rows([1])
    table.copy_rows()
    assert QGuiApplication.clipboard().text() == "name\ta long heading\tsize\ntwo\tshort\t1"


def test_columns_that_matter_least_are_left_out_where_there_is_no_room(qtbot: QtBot, model: RowsModel) -> None:
    samples = {0: "a wide name indeed", 1: "a long heading", 2: "999.9 MB"}
    table = RowTable(model, look_of(Theme()), "Names", "Some names", Columns(samples, wide=0, dropped=((2,), (1,))))
    qtbot.addWidget(table)
    table.show()

    def shown_at(width: int) -> list[bool]:
        table.resize(width, 200)
        return [not table.isColumnHidden(column) for column in range(3)]

    assert shown_at(600) == [True, True, True]
    assert shown_at(260) == [True, True, False]
    assert shown_at(150) == [True, False, False]
    assert shown_at(600) == [True, True, True]


def test_names_are_cut_in_their_middle_and_sentences_at_their_end(qtbot: QtBot, model: RowsModel) -> None:
    table = RowTable(model, look_of(Theme()), "Names", "Some names", Columns(wide=1, names=(0,)))
    qtbot.addWidget(table)

    def cut_at(column: int) -> Qt.TextElideMode:
        option = QStyleOptionViewItem()
        option.textElideMode = table.textElideMode()
        index = model.index(0, column)
        delegate = table.itemDelegateForIndex(index)
        assert isinstance(delegate, QStyledItemDelegate)
        delegate.initStyleOption(option, index)
        return option.textElideMode

    assert cut_at(0) == Qt.TextElideMode.ElideMiddle
    assert cut_at(1) != Qt.TextElideMode.ElideMiddle


@pytest.mark.parametrize("name", THEMES)
def test_the_keyboards_ring_is_as_thick_as_elsewhere_and_moves_nothing(
    qtbot: QtBot, qapp: QApplication, model: RowsModel, name: str
) -> None:
    theme = Theme(name)
    holder = QWidget(styleSheet=stylesheet(theme.tokens))
    qtbot.addWidget(holder)
    other = QPushButton("other")
    table = RowTable(model, look_of(theme), "Names", "Some names", Columns(wide=1))
    layout = QVBoxLayout(holder)
    layout.addWidget(other)
    layout.addWidget(table)
    with qtbot.waitExposed(holder):
        holder.show()
    holder.activateWindow()
    other.setFocus()
    qtbot.waitUntil(other.hasFocus)
    before = table.viewport().geometry()
    table.setFocus()
    qtbot.waitUntil(table.hasFocus)
    picture, ratio = table.grab().toImage(), table.devicePixelRatio()
    middle = picture.height() // 2
    ring = [picture.pixelColor(round(x * ratio), middle).name() for x in range(theme.tokens.focus_width)]
    assert ring == [theme.tokens.focus] * theme.tokens.focus_width
    assert table.viewport().geometry() == before


def test_the_first_key_chooses_the_row_at_hand_and_the_next_one_goes_on(table: RowTable, qtbot: QtBot) -> None:
    table.setFocus()
    table.selectionModel().setCurrentIndex(table.model().index(0, 0), QItemSelectionModel.SelectionFlag.NoUpdate)
    assert table.chosen_rows() == []
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.chosen_rows() == [0]
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.chosen_rows() == [1]


def test_home_and_end_choose_the_outermost_rows_that_are_shown(table: RowTable, qtbot: QtBot) -> None:
    qtbot.keyClick(table, Qt.Key.Key_End)
    assert table.chosen_rows() == [2]
    qtbot.keyClick(table, Qt.Key.Key_Home)
    assert table.chosen_rows() == [0]
    table.setRowHidden(0, True)
    qtbot.keyClick(table, Qt.Key.Key_Home)
    assert table.chosen_rows() == [1]


def test_keys_lead_nowhere_in_an_empty_table(table: RowTable, model: RowsModel, qtbot: QtBot) -> None:
    model.replace([])
    for key in (Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(table, key)
    assert table.chosen_rows() == []
