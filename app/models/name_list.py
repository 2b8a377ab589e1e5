"""A list of names with words to find them by, some of them checked: channels to draw, races to replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.figures import plain_tip

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
KEY_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class Named:
    """One line. `words` are what it is found by, besides its text."""

    key: str
    text: str
    words: str = ""
    tip: str = ""

    def has(self, words: Sequence[str]) -> bool:
        """Whether all these, in lower case, are in it."""
        text = f"{self.text} {self.words}".casefold()
        return all(word in text for word in words)


class NameList(QAbstractListModel):
    """Shows those that have all the words of `find`. With `checkable` each can be checked, and `checked` tells."""

    checks_changed = Signal()

    def __init__(self, parent: QObject | None = None, *, checkable: bool = False) -> None:
        super().__init__(parent)
        self._checkable = checkable
        self._all: tuple[Named, ...] = ()
        self._shown: list[Named] = []
        self._checked: dict[str, None] = {}
        self._find: list[str] = []

    @property
    def checked(self) -> tuple[str, ...]:
        """Keys, in the order in which they were checked; also of lines that are not there just now."""
        return tuple(self._checked)

    def set_checked(self, keys: Sequence[str]) -> None:
        """Check these and no others."""
        if tuple(keys) != self.checked:
            self._checked = dict.fromkeys(keys)
            self._announce()

    def _announce(self) -> None:
        if self._shown:
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1))
        self.checks_changed.emit()

    def show_names(self, names: Sequence[Named]) -> None:
        """Take these over, if they differ."""
        if tuple(names) != self._all:
            self._all = tuple(names)
            self._filter()

    def find(self, words: str) -> None:
        """Show only those that have all these words."""
        self._find = words.casefold().split()
        self._filter()

    def _filter(self) -> None:
        shown = [each for each in self._all if each.has(self._find)]
        if shown != self._shown:
            self.beginResetModel()
            self._shown = shown
            self.endResetModel()

    def row_of(self, key: str) -> int:
        """Its place among those shown, -1 if it is not."""
        return next((row for row, each in enumerate(self._shown) if each.key == key), -1)

    def toggle(self, row: int) -> None:
        """Check a line, or take that back."""
        key = self._shown[row].key
        if key in self._checked:
            del self._checked[key]
        else:
            self._checked[key] = None
        self.dataChanged.emit(self.index(row), self.index(row))
        self.checks_changed.emit()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Those shown."""
        return 0 if parent.isValid() else len(self._shown)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Checkable where asked for."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if self._checkable else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, key, check."""
        if not index.isValid():
            return None
        each = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return each.text
        if role == KEY_ROLE:
            return each.key
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(each.tip) or None
        if role == Qt.ItemDataRole.CheckStateRole and self._checkable:
            return Qt.CheckState.Checked if each.key in self._checked else Qt.CheckState.Unchecked
        return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Check or uncheck."""
        if role != Qt.ItemDataRole.CheckStateRole or not index.isValid():
            return False
        self.toggle(index.row())
        return True
