"""The plots of the Telemetry page: a lane for each chosen channel, over one time axis, with every source in its colour.

Theory of operation: as in the Links page x runs from minus the window's length to 0 and y from 0 to 1, and every range
is ours. A source's values of all lanes are one curve, with breaks between lanes, so that twenty sources are twenty
items however many lanes there are. A lane's scale only grows while its channel is shown, in round steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QResizeEvent

from app.models.sample_rings import Floats, thin_lines
from app.widgets.fixed_items import FixedCurve
from app.widgets.look import Look
from app.widgets.still_plot import StillPlot, plot_pen
from transfer_core.events.telemetry import ChannelView

SCALE = "-1000"  # what a scale's figure needs room for
BOTTOM = 18
TIME_STEPS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0, 600.0)
LABEL_PX = 60  # a label of the time axis, and some room beside it
GAP = 0.06  # of a lane's height, between two
_FIXED = {
    "BatteryPercentage": (0.0, 1.0),
    "InputThrottle": (-1.0, 1.0),
    "InputYaw": (-1.0, 1.0),
    "InputPitch": (-1.0, 1.0),
    "InputRoll": (-1.0, 1.0),
    "Pitch": (-90.0, 90.0),
    "Roll": (-180.0, 180.0),
    "Heading": (0.0, 360.0),
}


@dataclass(frozen=True, slots=True)
class Traces:
    """Lines of one source over the same times: a row of `values` for each of `lanes`, numbered from the top."""

    t_s: Floats  # absolute
    values: NDArray[np.floating]
    lanes: tuple[int, ...]


class Scale:
    """The bounds of one lane."""

    def __init__(self, channel: str) -> None:
        self.fixed = channel in _FIXED
        self.low, self.high = _FIXED.get(channel, (0.0, 0.0))

    def fit(self, low: float, high: float) -> None:
        """Grow so that these are within, to round numbers."""
        if self.fixed or (self.low <= low and high <= self.high and self.low < self.high):
            return
        low, high = (
            min(low, self.low if self.low < self.high else low),
            max(high, self.high if self.low < self.high else high),
        )
        step = round_step(max(high - low, 1e-6))
        self.low = float(np.floor(low / step) * step)
        self.high = float(np.ceil(high / step) * step)
        if self.high <= self.low:
            self.high = self.low + step


def round_step(span: float) -> float:
    """1, 2 or 5 times a power of ten, about a quarter of the span."""
    power = 10.0 ** np.floor(np.log10(span / 4))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= span / 4))


EDGE = 4  # px
EMPTY_AT_ALL = "Nothing has come yet."
EMPTY = (
    f"{EMPTY_AT_ALL}\nListen (L) shows what arrives at a UDP port, New race (N) records it.\n"
    "Open (O) shows a recording; or drop one here."
)


class LanePlot(StillPlot):
    """Lanes over one time axis."""

    hovered = Signal(object)  # seconds before the newest moment (<= 0), or None when the mouse has left

    def __init__(self, look: Look) -> None:
        tip = "The reading line moves by key; the table says it in text  (Tab, then Left or Right)"
        super().__init__(look, "Plots of the chosen channels", tip)
        self._look = look
        self._span_s = 30.0
        self._lanes: tuple[ChannelView, ...] = ()
        self._scales: list[Scale] = []
        self._curves: dict[str, FixedCurve] = {}
        self._end_text = "now"
        self._from_start = False
        self._grid_key: tuple[object, ...] = ()
        self.setMouseTracking(True)
        self.setProperty("kind", "plot")
        plot = self.getPlotItem()
        self._grid = FixedCurve(connect="pairs")
        self._marks = FixedCurve(connect="pairs")
        self._cursor = FixedCurve()
        for item in (self._grid, self._marks, self._cursor):
            item.place(self._place_of_all())
            self.addItem(item)
        self._cursor.setZValue(10)
        plot.setRange(xRange=(-self._span_s, 0.0), yRange=(0.0, 1.0), padding=0.0, disableAutoRange=True)
        self.apply_look(look)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.setBackground(look.card)
        self._grid.setPen(plot_pen(look.grid))
        self._marks.setPen(plot_pen(look.caution, style=Qt.PenStyle.DashLine))
        self._cursor.setPen(plot_pen(look.text))
        metrics = QFontMetrics(look.small)
        self._figures = metrics.horizontalAdvance(SCALE) + 6
        self._left = metrics.horizontalAdvance("BatteryVoltage") + self._figures + 14
        self.getPlotItem().layout.setContentsMargins(self._left, 2, 8, BOTTOM)
        self.viewport().update()

    @property
    def lanes(self) -> tuple[ChannelView, ...]:
        """What is drawn, from the top."""
        return self._lanes

    def points_of(self, source: str) -> tuple[Floats, Floats]:
        """A source's curve as drawn: x in seconds before the newest moment, y from 0 at the bottom to 1."""
        x, y = self._curves[source].getData() if source in self._curves else (None, None)
        return (np.empty(0) if x is None else x), (np.empty(0) if y is None else y)

    def show_lanes(self, lanes: Sequence[ChannelView]) -> None:
        """Draw these channels from the next frame on."""
        if tuple(lanes) != self._lanes:
            kept = dict(zip((lane.name for lane in self._lanes), self._scales, strict=True))
            self._lanes = tuple(lanes)
            self._scales = [kept.get(lane.name) or Scale(lane.name) for lane in lanes]
            self.viewport().update()

    def forget(self) -> None:
        """Other data comes: begin with scales and curves anew."""
        self._scales = [Scale(lane.name) for lane in self._lanes]
        for curve in self._curves.values():
            self.removeItem(curve)
        self._curves.clear()
        self.viewport().update()

    def draw(
        self,
        traces: Mapping[str, Sequence[Traces]],
        colours: Mapping[str, QColor],
        end_s: float,
        span_s: float,
        *,
        end_text: str = "now",
        marks_s: Sequence[float] = (),
        dashed: frozenset[str] = frozenset(),
        from_start: bool = False,
    ) -> None:
        """One frame: the lines of each source. Times are told before the end, or `from_start`."""
        if span_s != self._span_s:
            self._span_s = span_s
            self.getPlotItem().setXRange(-span_s, 0.0, padding=0.0)
            for each in (self._grid, self._marks, self._cursor, *self._curves.values()):
                each.place(self._place_of_all())
        if (end_text, from_start) != (self._end_text, self._from_start):
            self._end_text, self._from_start = end_text, from_start
            self.viewport().update()
        thinned = {source: [self._thin(part) for part in parts] for source, parts in traces.items()}
        self._fit(thinned)
        self._draw_grid()
        for gone in self._curves.keys() - traces.keys():
            self.removeItem(self._curves.pop(gone))
        for source, parts in thinned.items():
            curve = self._curves.get(source)
            if curve is None:
                curve = self._curves[source] = FixedCurve(connect="finite")
                curve.place(self._place_of_all())
                self.addItem(curve)
            style = Qt.PenStyle.DashLine if source in dashed else Qt.PenStyle.SolidLine
            curve.setPen(plot_pen(colours[source], self._look.line, style))
            curve.setData(*self._joined(parts, end_s))
        inside = [mark - end_s for mark in marks_s if -span_s <= mark - end_s <= 0]
        self._marks.setData(np.repeat(inside, 2), np.tile([0.0, 1.0], len(inside)))

    def _place_of_all(self) -> QRectF:
        return QRectF(-self._span_s, 0.0, self._span_s, 1.0)

    def _thin(self, part: Traces) -> Traces:
        x, y = thin_lines(part.t_s, part.values, self._span_s, self.pixels)
        return Traces(x, y, part.lanes)

    def _fit(self, thinned: Mapping[str, Sequence[Traces]]) -> None:
        """Grow the scales to what is shown; thinning has kept every extreme."""
        before = [(scale.low, scale.high) for scale in self._scales]
        for part in (part for parts in thinned.values() for part in parts if len(part.t_s)):
            lows, highs = np.fmin.reduce(part.values, axis=1), np.fmax.reduce(part.values, axis=1)
            for number, low, high in zip(part.lanes, lows.tolist(), highs.tolist(), strict=True):
                if np.isfinite(low):
                    self._scales[number].fit(low, high)
        if before != [(scale.low, scale.high) for scale in self._scales]:
            self.viewport().update()

    def _joined(self, parts: Sequence[Traces], end_s: float) -> tuple[Floats, Floats]:
        """All lanes as one line, with a break behind each."""
        xs: list[Floats] = []
        ys: list[Floats] = []
        for part in parts:
            if not len(part.t_s) or not part.lanes:
                continue
            scales = [self._scales[number] for number in part.lanes]
            places = np.array([self._place(number) for number in part.lanes])
            low = np.array([[scale.low] for scale in scales])
            size = np.array([[(scale.high - scale.low) or 1.0] for scale in scales])
            y = np.full((len(scales), len(part.t_s) + 1), np.nan)
            y[:, :-1] = places[:, :1] + np.clip((part.values - low) / size, 0.0, 1.0) * places[:, 1:]
            xs.append(np.tile(np.append(part.t_s - end_s, np.nan), len(scales)))
            ys.append(y.ravel())
        return (np.concatenate(xs), np.concatenate(ys)) if xs else (np.empty(0), np.empty(0))

    def _place(self, number: int) -> tuple[float, float]:
        """Bottom and height of a lane, 0 to 1."""
        lane = 1.0 / max(1, len(self._lanes))
        return 1.0 - (number + 1) * lane + lane * GAP, lane * (1 - 2 * GAP)

    def _draw_grid(self) -> None:
        key = (self._span_s, self.pixels, len(self._lanes), self._from_start)
        if key == self._grid_key:
            return
        self._grid_key = key
        levels = [level for number in range(len(self._lanes)) for level in _ends(self._place(number))]
        times = np.array(self._times_s(self.pixels))
        x = np.concatenate((np.tile([-self._span_s, 0.0], len(levels)), np.repeat(times, 2)))
        y = np.concatenate((np.repeat(levels, 2), np.tile([0.0, 1.0], len(times))))
        self._grid.setData(x, y)

    def show_cursor(self, x_s: float | None) -> None:
        """Put the reading line at that many seconds before the newest moment; None takes it away."""
        at = [] if x_s is None else [x_s, x_s]
        self._cursor.setData(np.array(at), np.array([0.0, 1.0] if at else []))

    def drawForeground(self, painter: QPainter, _area: object) -> None:
        """Names and scales at the left, the time below."""
        look, height = self._look, self.viewport().height() - BOTTOM
        painter.setFont(look.small)
        line = painter.fontMetrics().height()
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        wide = self._left - self._figures - 8
        for number, (channel, scale) in enumerate(zip(self._lanes, self._scales, strict=True)):
            bottom, tall = self._place(number)
            top_px, bottom_px = round((1 - bottom - tall) * height), round((1 - bottom) * height)
            if bottom_px - top_px < 2 * line - 4:
                self._write_low_lane(painter, channel, scale, (top_px + bottom_px - line) // 2)
                continue
            middle = (top_px + bottom_px) // 2
            name = painter.fontMetrics().elidedText(channel.name, Qt.TextElideMode.ElideRight, wide)
            painter.setPen(look.text)
            painter.drawText(QRect(8, middle - line, wide, line), left, name)
            painter.setPen(look.muted)
            painter.drawText(QRect(8, middle, wide, line), left, channel.unit)
            if scale.low < scale.high:
                box = QRect(self._left - self._figures - 6, top_px - 2, self._figures, line)
                painter.drawText(box, right, _figure(scale.high))
                box.moveTop(bottom_px - line + 2)
                painter.drawText(box, right, _figure(scale.low))
        if self._lanes:
            self._draw_times(painter, height)
        else:
            painter.setPen(look.muted)
            self._say_nothing_has_come(painter)

    def _say_nothing_has_come(self, painter: QPainter) -> None:
        """All lines where there is room for them, in smaller type if need be; else only the first."""
        wide = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        whole = self.viewport().rect()
        for words, font, edge in (
            (EMPTY, self._look.font, 24),
            (EMPTY, self._look.small, EDGE),
            (EMPTY_AT_ALL, self._look.font, EDGE),
        ):
            box = whole.adjusted(edge, edge, -edge, -edge)
            painter.setFont(font)
            if box.contains(painter.boundingRect(box, wide, words)):
                break
        painter.drawText(box, wide, words)

    def _write_low_lane(self, painter: QPainter, channel: ChannelView, scale: Scale, top: int) -> None:
        """All in one line, where a lane has no room for two."""
        metrics = painter.fontMetrics()
        box = QRect(8, top, self._left - 14, metrics.height())
        told = f"{_figure(scale.low)} … {_figure(scale.high)}" if scale.low < scale.high else ""
        painter.setPen(self._look.muted)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, told)
        wide = box.width() - metrics.horizontalAdvance(told) - 6
        painter.setPen(self._look.text)
        name = metrics.elidedText(channel.name, Qt.TextElideMode.ElideRight, wide)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, name)

    def _draw_times(self, painter: QPainter, height: int) -> None:
        right = self.viewport().width() - 8
        width = right - self._left
        painter.setPen(self._look.text)
        last = painter.fontMetrics().horizontalAdvance(self._end_text)
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(right - last, height, last + 4, BOTTOM), side, self._end_text)
        painter.setPen(self._look.muted)
        for at_s in self._times_s(max(2, width)):
            x = right + round(width * at_s / self._span_s)
            text = f"{self._span_s + at_s:.0f} s" if self._from_start else f"−{-at_s:g} s"
            half = painter.fontMetrics().horizontalAdvance(text) // 2 + 4
            if x + half <= right - last:
                painter.drawText(QRect(x - half, height, 2 * half, BOTTOM), Qt.AlignmentFlag.AlignCenter, text)

    def _times_s(self, width: int) -> list[float]:
        """Marks of the time axis, in seconds before the end; round ones before it, or from the start."""
        step = _time_step_s(self._span_s, width)
        count = int(self._span_s / step - 1e-9)
        if self._from_start:
            return [number * step - self._span_s for number in range(1, count + 1)]
        return [-number * step for number in range(1, count + 1)]

    # --- the mouse reads; keys are the page's
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell where the mouse is on the time axis."""
        x_s = self.x_at(event.position().toPoint())
        self.hovered.emit(x_s if -self._span_s <= x_s <= 0 else None)

    def leaveEvent(self, event: object) -> None:
        """The mouse is elsewhere."""
        super().leaveEvent(event)
        self.hovered.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Names have to move too."""
        super().resizeEvent(event)
        self.viewport().update()


def _time_step_s(span_s: float, pixels: int) -> float:
    """How far apart the marks of the time axis are, so that their labels have room."""
    return next((step for step in TIME_STEPS_S if pixels * step >= LABEL_PX * span_s), span_s)


def _ends(place: tuple[float, float]) -> tuple[float, float]:
    return place[0], place[0] + place[1]


def _figure(value: float) -> str:
    text = f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:g}"
    return text.replace("-", "−")
