"""The causal history of one file, drawn: a lane for each machine, its edits, arrows where another received one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.figures import clock_text
from app.widgets.look import Look
from app.widgets.status_shape import Shape, paint_shape
from transfer_core.events.sync import SyncHappening

HERE = "this machine"
STEPS_MOST = 14
LANE_HIGH = 44
_FROM = "from "


@dataclass(frozen=True, slots=True)
class Step:
    """One moment in a file's life: in whose lane, and from where it came."""

    at: str
    lane: str
    what: str
    from_lane: str = ""


def steps_of(lines: Sequence[SyncHappening]) -> list[Step]:
    """A file's history, oldest first, as steps; only the newest fit."""
    steps: list[Step] = []
    for line in lines:
        if line.text.startswith(_FROM):
            other = line.text[len(_FROM) :]
            steps += [Step(line.at, other, "edited"), Step(line.at, HERE, line.what, other)]
        else:
            steps.append(Step(line.at, HERE, line.what))
    return steps[-STEPS_MOST:]


class CausalView(QWidget):
    """Painted."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._steps: list[Step] = []
        self._empty = ""
        self.setAccessibleName("Causal history of the file")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Four lanes."""
        return QSize(700, 4 * LANE_HIGH + 30)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.update()

    def show_history(self, lines: Sequence[SyncHappening], empty: str) -> None:
        """The file's history, oldest first; `empty` is said when there is none."""
        self._steps, self._empty = steps_of(lines), empty
        self.setAccessibleDescription("; ".join(f"{s.at} {s.lane} {s.what}" for s in self._steps) or empty)
        self.update()

    def _lanes(self) -> list[str]:
        lanes = {HERE: None}
        lanes.update(dict.fromkeys(step.lane for step in self._steps))
        return list(lanes)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        look = self._look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), look.card)
        if not self._steps:
            painter.setFont(look.font)
            painter.setPen(look.muted)
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._empty)
            painter.end()
            return
        lanes = self._lanes()
        small = QFontMetrics(look.small)
        left = 24 + max(small.horizontalAdvance(lane) for lane in lanes)
        high = min(float(LANE_HIGH), (self.height() - small.height() - 16) / len(lanes))
        rows = {lane: 14 + high * (number + 0.5) for number, lane in enumerate(lanes)}
        painter.setFont(look.small)
        for lane, y in rows.items():
            painter.setPen(look.text)
            painter.drawText(QPointF(12, y + small.ascent() / 2 - 1), lane)
            painter.setPen(QPen(look.grid, 1))
            painter.drawLine(QPointF(left, y), QPointF(self.width() - 12, y))
        self._draw_steps(painter, rows, left, 14 + high * len(lanes))
        painter.end()

    def _draw_steps(self, painter: QPainter, rows: dict[str, float], left: float, floor: float) -> None:
        look = self._look
        small = QFontMetrics(look.small)
        stride = (self.width() - left - 40) / max(1, len(self._steps))
        said_to = 0.0
        for number, step in enumerate(self._steps):
            x, y = left + 20 + stride * number, rows[step.lane]
            if step.from_lane in rows:
                self._draw_arrow(painter, QPointF(x - stride, rows[step.from_lane]), QPointF(x, y))
            shape, colour = Shape.CIRCLE, look.text
            if step.what == "conflict":
                shape, colour = Shape.TRIANGLE, look.caution
            elif step.what == "deleted":
                shape, colour = Shape.CROSS, look.muted
            elif step.what == "received":
                shape, colour = Shape.RING, look.text
            paint_shape(painter, shape, QRectF(x - 6, y - 6, 12, 12), colour)
            painter.setPen(look.muted)
            wide = small.horizontalAdvance(step.what)
            painter.drawText(QPointF(x - wide / 2, y - 10), step.what)
            when = clock_text(step.at)
            if x - small.horizontalAdvance(when) / 2 > said_to:
                painter.drawText(QPointF(x - small.horizontalAdvance(when) / 2, floor + small.ascent()), when)
                said_to = x + small.horizontalAdvance(when) / 2 + 8

    def _draw_arrow(self, painter: QPainter, start: QPointF, end: QPointF) -> None:
        painter.setPen(QPen(self._look.muted, 1.5))
        way = end - start
        length = max(1.0, (way.x() ** 2 + way.y() ** 2) ** 0.5)
        unit = way / length
        tip, foot = end - unit * 8, start + unit * 8
        painter.drawLine(foot, tip)
        side = QPointF(-unit.y(), unit.x()) * 4
        painter.setBrush(self._look.muted)
        painter.drawPolygon(QPolygonF([tip, tip - unit * 8 + side, tip - unit * 8 - side]))
