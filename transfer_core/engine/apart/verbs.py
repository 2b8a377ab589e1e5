"""Which verbs may be asked of an engine's process: those that the Protocols name, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_type_hints

from transfer_core.service import TransferService

OPEN = "open"
PING = "ping"
DRAIN = "drain"
SUBSCRIBE = "subscribe"
UNSUBSCRIBE = "unsubscribe"
PARTS: Mapping[str, type] = {
    name: get_type_hints(thing.fget)["return"]
    for name, thing in vars(TransferService).items()
    if isinstance(thing, property) and thing.fget is not None
}
"""The Protocol of each part, by the attribute that it is reached by."""

_NOT_ASKED = {"stop", SUBSCRIBE, "restart_engine"}  # a process stops with its pipe; the others are its keeper's own


def _named_in(protocol: type) -> Iterator[str]:
    return (name for name, thing in vars(protocol).items() if callable(thing) and not name.startswith("_"))


VERBS = frozenset(_named_in(TransferService)) - _NOT_ASKED | {
    f"{part}.{name}" for part, protocol in PARTS.items() for name in _named_in(protocol)
}
"""By the names that `ServiceThread.call` takes too: `add_paths`, `watches.add`."""

ASKED_AGAIN = frozenset(
    {
        "chunk_map",
        "destinations",
        "engine",
        "history",
        "incoming",
        "job",
        "jobs",
        "link_marks",
        "link_samples",
        "links",
        "manifest",
        "notices",
        "relay",
        "settings",
        "scan",
        "change_settings",
        "pause_all",
        "resume_all",
        "sync.conflicts",
        "sync.files",
        "sync.history",
        "sync.savings",
        "sync.status",
        "sync.vectors",
        "uploads.limits",
        "uploads.receipt",
        "uploads.webhooks",
        "uploads.change_limits",
        "watches.is_through",
        "watches.views",
        "watches.pause",
        "watches.resume",
        "watches.rescan",
        "telemetry.alarm_limits",
        "telemetry.channels",
        "telemetry.layout",
        "telemetry.listeners",
        "telemetry.markers",
        "telemetry.race",
        "telemetry.races",
        "telemetry.recorded_sources",
        "telemetry.samples",
        "telemetry.series",
    }
)
"""Verbs that read, or say how something is to be from now on: done twice they are done once, so that the next process
may be asked when the one that was asked has ended without an answer."""
