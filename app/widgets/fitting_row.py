"""A row of controls that drops what matters least when there is no room, so that a window can be narrow."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QSizePolicy, QWidget

from app.widgets.measures import BESIDE


class FittingRow(QFrame):
    """What is dropped has to be reachable in another way: by its key, or in the menu.

    Only what `add` put here is dropped and brought back; a widget that someone else has hidden stays hidden.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(BESIDE)
        self.row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._members: list[QWidget] = []
        self._ranked: list[tuple[int, QWidget]] = []
        self._shrinking: dict[QWidget, int] = {}
        self._dropped: set[QWidget] = set()

    def add(self, widget: QWidget, *, rank: int = 0, shrinks_at: int | None = None) -> None:
        """Put a widget at the end. Those of the highest rank are dropped first, those of rank 0 never.

        One that can shrink does so at once, or once those of a rank above `shrinks_at` are dropped.
        """
        self.row.addWidget(widget)
        self._members.append(widget)
        if shrinks_at is not None:
            self._shrinking[widget] = shrinks_at
        if rank:
            self._ranked.append((rank, widget))
            self._ranked.sort(key=lambda each: -each[0])

    def is_dropped(self, widget: QWidget) -> bool:
        """Whether there is no room for it."""
        return widget in self._dropped

    def fit(self) -> None:
        """Drop, or bring back, what the width asks for."""
        there = [each for each in self._members if each in self._dropped or not each.isHidden()]
        dropped: set[QWidget] = set()
        for rank, widget in self._ranked:
            if self._needed([each for each in there if each not in dropped], rank) <= self.width():
                break
            if widget in there:
                dropped.add(widget)
        back, gone = self._dropped - dropped, dropped - self._dropped
        self._dropped = dropped
        for widget in gone:
            widget.hide()
        for widget in back:
            widget.show()

    def _needed(self, there: list[QWidget], rank: int) -> int:
        """Width of these, with those of that rank still to be dropped."""
        margins = self.row.contentsMargins()
        items = (self.row.itemAt(place) for place in range(self.row.count()))
        spaces = (item.spacerItem() for item in items if item is not None)
        fixed = sum(space.sizeHint().width() for space in spaces if space is not None)
        widths = sum(_width(each, can_shrink=rank <= self._shrinking.get(each, rank)) for each in there)
        return fixed + widths + self.row.spacing() * max(0, len(there) - 1) + margins.left() + margins.right()

    def minimumSizeHint(self) -> QSize:
        """Narrow: what does not fit is dropped, but for what never is."""
        dropped = {widget for _, widget in self._ranked}
        kept = [each for each in self._members if each not in dropped and not each.isHidden()]
        return QSize(max(200, self._needed(kept, 0)), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit."""
        super().resizeEvent(event)
        self.fit()

    def event(self, event: QEvent) -> bool:
        """Fit when a text or a font has become wider."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return done


def _width(widget: QWidget, *, can_shrink: bool) -> int:
    """Below this its text would be cut: what it asks for, or less where it may and says that it can."""
    widget.ensurePolished()
    hint, least = widget.sizeHint().width(), widget.minimumSizeHint().width()
    says_so = bool(widget.sizePolicy().horizontalPolicy().value & QSizePolicy.PolicyFlag.ShrinkFlag.value)
    width = min(hint, least) if can_shrink and says_so else hint
    return min(max(width, widget.minimumWidth()), widget.maximumWidth())
