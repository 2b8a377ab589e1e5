"""What share of its ceiling one bad link brings, by loss and round trip."""

from __future__ import annotations

import shutil

from benchmarks import plots
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median, spread
from benchmarks.netlab.engine import Carried, carry
from benchmarks.netlab.lab import lab
from benchmarks.netlab.links import RATE_MBPS, one
from benchmarks.stage import write_random

RTTS_MS = (10, 60, 200)
QUICK_RTTS_MS = (60,)
LOSSES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 0.7)
QUICK_LOSSES = (0.0, 0.01, 0.1, 0.3, 0.7)
FULL_BYTES = 200_000_000
QUICK_S = 12.0
REACH, REACH_WORST, OVERHEAD_REACH = 0.95, 0.90, 0.02
PICTURE = "net-goodput.png"
Cells = dict[tuple[int, float], list[Carried]]


def measure(bench: Bench) -> Result:
    """Each cell with fresh processes and a fresh link."""
    cells: Cells = {}
    losses = QUICK_LOSSES if bench.quick else LOSSES
    with bench.scratch(in_memory=True) as folder:
        sources = {}
        for loss in losses:
            size = int(RATE_MBPS / 8 * 1e6 * QUICK_S * (1 - loss)) if bench.quick else FULL_BYTES
            sources[loss] = write_random(folder / f"{loss}.bin", size)
        for run in range(bench.runs):
            for rtt_ms in QUICK_RTTS_MS if bench.quick else RTTS_MS:
                for loss in losses:
                    turn = folder / f"{run}-{rtt_ms}-{loss}"
                    with lab([one(rtt_ms, loss)], seed=bench.seed + run) as made:
                        carried = carry(made, turn, sources[loss])
                    cells.setdefault((rtt_ms, loss), []).append(carried)
                    bench.log(
                        f"{rtt_ms} ms, {loss:.1%}: {carried.share:.1%} of ceiling, {carried.overhead:+.1%} more bytes"
                    )
                    shutil.rmtree(turn)
    _draw(bench, cells)
    return _result(cells)


def _share(group: list[Carried]) -> float:
    return median(carried.share for carried in group)


def _result(cells: Cells) -> Result:
    goals = []
    for (rtt_ms, loss), group in cells.items():
        reach = REACH if loss < 0.5 else REACH_WORST
        share = _share(group)
        goals.append(
            Goal(f"50 Mbit/s, {rtt_ms} ms, {loss:.1%} loss", f">= {reach:.0%}", f"{share:.1%}", share >= reach)
        )
    most = max(median(carried.overhead for carried in group) for group in cells.values())
    goals.append(
        Goal("bytes on the wire beyond 1/(1-loss), worst cell", "<= 2 %", f"{most:+.1%}", most <= OVERHEAD_REACH)
    )
    heads = (
        "RTT",
        "loss each way",
        "share of ceiling",
        "10 to 90 %",
        "more bytes",
        "queue, ms",
        "agent, CPU-s/GB",
        "relay, CPU-s/GB",
    )
    rows = [_row(rtt_ms, loss, group) for (rtt_ms, loss), group in cells.items()]
    return Result(
        goals, [Table(heads, rows)], [Picture(PICTURE, "Share of the ceiling against loss, for each round trip.")]
    )


def _row(rtt_ms: int, loss: float, group: list[Carried]) -> tuple[str, ...]:
    transfers = [carried.transfer for carried in group]
    return (
        f"{rtt_ms} ms",
        f"{loss:.1%}",
        spread([carried.share for carried in group], 3),
        spread([carried.share * carried.transfer.moving_bps / carried.transfer.whole_bps for carried in group], 3),
        f"{median(carried.overhead for carried in group):+.1%}",
        spread([carried.queue_ms for carried in group], 1),
        f"{median(each.agent_cpu_s / each.size * 1e9 for each in transfers):.0f}",
        f"{median(each.relay_cpu_s / each.size * 1e9 for each in transfers):.0f}",
    )


def _draw(bench: Bench, cells: Cells) -> None:
    losses = sorted({loss for _, loss in cells})
    lines = [
        plots.Line(f"{rtt_ms} ms", list(range(len(losses))), [_share(cells[rtt_ms, loss]) * 100 for loss in losses])
        for rtt_ms in sorted({rtt_ms for rtt_ms, _ in cells})
    ]
    ticks = [(at, f"{loss:.1%}") for at, loss in enumerate(losses)]
    plot = plots.Plot("One link of 50 Mbit/s", "loss each way", "% of ceiling", lines, ticks=ticks, y_max=105)
    plots.draw(bench.pictures / PICTURE, [plot])


FIGURE = Figure(
    "net-goodput",
    "One bad link",
    "One file over one link of 50 Mbit/s between two processes in two namespaces: 200 MB (12 s of the link with "
    "--quick), from the moment its row stood in the queue until it was verified and renamed. The ceiling is link rate "
    "x (1 - loss) x 0.96.",
    measure,
    order=210,
)
