"""What strangers cost: forged, replayed and unauthenticated datagrams at a relay in the middle of a transfer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.flood import RATE
from benchmarks.netlab.engine import PORT, ceiling_bps, engine
from benchmarks.netlab.lab import RELAY_HOST, Lab, lab
from benchmarks.netlab.links import RATE_MBPS, one
from benchmarks.page import ROOT
from benchmarks.stage import Stage, write_random

RTT_MS = 60
REACH, RATE_LEAST = 0.9, 0.95
SETTLE_S = 2.0
FLOOD_MORE_S = 3.0


@dataclass(frozen=True, slots=True)
class Flooded:
    """One file, and what strangers sent meanwhile."""

    share: float  # of the ceiling
    relay_cpu: float  # of one processor
    sent_per_s: float = 0.0
    replies: int = 0


def measure(bench: Bench) -> Result:
    """A file without strangers, then one with them, with the same processes."""
    window_s = 8.0 if bench.quick else 30.0
    pairs: list[tuple[Flooded, Flooded]] = []
    with bench.scratch(in_memory=True) as folder:
        source = write_random(folder / "lap.bin", int(RATE_MBPS / 8 * 1e6 * window_s))
        other = write_random(folder / "lap2.bin", int(RATE_MBPS / 8 * 1e6 * window_s), seed=2)
        for run in range(bench.runs):
            with lab([one(RTT_MS)], seed=bench.seed + run) as made, engine(made, folder / str(run)) as running:
                calm = _calm(made, running, source)
                pairs.append((calm, _flooded(made, running, other, folder, window_s)))
            bench.log(f"calm {pairs[-1][0].share:.3f}, flooded {pairs[-1][1].share:.3f} of the ceiling")
    return _result(pairs)


def _calm(made: Lab, running: Stage, source: Path) -> Flooded:
    transfer = running.send(source, limit_s=120.0)
    return Flooded(transfer.whole_bps / ceiling_bps(made), transfer.relay_cpu_s / (transfer.done_s - transfer.queued_s))


def _flooded(made: Lab, running: Stage, source: Path, folder: Path, window_s: float) -> Flooded:
    """Strangers begin before the file and end after it. What they replay is of this very session."""
    seen = folder / "seen"
    seen.write_text("\n".join(datagram.hex() for datagram in made.link.heard()), encoding="ascii")
    seconds = SETTLE_S + 2 * window_s + FLOOD_MORE_S
    strangers = subprocess.Popen(
        [*made.far.prefix, sys.executable, "-m", "benchmarks.flood", f"{RELAY_HOST}:{PORT}", str(seconds), str(seen)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        time.sleep(SETTLE_S)
        transfer = running.send(source, limit_s=2 * window_s)
        out, _ = strangers.communicate(timeout=seconds + 30)
    finally:
        strangers.kill()
        strangers.wait()
    said = json.loads(out)
    return Flooded(
        transfer.whole_bps / ceiling_bps(made) if transfer.whole else 0.0,
        transfer.relay_cpu_s / (transfer.done_s - transfer.queued_s),
        said["sent"] / said["seconds"],
        said["replies"],
    )


def _result(pairs: list[tuple[Flooded, Flooded]]) -> Result:
    kept = median(flooded.share / calm.share for calm, flooded in pairs)
    replies = sum(flooded.replies for _, flooded in pairs)
    rate = median(flooded.sent_per_s for _, flooded in pairs)
    is_full = rate >= RATE_LEAST * RATE  # fewer would prove less than is claimed
    goals = [
        Goal(f"{RATE:,} datagrams a second of strangers: replies", "0", str(replies), replies == 0),
        Goal("goodput meanwhile, beside without them", ">= 90 %", f"{kept:.0%}", kept >= REACH if is_full else None),
    ]
    rows = [
        (name, spread([each.share for each in runs], 3), spread([each.relay_cpu for each in runs]), sent)
        for name, runs, sent in (
            ("nobody else", [calm for calm, _ in pairs], "-"),
            ("strangers", [flooded for _, flooded in pairs], f"{rate:,.0f}"),
        )
    ]
    return Result(goals, [Table(("who", "share of the ceiling", "relay's CPU", "datagrams a second"), rows)])


FIGURE = Figure(
    "net-forged",
    "Strangers at the relay's port",
    f"One link of 50 Mbit/s and {RTT_MS} ms. Beside the transfer, from another address: datagrams of this session "
    "replayed, with a bit bent and with a true outside, hellos that are none, noise, nothing at all.",
    measure,
    order=265,
)
