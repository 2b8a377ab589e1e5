"""The Telemetry page's table: figures of each source, and its values at the reading line. The plots' twin in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QObject

from app.figures import DASH, age_text, percent_text, was_text
from app.models.table_model import Heading, TableModel
from app.models.telemetry_alarms import Alarm
from transfer_core.events.telemetry import ChannelView, SourceView


class SourceColumn(IntEnum):
    """The columns that are always there; behind them comes one for each chosen channel."""

    SOURCE = 0
    STATE = 1
    RATE = 2
    LOSS = 3
    JITTER = 4
    AGE = 5
    RUN = 6
    REFUSED = 7


HEADINGS = (
    Heading("source", "The pilot, or the address and port it sends from"),
    Heading("state", "How it does; the worst first"),
    Heading("Hz", "Datagrams a second, from the median interval", is_figure=True),
    Heading("loss %", "From gaps in the sender's own clock", is_figure=True),
    Heading("jitter ms", "How far intervals are from the median, 99th percentile", is_figure=True),
    Heading("heard", "How long ago its newest datagram came", is_figure=True),
    Heading("run", "Counts up when its clock starts anew", is_figure=True),
    Heading("refused", "Datagrams that can't be decoded", is_figure=True),
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source as it is shown. `values` are those of the chosen channels at the reading line."""

    source: SourceView
    alarm: Alarm
    values: tuple[float | None, ...]
    place: int  # of its colour
    is_known: bool = True  # False: so it was when the engine was last heard of


def value_text(value: float | None) -> str:
    """Four figures, so that columns stay quiet."""
    if value is None:
        return DASH
    size = abs(value)
    text = f"{value:.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.2f}"
    return text.replace("-", "−")


class SourcesModel(TableModel):
    """One row a source, in the feed's order. All text is made when something changes."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(HEADINGS, parent)
        self._rows: tuple[SourceRow, ...] = ()
        self._texts: list[list[str]] = []
        self._channels: tuple[ChannelView, ...] = ()

    def show_rows(self, rows: Sequence[SourceRow], channels: Sequence[ChannelView], now_ns: int) -> None:
        """Take these over; only rows that differ are announced."""
        rows, channels = tuple(rows), tuple(channels)
        texts = [_texts(row, now_ns) for row in rows]
        same = [row.source.source_id for row in rows] == [row.source.source_id for row in self._rows]
        if not same or channels != self._channels:
            self.beginResetModel()
            self._rows, self._texts, self._channels = rows, texts, channels
            self.headings = (*HEADINGS, *map(_heading, channels))
            self.endResetModel()
            return
        self._rows = rows
        for number, text in enumerate(texts):
            if text != self._texts[number]:
                self._texts[number] = text
                self.tell_rows(number, number)

    @property
    def rows(self) -> tuple[SourceRow, ...]:
        """All of them."""
        return self._rows

    def row(self, number: int) -> SourceRow:
        """One row."""
        return self._rows[number]

    def row_total(self) -> int:
        """Number of sources."""
        return len(self._rows)

    def text(self, row: int, column: int) -> str:
        """Made before."""
        return self._texts[row][column]

    def tip(self, row: int, column: int) -> str:
        """Why its datagrams are refused, or who it is."""
        source = self._rows[row].source
        return source.refused_why or source.source_id

    def subject(self, row: int) -> SourceRow:
        """The row as it was given."""
        return self._rows[row]


def _heading(channel: ChannelView) -> Heading:
    name = f"{channel.name} {channel.unit}".strip()
    return Heading(name, f"{channel.name} at the reading line", is_figure=True)


def _texts(row: SourceRow, now_ns: int) -> list[str]:
    source = row.source
    name = f"{source.name} ({source.source_id})" if source.name else source.source_id
    figures = [
        f"{source.rate_hz:.1f}" if source.rate_hz is not None and not source.stale else DASH,
        percent_text(source.loss) if not source.stale else DASH,
        f"{source.jitter_ms:.1f}" if source.jitter_ms is not None and not source.stale else DASH,
        age_text(source.last_ns, now_ns) if source.last_ns else DASH,
        str(source.run) if source.run else DASH,
        str(source.refused),
    ]
    return [name, was_text(row.alarm.text, is_heard=row.is_known), *figures, *map(value_text, row.values)]
