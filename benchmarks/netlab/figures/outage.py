"""All links dead for long, and an agent killed: how soon data flows again, and what is sent twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.netlab.engine import ceiling_bps, engine
from benchmarks.netlab.lab import LinkSpec, lab
from benchmarks.netlab.links import RADIO, one
from benchmarks.processes import WriteWatch
from benchmarks.stage import write_random

MOVING_BYTES = 5_000_000
CHUNK_BYTES = 65_536
LIMIT_S = 30.0
SIZE = 600_000_000


@dataclass(frozen=True, slots=True)
class Restart:
    """An agent killed and started again."""

    first_new_s: float  # from its start to the first chunk that the relay writes
    again_s: float  # bytes sent a second time, in seconds of the link


def measure(bench: Bench) -> Result:
    """A file that does not end in time."""
    dead_s = 15.0 if bench.quick else 600.0
    back: list[float] = []
    restarts: list[Restart] = []
    with bench.scratch(in_memory=True) as folder:
        source = write_random(folder / "race.bin", SIZE)
        for run in range(bench.runs):
            back.append(_dead(bench, folder / "dead", source, dead_s, run))
            bench.log(f"data flows {back[-1]:.2f} s after one link is back")
            for moment_s in (0.5, 2.0, 3.5):
                restarts.append(_killed(bench, folder / "killed", source, moment_s, run))
                bench.log(f"first new byte after {restarts[-1].first_new_s:.2f} s")
    return _result(back, restarts, dead_s)


def _dead(bench: Bench, folder: Path, source: Path, dead_s: float, run: int) -> float:
    """Seconds from one link's return to the next chunk written."""
    with lab(RADIO, seed=bench.seed + run) as made, engine(made, folder) as running:
        running.queue_file(source)
        made.wait_until_busy(MOVING_BYTES)
        time.sleep(1)
        for link in made.links.values():
            link.kill()
        time.sleep(dead_s)
        watch = WriteWatch(running.relay.pid)
        time.sleep(0.2)
        restored_s = made.links["lte"].restore()
        first_s = _wait_for_bytes(watch, CHUNK_BYTES)
    shutil.rmtree(folder)
    return first_s - restored_s


def _killed(bench: Bench, folder: Path, source: Path, moment_s: float, run: int) -> Restart:
    spec: Sequence[LinkSpec] = [one(60)]
    with lab(spec, seed=bench.seed + run) as made, engine(made, folder) as running:
        running.queue_file(source)
        made.wait_until_busy(MOVING_BYTES)
        time.sleep(moment_s)
        running.kill_agent()
        time.sleep(0.5)
        sent = made.offered_bytes()
        written = WriteWatch(running.relay.pid)
        started_s = running.start_agent_again()
        first_s = _wait_for_bytes(written, CHUNK_BYTES)
        time.sleep(2.0)
        trace = written.stop()
        offered = made.offered_bytes() - sent
        new = int(trace.totals[-1] - trace.totals[0])
        in_flight_bytes = made.link.spec.conditions.rate_mbps * 1e6 / 8 * 0.3
        again_s = max(0.0, offered * 0.96 - new - in_flight_bytes) * 8 / ceiling_bps(made)
    shutil.rmtree(folder)
    return Restart(first_s - started_s, again_s)


def _wait_for_bytes(watch: WriteWatch, least: int) -> float:
    """When the relay had written so much more. RuntimeError if it does not come."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        at_s = watch.trace().first_s(least)
        if at_s is not None:
            return at_s
        time.sleep(0.02)
    raise RuntimeError(f"nothing more was written in {LIMIT_S:.0f} s")


def _result(back: list[float], restarts: list[Restart], dead_s: float) -> Result:
    firsts = [restart.first_new_s for restart in restarts]
    again = [restart.again_s for restart in restarts]
    dead = f"{dead_s / 60:.0f} minutes" if dead_s >= 60 else f"{dead_s:.0f} s"
    goals = [
        Goal(
            f"all links dead for {dead}, one back: data flows within", "1 s", f"{median(back):.2f} s", median(back) <= 1
        ),
        Goal(
            "kill -9 of the agent: first new byte after its start",
            "<= 1 s",
            f"{median(firsts):.2f} s",
            median(firsts) <= 1,
        ),
        Goal("sent again after it", "< 2 s of data", f"{max(again):.2f} s", max(again) < 2),
    ]
    rows = [
        ("data after one of the dead links is back, s", spread(back)),
        ("first new byte after a restart, s", spread(firsts)),
        ("sent again after a restart, seconds of the link", spread(again)),
    ]
    note = (
        "A file of 600 MB. New bytes are what the relay's process writes, in steps of one chunk. A restart is "
        "counted from the start of the program, with what Python takes to import it; its modules are compiled, as an "
        "installed program's are. *Sent again* is what went onto the wire after the restart and was neither written "
        "nor on its way."
    )
    return Result(goals, [Table(("what", "measured"), rows)], notes=[note])


FIGURE = Figure(
    "net-outage",
    "All links dead, and an agent killed",
    "Over wifi + lte + 5g all three are cut and lte comes back; over one link of 50 Mbit/s and 60 ms the agent is "
    "killed and started again.",
    measure,
    order=245,
)
