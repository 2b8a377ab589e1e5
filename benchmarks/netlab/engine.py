"""The product over the lab's links: its relay on the far side, its agent on the near side, bound to each device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.netlab.lab import RELAY_HOST, Lab
from benchmarks.stage import Setting, Stage, Transfer, stage

PORT = 9000
CEILING_SHARE = 0.96
"""Of a link's rate in IP bytes: what packets of 1,500 bytes leave beside headers and seal."""


@contextmanager
def engine(made: Lab, folder: Path, *agent_words: str) -> Iterator[Stage]:
    """One relay and one agent that is online over all the lab's links."""
    setting = Setting(
        folder,
        folder / "received",
        listen=f"{RELAY_HOST}:{PORT}",
        agent_words=("--links", ",".join(made.links), *agent_words),
        agent_prefix=made.near.prefix,
        relay_prefix=made.far.prefix,
    )
    with stage(setting) as running:
        yield running


def ceiling_bps(made: Lab, names: Sequence[str] | None = None) -> float:
    """File bits per second that these links (all of them, if none is named) can bring at most."""
    conditions = [made.links[name].spec.conditions for name in (names or made.links)]
    return sum(each.rate_mbps * (1 - each.loss) * (1 - each.burst_loss) for each in conditions) * 1e6 * CEILING_SHARE


def overhead(transfer: Transfer, offered_bytes: int, loss: float) -> float:
    """Bytes on the wire beyond what the file needed at that loss, as a share: 0.02 is 2 % more."""
    needed = transfer.size / CEILING_SHARE / (1 - loss)
    return offered_bytes / needed - 1
