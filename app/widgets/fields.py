"""Small things that every form needs."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractSpinBox

SPIN_MARGIN = 7


def pad_spin(box: QAbstractSpinBox) -> None:
    """Begin the text of a spin box where that of other fields begins; a style sheet can't."""
    box.lineEdit().setTextMargins(SPIN_MARGIN, 0, 0, 0)
