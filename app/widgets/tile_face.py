"""The face of a link's tile: the few texts that are drawn, and the drawing.

Two faces that are equal look the same, so a tile is painted anew only when its face differs. Nothing is measured while
painting that could have been measured when the theme changed: a strip of tiles is painted all day long.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPainter, QPen

from app.widgets.look import Look
from app.widgets.spark_line import Spark, paint_spark
from app.widgets.status_shape import LINK_SHAPES, Shape, link_colour, paint_shape
from transfer_core.events import LinkState

SPARK_HEIGHT = 26  # px
DEVICE_LEAST = 5  # letters; fewer say nothing
_MIDDLE = Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Face:
    """What is drawn. `quality` is `live`, `stale` or `lost`; `limits` is empty where the link has none."""

    name: str
    device: str
    state: LinkState
    place: int
    quality: str
    rate: str
    unit: str
    role: str
    rtt: str
    loss: str
    limits: str
    is_short: bool  # of what its quota allows
    foot: str
    is_overdue: bool


class FacePainter:
    """Draws faces in one theme; compact ones have no line of the last minute."""

    def __init__(self, look: Look, *, compact: bool = False) -> None:
        self._look, self._spark_height = look, 0 if compact else SPARK_HEIGHT
        self.strong, self.big, self.small = (QFontMetrics(each) for each in (look.strong, look.big, look.small))
        self._side = look.gap + 2
        self._hatch = QBrush(look.border, Qt.BrushStyle.BDiagPattern)
        self._tops = self._measure(has_limits=False)
        self._tops_with_limits = self._measure(has_limits=True)

    def _measure(self, *, has_limits: bool) -> tuple[int, int, int, int, int, int]:
        gap = self._look.gap
        name = gap + 2
        rate = name + self.strong.height() + 1
        spark = rate + self.big.height() + 1
        figures = spark + (self._spark_height + gap // 2 if self._spark_height else 0)
        limits = figures + self.small.height() + 2
        foot = (limits + self.small.height() if has_limits else figures + self.small.height()) + gap // 2
        return name, rate, spark, figures, limits, foot

    def _tops_of(self, face: Face | None) -> tuple[int, int, int, int, int, int]:
        return self._tops_with_limits if face is not None and face.limits else self._tops

    def foot_top(self, face: Face | None) -> int:
        """Where the lowest line begins; the switch stands in it."""
        return self._tops_of(face)[-1]

    def paint(self, painter: QPainter, size: QSize, face: Face, spark: Spark | None, foot_width: int) -> None:
        """Draw all but the ground; the foot may be so wide."""
        name, rate, spark_top, figures, limits, foot = self._tops_of(face)
        right = size.width() - self._side
        self._paint_name(painter, face, name, right)
        self._paint_rate(painter, face, rate, right)
        if self._spark_height:
            area = QRectF(self._side, spark_top, right - self._side, self._spark_height)
            painter.setPen(self._look.grid)
            painter.drawLine(area.bottomLeft(), area.bottomRight())
            if spark is not None:
                paint_spark(painter, area, spark, self._look.link(face.place), self._look.line)
        self._paint_figures(painter, face, figures)
        painter.setFont(self._look.small)
        if face.limits:
            line = QRect(self._side, limits, right - self._side, self.small.height())
            self._remark(painter, line, face.limits, is_wrong=face.is_short, is_quiet=True)
        line = QRect(self._side, foot, foot_width, size.height() - self._look.gap - foot)
        self._remark(painter, line, face.foot, is_wrong=face.is_overdue, is_quiet=face.quality == "live")

    def _remark(self, painter: QPainter, area: QRect, text: str, *, is_wrong: bool, is_quiet: bool) -> None:
        if is_wrong:  # the colour alone would be too pale to read, and lost on who can't see it
            side = self.small.ascent()
            mark = QRect(area.left(), area.center().y() - side // 2, side, side)
            paint_shape(painter, Shape.TRIANGLE, mark, self._look.caution)
            area = area.adjusted(side + 4, 0, 0, 0)
        painter.setPen(self._look.muted if is_quiet and not is_wrong else self._look.text)
        self._text(painter, area, text)

    def _text(self, painter: QPainter, area: QRect, text: str) -> None:
        shown = self.small.elidedText(text, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, _MIDDLE | Qt.AlignmentFlag.AlignLeft, shown)

    def _paint_name(self, painter: QPainter, face: Face, top: int, right: int) -> None:
        look, height, x = self._look, self.strong.height(), self._side
        side = min(12, height - 4)
        shape = QRect(x, top + (height - side) // 2, side, side)
        paint_shape(painter, LINK_SHAPES[face.state], shape, link_colour(face.state, look))
        x += side + look.gap
        painter.fillRect(QRect(x, top, 4, height), look.link(face.place))
        x += 4 + look.gap
        # the name comes first: it is what people call the link by
        beside = right - x - self.strong.horizontalAdvance(face.name) - look.gap
        device = self.small.elidedText(face.device, Qt.TextElideMode.ElideMiddle, max(0, beside))
        device = device if len(device) >= DEVICE_LEAST else ""
        self._draw(painter, look.small, look.muted)
        painter.drawText(QRect(x, top, right - x, height), Qt.AlignmentFlag.AlignRight | _MIDDLE, device)
        room = right - x - (self.small.horizontalAdvance(device) + look.gap if device else 0)
        self._draw(painter, look.strong, look.text)
        name = self.strong.elidedText(face.name, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(x, top, room, height), _MIDDLE, name)

    def _paint_rate(self, painter: QPainter, face: Face, top: int, right: int) -> None:
        look, x, height = self._look, self._side, self.big.height()
        base, wide = top + self.big.ascent(), self.big.horizontalAdvance(face.rate)
        if face.quality == "stale":
            painter.fillRect(QRect(x, top + 2, wide, height - 4), self._hatch)
        self._draw(painter, look.big, look.text if face.quality == "live" else look.muted)
        painter.drawText(x, base, face.rate)
        self._draw(painter, look.small, look.muted)
        painter.drawText(x + wide + look.gap, base, face.unit)
        room = right - (x + wide + 2 * look.gap + self.small.horizontalAdvance(face.unit))
        if face.role and room > self.small.horizontalAdvance("backup"):
            role = self.small.elidedText(face.role, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPoint(right - self.small.horizontalAdvance(role), base), role)

    def _paint_figures(self, painter: QPainter, face: Face, top: int) -> None:
        look, x, base = self._look, self._side, top + self.small.ascent()
        painter.setFont(look.small)
        for label, value, unit in (("RTT", face.rtt, "ms"), ("loss", face.loss, "%")):
            for text in (label, value, unit):
                if text is value and face.quality == "stale":
                    box = QRect(x, top, self.small.horizontalAdvance(text), self.small.height())
                    painter.fillRect(box, self._hatch)
                painter.setPen(look.text if text is value and face.quality == "live" else look.muted)
                painter.drawText(x, base, text)
                x += self.small.horizontalAdvance(text + " ")
            x += look.gap

    @staticmethod
    def _draw(painter: QPainter, font: QFont, colour: QColor) -> None:
        painter.setFont(font)
        painter.setPen(colour)


def paint_ground(painter: QPainter, size: QSize, look: Look, *, has_focus: bool) -> None:
    """The card below a face; with a ring while it has the keyboard."""
    inset = 1.0 if has_focus else 0.5
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(look.focus, 2) if has_focus else QPen(look.border, 1))
    painter.setBrush(look.card)
    painter.drawRoundedRect(QRectF(QPoint(0, 0), size).adjusted(inset, inset, -inset, -inset), 5, 5)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
