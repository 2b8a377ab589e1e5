"""The console's own figures, taken by `benchmarks.console_figures` in a process of its own with no screen."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.page import ROOT

MODULE = "benchmarks.console_figures"
GOALS = {
    "heartbeat_p99_ms": ("delay of a 10 ms heartbeat of the window's thread, p99, ms", 50.0),
    "move_500_rows_ms": ("moving 500 of 10,000 rows, ms", 150.0),
    "first_paint_ms": ("start to first paint, ms", 2000.0),
}
"""Keys of the JSON that have a goal, what they mean, and what they must stay under."""


def measure(bench: Bench) -> Result:
    """Each run is a process of its own; its JSON object has a number for each key."""
    if importlib.util.find_spec(MODULE) is None:
        goals = [Goal(what, f"< {limit:g}", "no program to measure it", None) for what, limit in GOALS.values()]
        return Result(goals)
    runs = [_run(bench) for _ in range(bench.runs)]
    numbers = {key: [run[key] for run in runs] for key in runs[0] if isinstance(runs[0][key], int | float)}
    goals = [
        Goal(what, f"< {limit:g}", f"{median(numbers[key]):.1f}", median(numbers[key]) < limit)
        if key in numbers
        else Goal(what, f"< {limit:g}", "not said", None)
        for key, (what, limit) in GOALS.items()
    ]
    rows = [(key, spread(values, 1)) for key, values in numbers.items()]
    return Result(goals, [Table(("figure", "measured"), rows)])


def _run(bench: Bench) -> dict[str, Any]:
    words = [sys.executable, "-m", MODULE, *(["--quick"] if bench.quick else [])]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-1500:])
    return dict(json.loads(done.stdout))


FIGURE = Figure(
    "console",
    "The console under load",
    "The console without a screen, during a transfer at full rate over four links, with 10,000 rows in its queue.",
    measure,
    order=50,
)
