"""A file that is over soon: how much longer it takes than the links' rates alone would."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from benchmarks import plots
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median, spread
from benchmarks.netlab.engine import Carried, carry
from benchmarks.netlab.lab import lab
from benchmarks.netlab.links import RADIO
from benchmarks.stage import write_random

SIZE = 20_000_000
REACH, REACH_COPIES = 1.05, 0.03
PICTURE = "net-tail.png"
RUNS_DRAWN = 3


def measure(bench: Bench) -> Result:
    """Fresh processes and links for each; more runs than elsewhere, since each is short."""
    found: list[Carried] = []
    with bench.scratch(in_memory=True) as folder:
        source = write_random(folder / "lap.bin", SIZE)
        for run in range(3 * bench.runs):
            with lab(RADIO, seed=bench.seed + run) as made:
                found.append(carry(made, folder / "turn", source))
            shutil.rmtree(folder / "turn")
            bench.log(f"{1 / found[-1].share:.2f} x the ideal time")
    _draw(bench, found)
    times = [1 / carried.share for carried in found]
    copies = [carried.overhead for carried in found]
    goals = [
        Goal("20 MB over wifi + lte + 5g", "1.05 x the ideal time", f"{median(times):.2f} x", median(times) <= REACH),
        Goal("bytes on the wire beyond the need", "< 3 %", f"{median(copies):+.1%}", median(copies) < REACH_COPIES),
    ]
    rows = [
        ("time over ideal", spread(times)),
        ("seconds", spread([carried.transfer.done_s - carried.transfer.queued_s for carried in found])),
        ("first byte, s", spread([carried.transfer.first_byte_s or 0.0 for carried in found])),
        ("bytes beyond the need, %", spread([value * 100 for value in copies])),
    ]
    note = "Ideal is the file over the sum of the links' ceilings: no start, no way, no loss that needs a round trip."
    picture = Picture(PICTURE, "What the relay had written by when, of each run.")
    return Result(goals, [Table(("what", "measured"), rows)], [picture], [note])


def _draw(bench: Bench, found: Sequence[Carried]) -> None:
    lines = []
    for number, carried in enumerate(found[-RUNS_DRAWN:]):
        transfer = carried.transfer
        times = [float(at) - transfer.queued_s for at in transfer.trace.times_s]
        written = [float(total - transfer.trace.totals[0]) / 1e6 for total in transfer.trace.totals]
        kept = [place for place, at in enumerate(times) if 0 <= at <= transfer.done_s - transfer.queued_s]
        lines.append(plots.Line(f"run {number + 1}", [times[i] for i in kept], [written[i] for i in kept]))
    ideal_s = median((carried.transfer.done_s - carried.transfer.queued_s) * carried.share for carried in found)
    lines.append(plots.Line("ideal", [0.0, ideal_s], [0.0, SIZE / 1e6]))
    title = "20 MB over wifi + lte + 5g"
    plots.draw(bench.pictures / PICTURE, [plots.Plot(title, "s from the queue", "MB written", lines, points=False)])


FIGURE = Figure(
    "net-tail",
    "A short file",
    "20 MB over three unlike links, from its row in the queue to the verified file.",
    measure,
    order=250,
)
