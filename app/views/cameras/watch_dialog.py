"""Asks what to watch and how: one folder, or the cameras of a `camera_config.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QSpinBox, QWidget

from app.figures import plain_tip
from app.views.page import ServiceCalls
from app.widgets.dialog import Dialog
from app.widgets.fields import add_field, field_form, pad_spin
from transfer_core.errors import DrsError, UsageError
from transfer_core.events.watches import WatchSpec

CONFIG_FILTER = "Camera configuration (*.json);;All files (*)"


class WatchDialog(Dialog):
    """Stays open with the reason when it is refused. `added(text)` says in passing what is watched."""

    added = Signal(str)

    def __init__(
        self, service: ServiceCalls, destinations: Sequence[str], taken: Sequence[str], parent: QWidget | None = None,
        *, imports: bool = False,
    ) -> None:  # fmt: skip
        super().__init__("Import cameras" if imports else "Watch a folder", parent)
        self._call, self._taken, self._imports = service.call, set(taken), imports
        self._form = field_form()
        self._build_fields(destinations)
        self._build_choices()
        self.body.addLayout(self._form)
        self.add_problem()
        self.body.addStretch(1)
        self.browse = self.add_button("&Browse…", self._browse, tip="Choose a file" if imports else "Choose a folder")
        self.ok = self.add_button("&Import" if imports else "&Watch", self._accept, tip="Begin to watch", primary=True)
        self.add_close("Cancel")
        self.resize(560, 0)

    def _build_fields(self, destinations: Sequence[str]) -> None:
        self.place = QLineEdit(placeholderText="camera_config.json" if self._imports else "/data/camera01")
        self.name = QLineEdit(placeholderText="as the folder is called")
        self.destination = QComboBox()
        self.destination.addItems(list(destinations))
        self.pattern = QLineEdit("*.jpg" if self._imports else "*")
        self.start_after = QLineEdit(placeholderText="everything")
        self.dest_path = QLineEdit(placeholderText="the relay's folder for this agent")
        self.priority = QSpinBox(minimum=1, maximum=10, value=5)
        self.max_files = QSpinBox(minimum=0, maximum=999_999_999)
        self.max_files.setSpecialValueText("no limit")
        for box in (self.priority, self.max_files):
            pad_spin(box)
        form = self._form
        if self._imports:
            add_field(form, "&File", self.place, "An object of cameras, each with src and dest_path")
        else:
            add_field(form, "&Folder", self.place, "The folder that the camera writes to")
            add_field(form, "&Name", self.name, "What to call the camera here")
        add_field(form, "&To", self.destination, "A relay that was paired, or another destination")
        add_field(form, "&Pattern", self.pattern, "Names to send; with a slash, paths below the folder")
        if not self._imports:
            add_field(form, "&Start after", self.start_after, "Send only names that sort after this one")
            add_field(form, "&Destination path", self.dest_path, "The folder at the other end to put them in")
        add_field(form, "P&riority", self.priority, "1 is first, 10 last")
        add_field(form, "At &most", self.max_files, "End after so many files")

    def _build_choices(self) -> None:
        self.once = QCheckBox("Send what is there, and &end")
        self.on_trigger = QCheckBox("Send only what a tri&gger asks for")
        self.preserve = QCheckBox("&Keep the folders inside")
        self.delete_after = QCheckBox("Delete a file once the other end has &verified it")
        self.cleanup = QCheckBox("Clean &up .part files that nobody has written to for an hour")
        for box in (self.once, self.on_trigger, self.preserve, self.delete_after, self.cleanup):
            words = box.text().replace("&", "")
            box.setAccessibleName(words)
            box.setToolTip(plain_tip(words))
            self._form.addRow("", box)

    def spec(self) -> WatchSpec:
        """What the fields say. UsageError for what can't be."""
        place = self.place.text().strip()
        return WatchSpec(
            name="camera" if self._imports else self.name.text().strip() or self._free_name(place),
            directory="" if self._imports else place,
            destination=self.destination.currentText(),
            pattern=self.pattern.text().strip(),
            start_after=self.start_after.text().strip(),
            max_files=self.max_files.value(),
            dest_path=self.dest_path.text().strip(),
            preserve_structure=self.preserve.isChecked(),
            priority=self.priority.value(),
            once=self.once.isChecked(),
            delete_after=self.delete_after.isChecked(),
            cleanup_part_files=self.cleanup.isChecked(),
            on_trigger=self.on_trigger.isChecked(),
        )

    def _free_name(self, place: str) -> str:
        stem = PurePath(place).name or "folder"
        return next(name for name in (stem, *(f"{stem}-{i}" for i in range(2, 10_000))) if name not in self._taken)

    def _browse(self) -> None:
        if self._imports:
            chosen, _ = QFileDialog.getOpenFileName(self, "Import cameras", self.place.text(), CONFIG_FILTER)
        else:
            chosen = QFileDialog.getExistingDirectory(self, "Watch a folder", self.place.text())
        if chosen:
            self.place.setText(chosen)

    def _accept(self) -> None:
        try:
            spec = self.spec()
            if not self.place.text().strip():
                raise UsageError("nothing is named", hint="Choose it with Browse.")
        except UsageError as error:
            self._refused(error)
            return
        self.ok.setEnabled(False)
        if self._imports:
            place = self.place.text().strip()
            self._call("watches.import_file", place, spec, on_result=self._imported, on_error=self._refused)
        else:
            self._call("watches.add", spec, on_result=self._added, on_error=self._refused)

    def _added(self, view: object) -> None:
        self.added.emit(f"{view.spec.name} is watched")  # type: ignore[attr-defined]
        self.accept()

    def _imported(self, views: Sequence[object]) -> None:
        self.added.emit("1 camera is watched" if len(views) == 1 else f"{len(views)} cameras are watched")
        self.accept()

    def _refused(self, error: DrsError) -> None:
        self.ok.setEnabled(True)
        self.show_problem(error.one_line())
        self.place.setFocus()
