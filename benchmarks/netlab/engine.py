"""The product over the lab's links: its relay on the far side, its agent on the near side, bound to each device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import median
from benchmarks.netlab.lab import RELAY_HOST, Lab
from benchmarks.stage import Setting, Stage, Transfer, stage

PORT = 9000
CEILING_SHARE = 0.96
"""Of a link's rate in IP bytes: what packets of 1,500 bytes leave beside headers and seal."""


@contextmanager
def engine(made: Lab, folder: Path, *agent_words: str, port: int = PORT) -> Iterator[Stage]:
    """One relay and one agent that is online over all the lab's links."""
    setting = Setting(
        folder,
        folder / "received",
        listen=f"{RELAY_HOST}:{port}",
        agent_words=("--links", ",".join(made.links), *agent_words),
        agent_prefix=made.near.prefix,
        relay_prefix=made.far.prefix,
    )
    with stage(setting) as running:
        yield running


def ceiling_bps(made: Lab, names: Sequence[str] | None = None) -> float:
    """File bits per second that these links (all of them, if none is named) can bring at most."""
    specs = [made.links[name].spec for name in (names or made.links)]
    return sum(spec.conditions.rate_mbps * spec.passes for spec in specs) * 1e6 * CEILING_SHARE


@dataclass(frozen=True, slots=True)
class Carried:
    """One file over the lab's links, and what the links say of it."""

    transfer: Transfer
    share: float  # of the ceiling, start and end included
    overhead: float  # bytes on the wire beyond what the file needed at that loss: 0.02 is 2 % more
    queue_ms: float  # median wait in the first link's queue
    dropped_queue: int


def carry(made: Lab, folder: Path, source: Path, *agent_words: str, limit_s: float = 400.0) -> Carried:
    """Send a file with fresh processes. RuntimeError if it does not arrive in time."""
    with engine(made, folder, *agent_words) as running:
        before = made.offered_bytes()
        transfer = running.send(source, limit_s=limit_s)
        offered = made.offered_bytes() - before
    if not transfer.whole:
        raise RuntimeError(f"the file was not there after {limit_s:.0f} s")
    up, _ = made.link.counts()
    return Carried(
        transfer,
        transfer.whole_bps / ceiling_bps(made),
        offered * CEILING_SHARE / transfer.size * made.passing() - 1,
        median(up.waits(transfer.queued_s, transfer.done_s)),
        up.dropped_queue,
    )
