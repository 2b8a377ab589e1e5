"""A file that is over soon: how much longer it takes than the links' rates alone would."""

from __future__ import annotations

import shutil

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.netlab.engine import Carried, carry
from benchmarks.netlab.lab import lab
from benchmarks.netlab.links import RADIO
from benchmarks.stage import write_random

SIZE = 20_000_000
REACH, REACH_COPIES = 1.05, 0.03


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
    return Result(goals, [Table(("what", "measured"), rows)], notes=[note])


FIGURE = Figure(
    "net-tail",
    "A short file",
    "20 MB over three unlike links, from its row in the queue to the verified file.",
    measure,
    order=250,
)
