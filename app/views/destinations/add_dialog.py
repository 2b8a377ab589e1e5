"""The dialog that keeps a destination over HTTP: its address, what it speaks, its token; `Test` asks it first."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QWidget

from app.models.destinations_model import KIND_WORDS
from app.views.page import ServiceCalls
from app.widgets.dialog import Dialog, text_label
from app.widgets.fields import add_field, field_form
from transfer_core.errors import DrsError, error_from_code
from transfer_core.events import DestinationView
from transfer_core.service import DestinationTest, NewDestination

KINDS = ("", "chunked", "tus", "s3", "relay-http")
OF_BUCKETS = ("endpoint", "region", "key_id")


class AddDestinationDialog(Dialog):
    """Stays open with the reason when it can't be kept; closes when it is, and then says so."""

    added = Signal(str)  # what to say in passing

    def __init__(self, service: ServiceCalls, parent: QWidget | None = None) -> None:
        super().__init__("Add a destination", parent)
        self._call = service.call
        self._waiting = False
        self.form = field_form()
        self.name = self._field("&Name", "What to call it here", "box")
        self.url = self._field(
            "A&ddress", "Of an upload server, or of a bucket", "https://host:port or s3://bucket/prefix"
        )
        self.kind = QComboBox()
        for kind in KINDS:
            self.kind.addItem(KIND_WORDS.get(kind, "Find out by asking it"), kind)
        add_field(self.form, "S&peaks", self.kind, "Its protocol")
        self.token = self._field("&Token", "Its bearer token; of a bucket the secret key", "may be empty")
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.options = {
            "key_id": self._field("&Key id", "The id that belongs to the secret key", "as boto3 finds it"),
            "endpoint": self._field(
                "&Endpoint", "The bucket's server, if it is not Amazon's", "https://s3.example.org"
            ),
            "region": self._field("&Region", "Where the bucket is", "us-east-1"),
            "pin": self._field("Certificate p&in", "Trust the one with this SHA-256 alone", "64 digits, may be empty"),
        }
        self.compress = QCheckBox("Co&mpress with zstd")
        self.compress.setAccessibleName("Compress with zstd")
        self.compress.setToolTip("Send files packed, with .zst at the end of the name, where that makes them smaller")
        self.form.addRow("", self.compress)
        self.outcome = text_label()
        self.outcome.setAccessibleName("What came of it")
        self.outcome.hide()
        self.body.addLayout(self.form)
        self.body.addWidget(self.outcome)
        self.body.addStretch(1)
        self.test = self.add_button("Te&st", self._test, tip="Ask it whether it is there and speaks what it should")
        self.add = self.add_button("&Add", self._add, tip="Keep it as a destination", primary=True)
        self.add_close("Cancel")
        for field in (self.name, self.url, self.token, *self.options.values()):
            field.textChanged.connect(self._edited)
        self.kind.currentIndexChanged.connect(self._edited)
        self.resize(560, 0)
        self._edited()

    def _field(self, label: str, tip: str, example: str) -> QLineEdit:
        field = QLineEdit(placeholderText=example)
        add_field(self.form, label, field, tip)
        return field

    def destination(self) -> NewDestination:
        """What the fields say."""
        is_bucket = self._is_bucket()
        options = {
            name: field.text().strip()
            for name, field in self.options.items()
            if field.text().strip() and (is_bucket or name not in OF_BUCKETS)
        }
        kind = self.kind.currentData()
        if self.compress.isChecked():
            options["compress"] = "zstd"
        return NewDestination(self.name.text().strip(), self.url.text().strip(), kind, self.token.text(), options)

    def _is_bucket(self) -> bool:
        return self.url.text().strip().startswith("s3:") or self.kind.currentData() == "s3"

    def _edited(self) -> None:
        for name in OF_BUCKETS:
            self.form.setRowVisible(self.options[name], self._is_bucket())
        has_address = bool(self.url.text().strip()) and not self._waiting
        self.test.setEnabled(has_address)
        self.add.setEnabled(has_address and bool(self.name.text().strip()))
        self.outcome.hide()

    def _test(self) -> None:
        self._wait(self.test, "Asking…")
        self._call("uploads.test_destination", self.destination(), on_result=self._tested, on_error=self._refused)

    def _add(self) -> None:
        self._wait(self.add, "Adding…")
        self._call("uploads.add_destination", self.destination(), on_result=self._done, on_error=self._refused)

    def _wait(self, button: QWidget, words: str) -> None:
        self._waiting = True
        self._edited()
        button.setText(words)  # type: ignore[attr-defined]

    def _answered(self) -> None:
        self._waiting = False
        self.test.setText("Te&st")
        self.add.setText("&Add")
        self._edited()

    def _tested(self, found: DestinationTest) -> None:
        self._answered()
        if found.is_good:
            speaks = KIND_WORDS.get(found.kind, found.kind)
            self._say(f"It is there and speaks {speaks}: {found.rtt_ms or 0:.0f} ms over {found.link}", "muted")
        else:
            error = error_from_code(found.error, found.why)
            error.hint = found.hint or error.hint
            self._say(error.one_line(), "warning")

    def _done(self, kept: DestinationView) -> None:
        self.added.emit(f"{kept.name} is kept; it speaks {KIND_WORDS.get(kept.kind, kept.kind)}")
        self.accept()

    def _refused(self, error: DrsError) -> None:
        self._answered()
        self._say(error.one_line(), "warning")

    def _say(self, words: str, kind: str) -> None:
        self.outcome.setProperty("kind", kind)
        self.outcome.style().unpolish(self.outcome)
        self.outcome.style().polish(self.outcome)
        self.outcome.setText(words)
        self.outcome.show()
        self.make_room()
