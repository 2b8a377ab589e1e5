"""Large shared folders: scanning, the index in memory, chunking, many small files, and how soon an edit is seen."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table, median, spread
from benchmarks.sync_pair import Pair
from transfer_core.sync.chunker import cut

SCAN_FILES, SCAN_S = 200_000, 5.0
INDEX_FILES, INDEX_MB = 1_000_000, 500
CHUNK_GB_S = 1.0
SMALL_FILES, EDITS = 20_000, 100
SEEN_MS = 300.0
_INDEX = """
import re, sys, time
from pathlib import Path
from transfer_core.storage.database import open_database
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.index import MIGRATIONS, Index
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
    for part in (_chunking, _scanning, _index, _small_files):
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


def _small_files(bench: Bench) -> Part:
    files = 2_000 if bench.quick else SMALL_FILES
    with bench.scratch() as folder:
        pair = Pair(folder)
        _make(pair.a.root, files)
        began, cpu = time.monotonic(), time.process_time()
        pair.sync()
        first_s, first_cpu = time.monotonic() - began, time.process_time() - cpu
        chance = random.Random(bench.seed)
        paths = chance.sample(sorted(pair.a.root.glob("run*/*")), EDITS)
        time.sleep(0.3)
        for path in paths:
            path.write_bytes(b"edited %f" % chance.random())
        began = time.monotonic()
        pair.sync()
        edits_s = time.monotonic() - began
        seen: list[float] = []
        for path in paths[:40]:
            path.write_bytes(b"seen %f" % chance.random())
            began = time.monotonic()
            pair.a.node.look([path.relative_to(pair.a.root).as_posix()])
            pair.settle()
            seen.append((time.monotonic() - began) * 1e3)
            if (pair.b.root / path.relative_to(pair.a.root)).read_bytes() != path.read_bytes():
                raise RuntimeError(f"{path} did not arrive")
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        pair.close()
    p50 = median(seen)
    goal = Goal("edit to visible, without network and watcher, p50", "< 300 ms", f"{p50:.0f} ms", p50 < SEEN_MS)
    return [goal], [
        (f"first sync of {files} small files, both sides in one process, s", f"{first_s:.1f} ({first_cpu:.1f} CPU)"),
        (f"{EDITS} edits among them, with a whole scan of both, s", f"{edits_s:.1f}"),
        ("one edit, from the look at it until it is in place, ms", spread(seen, 0)),
        ("memory of the process, MB", str(memory_mb)),
    ]


FIGURE = Figure(
    "sync-scale",
    "Large shared folders",
    "A folder of 200,000 files (20,000 with --quick) scanned; 1,000,000 rows (100,000) of an index as a scan "
    "reads them; 64 MiB cut and hashed four times; 20,000 small files (2,000) brought to another folder.",
    measure,
    order=81,
)
