"""What edits of a shared folder cost on the wire, beside rsync, Unison and Syncthing."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figure import Bench, Figure, Goal, Result, Table
from benchmarks.sync_pair import Pair
from benchmarks.sync_peers import PEERS, Peer, installed, running
from transfer_core.units import format_bytes

Edit = Callable[[Path, random.Random], None]
MOVED_MAX, OF_RSYNC = 1000, 1.3
_SENT = re.compile(r"^Total bytes (?:sent|received): ([\d,.]+)$", re.MULTILINE)


def _log(rows: int, chance: random.Random) -> bytes:
    lines = ["time_ms,speed,throttle,brake,gear,temp\n"]
    for row in range(rows):
        speed = 180 + 120 * chance.random()
        lines.append(f"{row * 20},{speed:.3f},{chance.random():.4f},{chance.random():.4f},{row % 8},{speed / 3:.2f}\n")
    return "".join(lines).encode()


def _rows(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def _insert(count: int) -> Edit:
    def edit(path: Path, chance: random.Random) -> None:
        rows = _rows(path)
        for _ in range(count):
            rows.insert(chance.randrange(1, len(rows)), f"0,{chance.random():.6f},pit,stop,0,0\n".encode())
        path.write_bytes(b"".join(rows))

    return edit


def _append(path: Path, chance: random.Random) -> None:
    rows = _rows(path)
    path.write_bytes(b"".join(rows) + _log(len(rows) // 20, chance).split(b"\n", 1)[1])


def _longer_head(path: Path, _: random.Random) -> None:
    path.write_bytes(path.read_bytes().replace(b"temp\n", b"temp,driver=17\n", 1))


def _touch(path: Path, _: random.Random) -> None:
    path.write_bytes(path.read_bytes())


def _move(path: Path, _: random.Random) -> None:
    path.rename(path.with_name("moved.csv"))


def _overwrite(count: int) -> Edit:
    def edit(path: Path, chance: random.Random) -> None:
        with path.open("r+b") as file:
            for _ in range(count):
                file.seek(chance.randrange(path.stat().st_size - 20))
                file.write(chance.randbytes(20))

    return edit


EDITS: dict[str, tuple[str, Edit, bool]] = {  # name: (kind of file, edit, judged against rsync)
    "first copy": ("log", _touch, False),
    "identical again": ("log", _touch, False),
    "moved": ("log", _move, False),
    "1 row inserted": ("log", _insert(1), True),
    "10 rows inserted": ("log", _insert(10), True),
    "100 rows inserted": ("log", _insert(100), True),
    "header one word longer": ("log", _longer_head, True),
    "5 % appended": ("log", _append, True),
    "100 x 20 B overwritten, binary": ("binary", _overwrite(100), False),
}


def measure(bench: Bench) -> Result:
    """Each edit on both, from the same state."""
    size = 4 if bench.quick else 40
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []
    for name, (kind, edit, judged) in EDITS.items():
        ours, sizes = _ours(bench, name, kind, edit, size)
        theirs = [_rsync(bench, name, kind, edit, size, flags) for flags in ((), ("-z",))]
        best = min((each for each in theirs if each is not None), default=None)
        peers = {program: _peer(bench, make, name, kind, edit, size) for program, make in installed().items()}
        beside = [peers.get(program) for program in PEERS]
        rows.append((name, format_bytes(sizes), format_bytes(ours), *(_said(each) for each in [*theirs, *beside])))
        bench.log(f"{name}: {ours} B, rsync {theirs}, {peers}")
        least = min(peers.values(), default=None)
        if least is not None:
            goals.append(Goal(f"{name}: bytes, against {_named(peers)}", "less", f"{ours / least:.2f} x", ours < least))
        if name in ("identical again", "moved"):
            goals.append(Goal(f"{name}: bytes on the wire", "< 1 kB", f"{ours} B", ours < MOVED_MAX))
        elif judged and best is not None:
            share = ours / best
            goals.append(
                Goal(f"{name}: bytes, against the better rsync", "<= 1.3 x", f"{share:.2f} x", share <= OF_RSYNC)
            )
    notes = [
        "Parcels as they are handed to the session; sealing and headers add some 4 %.",
        "rsync's figures are what it sent and received, with --no-whole-file between two local folders.",
    ]
    if len(installed()) < len(PEERS):
        notes.append("What is not installed here comes with `apt install unison syncthing`.")
    notes.append("Unison 2.52 and Syncthing 1.19, from Debian 12, with what crossed both ways: see `sync_peers.py`.")
    heads = ("edit", "file", "this", "rsync", "rsync -z", "Unison", "Syncthing")
    return Result(goals, [Table(heads, rows)], notes=notes)


def _said(count: int | None) -> str:
    return "not installed" if count is None else format_bytes(count)


def _make(path: Path, kind: str, mb: int, seed: int) -> None:
    chance = random.Random(seed)
    path.write_bytes(_log(mb * 24_000, chance) if kind == "log" else chance.randbytes(mb * 1_000_000))


def _ours(bench: Bench, name: str, kind: str, edit: Edit, mb: int) -> tuple[int, int]:
    with bench.scratch() as folder:
        pair = Pair(folder)
        path = pair.a.root / "run.csv"
        _make(path, kind, mb, bench.seed)
        size = path.stat().st_size
        first = pair.sync()
        if name == "first copy":
            pair.close()
            return first, size
        time.sleep(0.2)  # so that a rewrite of the same length shows in its time
        edit(path, random.Random(bench.seed + 1))
        crossed = pair.sync()
        there = {each.name: each.read_bytes() for each in pair.b.root.iterdir() if each.is_file()}
        here = {each.name: each.read_bytes() for each in pair.a.root.iterdir() if each.is_file()}
        pair.close()
        if there != here:
            raise RuntimeError(f"{name}: the two folders differ")
        return crossed, size


def _rsync(bench: Bench, name: str, kind: str, edit: Edit, mb: int, flags: tuple[str, ...]) -> int | None:
    if shutil.which("rsync") is None:
        return None
    with bench.scratch() as folder:
        source, target = folder / "a", folder / "b"
        source.mkdir()
        target.mkdir()
        _make(source / "run.csv", kind, mb, bench.seed)
        if name != "first copy":
            shutil.copytree(source, target, dirs_exist_ok=True)
            time.sleep(1.1)
            edit(source / "run.csv", random.Random(bench.seed + 1))
        command = ["rsync", "-rt", "--delete", "--no-whole-file", "--stats", *flags, f"{source}/", f"{target}/"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return sum(int(count.replace(",", "").replace(".", "")) for count in _SENT.findall(done.stdout))


def _named(peers: Mapping[str, int]) -> str:
    return " and ".join(program.capitalize() for program in peers)


def _peer(bench: Bench, make: Callable[[Path], Peer], name: str, kind: str, edit: Edit, mb: int) -> int:
    with bench.scratch() as folder, running(make, folder) as peer:
        path = peer.a / "run.csv"
        _make(path, kind, mb, bench.seed)
        first = peer.sync()
        if name == "first copy":
            return first
        time.sleep(1.1)
        edit(path, random.Random(bench.seed + 1))
        crossed = peer.sync()
        there = {each.name: each.read_bytes() for each in peer.b.iterdir() if each.is_file()}
        if there != {each.name: each.read_bytes() for each in peer.a.iterdir() if each.is_file()}:
            raise RuntimeError(f"{name}: {peer.name} left the two folders different")
    return crossed


FIGURE = Figure(
    "sync-delta",
    "Edits of a shared folder on the wire",
    "A race log of 40 MB (4 MB with --quick) that two machines share is edited on one of them; counted is what crosses "
    "until the other has it, in both directions.",
    measure,
    order=80,
    repeated=False,
)
