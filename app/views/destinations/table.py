"""The table of destinations: names and addresses are shown whole as long as there is room for them."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app.models.destinations_model import DestinationColumn, DestinationsModel
from app.widgets.look import Look
from app.widgets.row_table import SIDES, Columns, RowTable

_SAMPLES: dict[int, str] = {
    DestinationColumn.STATE: "Not asked yet",
    DestinationColumn.NAME: "factory-bucket",
    DestinationColumn.KIND: "HTTP chunks",
    DestinationColumn.FREE: "999.9 GB",
    DestinationColumn.WHY: "no answer over UDP",
    DestinationColumn.ADDRESS: "https://192.0.2.200:65535",
}
_DROPPED = (  # the tool tip has them
    *((DestinationColumn.ADDRESS,), (DestinationColumn.KIND,)),
    *((DestinationColumn.FREE,), (DestinationColumn.FAILED,)),
)
_NAMES = (DestinationColumn.NAME, DestinationColumn.ADDRESS)
_COLUMNS = Columns(_SAMPLES, wide=DestinationColumn.WHY, dropped=_DROPPED, names=_NAMES)
WIDEST = 0.22  # of the table's width, for a name or an address that needs more than usual


class DestinationsTable(RowTable):
    """One row a destination, one of them chosen."""

    def __init__(self, model: DestinationsModel, look: Look, parent: QWidget) -> None:
        super().__init__(model, look, "Destinations", "Where files can go", _COLUMNS, one=True, parent=parent)
        model.modelReset.connect(self.fit)

    def width_of(self, column: int) -> int:
        """Names and addresses get what they need, up to a point."""
        usual = super().width_of(column)
        if column not in _NAMES:
            return usual
        texts = (str(self.model().index(row, column).data()) for row in range(self.model().rowCount()))
        needed = max(map(self.fontMetrics().horizontalAdvance, texts), default=0) + SIDES
        return max(usual, min(needed, round(self.viewport().width() * WIDEST)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More or less room for names."""
        super().resizeEvent(event)
        self.fit()
