"""Parcels of synced folders as they come in: small files for the receiver itself. They are put together in memory.

They come as any file does, under names that begin with `parcel_path`, and are called done once the receiver has what is
in them for good, so that the agent may forget them then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import blake3

from transfer_core.errors import DrsError
from transfer_core.units import MIB

PARCEL_PREFIX = ".drs-sync/"
BUNDLE_PREFIX = PARCEL_PREFIX + "bundle/"  # many small files as one: see `protocol.wire.bundle`
PARCELS_MAX = 16  # of one session, at once
PARCEL_BYTES_MAX = 8 * MIB


class RelayMail(Protocol):
    """Who takes parcels where sessions come in. Called in that loop's thread; must not block."""

    def on_session(self, agent: bytes, name: str) -> None:
        """An agent has a new session; what was posted in a former one and not taken is lost."""
        ...

    def on_session_ended(self, agent: bytes) -> None:
        """It can't be reached any more."""
        ...

    def on_parcel(self, agent: bytes, data: bytes, done: Callable[[DrsError | None], None]) -> None:
        """A verified parcel; `done` is called from any thread, once it is durable or refused."""
        ...


@dataclass(slots=True)
class Parcels:
    """What arrives in one session."""

    buffers: dict[int, bytearray] = field(default_factory=dict)
    bytes_max: int = PARCEL_BYTES_MAX
    at_once_max: int = PARCELS_MAX

    def open(self, number: int, size: int) -> str:
        """Make room for a parcel; says why not, if it can't be."""
        if size > self.bytes_max:
            return f"a parcel may have {self.bytes_max} bytes"
        if len(self.buffers) >= self.at_once_max:
            return f"{self.at_once_max} parcels may be under way at once"
        self.buffers[number] = bytearray(size)
        return ""

    def write(self, number: int, offset: int, data: memoryview) -> None:
        """Part of it has come."""
        self.buffers[number][offset : offset + len(data)] = data

    def close(self, number: int, digest: str) -> bytes | None:
        """All of it has come; None if it is not what was sent."""
        data = bytes(self.buffers.pop(number))
        return data if digest == f"blake3:{blake3.blake3(data).hexdigest()}" else None
