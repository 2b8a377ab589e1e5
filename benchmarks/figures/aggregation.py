"""Three simulated links at once: what share of their sum is used, and what happens when the best one dies."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from benchmarks import plots
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median, spread
from benchmarks.processes import Trace
from benchmarks.stage import Setting, Stage, Transfer, stage, write_random

RATES_MBPS = {"lte": 20, "wifi": 80, "5g": 100}
DELAYS_MS = {"lte": 30, "wifi": 5, "5g": 12}
SUM_BPS = sum(RATES_MBPS.values()) * 1e6
LEFT_MBPS = RATES_MBPS["lte"] + RATES_MBPS["wifi"]
KILL_AFTER_S = 2.0
BEFORE_S, AFTER_S = 1.5, 3.0
PICTURE = "simulated-kill.png"


@dataclass(frozen=True, slots=True)
class Kill:
    """Delivered bytes around the moment at which a link was killed."""

    trace: Trace
    at_s: float

    @property
    def gap_s(self) -> float:
        """The longest time without delivered bytes around it and after it."""
        return self.trace.longest_gap_s(self.at_s - 0.2, self.at_s + AFTER_S)

    @property
    def left_share(self) -> float:
        """What is delivered from 1 s after it, over what the links left can carry."""
        return self.trace.rate_bps(self.at_s + 1, self.at_s + AFTER_S) / (LEFT_MBPS * 1e6)


def simulation() -> str:
    """The links as a simulation file."""
    return "".join(
        f'[[link]]\nname = "{name}"\nrate_mbps = {rate}\ndelay_ms = {DELAYS_MS[name]}\nqueue_ms = 200\n'
        for name, rate in RATES_MBPS.items()
    )


def measure(bench: Bench) -> Result:
    """Each run: a file over all three, then one with the best link killed on the way."""
    size = 60_000_000 if bench.quick else 200_000_000
    transfers: list[Transfer] = []
    kills: list[Kill] = []
    with bench.scratch(in_memory=True) as folder:
        source = write_random(folder / "lap.bin", size)
        long_source = write_random(folder / "stint.bin", 140_000_000, seed=2)
        for number in range(bench.runs):
            turn = folder / f"turn{number}"
            with stage(Setting(turn, turn / "received", simulation=simulation())) as made:
                transfers.append(made.send(source, limit_s=120))
                bench.log(f"{transfers[-1].whole_bps / 1e6:.0f} Mbit/s over three links")
                kills.append(_kill(made, long_source))
                bench.log(f"gap of {kills[-1].gap_s * 1e3:.0f} ms when the best link is killed")
    _draw(bench.pictures / PICTURE, kills[-1])
    return _result(transfers, kills, size)


def _kill(made: Stage, source: Path) -> Kill:
    timer = threading.Timer(KILL_AFTER_S, lambda: made.link("kill", "5g"))
    timer.start()
    try:
        transfer = made.send(source, limit_s=120)
    finally:
        timer.join()
    return Kill(transfer.trace, made.mark_s("kill", "5g"))


def _draw(path: Path, kill: Kill) -> None:
    begin_s = kill.at_s - BEFORE_S
    times, rates = kill.trace.rates_mbps(begin_s, kill.at_s + AFTER_S, 0.05)
    line = plots.Line("delivered", times, rates)
    plots.draw(
        path,
        [
            plots.Plot(
                "The best of three links is killed",
                "s",
                "Mbit/s of file data written by the relay, per 50 ms",
                [line],
                marks=[(BEFORE_S, "5g killed")],
                level=(LEFT_MBPS, "sum of the links left"),
                points=False,
            )
        ],
    )


def _result(transfers: list[Transfer], kills: list[Kill], size: int) -> Result:
    shares = [transfer.whole_bps / SUM_BPS for transfer in transfers]
    moving = [transfer.moving_bps / SUM_BPS for transfer in transfers]
    gaps = [kill.gap_s * 1e3 for kill in kills]
    left = [kill.left_share for kill in kills]
    goals = [
        Goal(
            "20 + 80 + 100 Mbit/s, `bonded`: share of the sum",
            ">= 90 %",
            f"{median(shares):.1%}",
            median(shares) >= 0.9,
        ),
        Goal(
            "a link killed: longest gap in delivered bytes", "<= 500 ms", f"{median(gaps):.0f} ms", median(gaps) <= 500
        ),
    ]
    rows = [
        ("share of the sum, start to end", spread(shares, 3)),
        ("share of the sum, 10 to 90 %", spread(moving, 3)),
        *(
            (f"carried by {name}, MB", spread([transfer.link_bytes.get(name, 0) / 1e6 for transfer in transfers], 1))
            for name in RATES_MBPS
        ),
        ("agent, CPU-s per GB", spread([transfer.agent_cpu_s / transfer.size * 1e9 for transfer in transfers], 1)),
        ("relay, CPU-s per GB", spread([transfer.relay_cpu_s / transfer.size * 1e9 for transfer in transfers], 1)),
        ("longest gap when 5g is killed, ms", spread(gaps, 0)),
        ("1 to 3 s after it: share of what the two links left can carry", spread(left, 3)),
    ]
    note = (
        f"File of {size / 1e6:.0f} MB. The sum is of link rates in bytes as IP counts them; headers and seal leave 96 "
        f"% of "
        "it. Delivered bytes are what the relay's process has written, sampled every 5 ms in steps of 256 KiB."
    )
    return Result(
        goals,
        [Table(("what", "measured"), rows)],
        [Picture(PICTURE, "Delivered bytes around the moment at which 5g was killed, last run.")],
        [note],
    )


FIGURE = Figure(
    "aggregation",
    "Three simulated links",
    "Agent and relay are two processes; the agent lays links of 20 Mbit/s with 60 ms, 80 with 10 ms and 100 with 24 "
    "ms of round trip over loopback, no loss. Then the best one is killed: every datagram is dropped both ways and "
    "nobody told.",
    measure,
    order=20,
)
