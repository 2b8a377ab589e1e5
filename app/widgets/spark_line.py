"""A line without axes, for the shape of the last minute. Painted by whoever owns the space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPen

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spark:
    """`values`, scaled from 0 to `top`, from `start_s` to `end_s`. NaN breaks the line.

    Hand over no more points than the area has pixels.
    """

    t_s: Floats
    values: Floats
    start_s: float
    end_s: float
    top: float


def paint_spark(painter: QPainter, area: QRectF, spark: Spark, colour: QColor, width: int = 1) -> None:
    """Draw the line into that area."""
    if not len(spark.t_s) or spark.top <= 0 or spark.end_s <= spark.start_s:
        return
    x = area.left() + (spark.t_s - spark.start_s) * (area.width() / (spark.end_s - spark.start_s))
    y = area.bottom() - np.clip(spark.values / spark.top, 0.0, 1.0) * area.height()
    finite = np.isfinite(y)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, max(1.2, width)))
    painter.setClipRect(area.adjusted(-1, -1, 1, 1))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], finite, [False])).astype(np.int8)))
    for first, last in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True):
        line = pg.functions.arrayToQPolygonF(x[first:last], y[first:last])
        if last - first == 1:
            painter.drawPoints(line)
        else:
            painter.drawPolyline(line)
    painter.restore()
