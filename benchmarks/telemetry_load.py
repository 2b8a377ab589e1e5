"""`python -m benchmarks.telemetry_load`: the console with its Telemetry page while many drones fly, as one JSON object.

The console runs here without a screen and shows the race; its engine, a process of its own as for people, records it
and serves viewers. Drones and viewers are other processes. From UDP to pixel is the time between a datagram's arrival
and the end of the first paint that had it, for every datagram of one drone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PySide6.QtCore import QEventLoop, QTimer

from app.application import Console, begin, qt_application
from app.views.telemetry.page import TelemetryPage
from benchmarks.page import ROOT
from benchmarks.telemetry_engine import NOTE
from transfer_core.engine.apart.process import EngineProcess
from transfer_core.engine.apart.remote import RemoteService
from transfer_core.service import TransferService
from transfer_core.units import NS_PER_S

FROZEN = 2
ENGINE = "benchmarks.telemetry_engine"


def wait(seconds: float) -> None:
    """Let the window live."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def engine_cpu_s() -> float:
    """What the console's engine has used so far."""
    mine = [each for each in psutil.Process().children() if ENGINE in each.cmdline()]
    return sum(each.cpu_times().user + each.cpu_times().system for each in mine)


def engine(state: Path) -> Any:
    """The console's engine, which serves viewers too."""
    return RemoteService(state, make_process=partial(EngineProcess, module=ENGINE))


class Painted:
    """Paints at once after each frame, and notes how old every new datagram of one drone is by then."""

    def __init__(self, console: Console) -> None:
        page = console.window.page("telemetry")
        assert isinstance(page, TelemetryPage)
        self._page = page
        self.latencies_ms: list[float] = []
        self.frames = 0
        self._newest_ns = 0
        self._page.feed.ticked.connect(self._paint)

    def _paint(self) -> None:
        for part in (self._page.plot, self._page.track):
            part.viewport().repaint()
        self.frames += 1
        painted_ns = time.time_ns()
        ring = next(iter(self._page.feed.rings.values()), None)
        if ring is None:
            return
        times, _ = ring.window(self._newest_ns / NS_PER_S + 1e-6, np.inf)
        if self._newest_ns and len(times):
            self.latencies_ms += ((painted_ns / NS_PER_S - times) * 1e3).tolist()
        self._newest_ns = max(self._newest_ns, ring.newest_ns)


def run(drones: int, seconds: float, viewers: int) -> dict[str, Any]:
    """One run."""
    with tempfile.TemporaryDirectory(prefix="drs-bench-") as text:
        folder = Path(text)
        state = folder / "state"
        application = qt_application()
        console = Console(partial(engine, state))
        console.theme.install(application)
        console.window.resize(1366, 768)
        console.window.go_to("telemetry")
        made: list[TransferService] = []
        console.window.show()
        begin(console, made.append)
        while not made:
            wait(0.1)
        viewing = json.loads((state / NOTE).read_text())
        desk = made[0].telemetry
        race = desk.create_race("bench", 0, owner="bench")
        painted = Painted(console)
        try:
            return _fly(desk, race, viewing["url"], viewing["token"], painted, drones, seconds, viewers)
        finally:
            console.stop()


def _fly(
    desk: Any, race: Any, url: str, token: str, painted: Painted, drones: int, seconds: float, viewers: int
) -> dict[str, Any]:
    flying = [sys.executable, "-m", "transfer_core.cli", "telemetry", "simulate", "--drones", str(drones)]
    flying += ["--laps", "20", "--to", f"127.0.0.1:{race.udp_port}", "--json"]
    watching = [sys.executable, "-m", "benchmarks.telemetry_viewers", f"{url}/race/{race.udp_port}"]
    watching += [str(viewers), str(min(FROZEN, viewers))]
    processes = [
        subprocess.Popen(flying, stdout=subprocess.PIPE, text=True, cwd=ROOT),
        subprocess.Popen(watching, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT),
    ]
    drones_process, viewers_process = processes
    try:
        assert viewers_process.stdin is not None
        viewers_process.stdin.write(token + "\n")
        viewers_process.stdin.flush()
        wait(3.0)
        frames, began, cpu, engine = painted.frames, time.monotonic(), time.process_time(), engine_cpu_s()
        painted.latencies_ms.clear()
        wait(seconds)
        took, cpu_s, engine_s = time.monotonic() - began, time.process_time() - cpu, engine_cpu_s() - engine
        latencies, drawn = list(painted.latencies_ms), painted.frames - frames
        drones_process.terminate()
        told = [json.loads(line) for line in drones_process.communicate(timeout=60)[0].splitlines()]
        wait(1.0)
        listener = next(each for each in desk.listeners() if each.port == race.udp_port)
        now = desk.race(race.race_id)
        viewers_process.stdin.close()
        seen = json.loads(viewers_process.stdout.read()) if viewers_process.stdout is not None else {}
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return {
        "sent": told[-1]["sent"],
        "recorded": now.datagrams,
        "kernel_drops": listener.kernel_drops,
        "frames_per_s": drawn / took,
        "latency_p50_ms": float(np.quantile(latencies, 0.5)) if latencies else None,
        "latency_p95_ms": float(np.quantile(latencies, 0.95)) if latencies else None,
        "cpu_share": cpu_s / took,
        "engine_cpu_share": engine_s / took,
        "viewers": seen,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--drones", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--viewers", type=int, default=10)
    asked = parser.parse_args()
    print(json.dumps(run(asked.drones, asked.seconds, asked.viewers)))


if __name__ == "__main__":
    main()
