"""What makes a link hard besides loss: reordering, bursts, a policer, and a buffer that is far too long."""

from __future__ import annotations

import shutil
from dataclasses import replace

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.netlab.engine import Carried, carry
from benchmarks.netlab.lab import LinkSpec, lab
from benchmarks.netlab.links import RATE_MBPS, one
from benchmarks.stage import write_random

RTTS_MS = (10, 60, 200)
REACH = 0.90
LONG_QUEUE = "a buffer of 1 s"


def cases(rtt_ms: int) -> dict[str, LinkSpec]:
    """By what makes them hard."""
    plain = one(rtt_ms)
    conditions = plain.conditions
    return {
        # nearly all of a normal spread lies within four deviations, which are half the round trip here
        "jitter of half the round trip, reordering": LinkSpec(
            "line", replace(conditions, jitter_ms=rtt_ms / 8), reorder=True
        ),
        "bursts, 5 % on average": LinkSpec("line", replace(conditions, burst_loss=0.05)),
        "a policer, bucket of 20 ms": LinkSpec("line", conditions, bucket_ms=20),
        LONG_QUEUE: one(rtt_ms, queue_ms=1000),
    }


def measure(bench: Bench) -> Result:
    """Each with fresh processes and a fresh link."""
    size = int(RATE_MBPS / 8 * 1e6 * 12) if bench.quick else 200_000_000
    found: dict[tuple[str, int], list[Carried]] = {}
    with bench.scratch(in_memory=True) as folder:
        source = write_random(folder / "lap.bin", size)
        for rtt_ms in RTTS_MS[1:2] if bench.quick else RTTS_MS:
            for name, spec in cases(rtt_ms).items():
                for run in range(bench.runs):
                    with lab([spec], seed=bench.seed + run) as made:
                        carried = carry(made, folder / "turn", source)
                    shutil.rmtree(folder / "turn")
                    found.setdefault((name, rtt_ms), []).append(carried)
                    bench.log(f"{name}, {rtt_ms} ms: {carried.share:.1%}, queue {carried.queue_ms:.0f} ms")
    return _result(found)


def _result(found: dict[tuple[str, int], list[Carried]]) -> Result:
    goals = []
    for (name, rtt_ms), group in found.items():
        if name == LONG_QUEUE:
            most, queue_ms = 0.25 * rtt_ms + 20, median(carried.queue_ms for carried in group)
            what = f"{name}, {rtt_ms} ms: queue kept standing, median"
            goals.append(Goal(what, f"< {most:.0f} ms", f"{queue_ms:.0f} ms", queue_ms < most))
        else:
            share = median(carried.share for carried in group)
            goals.append(Goal(f"{name}, {rtt_ms} ms", ">= 90 % of ceiling", f"{share:.1%}", share >= REACH))
    heads = ("link", "round trip", "share of ceiling", "10 to 90 %", "more bytes", "queue, median ms")
    rows = [
        (
            name,
            f"{rtt_ms} ms",
            spread([carried.share for carried in group], 3),
            spread([carried.share * carried.transfer.moving_bps / carried.transfer.whole_bps for carried in group], 3),
            f"{median(carried.overhead for carried in group):+.1%}",
            spread([carried.queue_ms for carried in group], 0),
        )
        for (name, rtt_ms), group in found.items()
    ]
    note = (
        "The queue is what the link's own model says that a packet waits, every 50 ms. *More bytes* are those on the "
        "wire beyond what the file needs at that loss; a policer's drops are among them."
    )
    return Result(goals, [Table(heads, rows)], notes=[note])


FIGURE = Figure(
    "net-hard",
    "Links that are hard in other ways",
    "One link of 50 Mbit/s, one file, by what is wrong with the link.",
    measure,
    order=215,
)
