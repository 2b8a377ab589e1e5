"""Curves and bars whose place is known.

pyqtgraph asks each item for its bounds several times a frame, and searches its data for them. In a plot with fixed
ranges whose items fill it all, one answer does.
"""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF


class _Fixed:
    """Mixed into an item of pyqtgraph. It is said to fill all its plot, so that nobody looks for where it ends."""

    _place = QRectF(0.0, 0.0, 1.0, 1.0)

    def place(self, rect: QRectF) -> None:
        """The whole range of the plot, in its own coordinates."""
        if rect != self._place:
            self.prepareGeometryChange()  # type: ignore[attr-defined]
            self._place = rect

    def boundingRect(self) -> QRectF:
        """What was said."""
        return self._place

    def viewTransformChanged(self, *_: Any) -> None:
        """Nothing here depends on the size of a pixel."""


class FixedCurve(_Fixed, pg.PlotCurveItem):  # type: ignore[misc]
    """A line, or ticks."""


class FixedBars(_Fixed, pg.BarGraphItem):  # type: ignore[misc]
    """Filled rectangles."""
