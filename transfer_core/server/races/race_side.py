"""Serves races for a team from a thread of its own: REST on one port, viewers on another, or both on either."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from transfer_core.clock import Clock
from transfer_core.errors import ConfigError, PortInUse, UsageError
from transfer_core.net.urgency import mark_live
from transfer_core.server.loopback import is_loopback
from transfer_core.server.races.accounts import Accounts
from transfer_core.server.races.app import build_app
from transfer_core.server.races.asking import Asking
from transfer_core.server.races.viewer_api import MESSAGE_MAX
from transfer_core.telemetry.desk import TelemetryDesk

_BACKLOG = 128
_START_S = 10.0
_JOIN_S = 15.0


@dataclass(frozen=True, slots=True)
class RaceAddresses:
    """Where to listen. `certificate` and `key` are PEM files; without them only loopback is served."""

    http: tuple[str, int] = ("127.0.0.1", 8000)
    viewers: tuple[str, int] = ("127.0.0.1", 8765)
    udp_host: str = "127.0.0.1"
    certificate: Path | None = None
    key: Path | None = None


class RaceSide:
    """From `start` to `stop`. The desk and the accounts are its caller's."""

    def __init__(self, desk: TelemetryDesk, accounts: Accounts, clock: Clock, addresses: RaceAddresses) -> None:
        self._desk, self._accounts, self._clock, self._wanted = desk, accounts, clock, addresses
        self._sockets: list[socket.socket] = []
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def http_url(self) -> str:
        """Where REST is."""
        return self._url("https" if self._wanted.certificate else "http", 0)

    @property
    def viewers_url(self) -> str:
        """Where viewers connect: `/race/{udp_port}` comes behind it."""
        return self._url("wss" if self._wanted.certificate else "ws", 1)

    def _url(self, scheme: str, number: int) -> str:
        host, port = self._sockets[number].getsockname()[:2]
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def start(self) -> None:
        """Serve. UsageError for an open address without TLS, PortInUse, ConfigError for certificates."""
        wanted = self._wanted
        local_only = all(is_loopback(host) for host, _ in (wanted.http, wanted.viewers))
        if not local_only and (wanted.certificate is None or wanted.key is None):
            hint = "Give --cert and --key, or listen on 127.0.0.1."
            raise UsageError("races are served beyond this machine only with TLS", hint=hint)
        for what, address in (("--http", wanted.http), ("--ws", wanted.viewers)):
            try:
                self._sockets.append(_listen(address, what))
            except PortInUse:
                self.stop()
                raise
        mark_live(self._sockets[1])
        ws_port = self._sockets[1].getsockname()[1]
        asking = Asking(self._accounts, self._clock)
        app = build_app(self._desk, asking, ws_port, wanted.udp_host, local_only=local_only)
        config = uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            lifespan="off",
            loop="asyncio",
            ws="websockets-sansio",
            ws_max_size=MESSAGE_MAX * 4,
            ws_per_message_deflate=False,  # a frame is the same bytes for all viewers
            ssl_certfile=wanted.certificate,
            ssl_keyfile=wanted.key,
            timeout_graceful_shutdown=2,
        )
        try:
            config.load()
        except (OSError, ValueError) as error:
            self.stop()
            raise ConfigError(f"the certificate can't be used: {error}", hint="Check --cert and --key.") from error
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=(self._sockets,), name="telemetry-serve", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop serving. May be called twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_JOIN_S)
            self._server = None
        for listener in self._sockets:
            listener.close()


def _listen(address: tuple[str, int], what: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUse(f"TCP {address[0]}:{address[1]} is in use", hint=f"Choose another {what}.") from error
    return listener
