"""Transfers whose figures are promised: one file over simulated links in virtual time, and what it took.

'Ceiling' is what the links can bring of a file: their rate times what is not lost, times 0.96, which is what packets of
1,500 bytes leave beside headers and seal.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.support.session_world import MS, S, SessionWorld, WorldFile
from transfer_core.sim.conditions import LinkConditions

FULL = os.environ.get("DRS_TABLE") == "full"
"""Play each cell at its whole size; else one of each kind, with a shorter file."""

SEEDS = (1, 2, 3) if FULL else (1,)
MORE_SEEDS = (1, 2, 3, 4, 5) if FULL else (1, 2)
GATHERED_NS = 1 * MS  # arrivals within so long are handed over together, as a busy system does
PAYLOAD_SHARE = 0.96
SPARED_DATAGRAMS = 200  # of a short file: what the start and the copies at the end cost once
SLICE_BYTES = 1424  # of a file, in a packet of 1,500 bytes at the least

WIFI_LTE_5G = (
    LinkConditions(rate_mbps=80, delay_ms=8, loss=0.01),
    LinkConditions(rate_mbps=20, delay_ms=30, loss=0.005),
    LinkConditions(rate_mbps=100, delay_ms=15, burst_loss=0.003),
)


def passing(conditions: LinkConditions) -> float:
    """The share of datagrams that such a link does not lose."""
    return (1 - conditions.loss) * (1 - conditions.burst_loss)


def ceiling_mbps(links: Sequence[LinkConditions]) -> float:
    """What these links can bring of a file."""
    return sum(each.rate_mbps * passing(each) * PAYLOAD_SHARE for each in links)


def slower(links: Sequence[LinkConditions], times: float) -> tuple[LinkConditions, ...]:
    """The same links with so many times less rate, which cost as many times less to simulate."""
    return tuple(each.changed({"rate_mbps": each.rate_mbps / times}) for each in links)


def world_of(
    links: Sequence[LinkConditions], size: int, seed: int, *, reorder: bool = False, chunk_bytes: int = 65536
) -> SessionWorld:
    """A world in which that file is about to be sent."""
    world = SessionWorld(links, seed, reorder=reorder, coalesce_ns=GATHERED_NS)
    world.add_file(WorldFile("a", np.random.default_rng(seed).bytes(size), chunk_bytes=chunk_bytes))
    return world


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transfer took. `waste`: bytes of files on the wire beyond what the loss asks for, as a share."""

    took_s: float
    of_ceiling: float
    waste: float


def transfer(world: SessionWorld, *, limit_s: float = 600.0) -> Outcome:
    """Send it all, to the last byte."""
    links = [up.conditions for up in world.ups if up.conditions is not None]
    size, begun_ns = sum(len(file.data) for file in world.files), world.now_ns
    assert world.run(limit_s=limit_s)
    world.assert_equal()
    took_s = (world.now_ns - begun_ns) / S
    return Outcome(took_s, size * 8e-6 / took_s / ceiling_mbps(links), wasted(world, size))


def wasted(world: SessionWorld, size: int) -> float:
    """Datagrams that the links were given beyond those that a file of that size takes at their loss, as a share.

    The loss is the one that took place; what a queue drops is wasted.
    """
    spared = 0 if FULL else SPARED_DATAGRAMS
    not_lost = sum(up.counters.offered - up.counters.dropped_loss for up in world.ups)
    return (not_lost - spared) / (size / SLICE_BYTES) - 1
