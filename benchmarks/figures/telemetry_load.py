"""Telemetry as a whole: many drones into the console, which records, shows and serves them to viewers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median
from benchmarks.page import ROOT

MODULE = "benchmarks.telemetry_load"


def measure(bench: Bench) -> Result:
    """200 drones with viewers for what is recorded, 20 without for what is seen."""
    seconds = 10.0 if bench.quick else 60.0
    many = [_run(200, seconds, 10) for _ in range(bench.runs)]
    few = [_run(20, seconds, 0) for _ in range(bench.runs)]
    whole = all(run["recorded"] == run["sent"] and not run["kernel_drops"] for run in many)
    lost = max(run["sent"] - run["recorded"] for run in many)
    drops = max(run["kernel_drops"] or 0 for run in many)
    p95, rate = median(run["latency_p95_ms"] for run in few), median(run["frames_per_s"] for run in few)
    goals = [
        Goal("200 drones x 100 Hz: datagrams recorded = sent", "all", f"{lost} missing, {drops} dropped", whole),
        Goal("20 drones x 6 channels: UDP in to pixel, p95, ms", "< 100", f"{p95:.0f}", p95 < 100),
        Goal("20 drones x 6 channels: frames/s", ">= 30", f"{rate:.1f}", rate >= 30),
    ]
    heads = ("drones", "viewers", "sent", "recorded", "dropped", "frames/s", "p50 ms", "p95 ms", "window", "engine")
    rows = [_row(200, run) for run in many] + [_row(20, run) for run in few]
    return Result(goals, [Table(heads, rows)])


def _row(drones: int, run: dict[str, Any]) -> tuple[str, ...]:
    seen = run["viewers"]
    return (
        str(drones),
        f"{seen['watching']} and {seen['frozen']} frozen",
        str(run["sent"]),
        str(run["recorded"]),
        str(run["kernel_drops"]),
        f"{run['frames_per_s']:.1f}",
        f"{run['latency_p50_ms']:.0f}",
        f"{run['latency_p95_ms']:.0f}",
        f"{run['cpu_share']:.0%}",
        f"{run['engine_cpu_share']:.0%}",
    )


def _run(drones: int, seconds: float, viewers: int) -> dict[str, Any]:
    words = ["--drones", str(drones), "--seconds", str(seconds), "--viewers", str(viewers)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", MODULE, *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-1500:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


FIGURE = Figure(
    "telemetry-load",
    "Telemetry under load",
    "The console without a screen, its Telemetry page open at 1366x768, records a race of simulated drones at 100 Hz "
    "over loopback and draws six channels of each; its engine, a process of its own, also serves viewers over "
    "WebSocket, two of which never read. From UDP to pixel is from a datagram's arrival to the end of the first paint "
    "that has it. The drones are one more process. Window and engine say what each used of one core.",
    measure,
    order=71,
)
