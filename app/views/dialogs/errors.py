"""The one window for errors: what happened and what to do, newest first, to be read and copied while work goes on."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.widgets.dialog import Dialog, text_label
from transfer_core.errors import DrsError

ERRORS_MOST = 50


@dataclass(slots=True)
class _Shown:
    """One error, and how often it came."""

    text: str
    times: int = 1


class ErrorDialog(Dialog):
    """Several errors share it, so that a burst of them is one window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Error", parent)
        self._errors: list[_Shown] = []
        self.head = text_label(kind="heading")
        self.hint = text_label()
        self.details = QPlainTextEdit(readOnly=True, tabChangesFocus=True)
        self.details.setAccessibleName("Errors, newest first")
        self.details.setToolTip("All of it, to read and to copy  (Ctrl+A, Ctrl+C)")
        self.details.setMinimumHeight(96)
        for widget in (self.head, self.hint, self.details):
            self.body.addWidget(widget)
        self.copy = self.add_button("&Copy", self.copy_all, tip="Copy everything with its codes")
        self.close_button = self.add_close()
        self.resize(560, 260)

    def add(self, error: object) -> None:
        """Show this one in front; one that came before is counted."""
        known = error if isinstance(error, DrsError) else DrsError(str(error))
        text = known.one_line()
        before = next((each for each in self._errors if each.text == text), None)
        if before is not None:
            self._errors.remove(before)
            before.times += 1
        self._errors.insert(0, before or _Shown(text))
        del self._errors[ERRORS_MOST:]
        self.head.setText(known.message)
        self.hint.setText(known.hint)
        self.details.setPlainText(self.text())
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, f"Error: {known.message}. {known.hint}"))
        if not self.isVisible():
            self.open_beside()
            self.close_button.setFocus()

    def text(self) -> str:
        """All errors, a line each."""
        return "\n".join(f"{each.text} ({each.times} times)" if each.times > 1 else each.text for each in self._errors)

    def copy_all(self) -> None:
        """Put them on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())
