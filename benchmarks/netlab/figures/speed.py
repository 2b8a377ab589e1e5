"""How fast one path is where no link limits it, and what a gigabyte costs, beside other programs."""

from __future__ import annotations

import resource
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks import plots
from benchmarks.bare_loop import bare_loop
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median, spread
from benchmarks.file_work import FileWork, file_work, most_of_loop
from benchmarks.netlab.lab import RELAY_HOST, Lab
from benchmarks.netlab.namespaces import Side, two_sides
from benchmarks.netlab.peers.base import Peer
from benchmarks.netlab.peers.programs import Rsync
from benchmarks.netlab.peers.quic import Aioquic
from benchmarks.netlab.peers.tcp import Tls
from benchmarks.stage import Setting, stage, write_random
from benchmarks.warm_memory import ROOM_BYTES, warm_memory

PEERS: tuple[Peer, ...] = (Aioquic(), Tls(), Rsync())
LIMIT_S = 60.0
PICTURE = "net-speed.png"
REACH_GBPS, REACH_SHARE, REACH_LARGE = 1.8, 0.75, 2.5
OURS, OURS_LARGE, LOOP = "DRS-SYNC", "DRS-SYNC, MTU 9,000", "bare loop"


@dataclass(frozen=True, slots=True)
class Speed:
    """One transfer. CPU of both ends together."""

    gbps: float
    cpu_s_per_gb: float


def measure(bench: Bench) -> Result:
    """Everyone in one namespace, over its loopback device with the MTU of Ethernet."""
    size = 500_000_000 if bench.quick else 2_000_000_000
    found: dict[str, list[Speed]] = {}
    works: list[FileWork] = []
    most: list[float] = []
    with bench.scratch(in_memory=True) as folder, two_sides() as (side, _):
        source = write_random(folder / "lap.bin", size)
        side.ip("address", "add", f"{RELAY_HOST}/32", "dev", "lo")
        for _ in range(bench.runs):
            side.ip("link", "set", "lo", "mtu", "1500")
            with warm_memory(1_000_000_000):
                loop = bare_loop(1_000_000_000)
                works.append(file_work(folder, 1_000_000_000))
            most.append(most_of_loop(loop, works[-1]))
            found.setdefault(LOOP, []).append(Speed(loop.bps / 1e9, loop.sender_s_per_gb + loop.receiver_s_per_gb))
            with warm_memory(size + ROOM_BYTES):
                found.setdefault(OURS, []).append(_ours(bench, side, folder / "ours", source))
            for peer in PEERS:
                if peer.version() is not None:
                    with warm_memory(size + ROOM_BYTES):
                        found.setdefault(peer.name, []).append(_theirs(bench, side, peer, folder / "theirs", source))
            side.ip("link", "set", "lo", "mtu", "9000")
            with warm_memory(size + ROOM_BYTES):
                found.setdefault(OURS_LARGE, []).append(_ours(bench, side, folder / "ours", source))
    _draw(bench, found)
    return _result(found, works, median(most), size)


def _draw(bench: Bench, found: dict[str, list[Speed]]) -> None:
    names = [name.replace(", ", ",\n") for name in found]
    gbps = [median(speed.gbps for speed in group) for group in found.values()]
    cpu_s = [median(speed.cpu_s_per_gb for speed in group) for group in found.values()]
    rate = plots.Bars("One path over loopback", "Gbit/s of file data", names, [("", gbps)])
    cost = plots.Bars("What it costs", "CPU-s per GB, both ends", names, [("", cpu_s)])
    plots.draw(bench.pictures / PICTURE, [rate, cost], width=11.0)


def _ours(bench: Bench, side: Side, folder: Path, source: Path) -> Speed:
    setting = Setting(
        folder,
        folder / "received",
        agent_words=("--links", "lo"),
        agent_prefix=side.prefix,
        relay_prefix=side.prefix,
    )
    with stage(setting) as running:
        transfer = running.send(source, limit_s=LIMIT_S)
    if not transfer.whole:
        raise RuntimeError(f"the file was not there after {LIMIT_S:.0f} s")
    shutil.rmtree(folder)
    speed = Speed(transfer.whole_bps / 1e9, (transfer.agent_cpu_s + transfer.relay_cpu_s) / transfer.size * 1e9)
    bench.log(f"ours: {speed.gbps:.2f} Gbit/s")
    return speed


def _theirs(bench: Bench, side: Side, peer: Peer, folder: Path, source: Path) -> Speed:
    before_s = _children_s()
    folder.mkdir()
    brought = peer.carry(Lab(side, side, {}), folder, source, LIMIT_S / 3)
    shutil.rmtree(folder)
    speed = Speed(brought.bps / 1e9, (_children_s() - before_s) / brought.file_bytes * 1e9)
    bench.log(f"{peer.name}: {speed.gbps:.2f} Gbit/s")
    return speed


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _result(found: dict[str, list[Speed]], works: list[FileWork], most: float, size: int) -> Result:
    rate = {name: median(speed.gbps for speed in group) for name, group in found.items()}
    share, larger = rate[OURS] / rate[LOOP], rate[OURS_LARGE] / rate[OURS]
    goals = [
        Goal(
            "sealed, 1,500-byte datagrams, two processes",
            ">= 1.8 Gbit/s",
            f"{rate[OURS]:.2f} Gbit/s",
            rate[OURS] >= 1.8,
        ),
        Goal("share of the bare loop", ">= 75 %", f"{share:.0%}", share >= REACH_SHARE),
        Goal(
            "datagrams of 9,000 bytes where the path allows", ">= 2.5 x that", f"{larger:.2f} x", larger >= REACH_LARGE
        ),
    ]
    rows = [
        (name, spread([speed.gbps for speed in group]), f"{median(speed.cpu_s_per_gb for speed in group):.1f}")
        for name, group in found.items()
    ]
    works_s = median(work.sender_s_per_gb + work.receiver_s_per_gb for work in works)
    rows.insert(1, ("read, hash, write and fsync alone", "", f"{works_s:.1f}"))
    versions = [(peer.name, peer.version() or "not here", f"`{peer.command}`") for peer in PEERS]
    note = (
        f"{size / 1e9:g} GB from one memory disk to another, or to memory. The product's time goes from the queue to "
        "the verified file; the peers count what the receiving program had. CPU is of both ends together, with what "
        "their interpreters took to start. All memory that is taken meanwhile was in use a moment before. "
        "TCP passes segments of up to 64 KB through loopback whatever its MTU. "
        f"The bare loop and a file's reading, hashing and writing would together fill all cores at {most:.0%} of the "
        "bare loop's rate."
    )
    heads = ("program", "Gbit/s", "CPU-s per GB, both ends")
    picture = Picture(PICTURE, "Rate and cost of each program, medians.")
    return Result(goals, [Table(heads, rows), Table(("program", "version", "how"), versions)], [picture], [note])


FIGURE = Figure(
    "net-speed",
    "Speed where no link limits it",
    "One path over the loopback device of a namespace, MTU 1,500 as IP counts, then 9,000.",
    measure,
    order=270,
)
