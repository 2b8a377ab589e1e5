"""Decodes small pictures of frames in a thread of its own, since a frame of a camera is large and its disk may be slow.

Of each camera only the newest wish counts. What can't be decoded (it is deleted, or no picture) gives a null image.
"""

from __future__ import annotations

import threading

from PySide6.QtCore import QCoreApplication, QObject, QSize, Qt, QThread, Signal, Slot
from PySide6.QtGui import QImage, QImageReader

STOP_WAIT_MS = 3_000
ALLOCATION_MB = 512
_KEEP = Qt.AspectRatioMode.KeepAspectRatio


class _Decoder(QObject):
    """In the thread."""

    decoded = Signal(str, str, QImage)  # camera, path, picture

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._wishes: dict[str, tuple[str, QSize]] = {}

    def wish(self, camera: str, path: str, size: QSize) -> None:
        """From the GUI thread: this one instead of an older one that was not begun."""
        with self._lock:
            self._wishes[camera] = (path, size)

    @Slot()
    def work(self) -> None:
        """Do what is wished for."""
        with self._lock:
            wishes, self._wishes = self._wishes, {}
        for camera, (path, size) in wishes.items():
            if QThread.currentThread().isInterruptionRequested():
                return
            self.decoded.emit(camera, path, decode(path, size))


def decode(path: str, size: QSize) -> QImage:
    """The picture, not larger than `size`; a null image if there is none."""
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    whole = reader.size()
    if whole.isValid() and (whole.width() > size.width() or whole.height() > size.height()):
        whole.scale(size, _KEEP)
        reader.setScaledSize(whole)
    image = reader.read()
    if not image.isNull() and (image.width() > size.width() or image.height() > size.height()):
        image = image.scaled(size, _KEEP)
    return image


class Thumbnails(QObject):
    """The GUI's way to it. Runs from `start` to `stop`."""

    arrived = Signal(str, str, QImage)  # camera, path, picture; in the GUI thread

    _work = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: QThread | None = None
        self._decoder: _Decoder | None = None
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.stop)

    def start(self) -> None:
        """Begin; does nothing if it runs."""
        if self._thread is not None:
            return
        QImageReader.setAllocationLimit(ALLOCATION_MB)
        self._thread, self._decoder = QThread(), _Decoder()
        self._thread.setObjectName("thumbnails")
        self._decoder.moveToThread(self._thread)
        self._work.connect(self._decoder.work)
        self._decoder.decoded.connect(self.arrived)
        self._thread.start(QThread.Priority.LowPriority)

    def wish(self, camera: str, path: str, size: QSize) -> None:
        """Ask for a picture; `arrived` brings it."""
        if self._decoder is not None:
            self._decoder.wish(camera, path, size)
            self._work.emit()

    @Slot()
    def stop(self) -> None:
        """End the thread; what it had in hand is not told any more."""
        thread, decoder = self._thread, self._decoder
        if thread is None or decoder is None:
            return
        self._thread = self._decoder = None
        decoder.decoded.disconnect(self.arrived)
        self._work.disconnect(decoder.work)
        thread.requestInterruption()
        thread.quit()
        if not thread.wait(STOP_WAIT_MS):
            _left_running.append((thread, decoder))


_left_running: list[tuple[QThread, QObject]] = []  # a QThread object must outlive its thread
