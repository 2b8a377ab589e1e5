"""Table cells with a status shape in front of their text."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from app.widgets.look import Look
from app.widgets.status_shape import Shape, paint_shape

ShapeOf = Callable[[QModelIndex | QPersistentModelIndex], tuple[Shape, QColor] | None]
_SHARP = 3  # drawn so much larger, for screens with small pixels


@lru_cache(maxsize=128)
def _icon(shape: Shape, rgb: int, side: int) -> QIcon:
    pixmap = QPixmap(side * _SHARP, side * _SHARP)
    pixmap.setDevicePixelRatio(_SHARP)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paint_shape(painter, shape, QRectF(0, 0, side, side), QColor(rgb))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon


class DimDelegate(QStyledItemDelegate):
    """Cells for which `is_dim(index)` holds are dim and hatched: they say how it was."""

    def __init__(self, is_dim: Callable[[QModelIndex | QPersistentModelIndex], bool], look: Look) -> None:
        super().__init__()
        self._is_dim, self._look = is_dim, look

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Other colours."""
        super().initStyleOption(option, index)
        if self._is_dim(index):
            option.palette.setColor(QPalette.ColorRole.Text, self._look.muted)
            option.backgroundBrush = QBrush(self._look.border, Qt.BrushStyle.BDiagPattern)


class NameDelegate(QStyledItemDelegate):
    """Cells with names and addresses, whose beginning and end both matter: what does not fit goes from the middle."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Cut elsewhere."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideMiddle


class ShapeDelegate(QStyledItemDelegate):
    """Asks `shape_of(index)` for the shape and colour; None leaves the cell as it is."""

    def __init__(self, shape_of: ShapeOf, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shape_of = shape_of

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Add the shape as the cell's icon."""
        super().initStyleOption(option, index)
        found = self._shape_of(index)
        if found is None:
            return
        shape, colour = found
        side = max(10, option.fontMetrics.ascent() - 1)
        option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
        option.decorationSize = QSize(side, side)
        option.icon = _icon(shape, colour.rgb(), side)
