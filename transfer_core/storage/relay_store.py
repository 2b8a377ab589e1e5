"""The relay's database as one: whom it knows, and what it has received. Each method is one transaction."""

from __future__ import annotations

from transfer_core.storage.arrivals import (
    AGED_AT_ONCE,
    PAGE_CHUNKS,
    ArrivalTable,
    Checkpoint,
    Completed,
    IncomingRecord,
)
from transfer_core.storage.known_agents import AgentTable, KnownAgent, Verdict

__all__ = [
    "AGED_AT_ONCE",
    "PAGE_CHUNKS",
    "Checkpoint",
    "Completed",
    "IncomingRecord",
    "KnownAgent",
    "RelayStore",
    "Verdict",
]


class RelayStore(AgentTable, ArrivalTable):
    """`RelayStore(state_dir, clock)`; safe from any thread, and from several processes."""
