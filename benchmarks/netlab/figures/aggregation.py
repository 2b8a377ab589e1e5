"""Several unlike links at once: the share of the sum of their ceilings, and never less than the best one alone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks import plots
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median, spread
from benchmarks.netlab.engine import Carried, carry, ceiling_bps
from benchmarks.netlab.lab import LinkSpec, lab
from benchmarks.netlab.links import RADIO, named
from benchmarks.netlab.peers.tcp import Mptcp
from benchmarks.stage import write_random

REACH = 0.95
CASES: dict[str, Sequence[LinkSpec]] = {
    "wifi + lte + 5g": RADIO,
    "rates 20:1": (named("wide", 100, 30), named("narrow", 5, 30)),
    "round trips 10:1": (named("near", 60, 20), named("far", 60, 200)),
    "one link at 30 % loss": (named("clean", 60, 30), named("lossy", 60, 30, loss=0.3)),
}
PICTURE = "net-bonded.png"
PEER = Mptcp("bbr", "kernel MPTCP, BBR")


def measure(bench: Bench) -> Result:
    """Fresh processes for each case; MPTCP over the same links after each."""
    seconds = 5.0 if bench.quick else 15.0
    ours: dict[str, list[Carried]] = {}
    alone: dict[str, float] = {}
    theirs: dict[str, list[float]] = {}
    with bench.scratch(in_memory=True) as folder:
        for name, specs in CASES.items():
            for run in range(bench.runs):
                with lab(specs, seed=bench.seed + run) as made:
                    ceiling = ceiling_bps(made)
                    alone[name] = max(ceiling_bps(made, [link]) for link in made.links) / ceiling
                    source = write_random(folder / "lap.bin", int(min(ceiling * seconds / 8, 200e6)))
                    carried = carry(made, folder / "turn", source)
                    ours.setdefault(name, []).append(carried)
                    shutil.rmtree(folder / "turn")
                bench.log(f"{name}: {carried.share:.1%} of the sum")
                theirs.setdefault(name, []).append(_mptcp(bench, specs, folder, source, 2 * seconds))
    _draw(bench, ours, theirs, alone)
    return _result(ours, theirs, alone)


def _draw(
    bench: Bench, ours: dict[str, list[Carried]], theirs: dict[str, list[float]], alone: dict[str, float]
) -> None:
    series = [
        ("ours", [median(carried.share for carried in group) for group in ours.values()]),
        ("best link alone", [alone[name] for name in ours]),
        (PEER.name, [median(theirs[name]) for name in ours]),
    ]
    level = (REACH, f"{REACH:.0%}")
    bars = plots.Bars("Several links at once", "share of the sum of ceilings", list(ours), series, level)
    plots.draw(bench.pictures / PICTURE, [bars])


def _mptcp(bench: Bench, specs: Sequence[LinkSpec], folder: Path, source: Path, limit_s: float) -> float:
    if PEER.version() is None:
        return float("nan")
    with lab(specs, seed=bench.seed) as made:
        share = PEER.carry(made, folder, source, limit_s).bps / ceiling_bps(made)
    bench.log(f"MPTCP: {share:.1%}")
    return share


def _result(ours: dict[str, list[Carried]], theirs: dict[str, list[float]], alone: dict[str, float]) -> Result:
    goals, rows = [], []
    for name, group in ours.items():
        share = median(carried.share for carried in group)
        goals.append(Goal(f"{name}, `bonded`: share of the sum of ceilings", ">= 95 %", f"{share:.1%}", share >= REACH))
        links = group[-1].transfer.link_bytes
        rows.append(
            (
                name,
                spread([carried.share for carried in group], 3),
                spread([carried.share * _moving(carried) for carried in group], 3),
                f"{alone[name]:.3f}",
                spread(theirs[name], 3),
                f"{median(carried.overhead for carried in group):+.1%}",
                ", ".join(f"{link} {count / 1e6:.0f}" for link, count in links.items()),
            )
        )
    never = all(median(carried.share for carried in group) >= alone[name] for name, group in ours.items())
    goals.append(Goal("never below the best link alone", "yes", "yes" if never else "no", never))
    heads = ("links", "ours", "ours, 10 to 90 %", "best link alone", PEER.name, "more bytes", "MB by link")
    note = (
        "Shares of the sum of ceilings, start and end included. wifi: 80 Mbit/s, 16 ms, 1 % loss; lte: 20, 60, 0.5 %; "
        "5g: 100, 30, 0.3 % in bursts. *Best link alone* is what its ceiling would be. MPTCP has a subflow over each "
        f"link (`{PEER.command}`), {PEER.version() or 'not here'}."
    )
    picture = Picture(PICTURE, "Share of the sum of ceilings, medians.")
    return Result(goals, [Table(heads, rows)], [picture], [note])


def _moving(carried: Carried) -> float:
    return carried.transfer.moving_bps / carried.transfer.whole_bps


FIGURE = Figure(
    "net-bonded",
    "Several links at once",
    "One file over two or three unlike links with real sockets bound to their devices, policy `bonded`.",
    measure,
    order=230,
)
