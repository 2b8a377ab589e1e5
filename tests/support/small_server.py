"""A small HTTP server for tests, with faults on request; what it answers is a subclass's."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

Reply = tuple[int, dict[str, str], bytes]
Fault = Callable[["Handler"], Reply | None]
HTML: Reply = (200, {"Content-Type": "text/html"}, b"<html><body>Welcome to the hotel</body></html>")


def json_reply(code: int = 200, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
    return code, {"Content-Type": "application/json", **(headers or {})}, json.dumps(fields).encode()


def lose_answer(handler: Handler) -> Reply:
    """A fault: it is done, but nobody hears so."""
    handler.answer()
    return handler.hang_up()


def login_page(_: Handler) -> Reply:
    """A fault: what a hotel's network answers to everything."""
    return HTML


class SmallServer:
    """`faults` are taken one for each request that carries a piece of a file; `rate_bytes_per_s` slows reading down.

    `on_request`, if set, is asked first for every request.
    """

    handler: ClassVar[type[Handler]]

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.requests: list[tuple[str, str]] = []
        self.peers: list[str] = []
        self.connections: set[socket.socket] = set()
        self.piece_bytes_received = 0
        self.body_bytes_read = 0  # also of bodies that broke off
        self.faults: deque[Fault] = deque()
        self.rate_bytes_per_s: float | None = None
        self.on_request: Fault | None = None
        bound = type("Bound", (self.handler,), {"server_of": self})
        self._server = ThreadingHTTPServer((host, port), bound)
        self._server.daemon_threads = True
        self._scheme = "http"
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def use_certificate(self, certificate: Path, key: Path) -> None:
        """Speak TLS; called before `start`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "https"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop, and break what is still connected, as a process that ends does."""
        self._server.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join(5)

    def count(self, ending: str) -> int:
        """How many requests whose method and path end so."""
        return sum(f"{method} {path}".endswith(ending) for method, path in self.requests)


class Handler(BaseHTTPRequestHandler):
    server_of: ClassVar[SmallServer]
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server_of.connections.add(self.connection)

    def finish(self) -> None:
        self.server_of.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _serve(self) -> None:
        owner = self.server_of
        owner.requests.append((self.command, self.path))
        owner.peers.append(self.client_address[0])
        try:
            self.content = self._read(int(self.headers.get("Content-Length") or 0))
            reply = owner.on_request(self) if owner.on_request is not None else None
            if reply is None and self.is_piece() and owner.faults:
                reply = owner.faults.popleft()(self)
            if reply is None:
                reply = self.answer()
            status, headers, body = reply
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_OPTIONS = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - what the library looks for

    def _read(self, length: int) -> bytes:
        owner, found = self.server_of, bytearray()
        while len(found) < length:
            piece = self.rfile.read(min(length - len(found), 64 * 1024))
            if not piece:
                self.broken_off(bytes(found))
                raise ConnectionAbortedError
            found += piece
            owner.body_bytes_read += len(piece)
            if owner.rate_bytes_per_s:
                time.sleep(len(piece) / owner.rate_bytes_per_s)
        return bytes(found)

    def hang_up(self) -> Reply:
        """Break the connection without an answer."""
        self.connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    def is_piece(self) -> bool:
        """Whether this request carries a piece of a file."""
        raise NotImplementedError

    def broken_off(self, found: bytes) -> None:
        """So much of a body came, then no more."""

    def answer(self) -> Reply:
        """What it is answered with when nothing is wrong."""
        raise NotImplementedError
