"""What every test of the console leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QWindow
from PySide6.QtTest import QTest


@pytest.fixture(autouse=True)
def no_key_held() -> Iterator[None]:
    """A key that a shortcut takes is pressed with Ctrl and never let go, so that the next test would click with it."""
    yield
    if QGuiApplication.instance() is None or not QGuiApplication.keyboardModifiers():
        return
    window = QWindow()
    window.create()
    QTest.keyRelease(window, Qt.Key.Key_Control)
    window.destroy()
    assert not QGuiApplication.keyboardModifiers()
