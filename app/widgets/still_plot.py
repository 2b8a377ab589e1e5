"""A pyqtgraph plot that does nothing by itself: ranges are the owner's, the mouse only reads, keys are the page's."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPen, QWheelEvent

from app.figures import plain_tip
from app.widgets.look import Look


class StillPlot(pg.PlotWidget):  # type: ignore[misc]
    """`axes` are those that are shown; all others are hidden."""

    def __init__(
        self,
        look: Look,
        name: str,
        tip: str,
        axes: Sequence[str] = (),
        axis_items: dict[str, pg.AxisItem] | None = None,
    ) -> None:
        super().__init__(background=look.card, axisItems=axis_items or {})
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(tip))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setAntialiasing(False)
        plot = self.getPlotItem()
        for axis in ("left", "bottom"):
            if axis not in axes:
                plot.hideAxis(axis)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.disableAutoRange()
        plot.getViewBox().setBorder(None)

    @property
    def pixels(self) -> int:
        """Width of what is drawn on."""
        return max(2, int(self.getPlotItem().getViewBox().width()))

    def x_at(self, pixel: QPoint) -> float:
        """The place on the x axis below that pixel."""
        return float(self.getPlotItem().getViewBox().mapSceneToView(self.mapToScene(pixel)).x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys are the page's."""
        event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the page."""
        event.ignore()


def plot_pen(colour: QColor, width: int = 1, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """A pen of so many pixels, whatever the scales are."""
    pen = QPen(colour, width, style, Qt.PenCapStyle.FlatCap)
    pen.setCosmetic(True)
    return pen
