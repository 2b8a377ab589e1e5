"""The log: the newest notices, at most `LINES_MOST` of them, and a filter by severity and words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from enum import IntEnum

from PySide6.QtCore import QObject, QSortFilterProxyModel

from app.figures import clock_text
from app.models.table_model import ROOT, Index, TableModel, headings
from transfer_core.events import Notice, Severity

LINES_MOST = 5_000
_DROP_AT_ONCE = 250  # the oldest leave in batches, so that a full log doesn't move at every line

_ORDER = {severity: rank for rank, severity in enumerate(Severity)}
_WORDS = {
    Severity.INFO: "Info",
    Severity.CAUTION: "Caution",
    Severity.SERIOUS: "Serious",
    Severity.CRITICAL: "Critical",
}


class LogColumn(IntEnum):
    """The columns, left to right."""

    AT = 0
    SEVERITY = 1
    TOPIC = 2
    TEXT = 3


HEADINGS = headings(("UTC", "severity", "about", "what happened"))


class LogModel(TableModel):
    """Notices, oldest first, as lines of text made once."""

    def __init__(self, parent: QObject | None = None, *, lines_most: int = LINES_MOST) -> None:
        super().__init__(HEADINGS, parent)
        self._most = lines_most
        self._batch = min(_DROP_AT_ONCE, max(1, lines_most // 4))
        self._notices: list[Notice] = []
        self._texts: list[tuple[str, ...]] = []
        self._search: list[str] = []

    def append(self, notices: Iterable[Notice]) -> None:
        """Add lines below, and let the oldest go when there are too many."""
        fresh = list(notices)[-self._most :]
        if not fresh:
            return
        if len(self._notices) + len(fresh) > self._most:
            self._drop(min(len(self._notices), max(self._batch, len(self._notices) + len(fresh) - self._most)))
        first = len(self._notices)
        self.beginInsertRows(ROOT, first, first + len(fresh) - 1)
        for notice in fresh:
            text = _one_line(notice.text)
            self._notices.append(notice)
            self._texts.append((clock_text(notice.at), _WORDS[notice.severity], notice.topic, text))
            self._search.append(f"{notice.topic} {text} {notice.error}".casefold())
        self.endInsertRows()

    def clear(self) -> None:
        """Forget all lines."""
        if self._notices:
            self._drop(len(self._notices))

    def notice(self, row: int) -> Notice:
        """The notice of that row."""
        return self._notices[row]

    def row_text(self, row: int) -> str:
        """One line for the clipboard, with the full error below it if there was one."""
        notice = self._notices[row]
        line = f"{notice.at}  {notice.severity.value:<8}  {notice.topic}  {notice.text}"
        return f"{line}\n{notice.error}" if notice.error else line

    def row_at(self, at: str) -> int | None:
        """The first line at or after that moment; None if there is none."""
        row = bisect_left(self._notices, at, key=lambda notice: notice.at)
        return row if row < len(self._notices) else None

    def matches(self, row: int, least: Severity, find: str) -> bool:
        """Whether that line is at least so severe and holds all words of `find` (case-folded)."""
        if _ORDER[self._notices[row].severity] < _ORDER[least]:
            return False
        return all(word in self._search[row] for word in find.split())

    def _drop(self, count: int) -> None:
        self.beginRemoveRows(ROOT, 0, count - 1)
        del self._notices[:count], self._texts[:count], self._search[:count]
        self.endRemoveRows()

    def row_total(self) -> int:
        """Number of lines."""
        return len(self._notices)

    def text(self, row: int, column: int) -> str:
        """Made before."""
        return self._texts[row][column]

    def tip(self, row: int, column: int) -> str:
        """The whole error, or the whole moment."""
        notice = self._notices[row]
        if column == LogColumn.TEXT:
            return notice.error or notice.text
        return notice.at if column == LogColumn.AT else ""

    def subject(self, row: int) -> Notice:
        """The notice."""
        return self._notices[row]


class LogFilter(QSortFilterProxyModel):
    """Lines at least so severe that hold all the words looked for."""

    def __init__(self, log: LogModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self._least = Severity.INFO
        self._find = ""
        self.setSourceModel(log)

    def choose(self, *, least: Severity | None = None, find: str | None = None) -> None:
        """Change what is let through; None leaves it as it is."""
        if least is not None:
            self._least = least
        if find is not None:
            self._find = find.casefold()
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """See `LogModel.matches`."""
        return not source_parent.isValid() and self._log.matches(source_row, self._least, self._find)


def _one_line(text: str) -> str:
    return " ".join(text.split()) if "\n" in text or "\t" in text else text
