"""What a package leaves out of the libraries that it carries: parts of them that nothing here asks for.

The whole would be twice as large. `tests/unit/test_packaging.py` compares this with what is imported.
"""

from __future__ import annotations

from fnmatch import fnmatch

UNUSED_MODULES = (
    *("tkinter", "matplotlib", "IPython", "pytest", "setuptools", "pip"),
    *("PySide6.QtConcurrent", "PySide6.QtDesigner", "PySide6.QtHelp", "PySide6.QtNetwork", "PySide6.QtPrintSupport"),
    *("PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtQuickControls2", "PySide6.QtQuickTest", "PySide6.QtQuickWidgets"),
    *("PySide6.QtSql", "PySide6.QtTest", "PySide6.QtUiTools", "PySide6.QtXml"),
    *("pyarrow.flight", "pyarrow.substrait", "pyarrow.orc", "pyarrow.cuda", "pyarrow.tests"),
    *("zstandard.backend_cffi", "zstandard._cffi"),  # beside the same in C
)
UNUSED_FILES = (
    *("PySide6/*Qml*", "PySide6/*Quick*", "PySide6/*VirtualKeyboard*", "PySide6/*virtualkeyboard*"),
    *("PySide6/*/translations/*", "PySide6/*/qml/*", "PySide6/*/sqldrivers/*", "PySide6/*Designer*"),
    *("PySide6/*/platformthemes/libqgtk3*", "libgtk-3*", "libgdk-3*"),  # a theme of its own is what the console has
    *("PySide6/*/egldeviceintegrations/*", "PySide6/*/platforms/libqeglfs*", "PySide6/*/platforms/libqvnc*"),
    *("pyarrow/include/*", "pyarrow/src/*", "pyarrow/tests/*", "pyarrow/*flight*", "pyarrow/*substrait*"),
    *("pyarrow/*.pxd", "pyarrow/*.pyx", "pyarrow/*.pxi", "zstandard/_cffi*"),
)
"""As shell patterns, in which * stands for slashes too."""


def is_unused_file(name: str) -> bool:
    """Whether a file, named as it lies in the package, belongs to a part that is left out."""
    place = name.replace("\\", "/")
    return any(fnmatch(place, pattern) for pattern in UNUSED_FILES)
