"""Races on the relay's HTTP side: same port and same TLS, with accounts of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp

from transfer_core.engine.state_lock import StateLock
from transfer_core.engine.system import SystemEntropy
from transfer_core.errors import NotFoundError
from transfer_core.events import Event
from transfer_core.server.companion import RelayGround
from transfer_core.server.races.accounts import Accounts
from transfer_core.server.races.app import build_app
from transfer_core.server.races.asking import Asking
from transfer_core.telemetry.arrivals import Arrivals
from transfer_core.telemetry.desk import TelemetryDesk
from transfer_core.telemetry.desk_parts import LiveFigures
from transfer_core.units import utc_iso

FOLDER = "telemetry"
PREFIXES = (
    *("/create_user", "/login", "/logout", "/reset_password", "/reset_token", "/delete_user", "/users", "/user_role"),
    *("/saved_races", "/replay_race", "/user_races", "/update_race", "/delete_race", "/create_race", "/watch_race"),
    *("/join_race", "/mark_race", "/list_races", "/save_race", "/end_race", "/export_race", "/race", "/replay"),
)


class MountedRaces:
    """See `server.mounts.Mounted`. Viewers come to the same port, which is what clients are told."""

    def __init__(self, udp_host: str, store_url: str = "") -> None:
        self._udp_host, self._store_url = udp_host, store_url
        self._document: Mapping[str, Any] = {}
        self._desk: TelemetryDesk | None = None
        self._accounts: Accounts | None = None

    @property
    def desk(self) -> TelemetryDesk | None:
        """While it is open."""
        return self._desk

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The reference's paths, and ours beside them."""
        return PREFIXES

    def open(self, ground: RelayGround) -> ASGIApp:
        """Begin; the application. StateError, DiskFull, StateLocked."""
        entropy = SystemEntropy()
        folder = ground.state_dir / FOLDER
        self._desk = TelemetryDesk(folder, ground.clock, entropy, _OnRelay(ground), self._store_url)
        self._desk.start()
        self._accounts = Accounts(folder, ground.clock, entropy)
        # what is local was checked before a request comes here
        asking = Asking(self._accounts, ground.clock)
        app = build_app(self._desk, asking, None, self._udp_host, local_only=False)
        self._document = app.openapi()
        return app

    def document(self) -> Mapping[str, Any]:
        """See `server.mounts.Mounted`."""
        return self._document

    def close(self) -> None:
        """End races with everything on the disk; also if it never began."""
        if self._desk is not None:
            self._desk.stop()
            self._desk = None
        if self._accounts is not None:
            self._accounts.close()
            self._accounts = None


class _OnRelay:
    """See `telemetry.desk_parts.Surroundings`: a relay is where recordings end, so it queues none."""

    def __init__(self, ground: RelayGround) -> None:
        self._ground = ground
        self._lock = StateLock(ground.state_dir, FOLDER)

    def publish(self, event: Event) -> None:
        """Viewers are told by their own way."""

    def say(self, serious: bool, text: str, error: str) -> None:
        """As a line of the relay."""
        self._ground.tell("telemetry", text=text, error=error)

    def queue_recording(self, path: str, destination: str | None, name: str) -> None:
        """There is nowhere to go from here."""
        raise NotFoundError("a relay sends nothing on", hint="Get it with GET /export_race.")

    def open_live(self, destination: str, port: int, about: bytes) -> None:
        """Likewise."""
        raise NotFoundError("a relay passes no telemetry on", hint="Viewers get it at ws://HOST/race/PORT.")

    def send_live(self, destination: str, port: int, arrivals: Arrivals) -> None:
        """Never asked, since nothing could be opened."""

    def close_live(self, destination: str, port: int) -> None:
        """Likewise."""

    def live_figures(self, destination: str, port: int) -> LiveFigures:
        """Likewise."""
        return LiveFigures()

    def be_the_only_one(self) -> None:
        """Held to the end of the process."""
        self._lock.acquire(utc_iso(self._ground.clock.wall_ns()))
