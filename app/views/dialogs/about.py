"""What this program is, of which version, and where it keeps things; to be copied into a report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFormLayout, QWidget

from app.widgets.dialog import Dialog, text_label


class AboutDialog(Dialog):
    """Facts as text."""

    def __init__(self, state_place: str, parent: QWidget | None = None) -> None:
        super().__init__("About", parent)
        self.facts = {
            "version": _version("drs-sync"),
            "licence": "MIT",
            "state in": state_place or "no place of its own",
            "Python": platform.python_version(),
            "Qt": qVersion(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        }
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(6)
        for name, fact in self.facts.items():
            value = text_label(fact)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setAccessibleName(name)
            form.addRow(text_label(name, "muted"), value)
        self.body.addWidget(text_label("DRS-SYNC", "heading"))
        self.body.addWidget(text_label("Gets race data home over every link there is, and loses none of it."))
        self.body.addLayout(form)
        self.body.addStretch(1)
        self.add_button("&Copy", self.copy_facts, tip="Copy these facts for a report")
        self.add_close().setFocus()
        self.resize(480, 0)

    def copy_facts(self) -> None:
        """Put them on the clipboard."""
        QGuiApplication.clipboard().setText("\n".join(f"{name}: {fact}" for name, fact in self.facts.items()))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from a source tree"
