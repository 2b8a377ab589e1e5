"""The queue, the links, the relays and the relay hosted here: what may be asked of an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from transfer_core.events import (
    DestinationView,
    EngineView,
    IncomingView,
    JobView,
    LinkMark,
    LinkSample,
    LinkView,
    Notice,
    RelayView,
)
from transfer_core.service.sync import SyncService
from transfer_core.service.telemetry import TelemetryService
from transfer_core.service.uploads import UploadService
from transfer_core.service.values import AddResult, ChunkMap, Settings, Subscription, Token
from transfer_core.service.watches import WatchService


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

        TokenInvalid, TokenExpired, TokenUsed; ConflictError if it is kept under another name already. A relay that is
        silent is kept, to be paired when it answers.
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
