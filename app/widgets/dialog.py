"""What every dialog of the console is: beside the work, not in its way; Esc closes it; each button has a key."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.figures import plain_tip
from app.widgets.plain_label import PlainLabel


class Dialog(QDialog):
    """Not modal, and deleted when closed. Parts go into `body`; buttons come from `add_button`."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"{title} · DRS-SYNC")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self.body = QVBoxLayout()
        self.body.setSpacing(10)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(14)
        layout.addLayout(self.body, 1)
        layout.addLayout(self._buttons)

    def add_button(
        self, text: str, slot: Callable[[], object], *, tip: str = "", primary: bool = False, closes: bool = False
    ) -> QPushButton:
        """One more button at the right; `&` in its text names the key, which its tool tip says.

        The primary one is done by Enter, one that closes by Esc.
        """
        button = QPushButton(text)
        button.setAutoDefault(False)
        name = text.replace("&", "").rstrip("…")
        keys = QKeySequence.mnemonic(text).toString(QKeySequence.SequenceFormat.NativeText)
        key = ", ".join(each for each in ("Esc" if closes else "Enter" if primary else "", keys) if each)
        button.setToolTip(plain_tip(f"{tip or name}  ({key})" if key else tip or name))
        button.setAccessibleName(name)
        button.clicked.connect(lambda _checked=False: slot())
        if primary:
            button.setProperty("kind", "primary")
            button.setDefault(True)
        self._buttons.addWidget(button)
        return button

    def add_close(self, text: str = "Close") -> QPushButton:
        """The button that does what Esc does."""
        return self.add_button(text, self.reject, tip=text, closes=True)

    def add_problem(self) -> QLabel:
        """A line in the body for why something was refused; hidden until `show_problem`."""
        self.problem = text_label(kind="warning")
        self.problem.setAccessibleName("Why it was refused")
        self.problem.hide()
        self.body.addWidget(self.problem)
        return self.problem

    def show_problem(self, text: str) -> None:
        """Say why, with room for all of it."""
        self.problem.setText(text)
        self.problem.show()
        self.make_room()

    def make_room(self) -> None:
        """Grow to what the text needs now; for when a message has come up."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))

    def open_beside(self) -> None:
        """Show it with the keyboard."""
        self.show()
        self.activateWindow()


def text_label(text: str = "", kind: str = "") -> QLabel:
    """A label of plain text that breaks its lines."""
    label = PlainLabel(text, wordWrap=True)
    if kind:
        label.setProperty("kind", kind)
    return label
