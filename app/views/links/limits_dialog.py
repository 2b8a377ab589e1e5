"""Say what a link may: when it is used, how fast, and how much data a month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from app.views.page import ServiceCalls
from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form, pad_spin
from transfer_core.errors import DrsError
from transfer_core.service import Settings
from transfer_core.service.link_limits import ROLES, LinkLimits, limits_of, with_limits
from transfer_core.units import format_bytes

Tell = Callable[[str, Callable[[], object]], None]  # what was just done, and what takes it back
GB = 1_000_000_000
_ROLE_TIPS = {
    "primary": "primary: works first",
    "overflow": "overflow: helps when the primary links are full",
    "backup": "backup: works when the others fail",
}


class LimitsDialog(Dialog):
    """Settings are read anew before they are changed, so that only this link's are."""

    def __init__(
        self, service: ServiceCalls, links: Sequence[str], chosen: str, tell: Tell, parent: QWidget | None = None
    ) -> None:
        super().__init__("What a link may", parent)
        self._service, self._tell = service, tell
        self._settings: Settings | None = None
        self.link, self.role = QComboBox(), QComboBox()
        self.link.addItems(list(links))
        self.link.setCurrentText(chosen)
        for role in ROLES:
            self.role.addItem(_ROLE_TIPS[role], role)
        self.cap = QDoubleSpinBox(maximum=100_000.0, decimals=1, singleStep=5.0, suffix=" Mbit/s")
        self.cap.setSpecialValueText("no cap")
        self.quota = QDoubleSpinBox(maximum=1_000_000.0, decimals=1, singleStep=1.0, suffix=" GB a month")
        self.quota.setSpecialValueText("no data plan")
        self.reset_day = QSpinBox(minimum=1, maximum=31, prefix="day ")
        form = field_form()
        add_field(form, "L&ink", self.link, "The link that this is about")
        add_field(form, "&Role", self.role, "When the link is used")
        add_field(form, "Ca&p", self.cap, "The link carries no more than this; 0 is no cap")
        add_field(form, "&Data plan", self.quota, "Both ways together; used up, the link rests; 0 is none")
        add_field(form, "&Begins anew", self.reset_day, "Day of the month on which the data plan begins anew")
        for box in (self.cap, self.quota, self.reset_day):
            pad_spin(box)
        self.body.addLayout(form)
        self.add_problem()
        self.body.addWidget(text_label("Takes effect at once, also on what is being sent. The tile shows it.", "muted"))
        self.body.addStretch(1)
        self.save_button = self.add_button("&Save", self._save, tip="Keep this for the link", primary=True)
        self.add_close()
        self.link.currentTextChanged.connect(self._fill)
        self.quota.valueChanged.connect(self._follow)
        self.resize(420, 0)
        self._set_ready(False)
        service.call("settings", on_result=self._show_settings, on_error=self._refused)

    def _set_ready(self, ready: bool) -> None:
        for field in (self.role, self.cap, self.quota, self.save_button):
            field.setEnabled(ready)
        self._follow()

    @Slot()
    def _follow(self) -> None:
        self.reset_day.setEnabled(self.quota.isEnabled() and self.quota.value() > 0)

    def _show_settings(self, settings: Settings) -> None:
        self._settings = settings
        self._set_ready(True)
        self._fill()
        self.cap.setFocus()
        self.cap.selectAll()

    @Slot()
    def _fill(self) -> None:
        if self._settings is None:
            return
        limits = limits_of(self._settings, self.link.currentText())
        self.role.setCurrentIndex(self.role.findData(limits.role))
        self.cap.setValue(limits.cap_mbps)
        self.quota.setValue(limits.quota_bytes / GB)
        self.reset_day.setValue(limits.reset_day)

    def limits(self) -> LinkLimits:
        """What the fields say."""
        quota = round(self.quota.value() * GB)
        return LinkLimits(self.role.currentData(), self.cap.value(), quota, self.reset_day.value() if quota else 1)

    @Slot()
    def _save(self) -> None:
        for box in (self.cap, self.quota, self.reset_day):
            box.interpretText()
        self.problem.hide()
        self.hide()  # it comes back with the reason if this is refused
        link, limits = self.link.currentText(), self.limits()
        change_limits(self._service, link, limits, self._tell, on_done=self.accept, on_error=self._refused)

    def _refused(self, error: DrsError) -> None:
        self.show_problem(error.one_line())
        self.open_beside()


def change_limits(
    service: ServiceCalls,
    link: str,
    limits: LinkLimits,
    tell: Tell,
    *,
    on_done: Callable[[], object] | None = None,
    on_error: Callable[[DrsError], None] | None = None,
) -> None:
    """Change one link's part of the settings as they are then, and tell so with what takes it back."""

    def read(settings: Settings) -> None:
        before = limits_of(settings, link)

        def changed(_answer: object) -> None:
            tell(limits_words(link, limits), partial(change_limits, service, link, before, tell))
            if on_done is not None:
                on_done()

        service.call("change_settings", with_limits(settings, link, limits), on_result=changed, on_error=on_error)

    service.call("settings", on_result=read, on_error=on_error)


def limits_words(link: str, limits: LinkLimits) -> str:
    """`LTE: overflow, at most 20 Mbit/s, 20.0 GB a month`."""
    cap = f"at most {limits.cap_mbps:g} Mbit/s" if limits.cap_mbps else ""
    plan = f"{format_bytes(limits.quota_bytes)} a month" if limits.quota_bytes else ""
    return f"{link}: " + (", ".join(filter(None, (limits.role, cap, plan))))
