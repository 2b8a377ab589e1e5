"""The one calm place on top for what lasts: the worst of it, the one thing that helps, and a way to put it away."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from app.actions import COMMANDS
from app.figures import plain_tip
from app.widgets.look import ThemeLike, look_of
from app.widgets.plain_label import PlainLabel
from app.widgets.status_shape import SEVERITY_SHAPES, StatusShape, severity_colour
from transfer_core.events import Severity


class Banner(QFrame):
    """Shows one message at a time; hidden without one."""

    help_wanted = Signal()
    closed = Signal()

    def __init__(self, theme: ThemeLike, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._severity = Severity.INFO
        self._detail = ""
        self.setProperty("kind", "banner")
        self.setAccessibleName("Message")
        self._shape = StatusShape()
        self.text = PlainLabel(wordWrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.more = PlainLabel()
        self.more.setProperty("kind", "muted")
        self.helps = QPushButton("Help", autoDefault=False)
        self.helps.setAccessibleName("Help")
        self.helps.setToolTip(plain_tip(COMMANDS["window.help_banner"].tool_tip()))
        self.helps.clicked.connect(self.help_wanted)
        self.copy = QPushButton("Copy", autoDefault=False)
        self.copy.setToolTip(plain_tip(COMMANDS["window.copy_banner"].tool_tip()))
        self.copy.setAccessibleName("Copy the message")
        self.copy.clicked.connect(self._copy)
        self.close_button = QPushButton("Hide", autoDefault=False)
        self.close_button.setToolTip(plain_tip(COMMANDS["window.close_banner"].tool_tip()))
        self.close_button.setAccessibleName("Hide the message")
        self.close_button.clicked.connect(self.closed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 6, 16, 6)
        layout.setSpacing(10)
        layout.addWidget(self._shape)
        layout.addWidget(self.text, 1)
        for widget in (self.more, self.helps, self.copy, self.close_button):
            layout.addWidget(widget)
        theme.changed.connect(self._dress)
        self.hide()

    def show_message(
        self, severity: Severity, text: str, *, helps: tuple[str, str] | None = None, detail: str = "", more: str = ""
    ) -> None:
        """Show this; `helps` is the text and tool tip of the one button, `more` has a line for each other."""
        self._severity, self._detail = severity, detail
        self.text.setText(text)
        self.setAccessibleDescription(text)
        self.more.setText(f"and {len(more.splitlines())} more" if more else "")
        self.more.setToolTip(plain_tip(more))
        self.more.setVisible(bool(more))
        self.copy.setVisible(bool(detail))
        self.helps.setVisible(helps is not None)
        if helps is not None:
            self.helps.setText(helps[0])
            self.helps.setToolTip(plain_tip(COMMANDS["window.help_banner"].tool_tip(helps[1])))
            self.helps.setAccessibleName(helps[0])
        self._dress()
        self.show()

    @Slot()
    def _dress(self) -> None:
        look = look_of(self._theme)
        severity = self._severity
        self._shape.show_shape(SEVERITY_SHAPES[severity], severity_colour(severity, look), severity.value)
        self.setProperty("severity", severity.value)
        self.style().unpolish(self)
        self.style().polish(self)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._detail)
