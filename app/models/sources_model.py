"""The Telemetry page's table: figures of each source, and its values at the reading line. The plots' twin in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.figures import DASH, age_text, percent_text
from app.models.telemetry_alarms import Alarm
from transfer_core.events.telemetry import ChannelView, SourceView

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
SOURCE_ROLE = Qt.ItemDataRole.UserRole + 1


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


HEADERS = (
    ("source", "The pilot, or the address and port it sends from"),
    ("state", "How it does; the worst first"),
    ("Hz", "Datagrams a second, from the median interval"),
    ("loss %", "From gaps in the sender's own clock"),
    ("jitter ms", "How far intervals are from the median, 99th percentile"),
    ("heard", "How long ago its newest datagram came"),
    ("run", "Counts up when its clock starts anew"),
    ("refused", "Datagrams that can't be decoded"),
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source as it is shown. `values` are those of the chosen channels at the reading line."""

    source: SourceView
    alarm: Alarm
    values: tuple[float | None, ...]
    place: int  # of its colour


def value_text(value: float | None) -> str:
    """Four figures, so that columns stay quiet."""
    if value is None:
        return DASH
    size = abs(value)
    return f"{value:.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.2f}"


class SourcesModel(QAbstractTableModel):
    """One row a source, in the feed's order. All text is made when something changes."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
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
            self.endResetModel()
            return
        self._rows = rows
        for number, text in enumerate(texts):
            if text != self._texts[number]:
                self._texts[number] = text
                self.dataChanged.emit(self.index(number, 0), self.index(number, self.columnCount() - 1))

    def row(self, number: int) -> SourceRow:
        """One row."""
        return self._rows[number]

    def rowCount(self, parent: Index = ROOT) -> int:
        """Number of sources."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Figures and channels."""
        return 0 if parent.isValid() else len(HEADERS) + len(self._channels)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text made before, or the row itself as `SOURCE_ROLE`."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[index.row()][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(index.column())
        if role == SOURCE_ROLE:
            return self._rows[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            source = self._rows[index.row()].source
            return source.refused_why or source.source_id
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Short names; the tooltip says what they mean."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < self.columnCount():
            return None
        if section < len(HEADERS):
            name, tip = HEADERS[section]
        else:
            channel = self._channels[section - len(HEADERS)]
            name, tip = f"{channel.name} {channel.unit}".strip(), f"{channel.name} at the reading line"
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip
        return _side(section) if role == Qt.ItemDataRole.TextAlignmentRole else None


def _side(column: int) -> Qt.AlignmentFlag:
    text = column in (SourceColumn.SOURCE, SourceColumn.STATE)
    side = Qt.AlignmentFlag.AlignLeft if text else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


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
    return [name, row.alarm.text, *figures, *map(value_text, row.values)]
