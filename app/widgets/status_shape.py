"""One mark for each state, told by its shape first and its colour second, so that nobody needs to see the colour.

Circle: fine. Ring: ready, nothing measured. Half a circle: on its way back. Triangle: look when you can. Diamond: look
soon. Octagon with a slot: act now. Cross: switched off by a person. Two bars: paused by a person. One bar: left out on
purpose.
"""

from __future__ import annotations

from enum import Enum
from math import cos, pi, sin

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.figures import plain_tip
from app.widgets.look import Look
from transfer_core.events import LinkState, Severity


class Shape(Enum):
    """What is drawn."""

    CIRCLE = "circle"
    RING = "ring"
    HALF = "half"
    TRIANGLE = "triangle"
    DIAMOND = "diamond"
    OCTAGON = "octagon"
    CROSS = "cross"
    PAUSE = "pause"
    BAR = "bar"


LINK_SHAPES = {
    LinkState.UP: Shape.CIRCLE,
    LinkState.IDLE: Shape.RING,
    LinkState.DEGRADED: Shape.TRIANGLE,
    LinkState.RETURNING: Shape.HALF,
    LinkState.SILENT: Shape.DIAMOND,
    LinkState.DOWN: Shape.OCTAGON,
    LinkState.KILLED: Shape.CROSS,
    LinkState.UNUSED: Shape.BAR,
}
SEVERITY_SHAPES = {
    Severity.INFO: Shape.CIRCLE,
    Severity.CAUTION: Shape.TRIANGLE,
    Severity.SERIOUS: Shape.DIAMOND,
    Severity.CRITICAL: Shape.OCTAGON,
}


def link_colour(state: LinkState, look: Look) -> QColor:
    """The severity colour of a link's state."""
    return {
        LinkState.UP: look.good,
        LinkState.IDLE: look.muted,
        LinkState.DEGRADED: look.caution,
        LinkState.RETURNING: look.good,
        LinkState.SILENT: look.serious,
        LinkState.DOWN: look.critical,
        LinkState.KILLED: look.caution,
        LinkState.UNUSED: look.muted,
    }[state]


def severity_colour(severity: Severity, look: Look) -> QColor:
    """The colour of a notice."""
    return {
        Severity.INFO: look.muted,
        Severity.CAUTION: look.caution,
        Severity.SERIOUS: look.serious,
        Severity.CRITICAL: look.critical,
    }[severity]


def paint_shape(painter: QPainter, shape: Shape, area: QRectF | QRect, colour: QColor) -> None:
    """Paint a shape in the middle of an area, as large as fits."""
    area = QRectF(area)
    side = min(area.width(), area.height())
    box = QRectF(area.center().x() - side / 2, area.center().y() - side / 2, side, side)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    line = max(1.5, side / 7)
    if shape is Shape.CIRCLE:
        inset = side * 0.06
        painter.drawEllipse(box.adjusted(inset, inset, -inset, -inset))
    elif shape in (Shape.RING, Shape.HALF):
        inset = side * 0.06 + line / 2
        ring = box.adjusted(inset, inset, -inset, -inset)
        if shape is Shape.HALF:
            painter.drawPie(ring, 90 * 16, 180 * 16)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, line))
        painter.drawEllipse(ring)
    elif shape is Shape.CROSS:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, line * 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        inner = box.adjusted(line, line, -line, -line)
        painter.drawLine(inner.topLeft(), inner.bottomRight())
        painter.drawLine(inner.bottomLeft(), inner.topRight())
    elif shape is Shape.PAUSE:
        wide, inset = side * 0.26, side * 0.14
        painter.drawRect(QRectF(box.left() + inset, box.top() + side * 0.08, wide, side * 0.84))
        painter.drawRect(QRectF(box.right() - inset - wide, box.top() + side * 0.08, wide, side * 0.84))
    elif shape is Shape.BAR:
        painter.drawRect(QRectF(box.left(), box.center().y() - line / 2, side, line))
    elif shape is Shape.OCTAGON:
        solid, slot = QPainterPath(), QPainterPath()
        solid.addPolygon(_polygon(shape, box))
        slot.addRect(box.adjusted(side * 0.2, side * 0.4, -side * 0.2, -side * 0.4))
        painter.drawPath(solid.subtracted(slot))
    else:
        painter.drawPolygon(_polygon(shape, box))
    painter.restore()


def _polygon(shape: Shape, box: QRectF) -> QPolygonF:
    if shape is Shape.TRIANGLE:
        foot = box.bottom() - box.height() * 0.06
        return QPolygonF(
            [
                QPointF(box.center().x(), box.top() + box.height() * 0.04),
                QPointF(box.right(), foot),
                QPointF(box.left(), foot),
            ]
        )
    if shape is Shape.DIAMOND:
        x, y = box.center().x(), box.center().y()
        return QPolygonF(
            [QPointF(x, box.top()), QPointF(box.right(), y), QPointF(x, box.bottom()), QPointF(box.left(), y)]
        )
    radius = box.width() / 2
    corners = (pi / 8 + pi / 4 * corner for corner in range(8))
    return QPolygonF([QPointF(box.center().x() + radius * cos(a), box.center().y() + radius * sin(a)) for a in corners])


class StatusShape(QWidget):
    """A shape as a widget of its own, as high as a line of text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape = Shape.BAR
        self._colour = QColor()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def shape(self) -> Shape:
        """What is shown."""
        return self._shape

    def show_shape(self, shape: Shape, colour: QColor, words: str) -> None:
        """Change the shape; `words` say the same to those who can't see it."""
        if (shape, colour) == (self._shape, self._colour) and words == self.accessibleName():
            return
        self._shape, self._colour = shape, colour
        self.setAccessibleName(words)
        self.setToolTip(plain_tip(words))
        self.update()

    def sizeHint(self) -> QSize:
        """A square of the font's height."""
        side = max(11, self.fontMetrics().ascent())
        return QSize(side, side)

    def paintEvent(self, _event: object) -> None:
        """Draw."""
        painter = QPainter(self)
        paint_shape(painter, self._shape, QRectF(self.rect()), self._colour)
        painter.end()
