"""A folder of 20,000 files of 20 KB that begins to be watched: files a second, beside rsync and plain TCP."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.camera_peers import Sent, send_by_rsync, send_by_tcp
from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.processes import cpu_seconds
from benchmarks.stage import Setting, Stage, stage
from benchmarks.warm_memory import ROOM_BYTES, warm_memory
from transfer_core.engine.local_service import LocalService
from transfer_core.events.watches import WatchSpec
from transfer_core.ingest.selection import PART_SUFFIX

FILES, QUICK_FILES = 20_000, 4_000
FILE_BYTES = 20_000
GOAL_PER_S = 1500
LIMIT_S = 300.0
FAR_MBPS = (100, 400)  # the first is slower than files are worked, the second not
FAR_SHARE = 0.8
HOW = (
    "The product syncs, verifies and seals each; the plain peers do none of that, and the goal is judged beside them. "
    "Synced plain TCP answers for a file once it and its folder are on the disk; rsync's --fsync syncs each file "
    "before it is renamed, and no folder."
)
OURS = "drs-sync"
Send = Callable[[Path, Path, int], Sent]
PLAIN: dict[str, Send] = {
    "rsync daemon": lambda source, target, _: send_by_rsync(source, target, LIMIT_S),
    "plain TCP, 8 connections": lambda source, target, files: send_by_tcp(source, target, files, LIMIT_S),
}
DURABLE: dict[str, Send] = {
    "rsync daemon, --fsync": lambda source, target, _: send_by_rsync(source, target, LIMIT_S, durable=True),
    "plain TCP, 8 connections, synced": lambda source, target, files: send_by_tcp(
        source, target, files, LIMIT_S, durable=True
    ),
}


def measure(bench: Bench) -> Result:
    """All of them over loopback on one disk; the product also over 60 ms of round trip."""
    files = QUICK_FILES if bench.quick else FILES
    warm_bytes = files * FILE_BYTES + ROOM_BYTES
    taken: dict[str, list[Sent]] = {name: [] for name in (OURS, *PLAIN, *DURABLE)}
    sides: list[tuple[float, float]] = []
    with bench.scratch() as scratch:  # kept to the end: ext4 makes files slowly where many were just deleted
        for run in range(bench.runs):
            folder = scratch / str(run)
            source = make_files(folder / "camera01", files, bench.seed)
            with warm_memory(warm_bytes):
                took_s, agent_s, relay_s = _watched(folder / "ours", source, files, None)
            sides.append((agent_s / files * 1e3, relay_s / files * 1e3))
            taken[OURS].append(Sent(took_s, agent_s + relay_s))
            for place, (name, send) in enumerate((PLAIN | DURABLE).items()):
                with warm_memory(warm_bytes):
                    taken[name].append(send(source, folder / f"peer{place}" / "drop", files))
            bench.log(", ".join(f"{name} {files / sent[-1].took_s:.0f}/s" for name, sent in taken.items()))
    far_s: dict[int, float] = {}
    for rate_mbps in FAR_MBPS:
        with bench.scratch(in_memory=True) as folder:
            source = make_files(folder / "camera01", files, bench.seed)
            with warm_memory(warm_bytes):
                far_s[rate_mbps], _, _ = _watched(folder / "far", source, files, _far_line(rate_mbps))
        bench.log(f"60 ms and {rate_mbps} Mbit/s: {files / far_s[rate_mbps]:.0f}/s")
    rates = {name: [files / each.took_s for each in sent] for name, sent in taken.items()}
    ours, best = median(rates[OURS]), max(median(rates[name]) for name in PLAIN)
    shares = {rate_mbps: files * FILE_BYTES * 8 / took_s / (rate_mbps * 1e6) for rate_mbps, took_s in far_s.items()}
    goals = [
        Goal("files of 20 KB over loopback", f">= {GOAL_PER_S} files/s", f"{ours:.0f} files/s", ours >= GOAL_PER_S),
        Goal("beside rsync and plain TCP", "ahead of both", f"{ours / best:.2f} times", ours > best),
    ]
    goals += [
        Goal(
            f"at 60 ms of round trip over {rate_mbps} Mbit/s",
            "no slower than it allows",
            f"{share:.0%} of the link",
            share > FAR_SHARE,
        )
        for rate_mbps, share in shares.items()
    ]
    rows = [
        (name, spread(rates[name], 0), spread([each.cpu_s / files * 1e3 for each in sent], 2))
        for name, sent in taken.items()
    ]
    notes = [
        f"{files} files. {HOW}",
        "Its CPU-ms per file: agent " + spread([a for a, _ in sides], 2) + ", relay " + spread([r for _, r in sides], 2)
        + ". At 60 ms of round trip: "
        + ", ".join(f"{files / took_s:.0f} files/s over {rate_mbps} Mbit/s" for rate_mbps, took_s in far_s.items())
        + ".",
    ]  # fmt: skip
    return Result(goals, [Table(("sender", "files per s", "CPU-ms per file"), rows)], notes=notes)


def _far_line(rate_mbps: int) -> str:
    """A simulated link of that rate and 60 ms of round trip."""
    return f'[[link]]\nname = "line"\nrate_mbps = {rate_mbps}\ndelay_ms = 30\nqueue_ms = 200\n'


def make_files(folder: Path, files: int, seed: int) -> Path:
    """Files with random content, numbered."""
    folder.mkdir(parents=True)
    pool = np.random.default_rng(seed).bytes(FILE_BYTES * 2)
    for number in range(files):
        at = number * 7919 % FILE_BYTES
        (folder / f"frame_camera01_{number:09d}.jpg").write_bytes(
            pool[at : at + FILE_BYTES - 8] + number.to_bytes(8, "big")
        )
    return folder


def _watched(folder: Path, source: Path, files: int, simulation: str | None) -> tuple[float, float, float]:
    """Seconds until all have arrived, and CPU seconds of agent and relay."""
    with stage(Setting(folder, folder / "received", simulation=simulation)) as made:
        agent_s, relay_s = cpu_seconds(made.agent.pid), cpu_seconds(made.relay.pid)
        began_s = watch(made, source)
        wait_for_files(folder / "received", files, LIMIT_S)
        changed = max(path.stat().st_ctime for path in (folder / "received").rglob("*.jpg"))
        took_s = changed + time.monotonic() - time.time() - began_s
        return took_s, cpu_seconds(made.agent.pid) - agent_s, cpu_seconds(made.relay.pid) - relay_s


def watch(made: Stage, *sources: Path) -> float:
    """Have the stage's agent watch folders from now on; when that was."""
    service = LocalService(made.setting.folder / "agent")
    try:
        began_s = time.monotonic()
        for source in sources:
            service.watches.add(WatchSpec(source.name, str(source), "pit", pattern="*.jpg", dest_path=source.name))
    finally:
        service.stop()
    return began_s


def wait_for_files(folder: Path, files: int, limit_s: float) -> None:
    """Until so many frames are there. TimeoutError."""
    end = time.monotonic() + limit_s
    while (there := _frames_in(folder)) < files:
        if time.monotonic() > end:
            raise TimeoutError(f"{there} of {files} files after {limit_s:.0f} s")
        time.sleep(0.25)


def _frames_in(folder: Path | str) -> int:
    """How many are there, by their names alone: what looking costs is taken from those that are measured."""
    frames, others = 0, []
    for name in os.listdir(folder):  # noqa: PTH208 - a path each costs thirty times as much
        if name.endswith(".jpg"):
            frames += 1
        elif not name.endswith(PART_SUFFIX):
            others.append(os.path.join(folder, name))  # noqa: PTH118 - as above
    return frames + sum(_frames_in(other) for other in others if os.path.isdir(other))  # noqa: PTH112 - as above


FIGURE = Figure(
    "camera-files",
    "Cameras: many small files",
    "A folder of 20,000 files of 20 KB (4,000 with --quick) begins to be watched: from that moment to the last file in "
    "its place at the relay, over loopback. Beside it, on the same files and disk, rsync over its daemon and a plain "
    "sender over eight TCP connections, each as it is and made to sync.",
    measure,
    order=60,
)
