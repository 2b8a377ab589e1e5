"""The table below the plots: the same figures as text, for those who can't use a plot, and for copying."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.actions import COMMANDS, make_action
from app.models.links_model import LINK_ROLE, LinkColumn, LinksModel
from app.widgets.look import Look
from app.widgets.shape_delegate import ShapeDelegate
from app.widgets.status_shape import LINK_SHAPES, Shape, link_colour

ROWS_MOST = 6  # more are scrolled to
_SAMPLES = {
    LinkColumn.LINK: "wlan0 (wlan0)",
    LinkColumn.ROLE: "overflow",
    LinkColumn.RATE: "1000.0",
    LinkColumn.SPREAD: "100–1000",
    LinkColumn.JITTER: "jitter ms",
    LinkColumn.AGE: "99 min 59 s ago",
}


class FiguresTable(QTableView):
    """One row a link; columns as wide as their widest text, whatever it is now, so that nothing jumps."""

    def __init__(self, model: LinksModel, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setModel(model)
        self.setAccessibleName("Figures of all links")
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.verticalHeader().hide()
        self.setItemDelegateForColumn(LinkColumn.STATE, ShapeDelegate(self._shape, self))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(LinkColumn.STATE, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        make_action("links.copy", self, self.copy_rows)
        self.setToolTip("The figures of the plots as text; " + COMMANDS["links.copy"].tool_tip())
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.apply_look(look)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.setStyleSheet(f"QTableView, QHeaderView::section {{ font-size: {look.small.pixelSize()}px; }}")
        self.fit()

    def fit(self) -> None:
        """Set widths and heights by the theme's text and the number of links."""
        metrics = QFontMetrics(self._look.small)
        for column in LinkColumn:
            if column is not LinkColumn.STATE:
                self.setColumnWidth(column, metrics.horizontalAdvance(_SAMPLES.get(column, "·stable")) + 16)
        row = max(24, metrics.height() + 8)
        self.verticalHeader().setDefaultSectionSize(row)
        self.horizontalHeader().setFixedHeight(row)
        rows = min(ROWS_MOST, max(1, self.model().rowCount()))
        self.setMinimumHeight(row * 2)
        self.setMaximumHeight(row * (rows + 1) + 4)

    @Slot()
    def copy_rows(self) -> None:
        """Put the selected rows, or else all, on the clipboard, tab-separated below their headings."""
        model = self.model()
        columns = range(model.columnCount())
        chosen = sorted(index.row() for index in self.selectionModel().selectedRows()) or range(model.rowCount())
        lines = [[str(model.headerData(column, Qt.Orientation.Horizontal)) for column in columns]]
        lines += [[str(model.index(row, column).data()) for column in columns] for row in chosen]
        QGuiApplication.clipboard().setText("\n".join("\t".join(line) for line in lines))

    def _shape(self, index: QModelIndex | QPersistentModelIndex) -> tuple[Shape, QColor]:
        state = index.data(LINK_ROLE).state
        return LINK_SHAPES[state], link_colour(state, self._look)
