"""Large shared folders: scanning, the index in memory, chunking, many small files, and how soon an edit is seen."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.stage import Setting, stage
from benchmarks.sync_pair import Pair
from benchmarks.sync_peers import Syncthing, installed
from transfer_core.sync.chunker import cut
from transfer_core.sync.tree import PRIVATE

SCAN_FILES, SCAN_S = 200_000, 5.0
INDEX_FILES, INDEX_MB = 1_000_000, 500
CHUNK_GB_S = 1.0
SMALL_FILES, EDITS = 20_000, 100
SEEN_MS = 300.0
LIMIT_S = 600.0
_INDEX = """
import re, sys, time
from pathlib import Path
from transfer_core.storage.database import open_database
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.index import Index
from transfer_core.sync.index_rows import MIGRATIONS
from transfer_core.sync.tree import Stat

count = int(sys.argv[2])
database, _ = open_database(Path(sys.argv[1]), MIGRATIONS, now_text="now")
index = Index(database, "r")
for at in range(0, count, 10_000):
    with index.change():
        for n in range(at, min(count, at + 10_000)):
            path, dot = f"car{n % 99}/run{n % 997}/lap {n:07d}.csv", ("r", n + 1)
            entry = Entry(path, Kind.FILE, (dot,), dot, 9, b"x" * 32)
            index.put(entry, Stat(Kind.FILE, 9, n, n, n))
began = time.process_time()
marks = index.marks()
seconds = time.process_time() - began
status = Path("/proc/self/status").read_text()  # ru_maxrss would begin with that of the parent
print(len(marks), int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024, seconds)
"""


def measure(bench: Bench) -> Result:
    """One after the other."""
    goals: list[Goal] = []
    rows: list[tuple[str, str]] = []
    # Small files come first, and their folders are removed last: for minutes, ext4 without a journal pays for each new
    # file with a look past all that were deleted near it.
    for part in (_small_files, _chunking, _scanning, _index):
        more_goals, more_rows = part(bench)
        goals += more_goals
        rows += more_rows
        for row in more_rows:
            bench.log(": ".join(row))
    return Result(goals, [Table(("what", "measured"), rows)], notes=["CPU seconds are of one process."])


Part = tuple[list[Goal], list[tuple[str, str]]]


def _chunking(bench: Bench) -> Part:
    data = random.Random(bench.seed).randbytes(64 << 20)
    pieces = [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)]
    rates: list[float] = []
    for _ in range(max(3, bench.runs)):
        began = time.process_time()
        for _ in range(4):
            cut(pieces)
        rates.append(4 * len(data) / 1e9 / (time.process_time() - began))
    best = max(rates)
    goal = Goal("chunk and hash, per CPU", ">= 1 GB/s", f"{best:.2f} GB/s", best >= CHUNK_GB_S)
    return [goal], [("chunk and hash, GB per CPU-s", spread(rates))]


def _make(root: Path, files: int) -> None:
    for number in range(files):
        folder = root / f"run{number // 500:03d}"
        if number % 500 == 0:
            folder.mkdir()
        (folder / f"lap{number:06d}.csv").write_bytes(b"%d," % number * 20)


def _scanning(bench: Bench) -> Part:
    files = 20_000 if bench.quick else SCAN_FILES
    with bench.scratch() as folder:
        pair = Pair(folder)
        _make(pair.a.root, files)
        began = time.process_time()
        pair.a.node.scan()
        first_s = time.process_time() - began
        time.sleep(0.3)
        pair.a.node.scan()
        taken: list[float] = []
        for _ in range(max(3, bench.runs)):
            began = time.process_time()
            pair.a.node.scan()
            taken.append(time.process_time() - began)
        pair.close()
    again_s = median(taken) * SCAN_FILES / files
    goal = Goal("scan of 200,000 unchanged files", "< 5 s", f"{again_s:.1f} s", again_s < SCAN_S)
    return [goal], [
        (f"first scan of {files} files, CPU-s", f"{first_s:.1f}"),
        (f"scan of {files} unchanged files, CPU-s", spread(taken)),
    ]


def _index(bench: Bench) -> Part:
    count = 100_000 if bench.quick else INDEX_FILES
    with bench.scratch() as folder:
        command = [sys.executable, "-c", _INDEX, str(folder / "i.sqlite3"), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True, env=dict(os.environ))
    _, megabytes, seconds = done.stdout.split()
    holds = int(megabytes) < INDEX_MB if not bench.quick else None
    goal = Goal("index of 1,000,000 files, memory", "< 500 MB", f"{megabytes} MB for {count}", holds)
    return [goal], [(f"index of {count} files read for a scan, CPU-s", f"{float(seconds):.1f}")]


@dataclass(slots=True)
class Brought:
    """How long a folder of small files took, and edits in it. Seconds."""

    first_s: float
    edits_s: float
    seen_s: list[float]


def _small_files(bench: Bench) -> Part:
    files = 2_000 if bench.quick else SMALL_FILES
    with bench.scratch() as here, bench.scratch() as there:
        ours = _ours(bench, here, files)
        theirs = _syncthing(bench, there, files) if "syncthing" in installed() else None
    rows = [
        (f"first sync of {files} small files, agent to relay, s", f"{ours.first_s:.1f}"),
        (f"{EDITS} edits among them, until the last is there, s", f"{ours.edits_s:.2f}"),
        ("one edit, from the write until it is on the other, ms", spread([each * 1e3 for each in ours.seen_s], 0)),
    ]
    p50_ms = median(ours.seen_s) * 1e3
    goals = [Goal("edit to visible on the other node, p50", "< 300 ms", f"{p50_ms:.0f} ms", p50_ms < SEEN_MS)]
    if theirs is not None:
        rows += [
            ("the same first sync by Syncthing, s", f"{theirs.first_s:.1f}"),
            ("the same edits by Syncthing, told when to look, s", f"{theirs.edits_s:.2f}"),
        ]
        for what, mine, other in (
            (f"first sync of {files} small files", ours.first_s, theirs.first_s),
            (f"{EDITS} edits among them", ours.edits_s, theirs.edits_s),
        ):
            goals.append(Goal(f"{what}, against Syncthing", "less", f"{mine:.2f} s to {other:.2f} s", mine < other))
    return goals, rows


def _edit(root: Path, bench: Bench) -> dict[Path, bytes]:
    chance = random.Random(bench.seed)
    edited: dict[Path, bytes] = {}
    for path in chance.sample(sorted(root.glob("run*/*")), EDITS):
        edited[path.relative_to(root)] = content = b"edited %f" % chance.random()
        path.write_bytes(content)
    return edited


def _wait(happened: Callable[[], bool], limit_s: float = LIMIT_S) -> float:
    """Seconds until it has."""
    began = time.monotonic()
    while not happened():
        if time.monotonic() - began > limit_s:
            raise TimeoutError(f"not in {limit_s:.0f} s")
        time.sleep(0.002)
    return time.monotonic() - began


def _has(root: Path, edited: dict[Path, bytes]) -> bool:
    for path in list(edited):
        place = root / path
        if not place.is_file() or place.read_bytes() != edited[path]:
            return False
        del edited[path]
    return True


def _ours(bench: Bench, folder: Path, files: int) -> Brought:
    root = folder / "root"
    root.mkdir()
    _make(root, files)
    with stage(Setting(folder / "stage", folder / "in")) as made:
        began = time.monotonic()
        there = made.share(root, "bench")
        _wait(lambda: _count(there) == files)
        first_s = time.monotonic() - began
        time.sleep(3)
        edited = _edit(root, bench)
        edits_s = _wait(lambda: _has(there, edited))
        seen: list[float] = []
        for number, path in enumerate(sorted(root.glob("run*/*"))[:40]):
            content = b"seen %d" % number
            path.write_bytes(content)
            seen.append(_wait(partial(_has, there, {path.relative_to(root): content})))
    return Brought(first_s, edits_s, seen)


def _count(root: Path) -> int:
    """Files that are there; folders are looked at in turn, so that waiting costs little."""
    time.sleep(0.05)
    return sum(len(names) for at, _, names in os.walk(root) if PRIVATE not in at)


def _syncthing(bench: Bench, folder: Path, files: int) -> Brought:
    peer = Syncthing(folder)
    try:
        _make(peer.a, files)
        began = time.monotonic()
        peer.bring()
        first_s = time.monotonic() - began
        time.sleep(3)
        edited = _edit(peer.a, bench)
        began = time.monotonic()
        peer.bring()
        edits_s = time.monotonic() - began
        if not _has(peer.b, edited):
            raise RuntimeError("Syncthing has not brought all edits")
    finally:
        peer.close()
    return Brought(first_s, edits_s, [])


FIGURE = Figure(
    "sync-scale",
    "Large shared folders",
    "A folder of 200,000 files (20,000 with --quick) scanned; 1,000,000 rows (100,000) of an index as a scan "
    "reads them; 64 MiB cut and hashed four times; 20,000 small files (2,000) brought from an agent to a relay over "
    "loopback.",
    measure,
    order=81,
)
