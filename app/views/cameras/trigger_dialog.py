"""Triggers cameras by hand: which frame to begin with, and for which ball."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from app.views.page import ServiceCalls
from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form
from transfer_core.errors import DrsError
from transfer_core.events.watches import TriggerRun


class TriggerDialog(Dialog):
    """Stays open with the reason when it is refused. `triggered(text)` says in passing what goes where."""

    triggered = Signal(str)

    def __init__(self, service: ServiceCalls, frame_id: str = "", parent: QWidget | None = None) -> None:
        super().__init__("Trigger cameras", parent)
        self._call = service.call
        self.frame = QLineEdit(frame_id, placeholderText="frame_camera01_000046836.jpg")
        self.ball = QLineEdit(placeholderText="ball_001")
        form = field_form()
        add_field(form, "&Frame", self.frame, "The first frame to send; the other cameras begin with the same number")
        add_field(form, "&Ball", self.ball, "The folder to send them to; may be left empty")
        self.body.addWidget(text_label("Sends this frame and those after it, of this and all armed cameras.", "muted"))
        self.body.addLayout(form)
        self.add_problem()
        self.body.addStretch(1)
        self.ok = self.add_button("&Trigger", self._trigger, tip="Send these frames", primary=True)
        self.add_close("Cancel")
        self.resize(520, 0)

    def _trigger(self) -> None:
        self.ok.setEnabled(False)
        frame, ball = self.frame.text().strip(), self.ball.text().strip()
        self._call("watches.trigger", frame, ball, on_result=self._done, on_error=self._refused)

    def _done(self, run: TriggerRun) -> None:
        cameras = f"{len(run.cameras)} cameras" if len(run.cameras) > 1 else run.camera
        self.triggered.emit(f"{cameras} from {run.frame_id} on, to {run.dest_path}")
        self.accept()

    def _refused(self, error: DrsError) -> None:
        self.ok.setEnabled(True)
        self.show_problem(error.one_line())
        self.frame.setFocus()
        self.frame.selectAll()
