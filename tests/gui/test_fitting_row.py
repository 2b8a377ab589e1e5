"""A row that drops what matters least."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QPushButton, QSizePolicy
from pytestqt.qtbot import QtBot

from app.widgets.fitting_row import FittingRow


def button(row: FittingRow, text: str, rank: int) -> QPushButton:
    made = QPushButton(text)
    made.setFixedWidth(100)
    row.add(made, rank=rank)
    return made


def make_row(qtbot: QtBot) -> tuple[FittingRow, QPushButton, QPushButton, QPushButton]:
    row = FittingRow()
    row.row.setContentsMargins(0, 0, 0, 0)
    row.row.setSpacing(0)
    qtbot.addWidget(row)
    return row, button(row, "always", 0), button(row, "seldom", 2), button(row, "often", 1)


def show_at(row: FittingRow, qtbot: QtBot, width: int) -> None:
    row.resize(width, 40)
    with qtbot.waitExposed(row):
        row.show()


def test_what_matters_least_goes_first_and_comes_back(qtbot: QtBot) -> None:
    row, always, seldom, often = make_row(qtbot)
    show_at(row, qtbot, 300)
    assert not seldom.isHidden()
    row.resize(299, 40)
    assert seldom.isHidden()
    assert row.is_dropped(seldom)
    assert not often.isHidden()
    row.resize(199, 40)
    assert often.isHidden()
    assert not always.isHidden()
    row.resize(300, 40)
    assert not seldom.isHidden()
    assert not often.isHidden()


def test_a_text_that_grows_is_made_room_for(qtbot: QtBot) -> None:
    row, _always, seldom, often = make_row(qtbot)
    show_at(row, qtbot, 300)
    often.setFixedWidth(150)
    qtbot.waitUntil(seldom.isHidden)
    assert not often.isHidden()


def test_what_someone_else_hid_stays_hidden_and_takes_no_room(qtbot: QtBot) -> None:
    row, _always, seldom, often = make_row(qtbot)
    often.hide()
    show_at(row, qtbot, 200)
    assert not seldom.isHidden()
    row.resize(500, 40)
    row.fit()
    assert often.isHidden()


def test_one_that_can_shrink_does_so_after_the_least_important_are_dropped(qtbot: QtBot) -> None:
    row, _always, seldom, _often = make_row(qtbot)
    long = QPushButton("a text that can be cut off where there is no room for all of it")
    long.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    long.minimumSizeHint = lambda: long.sizeHint() / 10  # type: ignore[method-assign]
    row.add(long, shrinks_at=1)
    show_at(row, qtbot, 300 + long.sizeHint().width())
    assert not seldom.isHidden()
    row.resize(row.width() - 1, 40)
    assert seldom.isHidden()


class Counter(QObject):
    """Counts the requests for another layout."""

    count = 0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def test_a_row_at_rest_asks_for_no_other_layout(qtbot: QtBot) -> None:
    row, *_ = make_row(qtbot)
    show_at(row, qtbot, 150)
    counter = Counter()
    row.installEventFilter(counter)
    qtbot.wait(100)
    before = counter.count
    qtbot.wait(100)
    assert counter.count == before
