"""A conflict: both versions side by side, with who, when and size, and three buttons. None of them loses a byte."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.actions import make_action, offer
from app.figures import plain_tip
from app.models.sync_rows import conflict_key, version_lines
from app.widgets.action_button import ActionButton
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain_label import PlainLabel
from transfer_core.events.sync import SyncConflictView, SyncVersionView

_NAMES = ("edited by", "at (UTC)", "size", "kept as")


class VersionCard(QFrame):
    """One version."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.title = PlainLabel(title)
        self.title.setProperty("kind", "strong")
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 8, 12, 8)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.addWidget(self.title, 0, 0, 1, 2)
        self.values: list[QLabel] = []
        for row, name in enumerate(_NAMES, 1):
            label, value = PlainLabel(name), ElidedLabel()
            label.setProperty("kind", "muted")
            grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
            self.values.append(value)
        grid.setColumnStretch(1, 1)

    def show_version(self, title: str, version: SyncVersionView | None) -> None:
        """Show this one."""
        self.title.setText(title)
        for label, text in zip(self.values, version_lines(version), strict=True):
            label.setText(text)
            label.setToolTip(plain_tip(text))


class ConflictPanel(QFrame):
    """Hidden while there is no conflict."""

    resolved = Signal(str, str, str)  # folder, path of the copy, what to keep

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._conflicts: tuple[SyncConflictView, ...] = ()
        self._at = 0
        self.head = PlainLabel(wordWrap=True)
        self.head.setProperty("kind", "warning")
        self.head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.left, self.right = VersionCard(""), VersionCard("")
        cards = QHBoxLayout()
        cards.setSpacing(10)
        cards.addWidget(self.left, 1)
        cards.addWidget(self.right, 1)
        bar = QHBoxLayout()
        bar.setSpacing(8)
        self.keep_actions: dict[str, QAction] = {}
        for keep in ("mine", "theirs", "both"):
            action = make_action(f"sync.{keep}", page, lambda keep=keep: self.resolve(keep))  # type: ignore[misc]
            self.keep_actions[keep] = action
            button = ActionButton(action, self)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            bar.addWidget(button)
        bar.addStretch(1)
        self.next_action = make_action("sync.next", page, self.show_next)
        self.next_button = ActionButton(self.next_action, self)
        self.next_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        bar.addWidget(self.next_button)
        self._column = layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(8)
        layout.addWidget(self.head)
        layout.addLayout(cards)
        layout.addLayout(bar)
        self.hide()

    def hasHeightForWidth(self) -> bool:
        """A page that has one is given all the height that it would like, and scrolls though it need not."""
        return False

    def event(self, event: QEvent) -> bool:
        """As high as its lines need at its width, no more and no less."""
        done = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            lines = self._column.totalHeightForWidth(self.width())
            self.setFixedHeight(lines if lines > 0 else self._column.totalMinimumSize().height())
            self._column.invalidate()  # Qt lays out with the heights from before a change of theme
            self._column.activate()
        return done

    @property
    def shown(self) -> SyncConflictView | None:
        """The conflict that is shown."""
        return self._conflicts[self._at] if self._conflicts else None

    def show_conflicts(self, conflicts: Sequence[SyncConflictView]) -> None:
        """These are the conflicts now; the one that is looked at stays."""
        before = self.shown
        self._conflicts = tuple(conflicts)
        keys = [conflict_key(each) for each in self._conflicts]
        self._at = keys.index(conflict_key(before)) if before is not None and conflict_key(before) in keys else 0
        self._show()

    def show_next(self) -> None:
        """Go to the next one."""
        if self._conflicts:
            self._at = (self._at + 1) % len(self._conflicts)
            self._show()

    def resolve(self, keep: str) -> None:
        """Ask for it to be resolved."""
        shown = self.shown
        if shown is not None:
            self.resolved.emit(shown.folder, shown.beside.path, keep)

    def _show(self) -> None:
        shown = self.shown
        self.setVisible(shown is not None)
        for action in self.keep_actions.values():
            action.setEnabled(shown is not None)
        offer(self.next_action, "" if len(self._conflicts) > 1 else "There is no other conflict")
        if shown is None:
            return
        place = f" {self._at + 1} of {len(self._conflicts)}" if len(self._conflicts) > 1 else ""
        self.head.setText(f"▲ Conflict{place}: {shown.path} in {shown.folder} was edited on two sides. Both are kept.")
        self.left.show_version("In place", shown.in_place)
        self.right.show_version("Beside it", shown.beside)
