"""Which verbs may be asked of an engine's process: those that the Protocols name, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_type_hints

from transfer_core.service import TransferService

OPEN = "open"
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
