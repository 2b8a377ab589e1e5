"""What agent and relay hold in memory for a huge file and for a small one, and how soon the first byte goes."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.processes import ResidentWatch
from benchmarks.stage import Setting, stage, write_sparse

SMALL_BYTES = 200_000_000
HUGE_BYTES = 20_000_000_000
QUICK_BYTES = 4_000_000_000
LIMIT_BYTES = 250e6
ALLOWANCE = 1.05
"""Two runs of one thing differ by some megabytes."""


@dataclass(frozen=True, slots=True)
class Held:
    """One transfer: the most resident, the median while it was sent, seconds to the first byte that the relay wrote."""

    agent_bytes: int
    relay_bytes: int
    agent_median_bytes: float
    relay_median_bytes: float
    first_byte_s: float
    bps: float


def measure(bench: Bench) -> Result:
    """Fresh processes for each size, since a peak stays."""
    huge = QUICK_BYTES if bench.quick else HUGE_BYTES
    small = [_measure_one(bench, SMALL_BYTES) for _ in range(bench.runs)]
    large = [_measure_one(bench, huge)]
    agent = max(held.agent_bytes for held in large)
    relay = max(held.relay_bytes for held in large)
    first_s = [median(held.first_byte_s for held in group) for group in (small, large)]
    grown = max(
        median(held.agent_median_bytes for held in large) / median(held.agent_median_bytes for held in small),
        median(held.relay_median_bytes for held in large) / median(held.relay_median_bytes for held in small),
    )
    text = f"{huge / 1e9:g} GB"
    goals = [
        Goal(f"agent, {text}: peak resident", "< 250 MB", f"{agent / 1e6:.0f} MB", agent < LIMIT_BYTES),
        Goal(f"relay, {text}: peak resident", "< 250 MB", f"{relay / 1e6:.0f} MB", relay < LIMIT_BYTES),
        Goal(f"{text} against 200 MB: resident while it is sent", "no more", f"{grown:.2f} x", grown <= ALLOWANCE),
        Goal("first byte, 200 MB", "<= 0.5 s", f"{first_s[0]:.2f} s", first_s[0] <= 0.5),
        Goal(f"first byte, {text}", "<= 0.5 s", f"{first_s[1]:.2f} s", first_s[1] <= 0.5),
    ]
    rows = [_row("200 MB", small), _row(text, large)]
    heads = (
        *("file", "agent peak, MB", "relay peak, MB", "agent median, MB", "relay median, MB"),
        *("first byte, s", "Gbit/s, start to end"),
    )
    note = (
        "Sparse files with 1 MB of data at their start. The peak is VmHWM of the process, the median that of VmRSS "
        "every 20 ms while the file is sent: what is read ahead comes and goes by some megabytes, and the longer one "
        "looks, the higher the highest of it. The first byte is counted from the moment the row stood in the queue of "
        "a running, connected agent to the first chunk written by the relay: later than the first datagram on the "
        "wire by a chunk's way and its write. The memory of a memory disk is not the processes' own."
    )
    return Result(goals, [Table(heads, rows)], notes=[note])


def _measure_one(bench: Bench, size: int) -> Held:
    with bench.scratch(in_memory=True) as folder:
        source = write_sparse(folder / "race.bin", size)
        with stage(Setting(folder, folder / "received", agent_words=("--links", "lo"))) as made:
            watch = ResidentWatch(made.agent.pid, made.relay.pid)
            transfer = made.send(source, limit_s=1200)
            agent_median_bytes, relay_median_bytes = watch.stop(transfer.queued_s, transfer.done_s)
            agent_bytes, relay_bytes = made.memory_bytes()
    if not transfer.whole or transfer.first_byte_s is None:
        raise RuntimeError("the file did not arrive")
    bench.log(f"{size / 1e9:g} GB: agent {agent_bytes / 1e6:.0f} MB, relay {relay_bytes / 1e6:.0f} MB")
    return Held(
        agent_bytes,
        relay_bytes,
        agent_median_bytes,
        relay_median_bytes,
        transfer.first_byte_s,
        transfer.whole_bps,
    )


def _row(name: str, group: list[Held]) -> tuple[str, ...]:
    return (
        name,
        spread([held.agent_bytes / 1e6 for held in group], 0),
        spread([held.relay_bytes / 1e6 for held in group], 0),
        spread([held.agent_median_bytes / 1e6 for held in group], 0),
        spread([held.relay_median_bytes / 1e6 for held in group], 0),
        spread([held.first_byte_s for held in group]),
        spread([held.bps / 1e9 for held in group]),
    )


FIGURE = Figure(
    "memory",
    "Memory, and the first byte",
    "One file over loopback between two processes: a sparse one of 20 GB (4 GB with --quick), and one of 200 MB.",
    measure,
    order=30,
)
