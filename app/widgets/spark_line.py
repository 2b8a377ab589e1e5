"""A line without axes, for the shape of the last minute. Painted by whoever owns the space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

Floats = NDArray[np.float64]


def paint_spark(
    painter: QPainter,
    area: QRectF,
    t_s: Floats,
    values: Floats,
    *,
    start_s: float,
    end_s: float,
    top: float,
    colour: QColor,
    width: int = 1,
) -> None:
    """Draw `values`, scaled from 0 to `top`, over `start_s` to `end_s`. NaN breaks the line. Hand over no more
    points than the area has pixels.
    """
    if not len(t_s) or top <= 0 or end_s <= start_s:
        return
    x = area.left() + (t_s - start_s) * (area.width() / (end_s - start_s))
    y = area.bottom() - np.clip(values / top, 0.0, 1.0) * area.height()
    finite = np.isfinite(y)
    painter.save()
    painter.setPen(QPen(colour, width))
    painter.setClipRect(area.adjusted(-1, -1, 1, 1))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], finite, [False])).astype(np.int8)))
    xs, ys = x.tolist(), y.tolist()
    for first, last in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True):
        points = [QPointF(px, py) for px, py in zip(xs[first:last], ys[first:last], strict=True)]
        if len(points) == 1:
            painter.drawPoint(points[0])
        else:
            painter.drawPolyline(points)
    painter.restore()
