"""The lists at the left: channels to draw and races to show again, each with a field to find by words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QLineEdit,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.actions import make_action, name_field
from app.figures import plain_tip, was_text
from app.models.name_list import KEY_ROLE, Named, NameList
from app.widgets.plain_label import PlainLabel
from transfer_core.events.telemetry import ChannelView, RaceState, RaceView
from transfer_core.units import format_duration

LEAST_PX = 44  # of a list's height, in a low window


class FoundList(QWidget):
    """A heading, a field and a list."""

    chosen = Signal(str)  # key: Enter or a double click
    current_changed = Signal()

    def __init__(self, title: str, command: str, tip: str, *, checkable: bool = False) -> None:
        super().__init__()
        self.model = NameList(self, checkable=checkable)
        heading = PlainLabel(title)
        heading.setProperty("kind", "muted")
        self.field = QLineEdit(placeholderText="Find…", clearButtonEnabled=True)
        name_field(command, self.field)
        self.field.textChanged.connect(self.model.find)
        make_action(command, self.window(), self._look_for)
        self.view = _List(checkable=checkable)
        self.view.setModel(self.model)
        for changed in (self.view.selectionModel().currentChanged, self.view.selectionModel().selectionChanged):
            changed.connect(self.current_changed)
        self.field.textChanged.connect(self.current_changed)  # what is not found any more is not selected
        self.view.setAccessibleName(title)
        self.view.setToolTip(plain_tip(f"{tip}  (Tab, then Up or Down)"))
        self.view.setMinimumHeight(LEAST_PX)
        self.view.setUniformItemSizes(checkable)  # names that people gave may need two lines
        self.view.setWordWrap(not checkable)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        if not checkable:
            self.view.setItemDelegate(_Wrapped(self.view))
        self.view.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.view.taken.connect(self.chosen)
        self.empty = PlainLabel(wordWrap=True)
        self.empty.setProperty("kind", "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (heading, self.field, self.empty):
            column.addWidget(part)
        column.addWidget(self.view, 1)

    def _look_for(self) -> None:
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    @property
    def current(self) -> str:
        """The key of the line that is selected; empty without one."""
        index = self.view.currentIndex()
        return str(index.data(KEY_ROLE)) if self.view.selectionModel().isSelected(index) else ""

    def show_names(self, names: Sequence[Named], empty: str) -> None:
        """Take these over; the selection stays with its line. `empty` is said where there is none."""
        current = self.current
        self.model.show_names(names)
        row = self.model.row_of(current)
        if row >= 0 and self.current != current:
            index = self.model.index(row)
            self.view.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.empty.setText(empty)
        self.empty.setVisible(not names)

    def select(self, key: str) -> None:
        """Select a line, if it is there."""
        row = self.model.row_of(key)
        if row >= 0:
            self.view.setCurrentIndex(self.model.index(row))


class _Wrapped(QStyledItemDelegate):
    """Lines as wide as the list, and as high as they need then."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Of one."""
        view = self.parent()
        assert isinstance(view, QListView)
        bar = view.verticalScrollBar()
        wide = view.viewport().width() - (0 if bar.isVisible() else bar.sizeHint().width())  # it may come by this
        option.rect.setWidth(wide)
        return QSize(wide, super().sizeHint(option, index).height())


class _List(QListView):
    """Enter takes a line; Space checks it where lines can be checked."""

    taken = Signal(str)

    def __init__(self, *, checkable: bool) -> None:
        super().__init__()
        self._checkable = checkable
        self.doubleClicked.connect(lambda index: self.taken.emit(str(index.data(KEY_ROLE))))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt makes a line current when the keyboard comes, and leaves it unseen which."""
        super().focusInEvent(event)
        if self.currentIndex().isValid() and not self.selectionModel().hasSelection():
            self.setCurrentIndex(self.currentIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space and Enter here, all else as in any list, letters for the page."""
        index = self.currentIndex()
        if event.key() == Qt.Key.Key_Space and self._checkable and index.isValid():
            index.model().setData(index, None, Qt.ItemDataRole.CheckStateRole)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self.taken.emit(str(index.data(KEY_ROLE)))
        elif event.text().isprintable() and event.text():
            event.ignore()
        else:
            super().keyPressEvent(event)


def channel_names(channels: Sequence[ChannelView]) -> list[Named]:
    """Lines for channels."""
    return [
        Named(each.name, f"{each.name}  {each.unit}".rstrip(), each.group, f"{each.group}: {each.name}")
        for each in channels
    ]


_STATES = {RaceState.WAITING: "recording, nothing yet", RaceState.LIVE: "recording", RaceState.ENDED: "ended"}


def race_names(races: Sequence[RaceView], *, is_heard: bool = True) -> list[Named]:
    """Lines for races; one that an engine recorded that is not heard of may be recorded no more."""
    found = []
    for race in races:
        length_s = None if race.start_ns is None or race.end_ns is None else (race.end_ns - race.start_ns) / 1e9
        about = was_text(_STATES.get(race.state, ""), is_heard=is_heard or race.state is RaceState.ENDED)
        about = about or format_duration(length_s)
        who = " ".join(member.name for member in race.members)
        tip = f"{race.name}: {race.datagrams} datagrams of {len(race.sources)} sources, {race.created_at[:16]} UTC"
        tip += f"\n{race.error}" if race.error else ""
        found.append(Named(race.race_id, f"{race.name}  {about}".rstrip(), f"{race.owner} {who}", tip))
    return found
