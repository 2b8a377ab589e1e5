"""The table below the plots: figures and values as text, for those who can't use a plot, and for copying."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.actions import COMMANDS, make_action
from app.models.sources_model import SOURCE_ROLE, SourceColumn, SourcesModel
from app.widgets.look import Look
from app.widgets.shape_delegate import ShapeDelegate
from app.widgets.status_shape import SEVERITY_SHAPES, Shape
from transfer_core.events import Severity

_SAMPLES = {
    SourceColumn.SOURCE: "Margaret (192.168.1.10:50123)",
    SourceColumn.STATE: "link loses 20 %",
    SourceColumn.AGE: "59 min ago",
}


class SourcesTable(QTableView):
    """One row a source; columns as wide as their widest text, so that nothing jumps."""

    def __init__(self, model: SourcesModel, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setModel(model)
        self.setAccessibleName("Figures and values of all sources")
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.verticalHeader().hide()
        self.setItemDelegateForColumn(SourceColumn.STATE, ShapeDelegate(self._shape, self))
        self.setItemDelegateForColumn(SourceColumn.SOURCE, ShapeDelegate(self._colour, self))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        make_action("telemetry.copy", self, self.copy_rows)
        self.setToolTip("Figures, and values at the reading line; " + COMMANDS["telemetry.copy"].tool_tip())
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        model.modelReset.connect(self.fit)
        self.apply_look(look)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.setStyleSheet(f"QTableView, QHeaderView::section {{ font-size: {look.small.pixelSize()}px; }}")
        self.fit()

    @Slot()
    def fit(self) -> None:
        """Set widths and heights by the theme's text."""
        metrics = QFontMetrics(self._look.small)
        for column in range(self.model().columnCount()):
            head = str(self.model().headerData(column, Qt.Orientation.Horizontal))
            widest = max(_SAMPLES.get(column, "12345.6"), head, key=metrics.horizontalAdvance)  # type: ignore[call-overload]
            self.setColumnWidth(column, metrics.horizontalAdvance(widest) + (34 if column < 2 else 16))
        row = max(24, metrics.height() + 8)
        self.verticalHeader().setDefaultSectionSize(row)
        self.horizontalHeader().setFixedHeight(row)
        self.setMinimumHeight(row * 2)

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
        severity = index.data(SOURCE_ROLE).alarm.severity
        colours = {
            Severity.INFO: self._look.good,
            Severity.CAUTION: self._look.caution,
            Severity.SERIOUS: self._look.serious,
            Severity.CRITICAL: self._look.critical,
        }
        return SEVERITY_SHAPES[severity], colours[severity]

    def _colour(self, index: QModelIndex | QPersistentModelIndex) -> tuple[Shape, QColor]:
        """The source's colour in plots and track."""
        return Shape.BAR, self._look.link(index.data(SOURCE_ROLE).place)
