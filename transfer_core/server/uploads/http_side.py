"""The relay's HTTP side as a whole: uvicorn in a thread of its own, beside the UDP relay and on its state."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from transfer_core.config import RelayHttpConfig
from transfer_core.engine.system import SystemEntropy
from transfer_core.errors import DrsError, PortInUse, UsageError
from transfer_core.events import IncomingView
from transfer_core.protocol.security.receipts import ReceiptSigner
from transfer_core.protocol.security.tokens import HttpSideFacts, HttpTrust
from transfer_core.server.api_document import join_documents
from transfer_core.server.certificate import check_pair, own_certificate, pin_of
from transfer_core.server.companion import RelayGround
from transfer_core.server.http_facts import keep_http
from transfer_core.server.loopback import is_loopback
from transfer_core.server.mounts import Mounted, Switch
from transfer_core.server.uploads.app import build_app
from transfer_core.server.uploads.credentials import Credentials
from transfer_core.server.uploads.deadlines import with_deadline
from transfer_core.server.uploads.desk import Desk
from transfer_core.server.uploads.ending import Ending
from transfer_core.server.uploads.listing import list_arrived
from transfer_core.server.uploads.model import Client
from transfer_core.server.uploads.pair_api import PairApi
from transfer_core.server.uploads.rates import Rates
from transfer_core.server.uploads.records import UploadDatabase, UploadRecord
from transfer_core.server.uploads.store import UploadStore
from transfer_core.server.uploads.writing import Disk
from transfer_core.storage.free_space import usable_bytes
from transfer_core.units import utc_iso

_LOG = logging.getLogger(__name__)
_BACKLOG = 256
_JOIN_S = 15.0
_SWEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its key, both PEM; or the relay's own, when nothing is named."""

    certificate: Path | None = None
    key: Path | None = None


class HttpSide:
    """A `Companion` of the relay. `listen` may name port 0; the `ready` line says which it was.

    Beyond loopback it needs TLS, and every request a credential; within this machine both may be left out.
    `behind_proxy`: a proxy on this machine hands on what comes from elsewhere, so that credentials are needed here too.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        tls: Tls | None = None,
        mounted: Sequence[Mounted] = (),
        *,
        behind_proxy: bool = False,
    ) -> None:
        self._wanted = listen
        self._tls = tls
        self._mounted = tuple(mounted)
        self._listens_here = is_loopback(listen[0])
        self._is_local = self._listens_here and not behind_proxy
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._database: UploadDatabase | None = None
        self._store: UploadStore | None = None
        self._disk: Disk | None = None
        self._ground: RelayGround | None = None
        self._count_lock = threading.Lock()
        self.files_done = 0
        self.bytes_received = 0

    def start(self, ground: RelayGround) -> dict[str, object]:
        """Serve. PortInUse, UsageError, ConfigError, SecurityError, StateError."""
        if not self._listens_here and self._tls is None:
            raise UsageError(
                f"the HTTP side does not listen on {self._wanted[0]} without TLS",
                hint="Leave --no-tls out, or use --http 127.0.0.1:PORT.",
            )
        self._ground = ground
        certificate = None if self._tls is None else self._certificate(self._tls, ground)
        app, ending = self._build(ground)
        assert self._store is not None
        self._socket = _listen(self._wanted)
        facts = self._facts(certificate)
        keep_http(ground.state_dir, facts if self._is_local or self._tls is not None else None)
        self._server = uvicorn.Server(_uvicorn_config(app, ground.config.http, certificate, self._mounted))
        self._threads = [
            threading.Thread(target=self._server.run, args=([self._socket],), name="relay-http", daemon=True),
            threading.Thread(target=self._sweep, args=(self._store, ending), name="relay-http-sweep", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        said: dict[str, object] = {"http": facts.url(self._wanted[0])}
        return said | ({"pin": facts.pin.hex()} if facts.pin else {})

    def _certificate(self, tls: Tls, ground: RelayGround) -> tuple[Path, Path]:
        if tls.certificate is None or tls.key is None:
            own = own_certificate(ground.state_dir, ground.clock.wall_ns)
            check_pair(own, own)
            return own, own
        check_pair(tls.certificate, tls.key)
        return tls.certificate, tls.key

    def _facts(self, certificate: tuple[Path, Path] | None) -> HttpSideFacts:
        assert self._socket is not None
        port = int(self._socket.getsockname()[1])
        if self._tls is None or certificate is None:
            return HttpSideFacts(port, HttpTrust.PLAIN)
        if self._tls.certificate is None:
            return HttpSideFacts(port, HttpTrust.PINNED, pin_of(certificate[0]))
        return HttpSideFacts(port, HttpTrust.SYSTEM)

    def _build(self, ground: RelayGround) -> tuple[ASGIApp, Ending]:
        config = ground.config.http
        self._database = UploadDatabase(ground.state_dir, ground.clock)
        self._store = UploadStore(
            ground.directory,
            self._database,
            ground.config,
            ground.clock,
            ground.room,
            agent_bytes=ground.store.bytes_of,
        )
        ending = Ending(self._store, ground.clock, ReceiptSigner(ground.identity), self._received)
        disk = self._disk = Disk(config.disk_threads)
        credentials = Credentials(ground.identity, ground.store, self._database, required=not self._is_local)
        rates = Rates(config.requests_per_s, config.requests_burst, ground.clock.monotonic_ns)

        async def authenticate(authorization: str | None) -> Client:
            if authorization is None:
                return credentials.client(None)  # nothing to look up, so nothing to wait for
            return await disk.run(credentials.client, authorization)

        desk = Desk(self._store, ending, disk, config)
        pairing = PairApi(desk, ground, SystemEntropy(), rates)
        app = build_app(desk, self._health, authenticate, rates, [pairing.router], local_only=self._is_local)
        others = [(each.prefixes, each.open(ground)) for each in self._mounted]
        documents = [(each.prefixes, each.document()) for each in self._mounted]
        own = app.openapi()
        app.openapi = lambda: join_documents(own, documents)  # type: ignore[method-assign]
        return Switch(app, others, rates, local_only=self._is_local), ending

    def stop(self) -> None:
        """Stop serving; everything that was acknowledged is durable. May be called twice."""
        self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True
        for thread in self._threads:
            thread.join(_JOIN_S)
        self._threads = []
        for mounted in self._mounted:
            mounted.close()
        if self._disk is not None:
            self._disk.stop()
        if self._store is not None:
            self._store.close()
        if self._database is not None:
            self._database.close()
        if self._socket is not None:
            self._socket.close()
        self._disk = self._store = self._database = self._server = None

    def _received(self, record: UploadRecord) -> None:
        assert self._ground is not None
        with self._count_lock:
            self.files_done += 1
            self.bytes_received += record.size
        self._ground.tell(
            "received",
            path=record.filename,
            file_id=record.upload_id,
            size=record.size,
            hash=record.file_hash,
            stored_as=record.stored_as,
        )

    def incoming(self) -> list[IncomingView]:
        """What arrives and has arrived at this relay, over UDP too, newest first; nothing once it is stopped."""
        if self._database is None or self._ground is None:
            return []
        return list_arrived(self._ground.store, self._database)

    def _health(self) -> dict[str, Any]:
        assert self._ground is not None
        free_bytes = usable_bytes(self._ground.directory, self._ground.config.keep_free_bytes)
        status = "healthy" if free_bytes > 0 else "full"
        return {"status": status, "timestamp": utc_iso(self._ground.clock.wall_ns())}

    def _sweep(self, store: UploadStore, ending: Ending) -> None:
        """Finish what was whole at a crash, then discard what nobody goes on with, once in a while."""
        while True:
            try:
                ending.finish_leftovers()
                store.expire()
            except (DrsError, OSError) as error:
                _LOG.warning("uploads could not be looked through: %s", error)
            if self._stopping.wait(_SWEEP_S):
                return


def open_beside(listen: tuple[str, int]) -> HttpSide:
    """The HTTP side for a relay that a person switches on: its own certificate beyond loopback, plain within."""
    return HttpSide(listen, None if is_loopback(listen[0]) else Tls())


def _listen(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere it would let two programs share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        what = f"TCP {address[0]}:{address[1]} can't be listened on: {error.strerror or error}"
        raise PortInUse(what, hint="Stop the other program, or choose another port for HTTP.") from error
    return listener


def _uvicorn_config(
    app: ASGIApp, config: RelayHttpConfig, certificate: tuple[Path, Path] | None, mounted: Sequence[Mounted]
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=with_deadline(config.header_timeout_s),
        ws="auto" if mounted else "none",
        ssl_certfile=None if certificate is None else certificate[0],
        ssl_keyfile=None if certificate is None else certificate[1],
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        limit_concurrency=config.connections_max,
        backlog=_BACKLOG,
        timeout_keep_alive=round(config.keep_alive_s),
        timeout_graceful_shutdown=max(1, round(config.stop_timeout_s)),
    )
