"""The best of three links is killed without a word, and comes back; a link that comes and goes all the time."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import plots
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median, spread
from benchmarks.netlab.engine import CEILING_SHARE, ceiling_bps, engine
from benchmarks.netlab.lab import Lab, lab
from benchmarks.netlab.links import RADIO
from benchmarks.netlab.peers.tcp import Mptcp
from benchmarks.processes import Trace
from benchmarks.stage import write_random

BEST = "5g"
STEADY = ("wifi", "lte")
MOVING_BYTES = 5_000_000
KILL_AFTER_S, DEAD_S, AFTER_S = 2.0, 4.0, 4.0
MARGIN_S = 3.0
BEFORE_S = 1.5
FLAP_S, FLAPS = 1.0, 4
BIN_S = 0.05
PICTURE = "net-failover.png"
PEER = Mptcp("bbr", "kernel MPTCP, BBR")


@dataclass(frozen=True, slots=True)
class Cut:
    """One transfer with the best link cut and restored. Rates are bits of IP bytes that came out of the links."""

    times_s: list[float]
    total_mbps: list[float]
    best_mbps: list[float]
    gap_s: float  # longest time without new bytes at the receiving program
    left_share: float  # from 1 s after the kill, of what the links left can carry
    back_s: float | None  # until the restored link carries 80 % of its rate


def measure(bench: Bench) -> Result:
    """Each run: ours, MPTCP, then the flapping link."""
    ours: list[Cut] = []
    theirs: list[Cut] = []
    flaps: list[float] = []
    with bench.scratch(in_memory=True) as folder:
        source = write_random(folder / "stint.bin", 350_000_000)
        for run in range(bench.runs):
            ours.append(_ours(bench, folder / "turn", source, run))
            bench.log(f"ours: gap {ours[-1].gap_s * 1e3:.0f} ms, back after {ours[-1].back_s} s")
            if PEER.version() is not None:
                theirs.append(_theirs(bench, folder / "peer", source, run))
                bench.log(f"MPTCP: gap {theirs[-1].gap_s * 1e3:.0f} ms, back after {theirs[-1].back_s} s")
            flaps.append(_flapping(bench, folder / "flap", source, run))
            bench.log(f"flapping: {flaps[-1]:.1%} of the steady links")
    _draw(bench, ours[-1], theirs[-1] if theirs else None)
    return _result(ours, theirs, flaps)


def _ours(bench: Bench, folder: Path, source: Path, run: int) -> Cut:
    with lab(RADIO, seed=bench.seed + run) as made, engine(made, folder) as running:
        limit_s = KILL_AFTER_S + DEAD_S + AFTER_S + MARGIN_S
        trace, *events = _while_it_runs(lambda: running.send(source, limit_s=limit_s).trace, made)
        cut = _judge(made, trace, *events)
    shutil.rmtree(folder)
    return cut


def _theirs(bench: Bench, folder: Path, source: Path, run: int) -> Cut:
    folder.mkdir()
    with lab(RADIO, seed=bench.seed + run) as made:
        limit_s = KILL_AFTER_S + DEAD_S + AFTER_S + MARGIN_S
        trace, *events = _while_it_runs(lambda: PEER.carry(made, folder, source, limit_s).trace, made)
        cut = _judge(made, trace, *events)
    shutil.rmtree(folder)
    return cut


def _while_it_runs(transfer: Callable[[], Trace | None], made: Lab) -> tuple[Trace, float, float]:
    """What the receiver had by when, and when the best link was killed and restored."""
    moments: list[float] = []

    def cut() -> None:
        made.wait_until_busy(MOVING_BYTES)
        time.sleep(KILL_AFTER_S)
        moments.append(made.links[BEST].kill())
        time.sleep(DEAD_S)
        moments.append(made.links[BEST].restore())

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        trace = transfer()
    finally:
        thread.join()
    if trace is None:
        raise RuntimeError("the receiver told nothing")
    return trace, moments[0], moments[1]


def _judge(made: Lab, trace: Trace, killed_s: float, restored_s: float) -> Cut:
    counts = {name: link.counts()[0] for name, link in made.links.items()}
    begin_s, end_s = killed_s - BEFORE_S, restored_s + AFTER_S
    series = {name: count.rates_mbps(begin_s, end_s) for name, count in counts.items()}
    times_s = series[BEST][0]
    total = [sum(rates) for rates in zip(*(values for _, values in series.values()), strict=True)]
    left = sum(counts[name].rate_bps(killed_s + 1, restored_s) for name in STEADY)
    could = ceiling_bps(made, STEADY) / CEILING_SHARE
    rate_mbps = made.links[BEST].spec.conditions.rate_mbps
    back = _first_at(times_s, series[BEST][1], restored_s - begin_s, 0.8 * rate_mbps)
    return Cut(times_s, total, series[BEST][1], trace.longest_gap_s(killed_s - 0.2, restored_s), left / could, back)


def _first_at(times_s: list[float], rates: list[float], from_s: float, least_mbps: float) -> float | None:
    """Seconds until the mean of a quarter of a second reaches that."""
    span = round(0.25 / BIN_S)
    for place in range(len(rates) - span):
        if times_s[place] >= from_s and sum(rates[place : place + span]) / span >= least_mbps:
            return times_s[place] - from_s
    return None


def _flapping(bench: Bench, folder: Path, source: Path, run: int) -> float:
    """What is delivered while the best link comes and goes, over what the steady ones can carry."""
    with lab(RADIO, seed=bench.seed + run) as made, engine(made, folder) as running:
        span: list[float] = []

        def flap() -> None:
            made.wait_until_busy(MOVING_BYTES)
            time.sleep(KILL_AFTER_S)
            for _ in range(FLAPS):
                span.append(made.links[BEST].kill())
                time.sleep(FLAP_S)
                span.append(made.links[BEST].restore())
                time.sleep(FLAP_S)

        thread = threading.Thread(target=flap)
        thread.start()
        transfer = running.send(source, limit_s=KILL_AFTER_S + 2 * FLAP_S * FLAPS + MARGIN_S)
        thread.join()
        worst = min(transfer.trace.rate_bps(at, at + 2 * FLAP_S) for at in span[::2])
        share = worst / ceiling_bps(made, STEADY)
    shutil.rmtree(folder)
    return share


def _backs(cuts: list[Cut]) -> list[float]:
    return [cut.back_s if cut.back_s is not None else float("inf") for cut in cuts]


def _result(ours: list[Cut], theirs: list[Cut], flaps: list[float]) -> Result:
    gap = median(cut.gap_s for cut in ours)
    left = median(cut.left_share for cut in ours)
    backs = _backs(ours)
    goals = [
        Goal("best link killed: longest gap in delivered bytes", "<= 300 ms", f"{gap * 1e3:.0f} ms", gap <= 0.3),
        Goal("from 1 s after it: share of what is left", ">= 90 %", f"{left:.1%}", left >= 0.9),
        Goal("restored: carries 80 % of its share within", "2 s", f"{median(backs):.2f} s", median(backs) <= 2),
        Goal(
            "flapping link: worst 2 s over what the steady ones carry",
            ">= 90 %",
            f"{median(flaps):.1%}",
            median(flaps) >= 0.9,
        ),
    ]
    rows = [
        (
            name,
            spread([cut.gap_s * 1e3 for cut in cuts], 0),
            spread([cut.left_share for cut in cuts], 3),
            spread(_backs(cuts)).replace("inf", "not in 4 s"),
        )
        for name, cuts in (("ours", ours), (PEER.name, theirs))
        if cuts
    ]
    heads = ("who", "longest gap, ms", "share of what is left, 1 s after", "back at 80 %, s")
    note = (
        "A gap is the longest time without 256 KiB more at the receiving program: written by the relay, read from its "
        "socket by MPTCP's receiver. The rest is bytes that came out of the links, in bins of 50 ms."
    )
    return Result(
        goals, [Table(heads, rows)], [Picture(PICTURE, "Bytes out of the links around the cut, last run.")], [note]
    )


def _draw(bench: Bench, ours: Cut, theirs: Cut | None) -> None:
    marks = [(BEFORE_S, "5g killed"), (BEFORE_S + DEAD_S, "restored")]
    plotted = []
    for name, cut in (("ours", ours), (PEER.name, theirs)):
        if cut is not None:
            lines = [plots.Line("all links", cut.times_s, cut.total_mbps), plots.Line("5g", cut.times_s, cut.best_mbps)]
            plotted.append(plots.Plot(name, "s", "Mbit/s per 50 ms", lines, marks=marks, points=False, y_max=260))
    plots.draw(bench.pictures / PICTURE, plotted, width=11.0)


FIGURE = Figure(
    "net-failover",
    "A link is cut, and comes back",
    "wifi + lte + 5g as above; 5g, the best, drops everything both ways from one moment on and nobody is told. Then it "
    "is restored. At last it is off for a second and on for a second, again and again.",
    measure,
    order=240,
)
