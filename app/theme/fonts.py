"""Which typeface the console is set in: the bundled Inter, else the first good sans that the system has."""

from __future__ import annotations

from functools import cache
from importlib import resources

from PySide6.QtCore import QByteArray
from PySide6.QtGui import QFontDatabase

_PREFERRED = ("Inter", "Segoe UI Variable", "Segoe UI", "SF Pro Text", "Noto Sans", "Roboto", "DejaVu Sans")


@cache
def body_family() -> str:
    """The family to use; needs a QGuiApplication. Asked once, since the answer can't change while it runs."""
    _load_bundled()
    present = set(QFontDatabase.families())
    chosen = next((family for family in _PREFERRED if family in present), None)
    return chosen or QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()


def _load_bundled() -> None:
    folder = resources.files("resources") / "fonts"
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.name.endswith((".ttf", ".otf")):
            QFontDatabase.addApplicationFontFromData(QByteArray(entry.read_bytes()))
