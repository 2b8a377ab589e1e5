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
from transfer_core.errors import ConflictError
from transfer_core.events import IncomingView, RelayChanged, RelayView, Severity
from transfer_core.protocol.security.tokens import parse_address
from transfer_core.service import Token


class RelayVerbs(ServiceParts):
    """See `service.TransferService`."""

    def __init__(self, state_dir: Path, clock: Clock, config: EngineConfig) -> None:
        super().__init__(state_dir, clock, config)
        self._relay: Any = None  # server.relay.Relay, which is above this room and is made by name

    def start_relay(self, directory: str, listen: str) -> RelayView:
        """See `TransferService`."""
        from transfer_core.server.relay import Relay  # noqa: PLC0415 - composition: the relay is above this room
        from transfer_core.server.sync_hub import SyncHub  # noqa: PLC0415

        if self._relay is not None:
            raise ConflictError("a relay runs here already", hint="Stop it first.")
        host, _, port = listen.rpartition(":")
        hub = SyncHub(socket.gethostname() or "relay")
        relay = Relay(
            self._state_dir,
            Path(directory),
            (host.strip("[]") or "0.0.0.0", int(port) if port.isdecimal() else parse_address(listen)[1]),
            on_event=self._on_relay_event,
            clock=self._clock,
            name=socket.gethostname() or "relay",
            companions=[hub],
        )
        hub.serve(relay)
        relay.start()
        self._relay = relay
        self._bus.publish(RelayChanged(self.relay()))
        return self.relay()

    def _on_relay_event(self, event: dict[str, Any]) -> None:
        if event["event"] == "received":
            self._say(Severity.INFO, "relay", f"received {event['path']} as {event['stored_as']}", "")
        elif event["event"] == "full":
            self._say(Severity.SERIOUS, "relay", str(event["text"]), f"{event['code']}: {event['text']}")
        if self._relay is not None:
            self._bus.publish(RelayChanged(self.relay()))

    def stop_relay(self) -> None:
        """See `TransferService`."""
        if self._relay is not None:
            self._relay.stop()
            self._relay = None
            self._bus.publish(RelayChanged(self.relay()))

    def relay(self) -> RelayView:
        """See `TransferService`."""
        relay = self._relay
        if relay is None:
            return RelayView(running=False)
        host, port = relay.address
        return RelayView(
            running=True,
            listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            directory=str(relay.directory),
            agents=relay.agents_online(),
            files_done=relay.files_done,
            bytes_received=relay.bytes_received,
            free_bytes=relay.free_bytes(),
            why="" if relay.failure is None else str(relay.failure),
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
        found: list[IncomingView] = self._relay.incoming()
        return found


def _own_addresses(host: str, port: int) -> list[str]:
    if host not in ("0.0.0.0", "::"):
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    found = [
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET and not entry.address.startswith("127.")
    ]
    return [f"{address}:{port}" for address in found[:7]] or [f"127.0.0.1:{port}"]
