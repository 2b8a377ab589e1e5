"""Thousands of small files over one link with a long way: each must not cost a round trip of its own."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.stage import Setting, Transfer, stage, write_random

FILES = 5000
FILE_BYTES = 4096
LIMIT_S = 10.0
SIMULATION = '[[link]]\nname = "line"\nrate_mbps = 1000\ndelay_ms = 10\nqueue_ms = 200\n'


def measure(bench: Bench) -> Result:
    """To the disk, whose fsync counts, and to a memory disk."""
    files = 1000 if bench.quick else FILES
    done: dict[str, list[Transfer]] = {"disk": [], "memory disk": []}
    for _ in range(bench.runs):
        for name, transfers in done.items():
            with bench.scratch(in_memory=name == "memory disk") as folder:
                source = _make(folder / "laps", files)
                with stage(Setting(folder, folder / "received", simulation=SIMULATION)) as made:
                    transfers.append(made.send(source, files, limit_s=240))
            if not transfers[-1].whole:
                raise RuntimeError(f"{files - len(transfers[-1].jobs)} files were not there after 240 s")
            bench.log(f"{name}: {_took_s(transfers[-1]):.1f} s")
    taken = median(_took_s(transfer) for transfer in done["disk"]) * FILES / files
    goals = [Goal("5,000 files of 4 KiB, 20 ms round trip", "< 10 s", f"{taken:.1f} s", taken < LIMIT_S)]
    rows = [
        (
            name,
            spread([_took_s(transfer) for transfer in transfers], 1),
            spread([files / _took_s(transfer) for transfer in transfers], 0),
            spread([transfer.agent_cpu_s / files * 1e3 for transfer in transfers], 2),
            spread([transfer.relay_cpu_s / files * 1e3 for transfer in transfers], 2),
        )
        for name, transfers in done.items()
    ]
    heads = ("to a", "s", "files per s", "agent, CPU-ms per file", "relay, CPU-ms per file")
    notes = [f"{files} files; the goal is judged for 5,000. Each is synced, verified and renamed on its own."]
    return Result(goals, [Table(heads, rows)], notes=notes)


def _took_s(transfer: Transfer) -> float:
    return transfer.done_s - transfer.queued_s


def _make(folder: Path, files: int) -> Path:
    folder.mkdir()
    for number in range(files):
        write_random(folder / f"lap{number:04d}.csv", FILE_BYTES, seed=number)
    return folder


FIGURE = Figure(
    "small-files",
    "Many small files",
    "5,000 files of 4 KiB (1,000 with --quick) from one folder to one relay over a simulated link of 1 Gbit/s with 20 "
    "ms of round trip, from the moment the last row stood in the queue until the last file was verified and renamed.",
    measure,
    order=40,
)
