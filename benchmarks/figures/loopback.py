"""How fast one path is within one machine, beside a bare loop and the disk, so that one sees what holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bare_loop import LoopResult, bare_loop
from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.file_work import FileWork, file_work, most_of_loop
from benchmarks.machine import disk_rate, sync_delay_s
from benchmarks.stage import Setting, Transfer, stage, write_random
from benchmarks.warm_memory import ROOM_BYTES, warm_memory

REACH_BPS = 1e9
REACH_SHARE = 0.75
"""Of the bare loop: within 25 %."""


@dataclass(slots=True)
class Turn:
    """All that was measured in one run, one after the other."""

    transfers: dict[str, Transfer] = field(default_factory=dict)
    disks: dict[str, float] = field(default_factory=dict)
    loop: LoopResult | None = None
    work: FileWork | None = None


def measure(bench: Bench) -> Result:
    """Each run: the loop, the memory disk, the disk."""
    size = 400_000_000 if bench.quick else 2_000_000_000
    turns: list[Turn] = []
    with bench.scratch(in_memory=True) as memory, bench.scratch() as disk:
        source = write_random(memory / "lap.bin", size)
        delay_s = sync_delay_s(disk)
        for number in range(bench.runs):
            part = min(size, 1_000_000_000)
            with warm_memory(part):
                turn = Turn(loop=bare_loop(part), work=file_work(memory, part))
            for name, folder, packet_bytes in (
                ("memory disk", memory, 1500),
                ("memory disk, packets of 9,000", memory, 9000),
                ("disk", disk, 1500),
            ):
                with warm_memory(part):
                    turn.disks[name] = disk_rate(folder, part)
                with warm_memory(size + ROOM_BYTES):
                    turn.transfers[name] = _transfer(folder / f"turn{number}-{packet_bytes}", source, packet_bytes)
                bench.log(f"{name}: {turn.transfers[name].whole_bps / 1e9:.2f} Gbit/s")
            turns.append(turn)
    return _result(turns, size, delay_s)


def _transfer(folder: Path, source: Path, packet_bytes: int) -> Transfer:
    setting = Setting(folder, folder / "received", agent_words=("--links", "lo"), packet_bytes_max=packet_bytes)
    with stage(setting) as made:
        transfer = made.send(source, limit_s=300)
    if not transfer.whole:
        raise RuntimeError("the file was not there after 300 s")
    for path in (folder / "received").rglob("*"):
        if path.is_file():
            path.unlink()
    return transfer


def _result(turns: list[Turn], size: int, delay_s: float) -> Result:
    loops = [turn.loop for turn in turns if turn.loop is not None]
    works = [turn.work for turn in turns if turn.work is not None]
    loop_rates = [loop.bps / 1e9 for loop in loops]
    rows = [
        (
            "bare loop: seal, send, receive, open",
            spread(loop_rates),
            "",
            f"{median(loop.sender_s_per_gb for loop in loops):.1f}",
            f"{median(loop.receiver_s_per_gb for loop in loops):.1f}",
        ),
        (
            "read and hash; hash, write and fsync: alone",
            "",
            "",
            f"{median(work.sender_s_per_gb for work in works):.1f}",
            f"{median(work.receiver_s_per_gb for work in works):.1f}",
        ),
    ]
    for name in turns[0].transfers:
        done = [turn.transfers[name] for turn in turns]
        rows.append(
            (
                f"file to a {name}",
                spread([transfer.whole_bps / 1e9 for transfer in done]),
                spread([transfer.moving_bps / 1e9 for transfer in done]),
                f"{median(transfer.agent_cpu_s / transfer.size * 1e9 for transfer in done):.1f}",
                f"{median(transfer.relay_cpu_s / transfer.size * 1e9 for transfer in done):.1f}",
            )
        )
        rates = [turn.disks[name] * 8 / 1e9 for turn in turns]
        rows.append((f"write and fsync alone, {name}", spread(rates), "", "", ""))
    heads = ("what", "Gbit/s, start to end", "Gbit/s, 10 to 90 %", "sender CPU-s per GB", "receiver CPU-s per GB")
    best = [turn.transfers["memory disk"] for turn in turns]
    share = median(turn.transfers["memory disk"].moving_bps / turn.loop.bps for turn in turns if turn.loop is not None)
    rate = median(transfer.whole_bps for transfer in best)
    most = median(most_of_loop(loop, work) for loop, work in zip(loops, works, strict=True))
    goals = [
        Goal("file data, memory disk", ">= 1 Gbit/s (aim 2)", f"{rate / 1e9:.2f} Gbit/s", rate >= REACH_BPS),
        Goal("share of the bare loop, 10 to 90 %", ">= 75 %", f"{share:.0%}", share >= REACH_SHARE),
    ]
    note = (
        f"File of {size / 1e9:g} GB, random bytes. *Start to end* is from the moment its row stood in the queue to "
        "the moment the relay had verified and renamed it; *10 to 90 %* leaves out both ends. The bare loop has no "
        "disk, no file, no other thread, no acknowledgements but a count. "
        "All memory that is taken while one measures was in use a moment before. "
        f"Loop and file work together would fill all cores at {most:.0%} of the loop's rate, with nothing else "
        f"done. One write of 4 KiB and its fsync take {delay_s * 1e3:.1f} ms on this disk."
    )
    return Result(goals, [Table(heads, rows)], notes=[note])


FIGURE = Figure(
    "loopback",
    "One path within one machine",
    "Agent and relay are two processes on loopback, one path, datagrams of 1,500 bytes as IP counts, each one sealed "
    "with AES-256-GCM. In each run beside it: a loop in two processes that does nothing but seal each datagram, send "
    "44 with one call (UDP_SEGMENT), receive them coalesced (UDP_GRO) and open each; and the disk alone, written and "
    "synced as the relay does.",
    measure,
    order=10,
)
