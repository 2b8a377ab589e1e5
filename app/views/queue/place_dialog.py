"""Where the selected jobs shall go: to a place in the queue, or to a priority."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QRadioButton, QSpinBox, QWidget

from app.figures import file_name, files_text, plain_tip
from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import pad_spin
from transfer_core.config import priority_name
from transfer_core.events import JobView

PRIORITIES = range(1, 11)


class PriorityBox(QComboBox):
    """A digit chooses the priority of that number, and 0 after 1 ten; Qt alone would go from 5 to 10 by 1."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Digits are numbers, not beginnings of words."""
        digit = event.text()
        if not digit.isdecimal():
            super().keyPressEvent(event)
            return
        number = 10 if digit == "0" and self.currentData() == 1 else int(digit)
        if number in PRIORITIES:
            self.setCurrentIndex(self.findData(number))


class PlaceDialog(Dialog):
    """Says beforehand behind which file they come."""

    place_chosen = Signal(int)  # 1 is the first
    priority_chosen = Signal(int)

    def __init__(
        self, jobs: Sequence[JobView], chosen: Sequence[JobView], *, by_priority: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__("Move to", parent)
        self._chosen = {job.file_id for job in chosen}
        self._others = [job for job in jobs if job.file_id not in self._chosen]
        self.to_place = QRadioButton("To &place")
        self.to_priority = QRadioButton("To p&riority")
        self.place = QSpinBox(minimum=1, maximum=max(1, len(self._others) + 1))
        pad_spin(self.place)
        self.priority = PriorityBox()
        for number in PRIORITIES:
            name = priority_name(number)
            self.priority.addItem(str(number) if name.isdigit() else f"{number} {name}", number)
        self._fill_in(jobs, chosen)
        self.preview = text_label(kind="muted")
        self._build(len(chosen))
        (self.to_priority if by_priority else self.to_place).setChecked(True)
        self._follow()
        (self.priority if by_priority else self.place).setFocus()

    def _fill_in(self, jobs: Sequence[JobView], chosen: Sequence[JobView]) -> None:
        first = chosen[0]
        place = next((at for at, job in enumerate(jobs, 1) if job.file_id == first.file_id), 1)
        self.place.setValue(place)
        self.priority.setCurrentIndex(self.priority.findData(first.priority))

    def _build(self, count: int) -> None:
        self._name(self.to_place, "To a place in the queue", "Alt+P")
        self._name(self.to_priority, "To the end of a priority", "Alt+R")
        self._name(self.place, "Place in the queue", "Alt+P")
        self._name(self.priority, "Priority, 1 goes first", "Alt+R")
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(8)
        for row, (radio, field) in enumerate(((self.to_place, self.place), (self.to_priority, self.priority))):
            grid.addWidget(radio, row, 0)
            grid.addWidget(field, row, 1)
            radio.toggled.connect(self._follow)
            radio.clicked.connect(field.setFocus)
        grid.setColumnStretch(1, 1)
        self.place.valueChanged.connect(self._follow)
        self.priority.currentIndexChanged.connect(self._follow)
        self.body.addWidget(text_label(f"Move {files_text(count)}", "heading"))
        self.body.addLayout(grid)
        self.body.addWidget(self.preview)
        self.body.addStretch(1)
        self.add_button("&Move", self._move, tip="Move them there; can be undone", primary=True)
        self.add_close("Cancel")
        self.resize(420, 0)

    @staticmethod
    def _name(control: QWidget, name: str, key: str) -> None:
        control.setAccessibleName(name)
        control.setToolTip(plain_tip(f"{name}  ({key})"))

    def _follow(self) -> None:
        by_place = self.to_place.isChecked()
        self.place.setEnabled(by_place)
        self.priority.setEnabled(not by_place)
        if by_place:
            place = self.place.value() - 1
            before = self._others[place] if place < len(self._others) else None
        else:
            chosen = self.priority.currentData()
            before = next((job for job in self._others if job.priority > chosen), None)
        self.preview.setText("At the end of the queue" if before is None else f"Before {file_name(before.path)}")

    def _move(self) -> None:
        if self.to_place.isChecked():
            self.place.interpretText()
            self.place_chosen.emit(self.place.value())
        else:
            self.priority_chosen.emit(self.priority.currentData())
        self.accept()
