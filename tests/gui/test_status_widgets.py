from __future__ import annotations

from itertools import combinations

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from app.widgets.event_ticker import EventTicker
from app.widgets.look import look_of
from app.widgets.status_shape import (
    LINK_SHAPES,
    SEVERITY_SHAPES,
    Shape,
    StatusShape,
    link_colour,
    paint_shape,
    severity_colour,
)
from tests.support.console_world import SUN, PlainTheme, colours_in, notice
from transfer_core.events import LinkState, Severity


def painted(shape: Shape) -> QImage:
    image = QImage(14, 14, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    paint_shape(painter, shape, QRectF(0, 0, 14, 14), QColor("black"))
    painter.end()
    return image


def ink_apart(one: QImage, other: QImage) -> int:
    return sum(
        abs(one.pixelColor(x, y).lightness() - other.pixelColor(x, y).lightness()) > 100
        for x in range(14)
        for y in range(14)
    )


def test_shapes_differ_without_their_colour(qapp) -> None:
    images = {shape: painted(shape) for shape in Shape}
    pairs = [(ink_apart(images[a], images[b]), a, b) for a, b in combinations(Shape, 2)]
    closest = min(pairs, key=lambda pair: pair[0])
    assert closest[0] >= 12, closest


def test_every_state_and_severity_has_a_shape_and_a_colour(qapp) -> None:
    look = look_of(PlainTheme())
    assert len({LINK_SHAPES[state] for state in LinkState}) == len(LinkState)
    assert len({SEVERITY_SHAPES[severity] for severity in Severity}) == len(Severity)
    assert all(link_colour(state, look).isValid() for state in LinkState)
    assert len({severity_colour(severity, look).name() for severity in Severity}) == len(Severity)


def test_a_status_shape_says_its_words(qtbot) -> None:
    widget = StatusShape()
    qtbot.addWidget(widget)
    widget.show_shape(Shape.TRIANGLE, QColor("#e0a030"), "degraded: high loss")
    assert widget.accessibleName() == widget.toolTip() == "degraded: high loss"
    assert "#e0a030" in colours_in(widget)


@pytest.fixture
def ticker(qtbot) -> EventTicker:
    ticker = EventTicker(PlainTheme())
    qtbot.addWidget(ticker)
    ticker.resize(900, 28)
    ticker.show()
    return ticker


def test_the_ticker_keeps_the_last_three_newest_first(ticker) -> None:
    for number in range(5):
        ticker.show_notice(notice(f"event {number}"))
    assert ticker.texts == ["14:31:55 event 4", "14:31:55 event 3", "14:31:55 event 2"]
    assert ticker.accessibleDescription().startswith("14:31:55 event 4")


def test_the_ticker_paints_the_severity(ticker) -> None:
    assert "#e04848" not in colours_in(ticker)
    ticker.show_notice(notice("disk full", Severity.CRITICAL))
    assert "#e04848" in colours_in(ticker)


def test_a_click_or_enter_on_the_ticker_asks_for_the_log(ticker, qtbot) -> None:
    with qtbot.waitSignal(ticker.log_wanted):
        qtbot.mouseClick(ticker, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(ticker.log_wanted):
        qtbot.keyClick(ticker, Qt.Key.Key_Return)


def test_the_ticker_follows_the_theme(qtbot) -> None:
    theme = PlainTheme()
    ticker = EventTicker(theme)
    qtbot.addWidget(ticker)
    ticker.resize(900, 40)
    ticker.show_notice(notice("LTE lost", Severity.CAUTION))
    theme.switch(SUN)
    assert SUN.caution in colours_in(ticker)
