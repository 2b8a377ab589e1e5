"""What every form needs: labels beside their field's text, and spin boxes whose text begins where others' does."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QFormLayout, QLabel, QWidget

from app.figures import plain_tip
from app.widgets.measures import BESIDE, LABEL
from app.widgets.plain_label import PlainLabel

SPIN_MARGIN = 7


def pad_spin(box: QAbstractSpinBox) -> None:
    """Begin the text of a spin box where that of other fields begins; a style sheet can't."""
    box.lineEdit().setTextMargins(SPIN_MARGIN, 0, 0, 0)


def field_form(parent: QWidget | None = None) -> QFormLayout:
    """Labels at the left, fields at the right."""
    form = QFormLayout(parent)
    form.setHorizontalSpacing(LABEL)
    form.setVerticalSpacing(BESIDE)
    return form


def add_field(form: QFormLayout, label: str, field: QWidget, tip: str) -> QLabel:
    """A row whose label's `&` names the key that leads to the field; name and tool tip come with it.

    The label is as high as a control, so that both texts stand on one line.
    """
    key = QKeySequence.mnemonic(label).toString(QKeySequence.SequenceFormat.NativeText)
    field.setAccessibleName(label.replace("&", ""))
    field.setToolTip(plain_tip(f"{tip}  ({key})" if key else tip))
    head = PlainLabel(label)
    head.setProperty("kind", "field")
    head.setBuddy(field)
    if isinstance(field, QCheckBox):
        field.setProperty("kind", "field")
    form.addRow(head, field)
    return head
