"""Share a folder under a name, or take part in one that a relay has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QWidget

from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form

_SHARE = "Everything in the folder is kept the same on all machines that accept it. No edit is ever lost."
_ACCEPT = "What is in the folder already is joined with what the others have: nothing is overwritten."


class ShareDialog(Dialog):
    """`wanted(name, folder, relay)` when all three are given."""

    wanted = Signal(str, str, str)

    def __init__(self, relays: Sequence[str], *, accepts: bool, parent: QWidget | None = None) -> None:
        super().__init__("Accept a shared folder" if accepts else "Share a folder", parent)
        self._accepts = accepts
        self.folder, self.name, self.relay = QLineEdit(), QLineEdit(), QComboBox()
        self.relay.addItems(list(relays))
        form = field_form()
        if accepts:
            add_field(form, "&Name", self.name, "What the folder was shared as")
        add_field(form, "&Folder", self.folder, "The folder on this machine")
        if not accepts:
            self.name.setPlaceholderText("as the folder is called")
            add_field(form, "&Name", self.name, "What others will know it by; may be left empty")
        add_field(form, "&Relay", self.relay, "The paired relay that brings it to others")
        self.body.addLayout(form)
        self.body.addWidget(text_label(_ACCEPT if accepts else _SHARE, "muted"))
        self.body.addStretch(1)
        self.add_button("&Choose…", self._choose, tip="Choose the folder")
        self.done_button = self.add_button(
            "&Accept" if accepts else "&Share", self._done, tip="Begin to keep it the same", primary=True
        )
        self.add_close("Cancel")
        for field in (self.folder, self.name):
            field.textChanged.connect(self._check)
        self._check()

    @Slot()
    def _check(self) -> None:
        self.done_button.setEnabled(bool(self.folder.text().strip() and self._name() and self.relay.count()))

    def _name(self) -> str:
        """What is shared is called as its folder is, unless said otherwise."""
        name = self.name.text().strip()
        return name if name or self._accepts else PurePath(self.folder.text().strip()).name

    @Slot()
    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose the folder", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    @Slot()
    def _done(self) -> None:
        self.wanted.emit(self._name(), self.folder.text().strip(), self.relay.currentText())
        self.accept()
