"""What the queue shows when it is empty, and the zone that files are dropped on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.figures import plain_tip
from app.theme.theme import Theme
from app.widgets.plain_label import PlainLabel


class EmptyQueue(QWidget):
    """Says what to do next, with one button for it. Fills its parent."""

    add_wanted = Signal()
    pair_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._has_destination = False
        self.head, self.text, self.button = PlainLabel(), PlainLabel(), QPushButton()
        self.head.setProperty("kind", "heading")
        self.text.setProperty("kind", "muted")
        self.button.setProperty("kind", "primary")
        self.button.clicked.connect(self._ask)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addStretch(1)
        for widget in (self.head, self.text, self.button):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignCenter)
        layout.addStretch(2)
        parent.installEventFilter(self)

    def show_for(self, is_empty: bool, *, has_destination: bool) -> None:
        """Show or hide, with the step that comes next."""
        self._has_destination = has_destination
        self.head.setText("Nothing queued" if has_destination else "Pair with a relay first")
        self.text.setText(
            "Drop files or folders anywhere on this page"
            if has_destination
            else "Paste the token that the receiving machine shows; then drop files here"
        )
        self.button.setText("Add files…" if has_destination else "Pair…")
        self.button.setAccessibleName(self.button.text())
        self.button.setToolTip(
            plain_tip("Choose files  (Ctrl+O)" if has_destination else "Paste a pairing token  (Ctrl+P)")
        )
        self.setVisible(is_empty)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the parent."""
        if event.type() == QEvent.Type.Resize and watched is self.parent() and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return super().eventFilter(watched, event)

    def _ask(self) -> None:
        (self.add_wanted if self._has_destination else self.pair_wanted).emit()


class DropZone(QWidget):
    """Lies over the page while files are dragged across it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.text = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Drop files here")
        self.hide()

    def show_over(self, area: QRect, names: Sequence[str]) -> None:
        """Cover that part of the parent, and say what would be queued."""
        one = names[0] if len(names) == 1 else f"{len(names)} files and folders"
        self.text = f"Drop to queue {one}"
        self.setGeometry(area.adjusted(8, 8, -8, -8))
        self.raise_()
        self.show()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.accent), 2, Qt.PenStyle.DashLine))
        painter.setBrush(QColor(tokens.drop_zone))
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), 8, 8)
        painter.setFont(self._theme.font("big", strong=True))
        painter.setPen(QColor(tokens.text))
        text = painter.fontMetrics().elidedText(self.text, Qt.TextElideMode.ElideMiddle, self.width() - 32)
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), text)
        painter.end()
