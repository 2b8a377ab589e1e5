"""The parts of the Telemetry page, made and laid out."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QSplitter, QWidget

from app.models.sources_model import SourcesModel
from app.models.telemetry_channels import DEFAULT_CHANNELS
from app.views.telemetry.lane_plot import LanePlot
from app.views.telemetry.picture import Picture
from app.views.telemetry.side_lists import FoundList
from app.views.telemetry.sources_table import SourcesTable
from app.views.telemetry.track_view import TrackView
from app.widgets.look import Look
from app.widgets.measures import GAP


class Parts:
    """Lists at the left; plots and track over the table at the right. `split` holds all."""

    def __init__(self, page: QObject, look: Look) -> None:
        self.channels = FoundList(
            "Channels", "telemetry.find", "Space draws a channel, or takes it off", checkable=True
        )
        self.channels.model.set_checked(DEFAULT_CHANNELS)
        self.races = FoundList("Races", "telemetry.find_race", "Enter replays a race")
        self.plot, self.track = LanePlot(look), TrackView(look)
        self.rows = SourcesModel(page)
        self.table = SourcesTable(self.rows, look)
        self.picture = Picture(self.plot, self.track, self.rows, look)
        self._left = _split(Qt.Orientation.Vertical, self.channels, self.races)
        self._top = _split(Qt.Orientation.Horizontal, self.plot, self.track, sizes=(640, 260))
        self._right = _split(Qt.Orientation.Vertical, self._top, self.table, sizes=(420, 150))
        self.split = _split(Qt.Orientation.Horizontal, self._left, self._right, sizes=(190, 900))
        self.split.setStretchFactor(1, 1)

    @property
    def splitters(self) -> dict[str, QWidget]:
        """What people may move, by name."""
        return {"split": self.split, "left": self._left, "top": self._top, "right": self._right}


def _split(orientation: Qt.Orientation, *parts: QWidget, sizes: tuple[int, ...] = ()) -> QSplitter:
    split = QSplitter(orientation, childrenCollapsible=False, handleWidth=GAP)
    for part in parts:
        split.addWidget(part)
    if sizes:
        split.setSizes(list(sizes))
    return split
