"""Curves and bars of the lanes, whose place in the plot never has to be worked out.

pyqtgraph asks each item for its bounds several times a frame and searches its data for them. The lanes fill the whole
plot and all of it is painted anew with each frame, so one fixed answer does.
"""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QRectF

SPAN_MOST_S = 3600.0  # more than any window shows
_EVERYWHERE = QRectF(-SPAN_MOST_S, -0.5, SPAN_MOST_S + 60.0, 2.0)


class LaneCurve(pg.PlotCurveItem):  # type: ignore[misc]
    """A line, or ticks."""

    def boundingRect(self) -> QRectF:
        """All of the plot."""
        return _EVERYWHERE


class LaneBars(pg.BarGraphItem):  # type: ignore[misc]
    """Filled rectangles."""

    def boundingRect(self) -> QRectF:
        """All of the plot."""
        return _EVERYWHERE
