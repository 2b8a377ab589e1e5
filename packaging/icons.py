"""Draws the program's icon in the sizes and formats that desktops ask for: icons.py FOLDER

PNG for Linux, one .ico for Windows, one .icns for macOS; the last two are boxes around the same PNGs.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QSize
from PySide6.QtGui import QGuiApplication, QIcon

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
SOURCE = Path(__file__).resolve().parent.parent / "resources" / "icons" / "drs-sync.svg"
_ICNS_KINDS = {16: b"icp4", 32: b"icp5", 64: b"icp6", 128: b"ic07", 256: b"ic08", 512: b"ic09"}
_ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)


def draw(source: Path) -> dict[int, bytes]:
    """The icon as PNG, by its size in px."""
    icon = QIcon(str(source))
    pictures: dict[int, bytes] = {}
    for size in SIZES:
        picture = icon.pixmap(QSize(size, size), 1.0).toImage()
        if picture.isNull() or picture.size() != QSize(size, size):
            raise SystemExit(f"{source} can't be drawn at {size} px")
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture.save(buffer, "PNG")  # type: ignore[call-overload]  # the stub asks for bytes, Qt for text
        pictures[size] = buffer.data().data()
    return pictures


def as_ico(pictures: dict[int, bytes]) -> bytes:
    """Windows' box: a head, 16 bytes about each picture, the pictures."""
    chosen = [(size, pictures[size]) for size in _ICO_SIZES]
    place = 6 + 16 * len(chosen)
    entries, bodies = b"", b""
    for size, body in chosen:
        entries += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(body), place + len(bodies))
        bodies += body
    return struct.pack("<HHH", 0, 1, len(chosen)) + entries + bodies


def as_icns(pictures: dict[int, bytes]) -> bytes:
    """Apple's box: four letters and a length before everything."""
    bodies = b"".join(
        kind + struct.pack(">I", 8 + len(pictures[size])) + pictures[size] for size, kind in _ICNS_KINDS.items()
    )
    return b"icns" + struct.pack(">I", 8 + len(bodies)) + bodies


def write_icons(folder: Path) -> None:
    """Everything, into that folder."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    _application = QGuiApplication.instance() or QGuiApplication([])
    pictures = draw(SOURCE)
    folder.mkdir(parents=True, exist_ok=True)
    for size, body in pictures.items():
        (folder / f"drs-sync-{size}.png").write_bytes(body)
    (folder / "drs-sync.ico").write_bytes(as_ico(pictures))
    (folder / "drs-sync.icns").write_bytes(as_icns(pictures))


if __name__ == "__main__":
    write_icons(Path(sys.argv[1]))
