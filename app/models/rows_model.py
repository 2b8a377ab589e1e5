"""A table of texts that is replaced as a whole; rows that stay keep their selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject

from app.models.table_model import TableModel, headings


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row: what it is about, its texts, and what the tool tip says of it."""

    subject: object
    texts: tuple[str, ...]
    tip: str = ""


class RowsModel(TableModel):
    """`right` are the columns of figures."""

    def __init__(self, headers: Sequence[str], right: Sequence[int] = (), parent: QObject | None = None) -> None:
        super().__init__(headings(headers, right), parent)
        self._rows: tuple[TextRow, ...] = ()

    @property
    def rows(self) -> tuple[TextRow, ...]:
        """As they are shown."""
        return self._rows

    def replace(self, rows: Sequence[TextRow]) -> None:
        """Show these. Nothing is told if they are the same; a table of the same length is not reset."""
        fresh = tuple(rows)
        if fresh == self._rows:
            return
        if len(fresh) == len(self._rows):
            self._rows = fresh
            self.tell_rows(0, len(fresh) - 1)
            return
        self.beginResetModel()
        self._rows = fresh
        self.endResetModel()

    def row_total(self) -> int:
        """Rows."""
        return len(self._rows)

    def text(self, row: int, column: int) -> str:
        """As it was given."""
        return self._rows[row].texts[column]

    def tip(self, row: int, column: int) -> str:
        """Of the row, or else the whole text of a cell that may be cut."""
        return self._rows[row].tip or self._rows[row].texts[column]

    def subject(self, row: int) -> object:
        """As it was given."""
        return self._rows[row].subject
