"""The table below the plots: the same figures as text, for those who can't use a plot, and for copying."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.actions import COMMANDS, make_action
from app.models.links_model import LINK_ROLE, LinkColumn, LinksModel
from app.widgets.look import Look
from app.widgets.shape_delegate import ShapeDelegate
from app.widgets.status_shape import LINK_SHAPES, Shape, link_colour

_TERMS = (LinkColumn.SCORE_RATE, LinkColumn.SCORE_RTT, LinkColumn.SCORE_LOSS, LinkColumn.SCORE_STABILITY)
LINK_MOST = 220  # px for the names
ROWS_MOST = 6  # more are scrolled to
_SAMPLES = {
    LinkColumn.LINK: "wlan0 (wlan0)",
    LinkColumn.ROLE: "overflow",
    LinkColumn.RATE: "1000.0",
    LinkColumn.SPREAD: "100–1000",
    LinkColumn.JITTER: "jitter ms",
    LinkColumn.AGE: "59 min 59 s",
}


class FiguresTable(QTableView):
    """One row a link; columns as wide as their widest text, whatever it is now, so that nothing jumps."""

    def __init__(self, model: LinksModel, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setModel(model)
        self.setAccessibleName("Figures of all links")
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setProperty("kind", "small")
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
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header.setHighlightSections(False)
        make_action("links.copy", self, self.copy_rows)
        self.setToolTip("The figures of the plots as text; " + COMMANDS["links.copy"].tool_tip())
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.apply_look(look)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.fit()

    def fit(self) -> None:
        """Set widths and heights by the theme's text and the number of links."""
        metrics = QFontMetrics(self._look.small)
        for column in LinkColumn:
            if column is not LinkColumn.STATE:
                samples = (_SAMPLES.get(column, ""), self._heading(column))
                wide = max(metrics.horizontalAdvance(text) for text in samples) + 16
                if column is LinkColumn.LINK:
                    wide = max(wide, min(LINK_MOST, self.sizeHintForColumn(column) + 8))
                self.setColumnWidth(column, wide)
        self._drop_terms()
        row = max(24, metrics.height() + 8)
        self.verticalHeader().setDefaultSectionSize(row)
        self.horizontalHeader().setFixedHeight(row)
        rows = min(ROWS_MOST, max(1, self.model().rowCount()))
        self.setMinimumHeight(row * 2)
        self.setMaximumHeight(row * (rows + 1) + 4)

    def _drop_terms(self) -> None:
        """Leave the score's terms out where the table is too narrow; its tool tip has them."""
        metrics = QFontMetrics(self._look.small)
        state = metrics.horizontalAdvance("degraded") + metrics.ascent() + 24
        needed = state + sum(self.columnWidth(column) for column in LinkColumn if column is not LinkColumn.STATE)
        for column in _TERMS:
            if self.isColumnHidden(column):
                needed += (
                    metrics.horizontalAdvance(str(self.model().headerData(column, Qt.Orientation.Horizontal))) + 16
                )
        for column in _TERMS:
            self.setColumnHidden(column, needed > self.viewport().width())

    def _heading(self, column: LinkColumn) -> str:
        return str(self.model().headerData(column, Qt.Orientation.Horizontal))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More or less room for the terms."""
        super().resizeEvent(event)
        self._drop_terms()

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
