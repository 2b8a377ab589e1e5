"""What agent and relay hold in memory for a huge file and for a small one, and how soon the first byte goes."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.stage import Setting, stage, write_sparse

SMALL_BYTES = 200_000_000
HUGE_BYTES = 20_000_000_000
QUICK_BYTES = 4_000_000_000
LIMIT_BYTES = 250e6
ALLOWANCE = 1.05
"""Peaks of two runs of one thing differ by some megabytes."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """One transfer: the most resident, and seconds to the first byte that the relay wrote."""

    agent_bytes: int
    relay_bytes: int
    first_byte_s: float
    bps: float


def measure(bench: Bench) -> Result:
    """Fresh processes for each size, since a peak stays."""
    huge = QUICK_BYTES if bench.quick else HUGE_BYTES
    small = [_peaks(bench, SMALL_BYTES) for _ in range(bench.runs)]
    large = [_peaks(bench, huge)]
    agent = max(peaks.agent_bytes for peaks in large)
    relay = max(peaks.relay_bytes for peaks in large)
    first_s = [median(peaks.first_byte_s for peaks in group) for group in (small, large)]
    grown = max(
        agent / median(peaks.agent_bytes for peaks in small), relay / median(peaks.relay_bytes for peaks in small)
    )
    text = f"{huge / 1e9:g} GB"
    goals = [
        Goal(f"agent, {text}: peak resident", "< 250 MB", f"{agent / 1e6:.0f} MB", agent < LIMIT_BYTES),
        Goal(f"relay, {text}: peak resident", "< 250 MB", f"{relay / 1e6:.0f} MB", relay < LIMIT_BYTES),
        Goal(f"{text} against 200 MB: peak", "no more", f"{grown:.2f} x", grown <= ALLOWANCE),
        Goal("first byte, 200 MB", "<= 0.5 s", f"{first_s[0]:.2f} s", first_s[0] <= 0.5),
        Goal(f"first byte, {text}", "<= 0.5 s", f"{first_s[1]:.2f} s", first_s[1] <= 0.5),
    ]
    rows = [_row("200 MB", small), _row(text, large)]
    heads = ("file", "agent peak, MB", "relay peak, MB", "first byte, s", "Gbit/s, start to end")
    note = (
        "Sparse files with 1 MB of data at their start. The peak is VmHWM of the process; the first byte is counted "
        "from the moment the row stood in the queue of a running, connected agent to the first chunk written by the "
        "relay: later than the first datagram on the wire by a chunk's way and its write. The memory of a memory disk "
        "is not the processes' own."
    )
    return Result(goals, [Table(heads, rows)], notes=[note])


def _peaks(bench: Bench, size: int) -> Peaks:
    with bench.scratch(in_memory=True) as folder:
        source = write_sparse(folder / "race.bin", size)
        with stage(Setting(folder, folder / "received", agent_words=("--links", "lo"))) as made:
            transfer = made.send(source, limit_s=1200)
            agent_bytes, relay_bytes = made.memory_bytes()
    if not transfer.whole or transfer.first_byte_s is None:
        raise RuntimeError("the file did not arrive")
    bench.log(f"{size / 1e9:g} GB: agent {agent_bytes / 1e6:.0f} MB, relay {relay_bytes / 1e6:.0f} MB")
    return Peaks(agent_bytes, relay_bytes, transfer.first_byte_s, transfer.whole_bps)


def _row(name: str, group: list[Peaks]) -> tuple[str, ...]:
    return (
        name,
        spread([peaks.agent_bytes / 1e6 for peaks in group], 0),
        spread([peaks.relay_bytes / 1e6 for peaks in group], 0),
        spread([peaks.first_byte_s for peaks in group]),
        spread([peaks.bps / 1e9 for peaks in group]),
    )


FIGURE = Figure(
    "memory",
    "Memory, and the first byte",
    "One file over loopback between two processes: a sparse one of 20 GB (4 GB with --quick), and one of 200 MB.",
    measure,
    order=30,
)
