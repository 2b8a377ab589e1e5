"""Curves whose place is known: plots with fixed ranges ask each curve for its bounds several times a frame."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF


class FixedCurve(pg.PlotCurveItem):  # type: ignore[misc]
    """A curve that is said to fill all its plot, so that nobody looks through its points for where it ends."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._place = QRectF(0.0, 0.0, 1.0, 1.0)
        super().__init__(*args, **options)

    def place(self, rect: QRectF) -> None:
        """The whole range of the plot, in its own coordinates."""
        if rect != self._place:
            self.prepareGeometryChange()
            self._place = rect

    def boundingRect(self) -> QRectF:
        """What was said."""
        return self._place

    def viewTransformChanged(self) -> None:
        """Nothing here depends on the size of a pixel."""
