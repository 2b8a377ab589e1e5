"""Asks for a UDP port to listen on, for a race's name where it is to be recorded, and who gets it live."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox, QWidget

from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form, pad_spin

DEFAULT_PORT = 9001
NOBODY = "nobody"
HOSTS = {"this machine only": "127.0.0.1", "the whole network": "0.0.0.0"}
DECODERS = {"LiftOff, all it can send": "", "LiftOff, by a configuration file": "layout", "F1 2023 to 2025": "f1"}


class ReceiveDialog(Dialog):
    """`wanted(name, port, host, decoder, path, relay)`: the name is empty for listening alone, the relay for nobody."""

    wanted = Signal(str, int, str, str, str, str)

    def __init__(self, relays: Sequence[str] = (), *, with_name: bool, parent: QWidget | None = None) -> None:
        super().__init__("New race" if with_name else "Listen", parent)
        form = field_form()
        self.name = QLineEdit("race")
        if with_name:
            add_field(form, "&Name", self.name, "What the race is called")
        self._with_name = with_name
        self.port = QSpinBox(minimum=1, maximum=65_535, value=DEFAULT_PORT)
        pad_spin(self.port)
        add_field(form, "&UDP port", self.port, "Where the drones or the game send to")
        self.host = QComboBox()
        self.host.addItems(list(HOSTS))
        add_field(form, "&From", self.host, "Who may send")
        self.decoder = QComboBox()
        self.decoder.addItems(list(DECODERS))
        add_field(form, "&What", self.decoder, "What comes")
        self.path = QLineEdit(placeholderText="TelemetryConfiguration.json")
        add_field(form, "&Layout", self.path, "The game's configuration file, which lays out the stream")
        self.relay = QComboBox()
        self.relay.addItems([NOBODY, *relays])
        add_field(form, "Pass &on to", self.relay, "A paired relay that gets it live, ahead of all files")
        self.decoder.currentTextChanged.connect(self._follow)
        self.body.addLayout(form)
        text = "Recorded byte for byte, sealed and queued when it ends." if with_name else "Shown, and not recorded."
        self.body.addWidget(text_label(text, "muted"))
        self.body.addStretch(1)
        self.accept_button = self.add_button("&Record" if with_name else "&Listen", self._accept, primary=True)
        self.add_close("Cancel")
        self._follow()

    @Slot()
    def _follow(self) -> None:
        self.path.setEnabled(DECODERS[self.decoder.currentText()] == "layout")

    def _accept(self) -> None:
        name = self.name.text().strip() if self._with_name else ""
        if self._with_name and not name:
            self.name.setFocus()
            return
        host, decoder = HOSTS[self.host.currentText()], DECODERS[self.decoder.currentText()]
        relay = self.relay.currentText() if self.relay.currentIndex() else ""
        self.wanted.emit(name, self.port.value(), host, decoder, self.path.text().strip(), relay)
        self.accept()
