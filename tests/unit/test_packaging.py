"""What the package leaves out, and what a packaged program does in place of running its interpreter."""

from __future__ import annotations

import ast
import configparser
import struct
import sys
from pathlib import Path

import pytest

from transfer_core.cli.__main__ import HIDDEN
from transfer_core.engine import own_program

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "packaging" / "linux"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "packaging")
    import unused_parts

    return unused_parts


@pytest.fixture
def icons(monkeypatch: pytest.MonkeyPatch, qapp):
    monkeypatch.syspath_prepend(ROOT / "packaging")
    import icons

    return icons


def imported() -> set[str]:
    """Every module that the product's sources name in an import."""
    names: set[str] = set()
    for path in (path for room in ("app", "transfer_core") for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_nothing_that_is_imported_is_left_out_of_a_package(parts) -> None:
    assert {"PySide6.QtWidgets", "pyarrow.parquet", "zstandard"} <= imported()
    assert imported() & set(parts.UNUSED_MODULES) == set()


@pytest.mark.parametrize(
    "name",
    [
        "PySide6/Qt/lib/libQt6Widgets.so.6",
        "PySide6/Qt/plugins/iconengines/libqsvgicon.so",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "PySide6/Qt/lib/libQt6Svg.so.6",
        "pyarrow/libparquet.so.2600",
        "resources/icons/check.svg",
    ],
)
def test_a_file_that_is_needed_stays(parts, name: str) -> None:
    assert not parts.is_unused_file(name)


@pytest.mark.parametrize(
    "name",
    ["PySide6/Qt/lib/libQt6Qml.so.6", "PySide6\\Qt6Quick.dll", "PySide6/Qt/translations/qt_de.qm", "libgtk-3.so.0"],
)
def test_a_file_that_nothing_asks_for_goes(parts, name: str) -> None:
    assert parts.is_unused_file(name)


def test_a_packaged_program_starts_the_command_that_lies_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    for name, command in (("drs-sync-console", "drs-sync"), ("drs-sync-console.exe", "drs-sync.exe")):
        monkeypatch.setattr(sys, "executable", str(Path("/apps") / name))
        assert own_program.own_command("relay") == [str(Path("/apps") / command), "relay"]
        assert own_program.module_command("x.y") == [str(Path("/apps") / command), own_program.ENGINE_WORD]
    assert own_program.ENGINE_WORD in HIDDEN


def test_from_its_sources_it_starts_its_interpreter() -> None:
    assert own_program.own_command("relay")[:3] == [sys.executable, "-m", "transfer_core.cli"]
    assert own_program.module_command("x.y") == [sys.executable, "-P", "-m", "x.y"]


def test_the_desktop_entry_belongs_to_the_window_that_the_console_opens() -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(LINUX / "drs-sync.desktop")
    facts = entry["Desktop Entry"]
    source = (ROOT / "app" / "application.py").read_text()
    assert f'setDesktopFileName("{facts["StartupWMClass"]}")' in source
    assert facts["Icon"] == "drs-sync"
    assert (ROOT / "resources" / "icons" / f"{facts['Icon']}.svg").exists()
    assert facts["Exec"] == "drs-sync-console"
    assert facts["Categories"].endswith(";")


def test_the_icon_is_drawn_in_every_size_and_boxed_for_each_system(icons) -> None:
    pictures = icons.draw(icons.SOURCE)
    assert set(pictures) == set(icons.SIZES)
    ico = icons.as_ico(pictures)
    kind, count = struct.unpack_from("<HH", ico, 2)
    assert kind == 1
    for at in range(count):
        width, _, _, _, _, _, length, place = struct.unpack_from("<BBBBHHII", ico, 6 + 16 * at)
        assert ico[place : place + length] == pictures[width or 256]
    icns = icons.as_icns(pictures)
    assert icns[:4] == b"icns"
    assert struct.unpack_from(">I", icns, 4)[0] == len(icns)
    assert pictures[512] in icns
