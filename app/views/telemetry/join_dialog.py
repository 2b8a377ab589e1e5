"""Asks who takes part in a race: a pilot, with what their drone sends from, or a viewer."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form
from transfer_core.events.telemetry import RaceView, Role, SourceView

_ROLES = {"Pilot": Role.PILOT, "Viewer": Role.VIEWER}
NOT_KNOWN = "not known yet"


class JoinDialog(Dialog):
    """`wanted(race id, name, Role, source id)`; the source is empty for viewers, and for pilots who don't send yet."""

    wanted = Signal(str, str, object, str)

    def __init__(
        self, races: Sequence[RaceView], chosen: str, sources: Sequence[SourceView], parent: QWidget | None = None
    ) -> None:
        super().__init__("Join a race", parent)
        self._races, self._sources = list(races), list(sources)
        form = field_form()
        self.race = QComboBox()
        for race in races:
            self.race.addItem(f"{race.name}  (UDP {race.udp_port})", race.race_id)
        self.race.setCurrentIndex(max(0, self.race.findData(chosen)))
        add_field(form, "&Race", self.race, "The race that is being recorded")
        self.name = QLineEdit()
        self.name.setMaxLength(200)
        add_field(form, "&Name", self.name, "Who joins")
        self.role = QComboBox()
        self.role.addItems(list(_ROLES))
        add_field(form, "&As", self.role, "A pilot flies, a viewer watches")
        self.source = QComboBox()
        add_field(form, "&Drone", self.source, "Whose telemetry is this pilot's: it takes the pilot's name")
        self.body.addLayout(form)
        self.members = text_label(kind="muted")
        self.body.addWidget(self.members)
        self.body.addStretch(1)
        self.accept_button = self.add_button("&Join", self._accept, primary=True)
        self.add_close("Cancel")
        self.race.currentIndexChanged.connect(self._follow)
        self.role.currentIndexChanged.connect(self._follow)
        self._follow()
        self.name.setFocus()

    @Slot()
    def _follow(self) -> None:
        race = self._races[self.race.currentIndex()]
        is_pilot = _ROLES[self.role.currentText()] is Role.PILOT
        self.source.clear()
        self.source.addItem(NOT_KNOWN, "")
        for source in self._sources:
            if source.port == race.udp_port:
                named = f"{source.name} ({source.source_id})" if source.name else source.source_id
                self.source.addItem(named, source.source_id)
        self.source.setEnabled(is_pilot)
        there = ", ".join(f"{each.name} ({each.role.value})" for each in race.members)
        self.members.setText(f"In it: {there}" if there else "Nobody has joined yet.")

    @Slot()
    def _accept(self) -> None:
        name, role = self.name.text().strip(), _ROLES[self.role.currentText()]
        if not name:
            self.name.setFocus()
            return
        source = str(self.source.currentData()) if role is Role.PILOT else ""
        self.wanted.emit(str(self.race.currentData()), name, role, source)
        self.accept()
