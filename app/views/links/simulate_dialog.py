"""Lay made-up conditions over a link, to see what would happen, or take them off again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form, pad_spin

# key of a simulation file: label, unit, most, step, at first, what it does
CONDITIONS = {
    "rate_mbps": ("&Rate", " Mbit/s", 10_000.0, 5.0, 20.0, "What the link lets through"),
    "delay_ms": ("&Delay", " ms", 5_000.0, 5.0, 20.0, "One way, always"),
    "jitter_ms": ("&Jitter", " ms", 1_000.0, 1.0, 3.0, "How much the delay varies"),
    "loss": ("&Loss", " %", 100.0, 0.5, 1.0, "Datagrams lost at random"),
    "burst_loss": ("&Burst loss", " %", 100.0, 0.5, 0.0, "Datagrams lost in runs, as in a tunnel"),
    "queue_ms": ("&Queue", " ms", 5_000.0, 10.0, 100.0, "How much the link holds back before it drops"),
}
_SHARES = ("loss", "burst_loss")  # people say percent, the file says 0..1


class SimulateDialog(Dialog):
    """Asks for one link's conditions. `simulate_requested(link, conditions)`; conditions None means: take them off."""

    simulate_requested = Signal(str, object)

    def __init__(self, links: Sequence[str], chosen: str = "", parent: QWidget | None = None) -> None:
        super().__init__("Simulate a link", parent)
        self.link = QComboBox()
        self.link.addItems(list(links))
        if chosen:
            self.link.setCurrentText(chosen)
        form = field_form()
        add_field(form, "L&ink", self.link, "Link to simulate")
        self.fields: dict[str, QDoubleSpinBox] = {}
        for key, (label, unit, most, step, first, tip) in CONDITIONS.items():
            field = QDoubleSpinBox(suffix=unit, maximum=most, singleStep=step, decimals=1, value=first)
            pad_spin(field)
            field.setAccessibleDescription(tip)
            self.fields[key] = field
            add_field(form, label, field, tip)
        self.fields["rate_mbps"].setMinimum(0.1)
        self.body.addLayout(form)
        self.body.addWidget(text_label("Laid over the real link until cleared. Kill is on the link's tile.", "muted"))
        self.body.addStretch(1)
        self.clear_button = self.add_button("&Clear", self._clear, tip="Take all simulated conditions off the link")
        self.apply_button = self.add_button(
            "&Apply", self._apply, tip="Lay these conditions over the link", primary=True
        )
        self.add_close()

    def conditions(self) -> Mapping[str, float]:
        """The fields as the keys of a simulation file."""
        return {key: field.value() / (100.0 if key in _SHARES else 1.0) for key, field in self.fields.items()}

    @Slot()
    def _apply(self) -> None:
        self.simulate_requested.emit(self.link.currentText(), self.conditions())

    @Slot()
    def _clear(self) -> None:
        self.simulate_requested.emit(self.link.currentText(), None)
