"""The left axis of a link's plot: what each lane is, in which unit, and its figures."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter

from app.views.links.scales import LOSS, RTT, THROUGHPUT, rtt_is_log, rtt_share
from app.widgets.look import Look


class LaneAxis(pg.AxisItem):  # type: ignore[misc]
    """The left axis: the name and unit of each lane, and its figures, at a fixed width."""

    WIDTH = 118

    def __init__(self) -> None:
        super().__init__("left")
        self._look: Look | None = None
        self._rtt_unit = "ms"
        self._figures: tuple[tuple[float, float, str], ...] = ()  # height, hung (0) to stood (1), text
        self.setWidth(self.WIDTH)

    def apply_look(self, look: Look) -> None:
        """Take over another theme; wider text makes a wider axis."""
        self._look = look
        self.setWidth(self.width_for(look))
        self.update()

    @staticmethod
    def width_for(look: Look) -> int:
        """The width that its texts need."""
        metrics = QFontMetrics(look.small)
        return metrics.horizontalAdvance("throughput") + metrics.horizontalAdvance("10000") + 34

    def show_scales(self, throughput_top_bps: float, rtt_top_ms: float) -> None:
        """Write the scales beside their lanes; drawn anew only when they differ."""
        mbit = throughput_top_bps / 1e6
        log = rtt_is_log(rtt_top_ms)
        figures = (
            (THROUGHPUT.top, 0.0, f"{mbit:g}"),
            (THROUGHPUT.bottom, 1.0, "0"),
            (THROUGHPUT.at(0.5), 0.5, f"{mbit / 2:g}"),
            (RTT.top, 0.0, f"{rtt_top_ms:g}"),
            (RTT.bottom, 1.0, "0"),
            *([(RTT.at(float(rtt_share(np.array(100.0), rtt_top_ms))), 0.5, "100")] if log else []),
            (LOSS.top, 0.35, "100"),
        )
        if figures != self._figures:
            self._figures = figures
            self._rtt_unit = "ms, log" if log else "ms"
            self.update()

    def paint(self, painter: QPainter, _option: object, _widget: object) -> None:
        """Draw the texts."""
        look = self._look
        if look is None:
            return
        area = self.boundingRect()
        box = self.mapRectFromParent(self.geometry())
        metrics = QFontMetrics(look.small)
        height = metrics.height()
        painter.setFont(look.small)
        painter.setPen(look.muted)
        taken: list[float] = []
        for y, stood, text in self._figures:
            top = max(area.top(), box.bottom() - y * box.height() - stood * height)
            if any(abs(top - other) < height - 3 for other in taken):
                continue  # no room: the earlier ones matter more
            taken.append(top)
            painter.drawText(
                QRectF(box.left(), top, box.width() - 7, height),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                text,
            )
        for lane, name, unit in (
            (THROUGHPUT, "throughput", "Mbit/s"),
            (RTT, "RTT", self._rtt_unit),
            (LOSS, "loss", "%, log"),
        ):
            top = box.bottom() - lane.top * box.height() - 2
            painter.setPen(look.text)
            painter.drawText(QRectF(box.left() + 10, top, box.width(), height), Qt.AlignmentFlag.AlignLeft, name)
            painter.setPen(look.muted)
            beside = lane.top - lane.bottom < 2.2 * height / max(1.0, box.height())
            x = box.left() + 10 + (metrics.horizontalAdvance(name + " ") if beside else 0)
            painter.drawText(
                QRectF(x, top if beside else top + height, box.width(), height), Qt.AlignmentFlag.AlignLeft, unit
            )
