"""A relay in this process: "Receive here"."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig
from transfer_core.engine.service_parts import ServiceParts
from transfer_core.errors import ConflictError, DrsError
from transfer_core.events import IncomingView, RelayChanged, RelayView, Severity
from transfer_core.protocol.security.tokens import parse_address
from transfer_core.service import Token

ANYWHERE = "0.0.0.0"


class RelayVerbs(ServiceParts):
    """See `service.TransferService`."""

    def __init__(self, state_dir: Path, clock: Clock, config: EngineConfig) -> None:
        super().__init__(state_dir, clock, config)
        self._relay: Any = None  # server.relay.Relay, which is above this room and is made by name
        self._http_side: Any = None  # its server.uploads.http_side.HttpSide, if it has one
        self._http_url = ""

    def start_relay(self, directory: str, listen: str, http: str = "") -> RelayView:
        """See `TransferService`."""
        from transfer_core.server.http_facts import keep_http  # noqa: PLC0415 - composition: these are above this room
        from transfer_core.server.live_hub import LiveHub  # noqa: PLC0415
        from transfer_core.server.relay import Relay  # noqa: PLC0415
        from transfer_core.server.sync_hub import SyncHub  # noqa: PLC0415
        from transfer_core.server.uploads.http_side import open_beside  # noqa: PLC0415

        if self._relay is not None:
            raise ConflictError("a relay runs here already", hint="Stop it first.")
        name = socket.gethostname() or "relay"
        hub, live = SyncHub(name), LiveHub(self._live_desk)
        side = open_beside(_listen_address(http)) if http.strip() else None
        if side is None:
            keep_http(self._state_dir, None)
        relay = Relay(
            self._state_dir,
            Path(directory),
            _listen_address(listen),
            on_event=self._on_relay_event,
            clock=self._clock,
            name=name,
            companions=[hub, live] if side is None else [hub, live, side],
            on_failure=self._on_relay_failure,
        )
        hub.serve(relay)
        relay.live = live
        self._http_url = ""
        relay.start()
        self._relay, self._http_side = relay, side
        self._bus.publish(RelayChanged(self.relay()))
        return self.relay()

    def _live_desk(self) -> Any:
        """The desk that takes telemetry which agents pass on."""
        raise NotImplementedError

    def _on_relay_event(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            self._http_url = str(event.get("http", ""))
        elif event["event"] == "received":
            self._say(Severity.INFO, "relay", f"received {event['path']} as {event['stored_as']}", "")
        elif event["event"] == "full":
            self._say(Severity.SERIOUS, "relay", str(event["text"]), f"{event['code']}: {event['text']}")
        elif event["event"] == "disk":
            severity = Severity.INFO if event["answers"] else Severity.CRITICAL
            self._say(severity, "relay", str(event["text"]), "")
            return  # what follows asks the disk
        if self._relay is not None:
            self._bus.publish(RelayChanged(self.relay()))

    def _on_relay_failure(self) -> None:
        """In its dying thread: senders are heard no more."""
        if self._relay is not None:
            why = _failure_words(self._relay.failure)
            self._say(Severity.SERIOUS, "relay", f"receiving has stopped: {why}", why)
            self._bus.publish(RelayChanged(self.relay()))

    def stop_relay(self) -> None:
        """See `TransferService`."""
        if self._relay is not None:
            self._relay.stop()
            self._relay = self._http_side = None
            self._bus.publish(RelayChanged(self.relay()))

    def relay(self) -> RelayView:
        """See `TransferService`."""
        relay, side = self._relay, self._http_side
        if relay is None:
            return RelayView(running=False)
        host, port = relay.address
        return RelayView(
            running=True,
            listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            directory=str(relay.directory),
            agents=relay.agents_online(),
            files_done=relay.files_done + (0 if side is None else side.files_done),
            bytes_received=relay.bytes_received + (0 if side is None else side.bytes_received),
            free_bytes=relay.free_bytes() if relay.failure is None else None,  # its disk may be why
            why="" if relay.failure is None else _failure_words(relay.failure),
            http=self._http_url,
        )

    def relay_token(self, *, addresses: Sequence[str] = (), expires_s: float = 600.0) -> Token:
        """See `TransferService`."""
        if self._relay is None:
            raise ConflictError("no relay runs here", hint="Start it first.")
        host, port = self._relay.address
        wanted = tuple(addresses) or tuple(_own_addresses(host, port))
        token: Token = self._relay.make_token(wanted, expires_s)
        return token

    def incoming(self) -> list[IncomingView]:
        """See `TransferService`."""
        if self._relay is None:
            return []
        found: list[IncomingView] = self._relay.incoming() if self._http_side is None else self._http_side.incoming()
        return found


def _failure_words(failure: BaseException) -> str:
    """What a person is told of a loop that has ended: a disk's or a network's refusal in the system's own words."""
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.strerror.lower()}: {failure.filename}" if failure.filename else failure.strerror.lower()
    return str(failure) if isinstance(failure, DrsError) else f"{type(failure).__name__}: {failure}"


def _listen_address(text: str) -> tuple[str, int]:
    """Where to listen: `HOST:PORT`, or a bare port on all interfaces; port 0 is any. TokenInvalid."""
    host, _, port = text.strip().rpartition(":")
    return host.strip("[]") or ANYWHERE, int(port) if port.isdecimal() else parse_address(text)[1]


def _own_addresses(host: str, port: int) -> list[str]:
    if host not in (ANYWHERE, "::"):
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    found = [
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET and not entry.address.startswith("127.")
    ]
    return [f"{address}:{port}" for address in found[:7]] or [f"127.0.0.1:{port}"]
