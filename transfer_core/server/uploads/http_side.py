"""The relay's HTTP side as a whole: uvicorn in a thread of its own, beside the UDP relay and on its state."""

from __future__ import annotations

import logging
import shutil
import socket
import threading
from typing import Any

import uvicorn

from transfer_core.config import RelayHttpConfig
from transfer_core.errors import DrsError, PortInUse, UsageError
from transfer_core.protocol.security.receipts import ReceiptSigner
from transfer_core.server.companion import RelayGround
from transfer_core.server.loopback import is_loopback
from transfer_core.server.uploads.app import build_app
from transfer_core.server.uploads.desk import Desk
from transfer_core.server.uploads.ending import Ending
from transfer_core.server.uploads.records import UploadDatabase, UploadRecord
from transfer_core.server.uploads.store import UploadStore
from transfer_core.server.uploads.writing import Disk
from transfer_core.units import utc_iso

_LOG = logging.getLogger(__name__)
_BACKLOG = 256
_JOIN_S = 15.0
_SWEEP_S = 60.0


class HttpSide:
    """A `Companion` of the relay. `listen` may name port 0; the `ready` line says which it was."""

    def __init__(self, listen: tuple[str, int]) -> None:
        self._wanted = listen
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._database: UploadDatabase | None = None
        self._store: UploadStore | None = None
        self._disk: Disk | None = None
        self._ground: RelayGround | None = None

    def start(self, ground: RelayGround) -> dict[str, object]:
        """Serve. PortInUse, UsageError, StateError."""
        if not is_loopback(self._wanted[0]):
            raise UsageError(
                f"the HTTP side does not listen on {self._wanted[0]} without TLS and a credential",
                hint="Use --http 127.0.0.1:PORT.",
            )
        self._ground = ground
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
        self._disk = Disk(config.disk_threads)
        self._socket = _listen(self._wanted)
        app = build_app(Desk(self._store, ending, self._disk, config), self._health)
        self._server = uvicorn.Server(_uvicorn_config(app, config))
        self._threads = [
            threading.Thread(target=self._server.run, args=([self._socket],), name="relay-http", daemon=True),
            threading.Thread(target=self._sweep, args=(self._store, ending), name="relay-http-sweep", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return {"http": self.base_url}

    @property
    def base_url(self) -> str:
        """The address under which it is reached."""
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def stop(self) -> None:
        """Stop serving; everything that was acknowledged is durable. May be called twice."""
        self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True
        for thread in self._threads:
            thread.join(_JOIN_S)
        self._threads = []
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
        self._ground.tell(
            "received",
            path=record.filename,
            file_id=record.upload_id,
            size=record.size,
            hash=record.file_hash,
            stored_as=record.stored_as,
        )

    def _health(self) -> dict[str, Any]:
        assert self._ground is not None
        free_bytes = shutil.disk_usage(self._ground.directory).free - self._ground.config.keep_free_bytes
        status = "healthy" if free_bytes > 0 else "full"
        return {"status": status, "timestamp": utc_iso(self._ground.clock.wall_ns())}

    def _sweep(self, store: UploadStore, ending: Ending) -> None:
        """Finish what was whole at a crash, then discard what nobody goes on with, once in a while."""
        while True:
            try:
                ending.finish_leftovers()
                store.expire()
            except DrsError as error:
                _LOG.warning("uploads could not be looked through: %s", error.one_line())
            if self._stopping.wait(_SWEEP_S):
                return


def _listen(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUse(f"TCP {address[0]}:{address[1]} is in use", hint="Choose another --http.") from error
    return listener


def _uvicorn_config(app: Any, config: RelayHttpConfig) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        limit_concurrency=config.connections_max,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=max(1, round(config.stop_timeout_s)),
    )
