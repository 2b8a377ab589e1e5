"""`python -m benchmarks.console_figures`: one run of the console under load, as one JSON object on stdout.

The console runs here with its engine in a process of its own, as for people; the relay is another process. Ten
thousand rows wait for a relay that is off, so that they stay; one large file goes to one that is on, over four
simulated links that are faster than this machine. A timer of 10 ms in the window's thread tells how late it comes: on
each of two pages for some seconds. Then 500 rows are moved, until they are painted. How long a start takes is measured
with a process of its own, on the same queue.

Other programs on the machine stretch all of these, so beside them stand the CPU time that the window's thread worked
between two beats, and how late the same timer comes in a process that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, Qt, QTimer

from app.application import START_MS, Console, begin, qt_application
from app.views.queue.page import QueuePage
from benchmarks.figure import MEMORY_DISK
from benchmarks.page import ROOT
from benchmarks.stage import write_sparse
from transfer_core.engine.apart.process import MODULE
from transfer_core.engine.apart.remote import remote_service
from transfer_core.engine.local_service import LocalService

ROWS = 10_000
MOVED = 500
LINKS = 4
LINK_MBPS = 1000
BEAT_MS = 10
FILE_BYTES = 6_000_000_000
SIMULATION = "".join(
    f'[[link]]\nname = "link{number}"\nrate_mbps = {LINK_MBPS}\ndelay_ms = {5 + 5 * number}\n'
    for number in range(LINKS)
)


class Heart:
    """A timer in the window's thread, and by how much each of its beats was late."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.worked_ms: list[float] = []  # CPU of the window's thread between two beats
        self._before_s = self._before_cpu_s = 0.0
        self._timer = QTimer(interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        now_s = time.monotonic()
        self.late_ms.append(max(0.0, (now_s - self._before_s) * 1e3 - BEAT_MS))
        self._before_s = now_s
        cpu_s = time.thread_time()
        self.worked_ms.append((cpu_s - self._before_cpu_s) * 1e3)
        self._before_cpu_s = cpu_s

    def watch(self, seconds: float) -> dict[str, float]:
        """Percentiles over that long, and what the thread, the process and the engine's used meanwhile."""
        self.late_ms.clear()
        self.worked_ms.clear()
        thread_s, process_s, began_s = time.thread_time(), time.process_time(), time.monotonic()
        engine_s = engine_cpu_s()
        self._before_s, self._before_cpu_s = began_s, thread_s
        self._timer.start()
        wait(seconds)
        self._timer.stop()
        took_s = time.monotonic() - began_s
        cuts = statistics.quantiles(self.late_ms, n=100)
        return {
            "p50_ms": cuts[49],
            "p99_ms": cuts[98],
            "most_ms": max(self.late_ms),
            "worked_p99_ms": statistics.quantiles(self.worked_ms, n=100)[98],
            "worked_most_ms": max(self.worked_ms),
            "window_cpu": (time.thread_time() - thread_s) / took_s,
            "process_cpu": (time.process_time() - process_s) / took_s,
            "engine_cpu": (engine_cpu_s() - engine_s) / took_s,
        }


def engine_cpu_s() -> float:
    """What the window's engine has used so far."""
    mine = [each for each in psutil.Process().children() if MODULE in each.cmdline()]
    return sum(each.cpu_times().user + each.cpu_times().system for each in mine)


class BareHeart:
    """The same timer in a process that does nothing else at the same time: how late this machine makes anyone."""

    def __init__(self, seconds: float) -> None:
        words = ("-m", "benchmarks.console_figures", "--bare", str(seconds))
        self._process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
        )

    def p99_ms(self) -> float:
        """What it said."""
        said, _ = self._process.communicate(timeout=60)
        return float(json.loads(said.splitlines()[-1])["p99_ms"])


def wait(seconds: float) -> None:
    """Run the event loop for that long."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def wait_until(what: str, holds: Callable[[], bool], limit_s: float) -> None:
    """Run the event loop until it holds. TimeoutError."""
    end_s = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{what} took more than {limit_s:.0f} s")
        wait(0.05)


class FirstPaint(QObject):
    """Says when the window was first painted, and ends the application."""

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.UpdateRequest:
            QTimer.singleShot(0, self._tell)
        return False

    def _tell(self) -> None:
        print(json.dumps({"painted_s": time.monotonic(), "cpu_s": time.process_time()}), flush=True)
        qt_application().quit()


def paint_once(state: Path) -> None:
    """Open the console on that state, and end when it is painted."""
    application = qt_application()
    console = Console(partial(remote_service, state))
    console.theme.install(application)
    painted = FirstPaint()
    console.window.installEventFilter(painted)
    console.window.show()
    QTimer.singleShot(START_MS, partial(begin, console))
    application.exec()
    console.stop()


def first_paint(state: Path) -> dict[str, float]:
    """How long a process takes from its start to the painted window."""
    began_s = time.monotonic()
    done = run("benchmarks.console_figures", "--paint", str(state))
    said = json.loads(done.splitlines()[-1])
    return {"first_paint_ms": (said["painted_s"] - began_s) * 1e3, "first_paint_cpu_ms": said["cpu_s"] * 1e3}


def run(module: str, *words: str) -> str:
    """A command to its end; its stdout."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env=environment()
    )
    if done.returncode:
        raise RuntimeError(f"{module} {words[0]}: {done.stderr.strip()[-800:]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Without a screen, on this source tree."""
    return {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}


def fill(state: Path, folder: Path, address: str, spare: str) -> Path:
    """Pair with both relays, and queue ten thousand small files for the one that is off. Gives the large file."""
    small = folder / "small"
    small.mkdir()
    for number in range(ROWS - 1):
        (small / f"lap{number:05}.csv").write_bytes(b"0")
    service = LocalService(state)
    try:
        for name, place, relay in (("pit", address, "relay"), ("spare", spare, "spare")):
            token = run(
                "transfer_core.cli", "relay", "pair", "--address", place, "--state", str(folder / relay)
            ).split()
            service.pair(token[0], name)
        service.add_paths([str(small)], destination="spare", priority=9)
    finally:
        service.stop()
    return write_sparse(folder / "stint.bin", FILE_BYTES)


def under_load(state: Path, folder: Path, large: Path, seconds: float) -> dict[str, float]:
    """Heartbeats on two pages and a move, while the large file goes at full rate."""
    application = qt_application()
    links = folder / "links.toml"
    links.write_text(SIMULATION, encoding="utf-8")
    console = Console(partial(remote_service, state, links))
    console.theme.install(application)
    console.window.show()
    wait(START_MS / 1000)
    begin(console, lambda service: service.add_paths([str(large)], destination="pit", priority=1))
    heart = Heart()
    found: dict[str, float] = {}
    try:
        wait_until("a full queue", lambda: len(console.state.jobs) >= ROWS, 60.0)
        wait_until("sending", lambda: console.state.engine.rate_bps > 50e6, 60.0)
        wait(2.0)
        for page in ("queue", "links"):
            console.window.go_to(page)
            wait(0.5)
            bare = BareHeart(seconds)
            found |= {f"{page}_{key}": value for key, value in heart.watch(seconds).items()}
            found[f"{page}_bare_p99_ms"] = bare.p99_ms()
        found["heartbeat_p99_ms"] = max(found["queue_p99_ms"], found["links_p99_ms"])
        found["rate_mbps"] = console.state.engine.rate_bps / 1e6
        console.window.go_to("queue")
        wait(0.5)
        found |= move(console.window.page("queue"))
    finally:
        console.window.close()
        console.stop()
    return found


def move(page: object) -> dict[str, float]:
    """Move 500 selected rows to the end; the time until they are painted there. The median of five moves."""
    assert isinstance(page, QueuePage)
    times_ms, cpu_ms = [], []
    for turn in range(5):
        page.table.select_rows(list(range(1, MOVED + 1)))
        wait(0.3)
        began_s, cpu_s = time.monotonic(), time.thread_time()
        page.moves.move_to(len(page.model.jobs) if turn % 2 == 0 else 3 * MOVED)
        page.table.viewport().repaint()
        times_ms.append((time.monotonic() - began_s) * 1e3)
        cpu_ms.append((time.thread_time() - cpu_s) * 1e3)
        wait(1.0)
    return {"move_500_rows_ms": statistics.median(times_ms), "move_500_rows_cpu_ms": statistics.median(cpu_ms)}


def measure(folder: Path, seconds: float) -> dict[str, float]:
    """All figures of one run."""
    state = folder / "state"
    words = (
        "relay",
        "--dir",
        str(folder / "in"),
        "--listen",
        "127.0.0.1:0",
        "--json",
        "--state",
        str(folder / "relay"),
    )
    relay = subprocess.Popen(
        [sys.executable, "-m", "transfer_core.cli", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    try:
        assert relay.stdout is not None
        address = json.loads(relay.stdout.readline())["listen"]
        large = fill(state, folder, address, "127.0.0.1:9")
        found = first_paint(state)
        return found | under_load(state, folder, large, seconds)
    finally:
        relay.terminate()
        relay.wait(10)


def main() -> None:
    """One run; the numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three seconds a page instead of ten")
    parser.add_argument("--bare", metavar="SECONDS", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--paint", metavar="STATE", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if options.paint is not None:
        paint_once(options.paint)
        return
    if options.bare is not None:
        application = QCoreApplication([])
        print(json.dumps(Heart().watch(options.bare)))
        del application
        return
    parent = MEMORY_DISK if MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="drs-bench-", dir=parent) as folder:
        print(json.dumps(measure(Path(folder), 3.0 if options.quick else 10.0)))


if __name__ == "__main__":
    main()
