"""What crossed the wire, honestly: a full copy, compression alone, and what it was, as three bars of one scale."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.models.sync_rows import saved_text
from app.widgets.look import Look
from transfer_core.events.sync import SyncFigures
from transfer_core.units import format_bytes


class SavingBars(QWidget):
    """Painted."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._figures = SyncFigures()
        self.setAccessibleName("Bytes saved")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Three bars."""
        return QSize(600, 3 * (QFontMetrics(self._look.font).height() + 14) + 16)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.updateGeometry()
        self.update()

    def show_figures(self, figures: SyncFigures) -> None:
        """These."""
        if figures != self._figures:
            self._figures = figures
            self.setAccessibleDescription("; ".join(f"{name}: {text}" for name, _, text in self.lines()))
            self.update()

    def lines(self) -> list[tuple[str, int, str]]:
        """Name, bytes and what is said beside the bar."""
        f = self._figures
        wire = format_bytes(f.wire_bytes)
        if f.full_bytes:
            wire += f"  ·  {saved_text(f.full_bytes, f.wire_bytes)} less than full copies"
            wire += f", {saved_text(f.packed_bytes, f.wire_bytes)} less than compressed ones"
        return [
            ("full copies", f.full_bytes, format_bytes(f.full_bytes)),
            ("compressed alone", f.packed_bytes, format_bytes(f.packed_bytes)),
            ("on the wire", f.wire_bytes, wire),
        ]

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        look = self._look
        painter = QPainter(self)
        painter.fillRect(self.rect(), look.card)
        metrics = QFontMetrics(look.font)
        painter.setFont(look.font)
        lines = self.lines()
        left = 24 + max(metrics.horizontalAdvance(name) for name, _, _ in lines)
        most = max(1, *(count for _, count, _ in lines))
        high = metrics.height() + 14
        room = (self.width() - left - 24) * 0.5
        middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        for number, (name, count, text) in enumerate(lines):
            y = 8 + number * high
            painter.setPen(look.muted)
            painter.drawText(QRectF(12, y, left, high), middle, name)
            wide = max(1.0, room * count / most) if count else 0.0
            painter.fillRect(QRectF(left, y + 5, wide, high - 10), look.focus if number == 2 else look.band)
            painter.setPen(look.text)
            area = QRectF(left + wide + 8, y, self.width() - left - wide - 16, high)
            painter.drawText(area, middle, metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(area.width())))
        painter.end()
