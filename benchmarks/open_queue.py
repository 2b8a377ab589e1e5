"""`python -m benchmarks.open_queue STATE ROWS`: opens the console on a long queue; times as one JSON object on stdout.

The console runs without a screen, with its engine in a process of its own, as for people. Times count from the start of
this process, as the parent says it; rows count as there once the table has been painted with them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from functools import partial
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer, Slot

from app.application import START_MS, Console, begin, qt_application
from app.views.queue.page import QueuePage
from benchmarks.figures.queue_opened import BEGAN
from transfer_core.engine.apart.remote import remote_service

LOOK_MS = 10
LIMIT_MS = 120_000


class Watcher(QObject):
    """Looks how many rows the table has, and ends the application when it has all."""

    def __init__(self, console: Console, rows: int, began_s: float) -> None:
        super().__init__()
        self._console, self._rows, self._began_s = console, rows, began_s
        self.found: dict[str, float] = {}
        console.service.started.connect(self._note_start)
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    @Slot()
    def _note_start(self) -> None:
        self.found["engine_s"] = time.monotonic() - self._began_s

    @Slot()
    def _look(self) -> None:
        page = self._console.window.page(QueuePage.name)
        assert isinstance(page, QueuePage)
        count = page.model.rowCount()
        if count and "first_rows_s" not in self.found:
            page.table.viewport().repaint()
            self.found["first_rows_s"] = time.monotonic() - self._began_s
        if count < self._rows:
            return
        self._timer.stop()
        page.table.viewport().repaint()
        self.found["all_rows_s"] = time.monotonic() - self._began_s
        self.found["open_s"] = self.found["all_rows_s"] - self.found.get("engine_s", 0.0)
        engine = [each.cpu_times() for each in psutil.Process().children()]
        self.found["engine_cpu_s"] = sum(each.user + each.system for each in engine)
        self.found["window_cpu_s"] = time.process_time()
        qt_application().quit()


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("rows", type=int)
    options = parser.parse_args()
    application = qt_application()
    console = Console(partial(remote_service, options.state))
    console.theme.install(application)
    console.window.show()
    console.window.go_to(QueuePage.name)
    watcher = Watcher(console, options.rows, float(os.environ[BEGAN]))
    QTimer.singleShot(START_MS, partial(begin, console))
    QTimer.singleShot(LIMIT_MS, application.quit)
    application.exec()
    console.stop()
    print(json.dumps(watcher.found), flush=True)


if __name__ == "__main__":
    main()
