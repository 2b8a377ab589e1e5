"""What the coordinator keeps: registered machines, what happened, and figures over time. One interface, two stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

HAPPENINGS_KEPT = 100_000
SAMPLES_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A machine that takes part, known by the key that it paired with."""

    node_id: str  # the public key, in hex
    name: str
    address: str
    port: int
    watch_directories: tuple[str, ...]
    capabilities: tuple[str, ...]
    registered_at_ns: int
    seen_at_ns: int


@dataclass(frozen=True, slots=True)
class HappeningRecord:
    """One line of what happened in a folder; the store numbers them."""

    at: str  # UTC ISO 8601
    folder: str
    what: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """Figures of all folders together at one moment. Counts and bytes are since the relay's folders were made."""

    at_ns: int
    nodes_online: int
    received_files: int
    failed_files: int
    full_bytes: int
    wire_bytes: int
    packed_bytes: int
    latency_ms: float | None


class CoordinatorStore(Protocol):
    """Safe from any thread. StoreGone if a server can't be reached, DiskFull, StateError."""

    def register(self, node: NodeRecord) -> bool:
        """Keep a machine, or what is new about it; whether it was not known. The first registration's time stays."""
        ...

    def seen(self, node_id: str, at_ns: int) -> None:
        """It was connected then; does nothing for one that is not registered."""
        ...

    def forget(self, node_id: str) -> bool:
        """Drop a machine; False if it was not there."""
        ...

    def nodes(self) -> list[NodeRecord]:
        """All machines, in the order in which they registered."""
        ...

    def note(self, lines: Sequence[HappeningRecord]) -> int:
        """Keep what happened, in order; the number of the last line."""
        ...

    def happenings(self, after: int, limit: int) -> list[tuple[int, HappeningRecord]]:
        """Numbered lines after that number, oldest first."""
        ...

    def newest(self, limit: int) -> list[tuple[int, HappeningRecord]]:
        """The newest lines, oldest of them first."""
        ...

    def sample(self, sample: SampleRecord) -> None:
        """Keep figures."""
        ...

    def samples(self, since_ns: int, limit: int) -> list[SampleRecord]:
        """The newest figures since then, oldest first."""
        ...

    def most_online(self) -> int:
        """How many machines were connected at once, at most."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
