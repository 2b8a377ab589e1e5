"""One subject of the Settings page: a heading above rows of label and field that line up with those of other cards."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QFrame, QLabel, QWidget

from app.theme.theme import Theme
from app.widgets.fields import add_field, field_form
from app.widgets.measures import CARD
from app.widgets.plain_label import PlainLabel

FIELD_WIDTH = 180  # px
WIDEST_LABEL = "Default destination"  # of all cards


class SettingsCard(QFrame):
    """Rows go into `form`, by `add_row` for those with a label."""

    def __init__(self, title: str, theme: Theme) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._theme = theme
        self._labels: list[QLabel] = []
        self.heading = PlainLabel(title)
        self.heading.setProperty("kind", "heading")
        self.form = field_form(self)
        self.form.setContentsMargins(*CARD)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.form.addRow(self.heading)
        theme.changed.connect(self._fit_labels)

    def add_row(self, label: str, field: QWidget, tip: str) -> None:
        """A label whose `&` names the field's key, and the field."""
        field.setMinimumWidth(FIELD_WIDTH)
        self._labels.append(add_field(self.form, label, field, tip))
        self._fit_labels()

    def _fit_labels(self) -> None:
        for label in self._labels:
            label.setMinimumWidth(self._theme.text_width(WIDEST_LABEL))
