"""Six cameras at 30 frames a second: how long until a frame has its name at the relay, beside rsync and plain TCP."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.camera_peers import rsync_daemon, tcp_peer
from benchmarks.figure import Bench, Figure, Goal, Result, Table
from benchmarks.figures.camera_files import wait_for_files, watch
from benchmarks.page import ROOT
from benchmarks.stage import Setting, stage
from benchmarks.warm_memory import ROOM_BYTES, warm_memory, warm_most_bytes
from transfer_core.ingest.sample_frames import MIB

CAMERAS, FPS, SECONDS = 6, 30, 60
FITTING_FPS = 8  # 0.58 Gbit/s, which fits on two processors that write, send and receive; all of it is 2.2 Gbit/s
FULL, FITTING = f"{FPS} frames/s", f"{FITTING_FPS} frames/s"
QUICK_SECONDS = 10
MIN_MB, MAX_MB = 1.0, 1.86  # 1.5 MB in the middle
P50_MS, P99_MS = 30.0, 150.0
AFTER_S = 120.0


def measure(bench: Bench) -> Result:
    """Each sender alone with cameras that write anew, on a memory disk, so that no disk is measured.

    First all of it, then so much of it as leaves every sender room: a backlog has no latency but its own length.
    """
    seconds = QUICK_SECONDS if bench.quick else _seconds(FPS, bench.seed)
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []
    for load, fps in ((FULL, FPS), (FITTING, FITTING_FPS)):
        for name, send in _SENDERS.items():
            cameras = Cameras(fps, seconds, bench.seed)
            with bench.scratch(in_memory=True) as folder, warm_memory(cameras.warm_bytes):
                received = send(folder, cameras)
                latencies, missing, wrong = _judge(folder / "cameras", received)
            p50, p99 = np.percentile(latencies, [50, 99]) if len(latencies) else (np.inf, np.inf)
            longest = latencies.max(initial=0)
            rows.append((load, name, f"{p50:.0f}", f"{p99:.0f}", f"{longest:.0f}", str(missing), str(wrong)))
            bench.log(" ".join(rows[-1]))
            if name == OURS:
                goals += _goals(load, p50, p99, missing + wrong)
    heads = ("each camera", "sender", "p50 ms", "p99 ms", "longest ms", "skipped", "partial or wrong")
    about = (
        "Times are of the kernel: from the source's last change to that of its name there; its clock ticks every 4 ms. "
        "All memory that is taken meanwhile was in use a moment before."
    )
    notes = [f"{seconds} s. {about}"]
    return Result(goals, [Table(heads, rows, caption="")], notes=notes)


def _seconds(fps: int, seed: int) -> int:
    """For how long the cameras write: all of it has to be in memory, at both ends."""
    fitting = (warm_most_bytes() - ROOM_BYTES) // (2 * Cameras(fps, 1, seed).total_bytes)
    return max(QUICK_SECONDS, min(SECONDS, fitting))


def _goals(load: str, p50: float, p99: float, bad: int) -> list[Goal]:
    return [
        Goal(f"frames skipped or partial, at {load}", "0", str(bad), bad == 0),
        Goal(f"from the last byte to the name there, at {load}: p50", f"< {P50_MS:.0f} ms", f"{p50:.0f} ms",
             bool(p50 < P50_MS)),
        Goal(f"the same, at {load}: p99", f"< {P99_MS:.0f} ms", f"{p99:.0f} ms", bool(p99 < P99_MS)),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cameras:
    """What writes the frames: each of `CAMERAS` so many a second."""

    fps: int
    seconds: int
    seed: int

    @property
    def frames(self) -> int:
        """How many they write in all."""
        return CAMERAS * self.fps * self.seconds

    @property
    def total_bytes(self) -> int:
        """About how much that is."""
        return int(self.frames * (MIN_MB + MAX_MB) / 2 * MIB)

    @property
    def warm_bytes(self) -> int:
        """What is taken of the memory meanwhile, at both ends."""
        return 2 * self.total_bytes + ROOM_BYTES

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        """Begin to write below `folder`."""
        words = ["sample-frames", "--cameras", CAMERAS, "--count", self.fps * self.seconds, "--fps", self.fps,
                 "--min-mb", MIN_MB, "--max-mb", MAX_MB, "--seed", self.seed, "--width", 640, "--height", 480,
                 folder / "cameras"]  # fmt: skip
        return subprocess.Popen([sys.executable, "-m", "transfer_core.cli", *map(str, words)], cwd=ROOT)


def _cameras(folder: Path) -> Sequence[Path]:
    places = [folder / "cameras" / f"camera{number:02d}" for number in range(1, CAMERAS + 1)]
    for place in places:
        place.mkdir(parents=True)
    return places


def _ours(folder: Path, cameras: Cameras) -> Path:
    places = _cameras(folder)
    with stage(Setting(folder / "ours", folder / "received")) as made:
        watch(made, *places)
        time.sleep(1.0)
        cameras.start(folder).wait(cameras.seconds * 20)
        _wait(folder / "received", cameras.frames)
    return next(path for path in (folder / "received").iterdir() if path.is_dir())


def _rsync(folder: Path, cameras: Cameras) -> Path:
    _cameras(folder)
    target = folder / "rsync" / "drop"
    with rsync_daemon(target) as (_, address):
        generator = cameras.start(folder)
        end = time.monotonic() + cameras.seconds * 20
        words = ["rsync", "-a", "--whole-file", f"{folder / 'cameras'}/", address]
        while time.monotonic() < end:
            is_over = generator.poll() is not None
            subprocess.run(words, check=False, timeout=AFTER_S)
            if is_over:
                break
    return target


def _tcp(folder: Path, cameras: Cameras) -> Path:
    _cameras(folder)
    target = folder / "tcp"
    with tcp_peer(folder / "cameras", target, cameras.frames) as (_, sender):
        cameras.start(folder).wait(cameras.seconds * 20)
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


OURS = "drs-sync"
_SENDERS: dict[str, Callable[[Path, Cameras], Path]] = {
    OURS: _ours,
    "rsync daemon, again and again": _rsync,
    "plain TCP, 8 connections": _tcp,
}
FIGURE = Figure(
    "camera-frames",
    "Cameras: from the last byte written to the frame at the relay",
    "Six cameras of 30 frames a second, 1.5 MB each (`sample-frames`), for 60 s, or as long as three quarters of the "
    "memory hold it twice (10 s with --quick), over loopback, on a memory disk; then eight a second, which leaves two "
    "processors room. Beside it rsync in a loop over its daemon, and a plain sender over eight TCP connections that "
    "takes a frame once the one four places later is there or its size is stable.",
    measure,
    order=61,
    repeated=False,
)
