"""The sheet of keys: every command of the table with its key, those of the page in front first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLineEdit, QWidget

from app.actions import COMMANDS, WINDOW
from app.models.table_model import TableModel, headings
from app.theme.theme import Theme
from app.widgets.dialog import Dialog
from app.widgets.look import look_of
from app.widgets.row_table import Columns, RowTable

HEADINGS = headings(("key", "does", "where"))


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of the sheet."""

    key: str
    does: str
    where: str

    @property
    def words(self) -> str:
        """What a search looks at."""
        return f"{self.key} {self.does} {self.where}".casefold()


def key_rows(titles: Mapping[str, str], here: str) -> list[KeyRow]:
    """All keys. `titles` are the pages by name, in their order; those of `here` first, then those of everywhere."""
    rows = [
        KeyRow("  ".join(key.toString(key.SequenceFormat.NativeText) for key in command.keys), _does(name), where)
        for page, where in {here: titles.get(here, ""), WINDOW: "everywhere", **titles}.items()
        for name, command in COMMANDS.items()
        if command.page == page and command.key
    ]
    pages = [
        KeyRow(f"Ctrl+{number}", f"Go to {title}", "everywhere") for number, title in enumerate(titles.values(), 1)
    ]
    first = sum(row.where == titles.get(here) for row in rows)
    return rows[:first] + pages + rows[first:]


def _does(name: str) -> str:
    command = COMMANDS[name]
    text = command.text.rstrip("…")
    return f"{text}: {command.tip[0].lower()}{command.tip[1:]}" if command.tip else text


class KeysModel(TableModel):
    """The rows that hold all the words looked for."""

    def __init__(self, rows: list[KeyRow]) -> None:
        super().__init__(HEADINGS)
        self._all = self._shown = rows

    def find(self, text: str) -> None:
        """Show only rows with all these words."""
        words = text.casefold().split()
        self.beginResetModel()
        self._shown = [row for row in self._all if all(word in row.words for word in words)]
        self.endResetModel()

    def row_total(self) -> int:
        """Rows shown."""
        return len(self._shown)

    def text(self, row: int, column: int) -> str:
        """Key, what it does, where it counts."""
        shown = self._shown[row]
        return (shown.key, shown.does, shown.where)[column]

    def tip(self, row: int, column: int) -> str:
        """The same, whole."""
        return self.text(row, column)


class ShortcutsDialog(Dialog):
    """A table to look through; typing looks for words at once."""

    def __init__(self, titles: Mapping[str, str], here: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Keys", parent)
        self.model = KeysModel(key_rows(titles, here))
        self.model.setParent(self)
        self.find_field = QLineEdit(placeholderText="Find a key or a command", clearButtonEnabled=True)
        self.find_field.setAccessibleName("Find a key or a command")
        self.find_field.setToolTip("Only lines with all these words  (Alt+F)")
        self.find_field.textChanged.connect(self.model.find)
        tip = "Every command that has a key  (Alt+K)"
        columns = Columns({0: "Ctrl+Shift+Backspace", 2: "Destinations"}, wide=1)
        self.table = RowTable(self.model, look_of(theme), "Keys", tip, columns)
        self.body.addWidget(self.find_field)
        self.body.addWidget(self.table, 1)
        key = QShortcut(QKeySequence("Alt+K"), self)
        key.activated.connect(self.table.setFocus)
        self.add_button("&Find", self.find_field.setFocus, tip="Look for words")
        self.add_close()
        self.find_field.setFocus()
        self.resize(theme.tokens.text_px * 56, theme.tokens.text_px * 40)
