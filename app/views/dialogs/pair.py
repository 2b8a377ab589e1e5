"""The dialog that keeps a relay as a destination: paste its token, give it a name."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from app.views.page import ServiceCalls
from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form
from transfer_core.errors import DrsError
from transfer_core.events import DestinationView

TOKEN_LINES = 4


class PairDialog(Dialog):
    """Stays open with the reason when the token is refused; closes when it is taken, and then says so."""

    paired = Signal(str)  # what to say in passing

    def __init__(self, service: ServiceCalls, parent: QWidget | None = None) -> None:
        super().__init__("Pair with a relay", parent)
        self._call = service.call
        self._waiting = False
        self.token = QPlainTextEdit(placeholderText="drs1.…", tabChangesFocus=True)
        self.token.setFixedHeight(self.token.fontMetrics().lineSpacing() * TOKEN_LINES + 16)
        self.name = QLineEdit(placeholderText="as the relay calls itself")
        form = field_form()
        add_field(
            form, "&Token", self.token, "What the receiving machine shows: `drs-sync relay pair`, or Receive here"
        )
        add_field(form, "&Name", self.name, "Under which it is kept here; may be left empty")
        self.body.addWidget(text_label("The token works once, and only until it expires.", "muted"))
        self.body.addLayout(form)
        self.add_problem()
        self.body.addStretch(1)
        self.paste = self.add_button("Pa&ste", self._paste, tip="Take the token from the clipboard")
        self.pair = self.add_button("&Pair", self._pair, tip="Keep this relay as a destination", primary=True)
        self.add_close("Cancel")
        self.token.textChanged.connect(self._edited)
        self.token.installEventFilter(self)
        self.resize(520, 0)
        self._take_token_from_clipboard()
        self._edited()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter pairs: a token is one line, however it is broken."""
        is_press = watched is self.token and event.type() is QEvent.Type.KeyPress
        if is_press and isinstance(event, QKeyEvent) and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._pair()
            return True
        return super().eventFilter(watched, event)

    def _take_token_from_clipboard(self) -> None:
        text = QGuiApplication.clipboard().text().strip()
        if text.startswith("drs1."):
            self.token.setPlainText(text)
            self.token.selectAll()  # who pastes it once more by hand has it once all the same

    def _paste(self) -> None:
        self.token.setPlainText(QGuiApplication.clipboard().text().strip())
        self.token.setFocus()

    def _edited(self) -> None:
        self.problem.hide()
        self.pair.setEnabled(not self._waiting and bool(self._text()))

    def _text(self) -> str:
        """The token without what a mail program may have broken into it."""
        return "".join(self.token.toPlainText().split())

    def _pair(self) -> None:
        if self._waiting or not self._text():
            return
        self._waiting = True
        self.pair.setText("Pairing…")
        self.pair.setEnabled(False)
        name = self.name.text().strip() or None
        self._call("pair", self._text(), name, on_result=self._done, on_error=self._refused)

    def _done(self, destination: DestinationView) -> None:
        state = "" if destination.online else "; it does not answer yet"
        self.paired.emit(f"Paired with {destination.name}{state}")
        self.accept()

    def _refused(self, error: DrsError) -> None:
        self._waiting = False
        self.pair.setText("&Pair")
        self._edited()
        self.show_problem(error.one_line())
        self.token.setFocus()
        self.token.selectAll()
