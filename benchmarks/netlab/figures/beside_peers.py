"""The product and other programs over the same bad link, one after the other."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import plots
from benchmarks.figure import Bench, Figure, Goal, Picture, Result, Table, median
from benchmarks.netlab.engine import carry, ceiling_bps
from benchmarks.netlab.lab import lab
from benchmarks.netlab.links import RATE_MBPS, one
from benchmarks.netlab.peers.base import Peer
from benchmarks.netlab.peers.programs import Rsync, Uftp
from benchmarks.netlab.peers.quic import Aioquic
from benchmarks.netlab.peers.tcp import Tcp
from benchmarks.netlab.peers.udt import Udt
from benchmarks.stage import write_random

RTT_MS = 60
LOSSES = (0.0, 0.01, 0.1, 0.3, 0.7)
QUICK_LOSSES = (0.01, 0.1, 0.3)
PEERS: tuple[Peer, ...] = (
    Tcp("bbr", "TCP BBR"),
    Tcp("cubic", "TCP CUBIC"),
    Aioquic(),
    Udt(),
    Uftp(RATE_MBPS),
    Rsync(),
)
OURS = "DRS-SYNC"
PICTURE = "net-peers.png"
Shares = dict[str, dict[float, list[float]]]


def measure(bench: Bench) -> Result:
    """Everyone gets the same file, and the time that its ceiling needs, twice over."""
    seconds = 4.0 if bench.quick else 20.0
    losses = QUICK_LOSSES if bench.quick else LOSSES
    peers = [peer for peer in PEERS if peer.version() is not None]
    shares: Shares = {name: {} for name in (OURS, *(peer.name for peer in peers))}
    with bench.scratch(in_memory=True) as folder:
        for loss in losses:
            size = int(RATE_MBPS / 8 * 1e6 * seconds * (1 - loss))
            source = write_random(folder / f"{loss}.bin", size)
            for run in range(bench.runs):
                shares[OURS].setdefault(loss, []).append(_ours(bench, folder / "ours", source, loss, run))
                for peer in peers:
                    share = _theirs(bench, peer, folder / "theirs", source, loss, run, 2 * seconds)
                    shares[peer.name].setdefault(loss, []).append(share)
    _draw(bench, shares)
    return _result(shares, peers)


def _ours(bench: Bench, folder: Path, source: Path, loss: float, run: int) -> float:
    with lab([one(RTT_MS, loss)], seed=bench.seed + run) as made:
        share = carry(made, folder, source).share
    shutil.rmtree(folder)
    bench.log(f"{loss:.0%} loss, {OURS}: {share:.1%}")
    return share


def _theirs(bench: Bench, peer: Peer, folder: Path, source: Path, loss: float, run: int, limit_s: float) -> float:
    folder.mkdir()
    with lab([one(RTT_MS, loss)], seed=bench.seed + run) as made:
        try:
            share = peer.carry(made, folder, source, limit_s).bps / ceiling_bps(made)
        except RuntimeError:  # it could not even connect, or gave up
            share = 0.0
    shutil.rmtree(folder)
    bench.log(f"{loss:.0%} loss, {peer.name}: {share:.1%}")
    return share


def _result(shares: Shares, peers: list[Peer]) -> Result:
    goals = []
    losses = sorted(shares[OURS])
    for loss in losses:
        ours = median(shares[OURS][loss])
        best = max(peers, key=lambda peer: median(shares[peer.name][loss]))
        theirs = median(shares[best.name][loss])
        what = f"{loss:.0%} loss: share of the ceiling beside the best peer"
        goals.append(Goal(what, f"> {best.name}, {theirs:.1%}", f"{ours:.1%}", ours > theirs))
    heads = ("program", *(f"{loss:.0%} loss" for loss in losses))
    rows = [(name, *(f"{median(by_loss[loss]):.1%}" for loss in losses)) for name, by_loss in shares.items()]
    versions = [(peer.name, peer.version() or "not here", f"`{peer.command}`") for peer in PEERS]
    note = (
        "Share of the ceiling (link rate x (1 - loss) x 0.96) from the start of the sending program to the last byte, "
        "or what had arrived after twice the time that the ceiling needs. The product's own time also holds sealing, "
        "fsync, verification and the rename, but not the handshake; the peers count bytes in memory, but for rsync "
        "and UFTP, which write. Who could not connect brought nothing."
    )
    return Result(
        goals,
        [Table(heads, rows), Table(("program", "version", "how"), versions)],
        [Picture(PICTURE, "Share of the ceiling against loss in each direction, one link of 50 Mbit/s, 60 ms.")],
        [note],
    )


def _draw(bench: Bench, shares: Shares) -> None:
    losses = sorted(shares[OURS])
    places = list(range(len(losses)))
    lines = [plots.Line(name, places, [median(by[loss]) * 100 for loss in losses]) for name, by in shares.items()]
    ticks = [(at, f"{loss:.0%}") for at, loss in enumerate(losses)]
    title = "One link, 50 Mbit/s, 60 ms"
    plots.draw(
        bench.pictures / PICTURE,
        [plots.Plot(title, "loss each way", "% of ceiling", lines, ticks=ticks, y_max=105)],
        height=4.0,
    )


FIGURE = Figure(
    "net-peers",
    "One bad link, beside other programs",
    f"The same file over the same link of 50 Mbit/s and {RTT_MS} ms of round trip, one program after the other.",
    measure,
    order=220,
)
