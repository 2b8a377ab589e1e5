"""The queue, the links, the relays and the relay hosted here: what may be asked of an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from transfer_core.config import Policy
from transfer_core.events import (
    DestinationView,
    EngineView,
    Event,
    IncomingView,
    JobView,
    LinkMark,
    LinkSample,
    LinkView,
    Notice,
    RelayView,
    Skipped,
)
from transfer_core.service.sync import SyncService
from transfer_core.service.telemetry import TelemetryService
from transfer_core.service.uploads import UploadService
from transfer_core.service.watches import WatchService


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
    rate_cap_mbps: float | None = None
    default_destination: str = ""
    default_priority: int = 5
    probe_interval_s: float = 1.0
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


class TransferService(Protocol):
    """One agent, and perhaps a relay, in this process or in one that it has to itself."""

    @property
    def sync(self) -> SyncService:
        """Shared folders."""
        ...

    @property
    def watches(self) -> WatchService:
        """Watched folders."""
        ...

    def start(self) -> None:
        """Take the state directory's lock and begin to work the queue. StateLocked if another agent has it."""
        ...

    def stop(self) -> None:
        """Stop cleanly: no job is lost, what is under way goes on from the relay's disk next time."""
        ...

    def subscribe(self) -> Subscription:
        """Begin to listen. The first drain holds everything as it is now."""
        ...

    def restart_engine(self) -> None:
        """Start the engine's own process again where it ended and was left alone; else nothing happens."""
        ...

    # --- the queue
    def add_paths(
        self,
        paths: Sequence[str],
        *,
        destination: str | None = None,
        priority: int | None = None,
        dest_path: str = "",
        source: str = "cli",
    ) -> AddResult:
        """Queue files, and the files inside folders. `None` takes the settings' default."""
        ...

    def jobs(self) -> list[JobView]:
        """The queue in its order: (priority, position). Final jobs stay listed until cleared."""
        ...

    def job(self, file_id: str) -> JobView:
        """One job. NotFoundError if there is none."""
        ...

    def manifest(self, file_id: str) -> dict[str, Any]:
        """The reference's manifest JSON of one job."""
        ...

    def chunk_map(self, file_id: str, cells: int) -> ChunkMap:
        """Which link carried what, in at most `cells` cells."""
        ...

    def pause(self, file_ids: Sequence[str]) -> None:
        """Hold these jobs where they are."""
        ...

    def resume(self, file_ids: Sequence[str]) -> None:
        """Let paused jobs go on."""
        ...

    def cancel(self, file_ids: Sequence[str]) -> None:
        """Give these jobs up; the relay drops what it has of them."""
        ...

    def retry(self, file_ids: Sequence[str]) -> None:
        """Queue failed or cancelled jobs again; they go on from what the relay has."""
        ...

    def remove(self, file_ids: Sequence[str]) -> None:
        """Take jobs off the list; a running one is cancelled. Can be undone."""
        ...

    def clear_completed(self) -> None:
        """Take the completed ones off the list; the history keeps them. Can be undone."""
        ...

    def set_priority(self, file_ids: Sequence[str], priority: int) -> None:
        """Give these jobs another priority, at the end of its group. Can be undone."""
        ...

    def move(self, file_ids: Sequence[str], before: str | None) -> None:
        """Put these jobs, in their present order, right before job `before` (None: at the very end).

        They take the priority of the row that they land in front of, or of the last row when `before` is None,
        unless their neighbours on one side already have their own priority. Can be undone.
        """
        ...

    def undo(self) -> str | None:
        """Take the last change of order or priority, or the last removal, back; says what, None if nothing."""
        ...

    def pause_all(self) -> None:
        """Send nothing until `resume_all`; kept over a restart."""
        ...

    def resume_all(self) -> None:
        """End `pause_all`."""
        ...

    def history(self, *, limit: int = 200, offset: int = 0, find: str = "") -> list[JobView]:
        """Jobs that ended, newest first, also those cleared from the list."""
        ...

    # --- links
    def links(self) -> list[LinkView]:
        """All links, also the unused ones with the reason."""
        ...

    def scan(self) -> list[LinkView]:
        """Look for links now, and measure them."""
        ...

    def kill_link(self, name: str) -> None:
        """Drop everything on that link both ways; the engine has to notice."""
        ...

    def restore_link(self, name: str) -> None:
        """Undo `kill_link`."""
        ...

    def simulate_link(self, name: str, conditions: Mapping[str, float] | None) -> None:
        """Lay simulated conditions (keys of a simulation file) over a link; None takes them off."""
        ...

    def link_samples(self, since_ns: int) -> list[LinkSample]:
        """Plot points since then, oldest first; 30 minutes are kept."""
        ...

    def link_marks(self) -> list[LinkMark]:
        """Markers of the last 30 minutes."""
        ...

    # --- destinations
    def destinations(self) -> list[DestinationView]:
        """Where jobs can go."""
        ...

    def pair(self, token: str, name: str | None = None) -> DestinationView:
        """Keep the relay of that token as a destination, and shake hands with it at once if it answers.

        TokenInvalid, TokenExpired, TokenUsed. A relay that is silent is kept, to be paired when it answers.
        """
        ...

    def forget_destination(self, name: str) -> None:
        """Drop a destination. ConflictError while jobs are queued for it."""
        ...

    @property
    def uploads(self) -> UploadService:
        """Destinations over HTTP, and what uploads may use."""
        ...

    @property
    def telemetry(self) -> TelemetryService:
        """Live telemetry, races, replays."""
        ...

    # --- a relay in this process ("Receive here")
    def start_relay(self, directory: str, listen: str, http: str = "") -> RelayView:
        """Host a relay; `http` (HOST:PORT) has it take uploads over HTTP too. PortInUse, WriteFailed.

        Beyond loopback that side has TLS with a certificate of its own, which tokens made from then on pin.
        """
        ...

    def stop_relay(self) -> None:
        """Stop hosting."""
        ...

    def relay(self) -> RelayView:
        """The hosted relay."""
        ...

    def relay_token(self, *, addresses: Sequence[str] = (), expires_s: float = 600.0) -> Token:
        """A new pairing token of the hosted relay."""
        ...

    def incoming(self) -> list[IncomingView]:
        """What the hosted relay receives and has received, newest first."""
        ...

    # --- the whole
    def engine(self) -> EngineView:
        """The bar on top."""
        ...

    def notices(self, limit: int = 500) -> list[Notice]:
        """The newest log lines, oldest first."""
        ...

    def settings(self) -> Settings:
        """As they are."""
        ...

    def change_settings(self, settings: Settings) -> None:
        """Keep them and act on them at once. ConfigError names the key that can't be."""
        ...
