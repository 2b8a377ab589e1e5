"""Draws the Telemetry page's picture: plots, track and table of one moment, from rings or from recorded series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtGui import QColor

from app.models.sources_model import SourceRow, SourcesModel
from app.models.telemetry_alarms import Alarm, alarm_of
from app.models.telemetry_channels import POSITION
from app.models.telemetry_lines import ThinnedLines
from app.models.telemetry_rings import TelemetryRing
from app.views.telemetry.lane_plot import LanePlot, Traces
from app.views.telemetry.track_view import TrackView, Trail
from app.widgets.look import Look
from transfer_core.events import Severity
from transfer_core.events.alarm_limits import AlarmLimits
from transfer_core.events.telemetry import ChannelView, SourceView, ThinnedSeries
from transfer_core.units import NS_PER_S

TRAIL_S = 12.0
PLOTTED_MOST = 24
POINTS_MOST = 60_000  # of all lines together; more costs a frame too much time
CELLS_LEAST = 120
TRACK_EVERY = 2  # frames, between two of the track, since an eye follows dots at less than lines
CROWD_EVERY = 8  # frames, between two of the track, where there are more sources than that
CURSOR_STEPS = 120  # of the reading line, over the whole width
NO_TRACK = "no track here"
HEARD_WITHIN_S = 0.5  # sources are asked about four times a second


@dataclass(frozen=True, slots=True)
class Moment:
    """What a frame shows: the newest moment and the stretch before it, absolute seconds."""

    end_s: float
    span_s: float
    end_text: str
    live: bool
    marks_s: tuple[float, ...] = ()


class Picture(QObject):
    """Plots, track and table. Every source keeps its colour for as long as the feed is shown."""

    def __init__(self, plot: LanePlot, track: TrackView, table: SourcesModel, look: Look) -> None:
        super().__init__()
        self._plot, self._track, self._table, self._look = plot, track, table, look
        self._places: dict[str, int] = {}
        self._lines: dict[str, ThinnedLines] = {}
        self.limits = AlarmLimits()
        self.is_heard = True  # whether the engine is heard of, see `ConsoleState`
        self.chosen: frozenset[str] = frozenset()  # sources whose lines alone are drawn
        self.close_up: frozenset[str] = frozenset()  # sources that are plotted, where there are too many for all
        self._frames = 0
        self.left_out = 0  # sources that are on the track and in the table only
        self.cursor_s: float | None = None  # seconds before the newest moment

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self._plot.apply_look(look)
        self._track.apply_look(look)

    def forget(self) -> None:
        """Another feed."""
        self._places.clear()
        self._lines.clear()
        self._plot.forget()
        self._track.forget()
        self.cursor_s = None
        self.chosen = frozenset()
        self._plot.show_cursor(None)

    def place(self, source: str) -> int:
        """The number of a source's colour."""
        return self._places.setdefault(source, len(self._places))

    def colour(self, source: str) -> QColor:
        """A source's own."""
        return self._look.link(self.place(source))

    def draw(
        self,
        rings: Mapping[str, TelemetryRing],
        sources: Sequence[SourceView],
        lanes: Sequence[ChannelView],
        moment: Moment,
    ) -> None:
        """One frame of what has come."""
        self._plot.show_lanes(lanes)
        names = tuple(lane.name for lane in lanes)
        plotted = self._plotted(list(rings))
        crowded = len(rings) > PLOTTED_MOST
        self.close_up = plotted if crowded else frozenset()
        for gone in self._lines.keys() - plotted:
            del self._lines[gone]
        most = self._cells(len(names) * len(plotted))
        traces = {}
        for source in sorted(plotted):
            lines = self._lines.setdefault(source, ThinnedLines())
            traces[source] = [Traces(*lines.follow(rings[source], names, moment.end_s, moment.span_s, most))]
        colours = {source: self.colour(source) for source in rings}
        self._plot.draw(traces, colours, moment.end_s, moment.span_s, end_text=moment.end_text, marks_s=moment.marks_s)
        self._frames += 1
        if self._frames % (CROWD_EVERY if crowded else TRACK_EVERY) == 1:
            self._draw_track(rings, sources, colours, moment.end_s)

    def _cells(self, lines: int) -> int:
        """Into how many stretches each line is cut: two pixels wide, wider where there are very many lines."""
        return max(CELLS_LEAST, min(self._plot.pixels // 2 - 1, POINTS_MOST // (2 * max(1, lines))))

    def _draw_track(
        self,
        rings: Mapping[str, TelemetryRing],
        sources: Sequence[SourceView],
        colours: Mapping[str, QColor],
        end_s: float,
    ) -> None:
        by_id = {source.source_id: source for source in sources}
        trails: dict[str, Trail] = {}
        for source_id, ring in rings.items():
            source = by_id.get(source_id)
            _, lines, there = ring.rows(POSITION, end_s - TRAIL_S, end_s)
            if len(there) == len(POSITION) and lines.shape[1]:
                name = (source.name if source is not None else "") or _short_name(source_id)
                is_old = source is None or source.stale or not self.is_heard
                trails[source_id] = Trail(lines[0], lines[1], name, is_old)
        self._track.draw(trails, colours)

    def _plotted(self, there: Sequence[str]) -> frozenset[str]:
        """Whose lines are drawn: those chosen in the table, else the first ones; nobody tells more lines apart."""
        chosen = [source for source in there if source in self.chosen]
        self.left_out = 0 if chosen else max(0, len(there) - PLOTTED_MOST)
        return frozenset(chosen or there[:PLOTTED_MOST])

    def fill_table(
        self,
        rings: Mapping[str, TelemetryRing],
        sources: Sequence[SourceView],
        lanes: Sequence[ChannelView],
        moment: Moment,
        now_ns: int,
    ) -> None:
        """The same in text, at the reading line; what is old has no value."""
        at_s = moment.end_s + (self.cursor_s or 0.0)
        rows = []
        for source in sources:
            told = _as_old_as_it_is(source, now_ns) if moment.live and self.is_heard else source
            ring = rings.get(source.source_id)
            silent = ring is None or ((told.stale or not self.is_heard) and self.cursor_s is None and moment.live)
            values = tuple(None if silent or ring is None else ring.value_at(lane.name, at_s) for lane in lanes)
            now = _nothing if ring is None else partial(ring.value_at, t_s=moment.end_s)
            alarm = alarm_of(told, now, self.limits, live=moment.live)
            shown = told if self.is_heard else replace(told, stale=True)
            rows.append(SourceRow(shown, alarm, values, self.place(source.source_id), self.is_heard))
        self._table.show_rows(rows, lanes, now_ns)

    def show_cursor(self, x_s: float | None) -> None:
        """The reading line; None takes it away."""
        self.cursor_s = x_s
        self._plot.show_cursor(x_s)

    def cursor_after(self, steps: int, span_s: float) -> float:
        """Where the reading line is after so many steps to the right; from the middle if it is nowhere."""
        at_s = -span_s / 2 if self.cursor_s is None else self.cursor_s
        return min(0.0, max(-span_s, at_s + steps * span_s / CURSOR_STEPS))

    def draw_series(
        self,
        series: Mapping[str, Mapping[str, ThinnedSeries]],
        lanes: Sequence[ChannelView],
        starts_ns: Mapping[str, int],
        dashed: frozenset[str],
        duration_s: float,
    ) -> None:
        """Two recordings on one plot, each from its own start. `series` is by line and channel."""
        self._plot.show_lanes(lanes)
        traces: dict[str, list[Traces]] = {}
        for line, found in series.items():
            traces[line] = [
                _extremes(found[lane.name], starts_ns[line], number)
                for number, lane in enumerate(lanes)
                if lane.name in found
            ]
        colours = {line: self.colour(line) for line in series}
        end_text = f"{duration_s:.1f} s"
        self._plot.draw(traces, colours, duration_s, duration_s, end_text=end_text, dashed=dashed, from_start=True)
        self._track.forget(NO_TRACK)

    def fill_table_of_series(
        self,
        series: Mapping[str, Mapping[str, ThinnedSeries]],
        lanes: Sequence[ChannelView],
        starts_ns: Mapping[str, int],
        duration_s: float,
    ) -> None:
        """What two recordings held at the reading line, in text."""
        at_s = duration_s + (self.cursor_s or 0.0)
        rows = []
        for line, found in series.items():
            at_ns = starts_ns[line] + round(at_s * NS_PER_S)
            values = tuple(_value_at(found.get(lane.name), at_ns) for lane in lanes)
            rows.append(SourceRow(recorded_source(line), Alarm(Severity.INFO, "recorded"), values, self.place(line)))
        self._table.show_rows(rows, lanes, 0)


def _as_old_as_it_is(source: SourceView, now_ns: int) -> SourceView:
    """Stale too if nothing was heard of it since it was last asked about."""
    usual_s = 2.0 / source.rate_hz if source.rate_hz else 1.0
    is_old = (now_ns - source.last_ns) / NS_PER_S > usual_s + HEARD_WITHIN_S
    return replace(source, stale=True) if is_old and not source.stale else source


def recorded_source(line: str) -> SourceView:
    """A line of a comparison as the table shows it: nothing of it is live."""
    return SourceView(
        feed="comparison",
        source_id=line,
        port=0,
        name="",
        decoder="",
        rate_hz=None,
        loss=None,
        jitter_ms=None,
        last_ns=0,
        stale=True,
        run=0,
        over=False,
        samples=0,
        datagrams=0,
        refused=0,
        refused_why="",
    )


def _short_name(source_id: str) -> str:
    """The end of its address and its port: `7:5001` of `192.168.1.7:5001`."""
    host, _, rest = source_id.rpartition(":")
    return f"{host.replace(':', '.').rpartition('.')[2].rstrip(']')}:{rest}"


def _nothing(_: str) -> float | None:
    """The value of any channel of a source that has sent none."""
    return None


def _value_at(series: ThinnedSeries | None, at_ns: int) -> float | None:
    """The middle of the step at a time, None where nothing was recorded."""
    if series is None or not len(series.time_ns):
        return None
    step = int(np.searchsorted(series.time_ns, at_ns, side="right")) - 1
    if step < 0 or at_ns - int(series.time_ns[step]) > 2 * series.step_ns:
        return None
    return float(series.low[step] + series.high[step]) / 2


def _extremes(series: ThinnedSeries, start_ns: int, lane: int) -> Traces:
    """Lowest and highest of each step as one line, broken where steps are missing."""
    t_s = (series.time_ns - start_ns) / NS_PER_S
    step_s = series.step_ns / NS_PER_S
    times = np.repeat(t_s, 2)
    times[0::2] += 0.25 * step_s
    times[1::2] += 0.75 * step_s
    values = np.empty(len(times))
    values[0::2], values[1::2] = series.low, series.high
    gaps = 2 * (np.flatnonzero(np.diff(series.time_ns) > 2 * series.step_ns) + 1)
    times, values = np.insert(times, gaps, times[gaps] - 1e-6), np.insert(values, gaps, np.nan)
    return Traces(times, values[np.newaxis], (lane,))
