"""Six cameras at 30 frames a second: how long until a frame has its name at the relay, beside rsync and plain TCP."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.camera_peers import rsync_daemon, tcp_peer
from benchmarks.figure import Bench, Figure, Goal, Result, Table
from benchmarks.figures.camera_files import wait_for_files, watch
from benchmarks.page import ROOT
from benchmarks.stage import Setting, stage

CAMERAS, FPS, SECONDS = 6, 30, 60
QUICK_SECONDS = 10
MIN_MB, MAX_MB = 1.0, 1.86  # 1.5 MB in the middle
P50_MS, P99_MS = 30.0, 150.0
AFTER_S = 120.0


def measure(bench: Bench) -> Result:
    """Each sender alone with cameras that write anew, on a memory disk, so that no disk is measured."""
    seconds = QUICK_SECONDS if bench.quick else SECONDS
    rows: list[tuple[str, ...]] = []
    found: dict[str, tuple[np.ndarray, int, int]] = {}
    senders: dict[str, Callable[[Path, int], Path]] = {
        "drs-sync": lambda folder, count: _ours(folder, seconds, count, bench.seed),
        "rsync daemon, again and again": lambda folder, _: _rsync(folder, seconds, bench.seed),
        "plain TCP, 8 connections": lambda folder, count: _tcp(folder, seconds, count, bench.seed),
    }
    for name, send in senders.items():
        count = CAMERAS * FPS * seconds
        with bench.scratch(in_memory=True) as folder:
            received = send(folder, count)
            found[name] = _judge(folder / "cameras", received)
        latencies, missing, wrong = found[name]
        p50, p99 = np.percentile(latencies, [50, 99]) if len(latencies) else (np.nan, np.nan)
        rows.append((name, f"{p50:.0f}", f"{p99:.0f}", f"{latencies.max(initial=0):.0f}", str(missing), str(wrong)))
        bench.log(" ".join(rows[-1]))
    latencies, missing, wrong = found["drs-sync"]
    p50, p99 = np.percentile(latencies, [50, 99]) if len(latencies) else (np.inf, np.inf)
    goals = [
        Goal("frames skipped or partial", "0", str(missing + wrong), missing + wrong == 0),
        Goal("from the last byte to the name there, p50", f"< {P50_MS:.0f} ms", f"{p50:.0f} ms", bool(p50 < P50_MS)),
        Goal("the same, p99", f"< {P99_MS:.0f} ms", f"{p99:.0f} ms", bool(p99 < P99_MS)),
    ]
    heads = ("sender", "p50 ms", "p99 ms", "longest ms", "skipped", "partial or wrong")
    about = (
        "Times are of the kernel: from the source's last change to that of its name there; its clock ticks every 4 ms."
    )
    notes = [f"{seconds} s. {about}"]
    return Result(goals, [Table(heads, rows, caption="")], notes=notes)


def _generator(folder: Path, seconds: int, seed: int) -> subprocess.Popen[bytes]:
    words = ["sample-frames", "--cameras", CAMERAS, "--count", FPS * seconds, "--fps", FPS, "--min-mb", MIN_MB,
             "--max-mb", MAX_MB, "--seed", seed, "--width", 640, "--height", 480, folder / "cameras"]  # fmt: skip
    return subprocess.Popen([sys.executable, "-m", "transfer_core.cli", *map(str, words)], cwd=ROOT)


def _cameras(folder: Path) -> Sequence[Path]:
    places = [folder / "cameras" / f"camera{number:02d}" for number in range(1, CAMERAS + 1)]
    for place in places:
        place.mkdir(parents=True)
    return places


def _ours(folder: Path, seconds: int, count: int, seed: int) -> Path:
    places = _cameras(folder)
    with stage(Setting(folder / "ours", folder / "received")) as made:
        watch(made, *places)
        time.sleep(1.0)
        _generator(folder, seconds, seed).wait(seconds * 20)
        _wait(folder / "received", count)
    return next(path for path in (folder / "received").iterdir() if path.is_dir())


def _rsync(folder: Path, seconds: int, seed: int) -> Path:
    _cameras(folder)
    target = folder / "rsync" / "drop"
    with rsync_daemon(target) as (_, address):
        generator = _generator(folder, seconds, seed)
        end = time.monotonic() + seconds * 20
        words = ["rsync", "-a", "--whole-file", f"{folder / 'cameras'}/", address]
        while time.monotonic() < end:
            is_over = generator.poll() is not None
            subprocess.run(words, check=False, timeout=AFTER_S)
            if is_over:
                break
    return target


def _tcp(folder: Path, seconds: int, count: int, seed: int) -> Path:
    _cameras(folder)
    target = folder / "tcp"
    with tcp_peer(folder / "cameras", target, count) as (_, sender):
        _generator(folder, seconds, seed).wait(seconds * 20)
        with contextlib.suppress(subprocess.TimeoutExpired):
            sender.wait(AFTER_S)
    return target


def _wait(received: Path, count: int) -> None:
    try:
        wait_for_files(received, count, AFTER_S)
    except TimeoutError as error:
        print(f"  {error}", file=sys.stderr)


def _judge(sent: Path, received: Path) -> tuple[np.ndarray, int, int]:
    """Latencies in ms of what arrived, how many did not, and how many arrived otherwise than they were written."""
    latencies: list[float] = []
    missing = wrong = 0
    for source in sorted(sent.rglob("*.jpg")):
        target = received / source.relative_to(sent)
        if not target.exists():
            missing += 1
            continue
        if _digest(source) != _digest(target):
            wrong += 1
        latencies.append((target.stat().st_ctime_ns - source.stat().st_mtime_ns) / 1e6)
    return np.array(latencies), missing, wrong


def _digest(path: Path) -> bytes:
    return hashlib.blake2b(path.read_bytes()).digest()


FIGURE = Figure(
    "camera-frames",
    "Cameras: from the last byte written to the frame at the relay",
    "Six cameras of 30 frames a second, 1.5 MB each (`sample-frames`), for 60 s (10 s with --quick) over loopback, on "
    "a memory disk. Beside it rsync in a loop over its daemon, and a plain sender over eight TCP connections that "
    "takes a frame once the one four places later is there or its size is stable.",
    measure,
    order=61,
)
