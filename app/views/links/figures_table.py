"""The table below the plots: the same figures as text, for those who can't use a plot, and for copying."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from app.actions import COMMANDS, make_action
from app.models.links_model import LinkColumn, LinksModel
from app.widgets.look import Look
from app.widgets.row_table import Columns, Index, RowTable
from app.widgets.shape_delegate import DimDelegate
from app.widgets.status_shape import LINK_SHAPES, Shape, link_colour

_DROPPED = (  # the plots, the cards' heads and the tiles' tool tips have them too
    (LinkColumn.SCORE_RATE, LinkColumn.SCORE_RTT, LinkColumn.SCORE_LOSS, LinkColumn.SCORE_STABILITY),
    (LinkColumn.SPREAD,),
    (LinkColumn.JITTER,),
    (LinkColumn.SCORE,),
    (LinkColumn.ROLE,),
)
_AGEING = frozenset(LinkColumn) - {LinkColumn.LINK, LinkColumn.STATE, LinkColumn.ROLE, LinkColumn.AGE}
LINK_MOST = 220  # px for the names
EDGES = 8  # px for the ring around it, above and below
ROWS_MOST = 6  # more are scrolled to
ROWS_LEAST = 3  # in sight, if there are so many
_SAMPLES: dict[int, str] = {
    LinkColumn.LINK: "wlan0 (wlan0)",
    LinkColumn.STATE: "silent: nothing comes back",
    LinkColumn.ROLE: "overflow",
    LinkColumn.RATE: "1000.0",
    LinkColumn.SPREAD: "100–1000",
    LinkColumn.JITTER: "jitter ms",
    LinkColumn.AGE: "9.9 s ago",
}


class FiguresTable(RowTable):
    """One row a link, and no higher than its rows; what matters least is left out where there is no room."""

    def __init__(self, model: LinksModel, look: Look, parent: QWidget | None = None) -> None:
        tip = "The figures of the plots as text; " + COMMANDS["links.copy"].tool_tip()
        columns = Columns(_SAMPLES, wide=LinkColumn.STATE, dropped=_DROPPED)
        super().__init__(model, look, "Figures of all links", tip, columns, small=True, parent=parent)
        self.draw_shapes(LinkColumn.STATE, self._shape)
        self._links = model
        self._dim = DimDelegate(lambda index: index.column() in _AGEING and model.is_stale(index.row()), look)
        self._dim.setParent(self)
        self.setItemDelegate(self._dim)
        make_action("links.copy", self, self.copy_rows)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._dim.apply_look(look)
        super().apply_look(look)

    def width_of(self, column: int) -> int:
        """The names get what they need, up to a point."""
        wide = super().width_of(column)
        return max(wide, min(LINK_MOST, self.sizeHintForColumn(column) + 8)) if column == LinkColumn.LINK else wide

    @Slot()
    def fit(self) -> None:
        """Set widths and heights by the theme's text and the number of links."""
        super().fit()
        rows = min(ROWS_MOST, max(1, self.model().rowCount()))
        head = self.horizontalHeader().height()
        self.setMinimumHeight(head + self.row_height * min(ROWS_LEAST, rows) + EDGES)
        self.setMaximumHeight(head + self.row_height * rows + EDGES)

    def _shape(self, index: Index) -> tuple[Shape, QColor]:
        state = self._links.state(index.row())
        return LINK_SHAPES[state], link_colour(state, self.look)
