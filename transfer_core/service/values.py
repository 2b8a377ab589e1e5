"""What the verbs of `service.transfer` take and give, apart from views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from transfer_core.config import ATTEMPTS_MAX, Policy
from transfer_core.events import Event, JobView, Skipped


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of dropped or named paths."""

    added: tuple[JobView, ...]
    skipped: tuple[Skipped, ...]


UNKNOWN_LINK = ""


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """Which link brought most of each part of a file, thinned to at most the asked number of cells.

    `cells[i]` is 0 for not yet there, else 1 + an index into `links`; UNKNOWN_LINK is what came before.
    """

    links: tuple[str, ...]
    cells: bytes
    chunks_total: int
    chunks_done: int


@dataclass(frozen=True, slots=True)
class Token:
    """A pairing token as shown to a person."""

    text: str
    expires_at: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may change in the console; kept in the state directory."""

    policy: Policy = Policy.BONDED
    default_destination: str = ""
    default_priority: int = 5
    probe_interval_s: float = 1.0
    attempts_max: int = ATTEMPTS_MAX  # failed ones in a row that moved nothing, after which a job has failed
    packet_bytes_max: int = 9000  # IP packets larger than this are not tried
    weights: Mapping[str, float] = field(
        default_factory=lambda: {"throughput": 0.4, "rtt": 0.3, "loss": 0.2, "stability": 0.1}
    )
    link_roles: Mapping[str, str] = field(default_factory=dict)  # primary, overflow, backup
    link_caps_mbps: Mapping[str, float] = field(default_factory=dict)
    link_quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # {"limit_bytes": n, "reset_day": 1}
    receive_directory: str = ""
    receive_listen: str = "0.0.0.0:9000"
    receive_http: str = "0.0.0.0:8443"  # empty: over UDP alone
    sync_direct: bool = True  # machines of a shared folder on one network reach each other without the relay


class Subscription(Protocol):
    """One listener's merged, bounded backlog: newest view of each job and link, samples, marks, notices."""

    def drain(self) -> list[Event]:
        """Everything since the last call, merged; empty if nothing happened. Never blocks."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...
