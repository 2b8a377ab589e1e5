"""Whether others on the same link get their part: a second transfer of ours, and one CUBIC flow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks import plots
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median, spread
from benchmarks.netlab.engine import CEILING_SHARE, engine
from benchmarks.netlab.lab import Lab, lab
from benchmarks.netlab.links import RATE_MBPS, one
from benchmarks.netlab.peers.tcp import Tcp
from benchmarks.processes import Trace
from benchmarks.stage import Stage, write_random

RTT_MS = 60
SETTLE_S = 8.0
REACH_HALF, REACH_CUBIC = 0.15, 0.30
PICTURE = "net-fairness.png"
CUBIC = Tcp("cubic", "TCP CUBIC")


def measure(bench: Bench) -> Result:
    """Two at a time; judged after both have had time to settle."""
    window_s = 10.0 if bench.quick else 40.0
    halves: list[tuple[float, float]] = []
    beside: list[tuple[float, float]] = []
    lines: list[plots.Line] = []
    with bench.scratch(in_memory=True) as folder:
        size = int(RATE_MBPS / 8 * 1e6 * (SETTLE_S + window_s + 15))
        source = write_random(folder / "lap.bin", size)
        for run in range(bench.runs):
            halves.append(_two_of_ours(bench, folder / f"two{run}", source, window_s, run))
            bench.log(f"two of ours: {halves[-1][0]:.2f} and {halves[-1][1]:.2f}")
            shares, lines = _beside_cubic(bench, folder / f"cubic{run}", source, window_s, run)
            beside.append(shares)
            bench.log(f"ours {shares[0]:.2f}, CUBIC {shares[1]:.2f}")
    plot = plots.Plot("One link of 50 Mbit/s, 60 ms, queue of 60 ms", "s", "Mbit/s on the wire", lines, points=False)
    plots.draw(bench.pictures / PICTURE, [plot])
    return _result(halves, beside)


def _two_of_ours(bench: Bench, folder: Path, source: Path, window_s: float, run: int) -> tuple[float, float]:
    with (
        lab([one(RTT_MS)], seed=bench.seed + run) as made,
        engine(made, folder / "a") as first,
        engine(made, folder / "b", port=9001) as second,
    ):
        traces = _together(
            lambda: _trace(first, source, SETTLE_S + window_s + 2), lambda: _trace(second, source, SETTLE_S + window_s)
        )
    begin_s = max(trace.first_s() or 0.0 for trace in traces) + SETTLE_S
    rates = [trace.rate_bps(begin_s, begin_s + window_s - 2) for trace in traces]
    return rates[0] / sum(rates), rates[1] / sum(rates)


def _beside_cubic(
    bench: Bench, folder: Path, source: Path, window_s: float, run: int
) -> tuple[tuple[float, float], list[plots.Line]]:
    """Shares of the link of ours and CUBIC's, and both over time. The queue is one bandwidth-delay product."""
    with lab([one(RTT_MS, queue_ms=RTT_MS)], seed=bench.seed + run) as made, engine(made, folder) as ours:
        limit_s = SETTLE_S + window_s
        trace, _ = _together(
            lambda: _trace(ours, source, limit_s), lambda: CUBIC.carry(made, folder, source, limit_s + 4)
        )
        return _shares(made, trace, window_s)


def _shares(made: Lab, trace: Trace, window_s: float) -> tuple[tuple[float, float], list[plots.Line]]:
    up, _ = made.link.counts()
    begin_s = trace.first_s() or float(trace.times_s[0])
    from_s, to_s = begin_s + SETTLE_S, begin_s + SETTLE_S + window_s - 2
    mine = trace.rate_bps(from_s, to_s) / CEILING_SHARE
    both = up.rate_bps(from_s, to_s)
    rate = RATE_MBPS * 1e6
    times, ours = trace.rates_mbps(begin_s, to_s, 0.25)
    wire = [up.rate_bps(begin_s + at - 0.125, begin_s + at + 0.125) / 1e6 for at in times]
    lines = [
        plots.Line("ours", times, [value / CEILING_SHARE for value in ours]),
        plots.Line(
            "CUBIC", times, [max(0.0, all_ - value / CEILING_SHARE) for all_, value in zip(wire, ours, strict=True)]
        ),
    ]
    return (mine / rate, max(0.0, both - mine) / rate), lines


def _trace(running: Stage, source: Path, limit_s: float) -> Trace:
    return running.send(source, limit_s=limit_s).trace


def _together(first: Callable[[], Trace], second: Callable[[], object]) -> tuple[Trace, Trace]:
    """Both at once. What either raised is raised."""
    found: list[object] = [None, None]

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            found[place] = call()
        except Exception as error:  # noqa: BLE001 - it is raised again where both are waited for
            found[place] = error

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate((first, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for value in found:
        if isinstance(value, Exception):
            raise value
    return found[0], found[1]  # type: ignore[return-value]


def _result(halves: list[tuple[float, float]], beside: list[tuple[float, float]]) -> Result:
    off = median(max(abs(share - 0.5) / 0.5 for share in pair) for pair in halves)
    least = median(min(pair) for pair in beside)
    goals = [
        Goal("two of ours: each within 15 % of half", "<= 15 %", f"{off:.0%}", off <= REACH_HALF),
        Goal("beside one CUBIC flow: each gets", ">= 30 %", f"{least:.0%}", least >= REACH_CUBIC),
    ]
    rows = [
        ("two of ours", *(spread([pair[place] for pair in halves]) for place in (0, 1))),
        ("ours, CUBIC", *(spread([pair[place] for pair in beside]) for place in (0, 1))),
    ]
    return Result(
        goals,
        [Table(("who", "share of one", "share of the other"), rows)],
        [Picture(PICTURE, "Ours beside CUBIC, last run.")],
    )


FIGURE = Figure(
    "net-fairness",
    "Others on the same link",
    f"One link of 50 Mbit/s and {RTT_MS} ms, no loss; judged from {SETTLE_S:g} s after our first byte on.",
    measure,
    order=260,
)
