"""Asks before what can't be undone is done. Enter and Esc change nothing."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.widgets.dialog import Dialog, text_label


class SureDialog(Dialog):
    """`agreed` when a person says so. `facts` tell what is lost, `verb` is on the button that does it."""

    agreed = Signal()

    def __init__(self, title: str, question: str, facts: str, verb: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.question = text_label(question, "heading")
        self.facts = text_label(facts)
        for label in (self.question, self.facts):
            self.body.addWidget(label)
        self.body.addStretch(1)
        self.agree_button = self.add_button(verb, self._agree)
        self.keep_button = self.add_close("Keep")
        self.keep_button.setDefault(True)
        self.keep_button.setFocus()
        self.resize(440, 0)
        self.make_room()

    @Slot()
    def _agree(self) -> None:
        self.agreed.emit()
        self.accept()
