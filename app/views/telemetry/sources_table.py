"""The table below the plots: figures and values as text, for those who can't use a plot, and for copying."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from app.actions import COMMANDS, make_action
from app.models.sources_model import SourceColumn, SourcesModel
from app.models.table_model import SUBJECT_ROLE
from app.widgets.look import Look
from app.widgets.row_table import Columns, Index, RowTable
from app.widgets.status_shape import SEVERITY_SHAPES, Shape, severity_colour
from transfer_core.events import Severity

ROWS_LEAST = 2
EDGES = 4  # px for the ring around it
_SAMPLES: dict[int, str] = {
    SourceColumn.SOURCE: "Margaret (192.168.1.10:50123)",
    SourceColumn.STATE: "link loses 20 %",
    SourceColumn.AGE: "59 min ago",
}


class SourcesTable(RowTable):
    """One row a source."""

    def __init__(self, model: SourcesModel, look: Look, parent: QWidget | None = None) -> None:
        tip = "Figures, and values at the reading line; " + COMMANDS["telemetry.copy"].tool_tip()
        columns = Columns(_SAMPLES, sample="12345.6")
        super().__init__(model, look, "Figures and values of all sources", tip, columns, small=True, parent=parent)
        self.draw_shapes(SourceColumn.STATE, self._shape)
        self.draw_shapes(SourceColumn.SOURCE, self._colour)
        make_action("telemetry.copy", self, self.copy_rows)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        model.modelReset.connect(self.fit)  # channels may have come or gone

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        super().apply_look(look)

    @Slot()
    def fit(self) -> None:
        """Set widths and heights by the theme's text; two sources are seen whole, also above a scroll bar."""
        super().fit()
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setMinimumHeight(self.horizontalHeader().height() + ROWS_LEAST * self.row_height + bar + EDGES)

    def shape_of(self, row: int) -> Shape:
        """The shape beside a source's state."""
        return self._shape(self.model().index(row, SourceColumn.STATE))[0]

    def _shape(self, index: Index) -> tuple[Shape, QColor]:
        row = index.data(SUBJECT_ROLE)
        if not row.is_known:
            return Shape.RING, self.look.muted
        severity = row.alarm.severity
        is_well = severity is Severity.INFO
        return SEVERITY_SHAPES[severity], self.look.good if is_well else severity_colour(severity, self.look)

    def _colour(self, index: Index) -> tuple[Shape, QColor]:
        """The source's colour in plots and track."""
        return Shape.BAR, self.look.link(index.data(SUBJECT_ROLE).place)
