"""Datagrams on their way through a simulated link, kept as few pieces as their arrival times allow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from transfer_core.sim.link import Times


@dataclass(frozen=True, slots=True)
class HeldBurst:
    """Datagrams that come out together, laid out as in `Transmit`; a copy of its own."""

    release_ns: int
    payload: bytes
    segment_bytes: int
    datagrams: int


def hold_burst(payload: memoryview, segment_bytes: int, releases: Times, coalesce_ns: int) -> list[HeldBurst]:
    """Copy what was not dropped, in groups: what comes out within `coalesce_ns` of a group's first waits for its last.

    `releases` is what `SimulatedLink.offer` gave for this payload. The groups come in the order of their release.
    """
    alive = np.flatnonzero(releases >= 0)
    if alive.size == 0:
        return []
    times = releases[alive]
    if np.any(times[1:] < times[:-1]):
        order = np.argsort(times, kind="stable")
        alive, times = alive[order], times[order]
    if times[-1] - times[0] <= coalesce_ns:
        if alive.size == releases.size and alive[-1] == releases.size - 1 and np.all(alive[1:] > alive[:-1]):
            return [HeldBurst(int(times[-1]), bytes(payload), segment_bytes, int(alive.size))]
        cuts = [0, int(alive.size)]
    else:
        cuts = _cuts(times, coalesce_ns)
    held: list[HeldBurst] = []
    for first, end in pairwise(cuts):
        held.extend(_gather(payload, segment_bytes, alive[first:end], times[first:end]))
    return held


def _cuts(times: Times, coalesce_ns: int) -> list[int]:
    """Where groups begin, and the end of the last."""
    cuts = [0]
    while cuts[-1] < len(times):
        cuts.append(int(np.searchsorted(times, times[cuts[-1]] + coalesce_ns, side="right")))
    return cuts


def _gather(payload: memoryview, segment_bytes: int, rows: Times, times: Times) -> list[HeldBurst]:
    """One group, in two pieces if the short last datagram would not be the last of it any more."""
    short = len(payload) // segment_bytes if len(payload) % segment_bytes else -1
    at = np.flatnonzero(rows == short)
    if at.size and at[0] != len(rows) - 1:
        cut = int(at[0]) + 1
        return [
            *_gather(payload, segment_bytes, rows[:cut], times[:cut]),
            *_gather(payload, segment_bytes, rows[cut:], times[cut:]),
        ]
    pieces = [payload[row * segment_bytes : (row + 1) * segment_bytes] for row in rows.tolist()]
    return [HeldBurst(int(times[-1]), b"".join(pieces), segment_bytes, len(pieces))]
