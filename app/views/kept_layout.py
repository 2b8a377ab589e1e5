"""Takes the window's looks as plain values and gives them back: place, page, theme, zoom, splitters, columns.

What comes back was read from a file that anything may have happened to, so each value is checked by itself, and one
that makes no sense is left out.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHeaderView, QSplitter, QTableView, QWidget

from app.theme.theme import Theme
from app.views.main_window import MainWindow

PIXELS_MOST = 20_000
COLUMN_LEAST = 16  # px; a narrower one can't be found again
FRAME = 40  # px that a title bar and borders may take
SEEN_LEAST = 80  # px of the window that have to be on some screen


def take_layout(window: MainWindow, theme: Theme, kept: dict[str, Any] | None = None) -> dict[str, Any]:
    """The looks as they are. A splitter that has no sizes of its own yet stays as it is in `kept`."""
    before = (kept or {}).get("parts")
    place = window.normalGeometry() if window.isMaximized() else window.geometry()
    return {
        "window": [place.x(), place.y(), place.width(), place.height()],
        "maximized": window.isMaximized(),
        "page": window.pages[window.tabs.currentIndex()].name,
        "theme": theme.name,
        "zoom": theme.zoom,
        "parts": {
            name: _take(part) if _has_sizes(window, name, part) else _kept_part(before, name)
            for name, part in _parts(window).items()
        },
    }


def give_look(theme: Theme, kept: dict[str, Any]) -> None:
    """Theme and zoom; what is unknown leaves the present ones."""
    if isinstance(name := kept.get("theme"), str):
        theme.set_name(name)
    if isinstance(zoom := kept.get("zoom"), (int, float)):
        theme.set_zoom(float(zoom))


def give_layout(window: MainWindow, kept: dict[str, Any]) -> None:
    """Place, page, splitters and columns, as far as they make sense here and now."""
    place = _numbers(kept.get("window"), 4)
    if place is not None and min(place[2:]) > SEEN_LEAST:
        _give_place(window, QRect(*place))
    if kept.get("maximized") is True:
        window.setWindowState(window.windowState() | Qt.WindowState.WindowMaximized)
    parts = kept.get("parts")
    if isinstance(parts, dict):
        for name, part in _parts(window).items():
            _give(part, parts.get(name))
    page = kept.get("page")
    if isinstance(page, str) and page in {each.name for each in window.pages}:
        window.go_to(page)


def fit_screen(window: QWidget) -> None:
    """Take all of a screen on which the window and its frame would not fit; for the first run."""
    room = window.screen().availableSize()
    if room.width() < window.width() + FRAME or room.height() < window.height() + FRAME:
        window.resize(window.size().boundedTo(room))
        window.setWindowState(window.windowState() | Qt.WindowState.WindowMaximized)


def _give_place(window: MainWindow, place: QRect) -> None:
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    seen = (screen.intersected(place) for screen in screens)
    if any(min(each.width(), each.height()) >= SEEN_LEAST for each in seen):
        window.setGeometry(place)
    else:
        window.resize(place.size())  # the screen that it was on is gone


def _parts(window: MainWindow) -> dict[str, QWidget]:
    return {f"{page.name}.{name}": part for page in window.pages for name, part in page.layout_widgets().items()}


def _has_sizes(window: MainWindow, name: str, part: QWidget) -> bool:
    """False for a splitter on a page that was not seen, or with a part that is hidden: its sizes mean nothing."""
    if not isinstance(part, QSplitter):
        return True
    halves = [half for place in range(part.count()) if (half := part.widget(place)) is not None]
    return name.partition(".")[0] in window.seen and not any(half.isHidden() for half in halves)


def _kept_part(before: object, name: str) -> dict[str, Any]:
    part = before.get(name) if isinstance(before, dict) else None
    return part if isinstance(part, dict) else {}


def _take(part: QWidget) -> dict[str, Any]:
    if isinstance(part, QSplitter):
        return {"sizes": part.sizes()}
    if isinstance(part, QTableView) and _is_chosen(part):
        header = part.horizontalHeader()
        places = range(header.count())
        taken: dict[str, Any] = {
            "order": [header.logicalIndex(place) for place in places],
            "widths": [header.sectionSize(column) for column in places],
            "hidden": [column for column in places if header.isSectionHidden(column)],
        }
        if part.isSortingEnabled():
            taken["sort"] = [header.sortIndicatorSection(), header.sortIndicatorOrder().value]
        return taken
    return {}


def _is_chosen(table: QTableView) -> bool:
    """False for columns that follow the room by themselves."""
    return not getattr(table, "columns_fit", False)


def _give(part: QWidget, kept: object) -> None:
    if not isinstance(kept, dict):
        return
    if isinstance(part, QSplitter):
        sizes = _numbers(kept.get("sizes"), part.count())
        if sizes is not None and min(sizes) >= 0 < sum(sizes):
            part.setSizes(sizes)
    elif isinstance(part, QTableView):
        _give_columns(part, part.horizontalHeader(), kept)


def _give_columns(table: QTableView, header: QHeaderView, kept: dict[str, Any]) -> None:
    count = header.count()
    order, widths = _numbers(kept.get("order"), count), _numbers(kept.get("widths"), count)
    if order is not None and sorted(order) == list(range(count)):
        for place, column in enumerate(order):
            header.moveSection(header.visualIndex(column), place)
    hidden = kept.get("hidden")
    gone = {each for each in hidden if isinstance(each, int)} if isinstance(hidden, list) else set()
    if widths is not None:
        if callable(keep := getattr(table, "keep_columns", None)):
            keep()
        for column, width in enumerate(widths):
            if width >= COLUMN_LEAST and column not in gone:
                header.resizeSection(column, width)
    sort = _numbers(kept.get("sort"), 2)
    if table.isSortingEnabled() and sort is not None and 0 <= sort[0] < count:
        table.sortByColumn(sort[0], Qt.SortOrder.DescendingOrder if sort[1] else Qt.SortOrder.AscendingOrder)


def _numbers(value: object, count: int) -> list[int] | None:
    if not isinstance(value, list) or len(value) != count:
        return None
    numbers = [each for each in value if isinstance(each, int) and -PIXELS_MOST <= each <= PIXELS_MOST]
    return numbers if len(numbers) == count else None
