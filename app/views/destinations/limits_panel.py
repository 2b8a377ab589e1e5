"""What may be used: a cap for all, one for the chosen destination, how many at once, and a timetable."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.figures import plain_tip
from app.widgets.elided_label import ElidedLabel
from app.widgets.fields import add_field, field_form, pad_spin
from app.widgets.look import ThemeLike
from app.widgets.measures import BESIDE, CARD
from app.widgets.plain_label import PlainLabel
from app.widgets.week_grid import WeekGrid
from transfer_core.service import UploadLimits

SETTLE_MS = 400  # a change goes out when the hand has rested so long
SLOWEST_MBPS = 0.1
STEPS_A_DECADE = 30
SLIDER_TOP = 4 * STEPS_A_DECADE + 1  # one above 1000 Mbit/s: no cap
NO_CAP = "no cap"
BRUSHES = ("No cap of its own", "Nothing goes", "Cap at")


def slider_place(mbps: float) -> int:
    """Where a cap is on the slider; 0 Mbit/s stands for no cap, which is its top."""
    if mbps <= 0:
        return SLIDER_TOP
    return min(SLIDER_TOP - 1, max(0, round(STEPS_A_DECADE * math.log10(mbps / SLOWEST_MBPS))))


def slider_mbps(place: int) -> float:
    """The cap of a place on the slider, in two digits."""
    if place >= SLIDER_TOP:
        return 0.0
    return float(f"{SLOWEST_MBPS * 10 ** (place / STEPS_A_DECADE):.2g}")


class LimitsPanel(QFrame):
    """A form over `UploadLimits`. `limits_changed` says what a person wants; `show_limits` what is."""

    limits_changed = Signal(object)  # UploadLimits

    def __init__(self, theme: ThemeLike, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._limits = UploadLimits()
        self._chosen = ""
        self._showing = False
        self._is_known = False  # what is set; nothing is changed before, so that nothing is overwritten
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._tell)
        self.grid = WeekGrid(theme)
        self.grid.painted.connect(self._edited)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._columns.setSizeConstraint(QBoxLayout.SizeConstraint.SetNoConstraint)
        self._columns.setContentsMargins(*CARD)
        self._columns.setSpacing(24)
        self._columns.addLayout(self._build_caps(), 2)
        self._columns.addLayout(self._build_week(), 3)
        self.choose_destination("")

    def _build_caps(self) -> QVBoxLayout:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMaximum(SLIDER_TOP)
        self.slider.setPageStep(10)
        self.slider.setAccessibleName("Cap of all")
        self.slider.setToolTip("To the right faster; quite right: no cap  (Alt+A, then Tab)")
        self.cap, self.own_cap = self._rate_field(), self._rate_field()
        self.concurrent = QSpinBox(minimum=1, maximum=16)
        pad_spin(self.concurrent)
        form = field_form()
        heading = PlainLabel("Limits, over UDP and HTTP")
        heading.setProperty("kind", "heading")
        add_field(form, "Cap of &all", self.cap, "All links and destinations together, over UDP and HTTP; 0 is no cap")
        form.addRow("", self.slider)
        add_field(form, "Cap of c&hosen", self.own_cap, "Of the destination that is chosen above; 0 is no cap")
        add_field(form, "At &once", self.concurrent, "How many uploads over HTTP go at the same time")
        self.cap.valueChanged.connect(self._cap_typed)
        self.slider.valueChanged.connect(self._cap_slid)
        self.own_cap.valueChanged.connect(self._edited)
        self.concurrent.valueChanged.connect(self._edited)
        column = QVBoxLayout()
        column.setSpacing(BESIDE)
        column.addWidget(heading)
        column.addLayout(form)
        column.addStretch(1)
        return column

    def _build_week(self) -> QVBoxLayout:
        self.brush = QComboBox()
        self.brush.addItems(list(BRUSHES))
        self.brush.setCurrentIndex(1)
        self.brush_cap = self._rate_field()
        self.brush_cap.setMinimum(SLOWEST_MBPS)
        self.brush_cap.setSpecialValueText("")
        self.brush_cap.setValue(5.0)
        row = QHBoxLayout()
        row.setSpacing(BESIDE)
        label, cap_label = PlainLabel("&Paint"), PlainLabel("a&t")
        for words, field, name, tip in (
            (label, self.brush, "Paint", "What drawing over hours puts there"),
            (cap_label, self.brush_cap, "Cap to paint", "The cap that drawing over hours puts there"),
        ):
            words.setBuddy(field)
            field.setAccessibleName(name)
            field.setToolTip(plain_tip(tip))
            row.addWidget(words)
            row.addWidget(field)
        legend = ElidedLabel("bar: cap · line: stop")
        legend.setProperty("kind", "caption")
        legend.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(legend, 1)
        heading = PlainLabel("Timetable for everything, local time")
        heading.setProperty("kind", "heading")
        self.brush.currentIndexChanged.connect(self._brush_changed)
        self.brush_cap.valueChanged.connect(self._brush_changed)
        self._brush_changed()
        column = QVBoxLayout()
        column.setSpacing(BESIDE)
        column.addWidget(heading)
        column.addLayout(row)
        column.addWidget(self.grid)
        column.addStretch(1)
        return column

    @staticmethod
    def _rate_field() -> QDoubleSpinBox:
        field = QDoubleSpinBox(minimum=0.0, maximum=100_000.0, singleStep=1.0, decimals=1, suffix=" Mbit/s")
        field.setSpecialValueText(NO_CAP)
        pad_spin(field)
        return field

    # --- form

    def _least(self, place: int) -> QSize:
        half = self._columns.itemAt(place)
        return QSize() if half is None else half.minimumSize()

    def minimumSizeHint(self) -> QSize:
        """As wide as the wider half: they stand below each other where they must."""
        margins = self._columns.contentsMargins()
        wide = max(self._least(0).width(), self._least(1).width()) + margins.left() + margins.right()
        return QSize(wide, self._columns.minimumSize().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside each other where there is room for both."""
        super().resizeEvent(event)
        margins = self._columns.contentsMargins()
        both = self._least(0).width() + self._columns.spacing() + self._least(1).width()
        fits = both + margins.left() + margins.right() <= self.width()
        direction = QBoxLayout.Direction.LeftToRight if fits else QBoxLayout.Direction.TopToBottom
        if direction is not self._columns.direction():
            self._columns.setDirection(direction)
            self.updateGeometry()

    # --- showing

    def show_limits(self, limits: UploadLimits) -> None:
        """Fill the form, unless a hand is on it."""
        self._is_known = True
        if not self._settle.isActive():
            self._fill(limits)

    def _fill(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._showing = True
        mbps = (limits.all_bps or 0.0) / 1e6
        self.cap.setValue(mbps)
        self.slider.setValue(slider_place(mbps))
        self.own_cap.setValue(limits.by_destination.get(self._chosen, 0.0) / 1e6)
        self.concurrent.setValue(limits.concurrent)
        self.grid.show_cells(limits.timetable)
        self._showing = False

    def choose_destination(self, name: str) -> None:
        """The own cap is now that of this destination; empty for none."""
        self._flush()
        self._chosen = name
        self.own_cap.setEnabled(bool(name))
        self._fill(self._limits)

    def limits(self) -> UploadLimits:
        """What the form says."""
        caps = {name: cap for name, cap in self._limits.by_destination.items() if name != self._chosen}
        if self._chosen and self.own_cap.value() > 0:
            caps[self._chosen] = round(self.own_cap.value() * 1e6)
        all_bps = round(self.cap.value() * 1e6) or None
        return replace(
            self._limits,
            all_bps=all_bps,
            by_destination=caps,
            timetable=self.grid.cells,
            concurrent=self.concurrent.value(),
        )

    # --- changing

    def _cap_typed(self) -> None:
        if not self._showing:
            self._showing = True
            self.slider.setValue(slider_place(self.cap.value()))
            self._showing = False
        self._edited()

    def _cap_slid(self) -> None:
        if not self._showing:
            self.cap.setValue(slider_mbps(self.slider.value()))

    def _brush_changed(self) -> None:
        kind = self.brush.currentIndex()
        self.brush_cap.setEnabled(kind == 2)
        self.grid.brush_bps = (None, 0.0, round(self.brush_cap.value() * 1e6))[kind]

    def _edited(self) -> None:
        if self._is_known and not self._showing:
            self._settle.start()

    def _flush(self) -> None:
        if self._settle.isActive():
            self._settle.stop()
            self._tell()

    def _tell(self) -> None:
        wanted = self.limits()
        if wanted != self._limits:
            self._limits = wanted
            self.limits_changed.emit(wanted)

    def finish(self) -> None:
        """The page is left: what was changed last goes out now."""
        self._flush()
