"""What may run beside the UDP relay, on the same state and directory, started and stopped with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from transfer_core.clock import Clock
from transfer_core.config import RelayConfig
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.storage.free_space import Room
from transfer_core.storage.relay_store import RelayStore


class Tell(Protocol):
    """Says what happened: an event's name and its facts."""

    def __call__(self, event: str, /, **facts: object) -> None: ...


@dataclass(frozen=True, slots=True)
class RelayGround:
    """What the relay shares with its companions."""

    state_dir: Path
    directory: Path
    store: RelayStore
    identity: KeyPair
    config: RelayConfig
    clock: Clock
    room: Room
    tell: Tell


class Companion(Protocol):
    """A service of the relay besides UDP."""

    def start(self, ground: RelayGround) -> dict[str, object]:
        """Begin; gives what the `ready` line says of it. A DrsError keeps the relay from starting."""
        ...

    def stop(self) -> None:
        """End; also if it never began."""
        ...
