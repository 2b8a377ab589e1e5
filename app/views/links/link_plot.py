"""One link's plot: three lanes over one time axis, drawn by pyqtgraph with every range owned by us.

Theory of operation: x runs from minus the window's length to 0 (the newest moment) and y from 0 to 1, and neither ever
changes while the window's length stays, so axes and transforms are computed once. Figures are mapped into their lanes
in numpy (`scales`). Items are made once, in the constructor; a frame only hands them new arrays of at most one point a
pixel. Lines are one opaque pixel without antialiasing, which is the fast path of the raster engine; the spread and the
loss are opaque rectangles, which Qt draws in one call each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QMouseEvent,
    QPainter,
)
from PySide6.QtWidgets import QToolTip

from app.figures import clock_text, plain_tip
from app.models.sample_rings import Buckets, Floats, Window, bucket, bucket_max, bucket_mean, bucket_min, thin_line
from app.views.links.lane_axis import LaneAxis
from app.views.links.scales import LOSS, RTT, THROUGHPUT, loss_share, rtt_share, time_step_s
from app.widgets.fixed_items import FixedBars, FixedCurve
from app.widgets.look import Look
from app.widgets.still_plot import StillPlot, plot_pen
from transfer_core.events import LinkMark
from transfer_core.units import NS_PER_S

SPAN_MOST_S = 3600.0  # more than any window shows
_EVERYWHERE = QRectF(-SPAN_MOST_S, -0.5, SPAN_MOST_S + 60.0, 2.0)
LABELS_MOST = 8
MARK_REACH_PX = 6  # so near to a mark's line a click means the mark
HEAVY_LOSS = 0.5  # from here the bars are critical
LIGHT_LOSS = 0.02  # and up to here they are nothing to look at
_BAD_MARKS = frozenset({"kill", "lost", "down"})
_WORDS = {"kill": "killed", "restore": "restored", "lost": "lost", "back": "back", "up": "up", "down": "down"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all plots of one frame share: the newest moment, the length of the window and the tops of the scales."""

    end_s: float
    span_s: float
    throughput_top_bps: float
    rtt_top_ms: float


@dataclass(frozen=True, slots=True)
class _Label:
    """A marker's words, and where they are written."""

    text: str
    box: QRect
    bad: bool
    mark: LinkMark


class LinkPlot(StillPlot):
    """Throughput, round-trip time and loss of one link."""

    mark_clicked = Signal(object)  # LinkMark
    hovered = Signal(object)  # seconds before the newest moment (<= 0), or None when the mouse has left

    def __init__(self, look: Look, colour: QColor) -> None:
        self._axis = LaneAxis()
        tip = "The reading line moves by key; Esc takes it off; the table says it in text  (Tab, then Left or Right)"
        super().__init__(look, "", tip, axes=("left",), axis_items={"left": self._axis})
        self._look = look
        self._colour = colour
        self._span_s = 60.0
        self._throughput_top_bps = 1e6
        self._grid_key: tuple[float, int] = (0.0, 0)
        self._labels: tuple[_Label, ...] = ()
        self._marks: tuple[tuple[float, LinkMark], ...] = ()  # seconds before the newest moment, newest first
        # all moves at once
        self.setViewportUpdateMode(pg.QtWidgets.QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setMouseTracking(True)
        plot = self.getPlotItem()
        plot.setContentsMargins(0, 0, 0, 0)
        plot.layout.setContentsMargins(0, 0, 10, 0)
        self._make_items()
        self.apply_look(look, colour)
        plot.setRange(xRange=(-self._span_s, 0.0), yRange=(0.0, 1.0), padding=0.0, disableAutoRange=True)

    def _make_items(self) -> None:
        self._grid = FixedCurve(connect="pairs")
        self._band = FixedBars(x0=np.empty(0), x1=np.empty(0), y0=np.empty(0), y1=np.empty(0), pen=None)
        self._loss = tuple(
            FixedBars(x0=np.empty(0), x1=np.empty(0), y0=np.empty(0), y1=np.empty(0), pen=None) for _ in range(3)
        )
        self._bad_marks = FixedCurve(connect="pairs")
        self._good_marks = FixedCurve(connect="pairs")
        self._rtt = FixedCurve(connect="finite")
        self._over = FixedCurve(connect="pairs")
        self._throughput = FixedCurve(connect="finite", antialias=True)
        self._cursor = FixedCurve()
        plot = self.getPlotItem()
        for item in (
            self._grid,
            self._band,
            *self._loss,
            self._bad_marks,
            self._good_marks,
            self._rtt,
            self._over,
            self._throughput,
            self._cursor,
        ):
            item.place(_EVERYWHERE)
            plot.addItem(item, ignoreBounds=True)

    def sizeHint(self) -> QSize:
        """High enough for three lanes."""
        return QSize(600, self.minimumHeight())

    def apply_look(self, look: Look, colour: QColor) -> None:
        """Take over another theme."""
        self._look, self._colour = look, colour
        self.setBackground(look.card)
        self.setMinimumHeight(5 * QFontMetrics(look.small).height() + 6)
        self._axis.apply_look(look)
        dash = Qt.PenStyle.DashLine
        self._grid.setPen(plot_pen(look.grid))
        self._band.setOpts(brush=look.band)
        for bars, tint in zip(self._loss, (look.band, look.caution, look.critical), strict=True):
            bars.setOpts(brush=tint)
        self._bad_marks.setPen(plot_pen(look.caution, style=dash))
        self._good_marks.setPen(plot_pen(look.muted, style=dash))
        self._rtt.setPen(plot_pen(look.text, look.line))
        self._over.setPen(plot_pen(look.caution, 2))
        self._throughput.setPen(plot_pen(colour, look.line))
        self._cursor.setPen(plot_pen(look.text))
        self.viewport().update()

    @property
    def mark_labels(self) -> list[str]:
        """The labels of the markers in view, newest first."""
        return [label.text for label in self._labels]

    def throughput_line(self) -> tuple[Floats, Floats]:
        """The line as drawn: x in seconds before the newest moment, y as height of 0..1."""
        x, y = self._throughput.getData()
        empty = np.empty(0)
        return (empty if x is None else x), (empty if y is None else y)

    def height_of_rate(self, rate_bps: float) -> float:
        """Where a throughput lies in the plot's height of 0..1, by the scale drawn last."""
        return THROUGHPUT.at(rate_bps / self._throughput_top_bps)

    # --- one frame
    def draw(self, window: Window, marks: list[LinkMark], frame: Frame) -> None:
        """Show this stretch of samples and marks."""
        if frame.span_s != self._span_s:
            self._span_s = frame.span_s
            self.getPlotItem().setXRange(-frame.span_s, 0.0, padding=0.0)
        self._throughput_top_bps = frame.throughput_top_bps
        self._axis.show_scales(frame.throughput_top_bps, frame.rtt_top_ms)
        self._draw_grid()
        t_s = window.t_s - frame.end_s
        pixels = self.pixels
        # buckets lie on the grid of absolute time, so that peaks keep their place as the picture moves
        x, y = thin_line(window.t_s, window.throughput_bps, frame.span_s, pixels)
        self._throughput.setData(x - frame.end_s, THROUGHPUT.place(y / frame.throughput_top_bps))
        x, y = thin_line(window.t_s, window.rtt_p50_ms, frame.span_s, pixels)
        self._rtt.setData(x - frame.end_s, RTT.place(rtt_share(y, frame.rtt_top_ms)))
        self._draw_overflow(x - frame.end_s, y > frame.rtt_top_ms)
        buckets = bucket(window.t_s, frame.span_s, max(1, pixels // 2))
        self._draw_band(window, t_s, buckets, frame)
        self._draw_loss(window, t_s, buckets, frame)
        self._draw_marks(marks, frame)

    def show_cursor(self, x_s: float | None) -> None:
        """Put the cursor at that many seconds before the newest moment; None takes it away."""
        if x_s is None:
            self._cursor.setData([], [])
        else:
            self._cursor.setData(np.array([x_s, x_s]), np.array([0.0, 1.0]))

    def _draw_grid(self) -> None:
        key = (self._span_s, self.pixels)
        if key == self._grid_key:
            return
        self._grid_key = key
        levels = (THROUGHPUT.top, THROUGHPUT.at(0.5), THROUGHPUT.bottom, RTT.top, RTT.bottom, LOSS.bottom)
        step = time_step_s(self._span_s, self.pixels)
        times = np.arange(-step, -self._span_s, -step)
        x = np.concatenate((np.tile([-self._span_s, 0.0], len(levels)), np.repeat(times, 2)))
        y = np.concatenate((np.repeat(levels, 2), np.tile([0.0, THROUGHPUT.top], len(times))))
        self._grid.setData(x, y)

    def _draw_overflow(self, x: Floats, over: np.ndarray) -> None:
        at = np.repeat(x[over], 2)
        self._over.setData(at, np.tile([RTT.top, RTT.top + 0.035], len(at) // 2))

    def _draw_band(self, window: Window, t_s: Floats, buckets: Buckets | None, frame: Frame) -> None:
        left, right = _stretches(t_s, buckets, frame.end_s)
        low = window.rtt_p10_ms if buckets is None else bucket_min(window.rtt_p10_ms, buckets)
        high = window.rtt_p90_ms if buckets is None else bucket_max(window.rtt_p90_ms, buckets)
        shown = np.isfinite(low) & np.isfinite(high)
        self._band.setOpts(
            x0=left[shown],
            x1=right[shown],
            y0=RTT.place(rtt_share(low[shown], frame.rtt_top_ms)),
            y1=RTT.place(rtt_share(high[shown], frame.rtt_top_ms)),
        )

    def _draw_loss(self, window: Window, t_s: Floats, buckets: Buckets | None, frame: Frame) -> None:
        # a bar is as high as the worst moment in it, and as alarming as the mean of what is no chance
        left, right = _stretches(t_s, buckets, frame.end_s)
        peak = window.loss if buckets is None else bucket_max(window.loss, buckets)
        mean = window.sure_loss if buckets is None else bucket_mean(window.sure_loss, buckets)
        height = LOSS.place(loss_share(peak))
        light = (peak > 0) & (mean <= LIGHT_LOSS)
        heavy = mean >= HEAVY_LOSS
        for bars, shown in zip(self._loss, (light, (mean > LIGHT_LOSS) & ~heavy, heavy), strict=True):
            bars.setOpts(x0=left[shown], x1=right[shown], y0=LOSS.bottom, y1=height[shown])

    def _draw_marks(self, marks: list[LinkMark], frame: Frame) -> None:
        inside = [mark for mark in marks if 0 <= frame.end_s - mark.t_ns / NS_PER_S <= frame.span_s]
        for curve, bad in ((self._bad_marks, True), (self._good_marks, False)):
            x = np.repeat([m.t_ns / NS_PER_S - frame.end_s for m in inside if (m.what in _BAD_MARKS) == bad], 2)
            curve.setData(x, np.tile([0.0, 1.0], len(x) // 2))
        newest = sorted(inside, key=lambda mark: -mark.t_ns)
        self._marks = tuple((mark.t_ns / NS_PER_S - frame.end_s, mark) for mark in newest)
        self._place_labels(newest, frame)

    def _place_labels(self, marks: list[LinkMark], frame: Frame) -> None:
        """Name as many marks as have room, the newest first."""
        metrics = QFontMetrics(self._look.small)
        right = self.viewport().width() - 10
        left = right - self.pixels
        taken = right + 1  # left end of the label placed last
        labels: list[_Label] = []
        for mark in marks:
            text = f"{_WORDS.get(mark.what, mark.what)} {clock_text(mark.at)}"
            wide = metrics.horizontalAdvance(text) + 8
            x = right - round((frame.end_s - mark.t_ns / NS_PER_S) / frame.span_s * (right - left))
            x = x - wide if x + wide > right else x + 1
            if x + wide <= taken and x >= left and len(labels) < LABELS_MOST:
                labels.append(_Label(text, QRect(x, 1, wide, metrics.height()), mark.what in _BAD_MARKS, mark))
                taken = x
        if tuple(labels) != self._labels:
            self._labels = tuple(labels)
            self.viewport().update(0, 0, self.viewport().width(), metrics.height() + 2)

    def drawForeground(self, painter: QPainter, _area: object) -> None:
        """Write the markers' labels over everything else."""
        look = self._look
        painter.setFont(look.small)
        for label in self._labels:
            painter.fillRect(label.box, look.card)
            painter.setPen(look.text if label.bad else look.muted)  # the line below has the colour
            painter.drawText(label.box, Qt.AlignmentFlag.AlignCenter, label.text)

    # --- the mouse reads, and leads from a mark to the log; keys are the page's
    def mark_at(self, pixel: QPoint) -> LinkMark | None:
        """The mark whose line or label is there, the newest one first."""
        x_s = self.x_at(pixel)
        reach_s = MARK_REACH_PX * self._span_s / self.pixels
        near = [(abs(at_s - x_s), mark) for at_s, mark in self._marks if abs(at_s - x_s) <= reach_s]
        if near:
            return min(near, key=lambda each: each[0])[1]
        hit = next((label for label in self._labels if label.box.contains(pixel)), None)
        return hit.mark if hit is not None else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell where the mouse is on the time axis."""
        pixel = event.position().toPoint()
        x_s = self.x_at(pixel)
        self.viewport().setCursor(
            Qt.CursorShape.PointingHandCursor if self.mark_at(pixel) else Qt.CursorShape.CrossCursor
        )
        self.hovered.emit(x_s if -self._span_s <= x_s <= 0 else None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Leave clicks to the page, but for those on a mark."""
        event.setAccepted(self.mark_at(event.position().toPoint()) is not None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click on a mark asks for its place in the log."""
        mark = self.mark_at(event.position().toPoint())
        event.setAccepted(mark is not None)
        if mark is not None and event.button() == Qt.MouseButton.LeftButton:
            self.mark_clicked.emit(mark)

    def viewportEvent(self, event: QEvent) -> bool:
        """A mark says what happened; elsewhere a tool tip would only cover the figures."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            mark = self.mark_at(event.pos())
            if mark is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), plain_tip(mark_words(mark)), self.viewport())
            return True
        return bool(super().viewportEvent(event))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring, which the card draws."""
        super().focusInEvent(event)
        self.parentWidget().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.parentWidget().update()

    def leaveEvent(self, event: object) -> None:
        """The mouse is elsewhere."""
        super().leaveEvent(event)
        self.hovered.emit(None)


def mark_words(mark: LinkMark) -> str:
    """What a mark says when it is pointed at."""
    return f"{clock_text(mark.at)} {mark.text or _WORDS.get(mark.what, mark.what)}\nClick for its place in the log"


def _stretches(t_s: Floats, buckets: Buckets | None, end_s: float) -> tuple[Floats, Floats]:
    """Left and right ends of the stretch that each bar covers, in seconds before the newest moment."""
    if buckets is not None:
        left = buckets.t_s - end_s
        return left, left + buckets.width_s
    if len(t_s) < 2:
        return t_s - 0.1, t_s
    step = np.minimum(np.diff(t_s, prepend=t_s[0] - 0.1), 1.0)
    return t_s - step, t_s
