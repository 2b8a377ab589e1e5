"""A word in passing at the foot of the pages: what was just done, and the one click that takes it back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from app.figures import plain_tip
from app.widgets.plain_label import PlainLabel

SHOWN_MS = 8000
NOTHING = "Nothing that was done just now can be taken back"
_MARGIN = 14  # px above the foot of the parent


class Toast(QFrame):
    """Lies over its parent; goes by itself, but not while the mouse or the keyboard is on it."""

    def __init__(self, undo: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("kind", "toast")
        self.setAccessibleName("What was just done")
        self._undo: Callable[[], object] | None = None
        self._action, self._tip = undo, undo.toolTip()
        self.text = PlainLabel()
        self.undo_button = QPushButton("Undo", autoDefault=False)
        self.undo_button.setAccessibleName("Undo what was just done")
        self.undo_button.setToolTip(plain_tip(undo.toolTip()))
        self.undo_button.clicked.connect(self.take_back)
        undo.triggered.connect(self.take_back)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 8, 10, 8)
        layout.setSpacing(12)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.undo_button)
        self._ends = QTimer(self, interval=SHOWN_MS, singleShot=True)
        self._ends.timeout.connect(self._end)
        self._ground = parent
        parent.installEventFilter(self)
        self.hide()
        self._offer()

    @property
    def can_undo(self) -> bool:
        """Whether it offers to take something back just now."""
        return self._undo is not None

    def has_room_for(self, text: str) -> bool:
        """Whether it is read in one line, without a cut."""
        edges = self.sizeHint().width() - self.text.sizeHint().width() + 2 * _MARGIN
        return self.text.fontMetrics().horizontalAdvance(text) + edges <= self._ground.width()

    def tell(self, text: str, undo: Callable[[], object] | None = None) -> None:
        """Show this in place of what was shown; `undo` takes it back."""
        self._undo = undo
        self.text.setText(text)
        self.setAccessibleDescription(text)
        self.undo_button.setVisible(undo is not None)
        self._offer()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))
        self.show()
        self.raise_()
        self._place()
        self._ends.start()

    def _offer(self) -> None:
        self._action.setEnabled(self.can_undo)
        key = self._action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        self._action.setToolTip(plain_tip(self._tip if self.can_undo else f"{NOTHING}  ({key})"))

    @Slot()
    def take_back(self) -> None:
        """Do the undo, once."""
        undo = self._undo
        self.put_away()
        if undo is not None:
            undo()

    def put_away(self) -> None:
        """Show it no more; what was done stays."""
        self._undo = None
        self._offer()
        self._ends.stop()
        if self._has_keyboard():
            self._ground.setFocus()
        self.hide()

    def _has_keyboard(self) -> bool:
        focus = self.window().focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    @Slot()
    def _end(self) -> None:
        if self.underMouse() or self._has_keyboard():
            self._ends.start()
        else:
            self.put_away()

    def _place(self) -> None:
        parent = self._ground
        width = min(self.sizeHint().width(), parent.width() - 2 * _MARGIN)
        height = self.sizeHint().height()
        self.setGeometry((parent.width() - width) // 2, parent.height() - height - _MARGIN, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the foot of the parent."""
        if watched is self.parent() and event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)
