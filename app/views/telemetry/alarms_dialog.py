"""Asks from where on something about a source needs a hand."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QPlainTextEdit, QSpinBox, QWidget

from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form, pad_spin
from transfer_core.errors import ConfigError
from transfer_core.events.alarm_limits import AlarmLimits, parse_rules

_RULES = "Any channel, one rule a line, such as Speed > 40 or BatteryVoltage < 13.5 critical."


class AlarmsDialog(Dialog):
    """`wanted(AlarmLimits)` when they make sense; else it says why not and stays."""

    wanted = Signal(object)

    def __init__(self, limits: AlarmLimits, parent: QWidget | None = None) -> None:
        super().__init__("Alarms", parent)
        form = field_form()
        self.battery_low = _share(form, "Battery &low", limits.battery_low, "Caution from here down")
        self.battery_empty = _share(form, "Battery &empty", limits.battery_empty, "Critical from here down")
        self.loss = _share(form, "Link l&oss", limits.loss, "Caution from here up")
        self.heavy_loss = _share(form, "&Heavy loss", limits.heavy_loss, "Serious from here up")
        self.rules = QPlainTextEdit("\n".join(str(rule) for rule in limits.rules), tabChangesFocus=True)
        self.rules.setFixedHeight(6 * self.rules.fontMetrics().lineSpacing() + 12)
        add_field(form, "&Rules", self.rules, "A line each: CHANNEL, < or >, a number, and serious or critical")
        self.body.addLayout(form)
        self.body.addWidget(text_label(_RULES, "muted"))
        self.add_problem()
        self.body.addStretch(1)
        self.accept_button = self.add_button("&Keep", self._keep, tip="Keep these limits", primary=True)
        self.add_button("&Usual", self._usual, tip="Put back the usual limits; rules go")
        self.add_close("Cancel")

    def _keep(self) -> None:
        try:
            limits = AlarmLimits(
                self.battery_low.value() / 100,
                self.battery_empty.value() / 100,
                self.loss.value() / 100,
                self.heavy_loss.value() / 100,
                parse_rules(self.rules.toPlainText()),
            ).checked()
        except ConfigError as error:
            self.show_problem(error.one_line())
            return
        self.wanted.emit(limits)
        self.accept()

    def _usual(self) -> None:
        usual = AlarmLimits()
        for field, share in (
            (self.battery_low, usual.battery_low),
            (self.battery_empty, usual.battery_empty),
            (self.loss, usual.loss),
            (self.heavy_loss, usual.heavy_loss),
        ):
            field.setValue(round(100 * share))
        self.rules.clear()


def _share(form: QFormLayout, label: str, share: float, tip: str) -> QSpinBox:
    field = QSpinBox(minimum=0, maximum=100, value=round(100 * share), suffix=" %")
    pad_spin(field)
    add_field(form, label, field, tip)
    return field
