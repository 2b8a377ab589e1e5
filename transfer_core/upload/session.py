"""Requests over sockets that are bound to one link, with time-outs, a bounded answer, and a way to break off at once.

Redirects are not followed and the environment's proxies and `.netrc` are not asked: bytes of a race go where a person
said, over the link that was chosen. A session is used by one thread; `abort` may come from any.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError

from transfer_core.errors import BadAnswer, CertificateRefused, ConfigError, ServerSilent
from transfer_core.net.bind_device import bind_to_device
from transfer_core.upload.door import BLOCK_BYTES, Answer, Step

CONNECT_S = 10.0
SILENT_S = 15  # how long a peer may take no bytes at all
_USER_TIMEOUT = 18  # TCP_USER_TIMEOUT of linux/tcp.h
_PROBES = tuple(  # first after five idle seconds, then each three, three in all
    (getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
)
AGENT = "drs-sync"
_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class Sockets:
    """The open sockets of one session."""

    def __init__(self, device: str | None) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.aborted = False

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connected socket that leaves over the device. OSError, LinkError."""
        failure: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                self._add(sock)
                if self._device is not None:
                    bind_to_device(sock, self._device)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _notice_silence(sock)
                sock.settimeout(timeout_s)
                sock.connect(address)
                sock.settimeout(SILENT_S)
            except OSError as error:
                failure = error
                self._drop(sock)
            except BaseException:
                self._drop(sock)
                raise
            else:
                return sock
        raise failure or OSError(f"{host} has no address")

    def _add(self, sock: socket.socket) -> None:
        with self._lock:
            self._open = {each for each in self._open if each.fileno() >= 0}
            self._open.add(sock)
            if self.aborted:
                raise ConnectionAbortedError("broken off")

    def _drop(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.discard(sock)
        sock.close()

    def abort(self) -> None:
        """Break all connections; whoever waits for one wakes up with an error."""
        with self._lock:
            self.aborted = True
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


def _notice_silence(sock: socket.socket) -> None:
    """Have the system break a connection over which nothing comes back for `SILENT_S`.

    What was sent has to be acknowledged; and while only an answer is waited for, probes ask whether the way is there.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((_USER_TIMEOUT, SILENT_S * 1000), *_PROBES):
        with contextlib.suppress(OSError):  # where the system knows it
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _connect_over(connection: HTTPConnection, sockets: Sockets) -> socket.socket:
    timeout = connection.timeout
    seconds = float(timeout) if isinstance(timeout, int | float) else CONNECT_S
    try:
        return sockets.connect(connection.host, connection.port or connection.default_port, seconds)
    except OSError as error:
        raise NewConnectionError(connection, error.strerror or str(error)) from error


class _Adapter(HTTPAdapter):
    """Lays connections over the session's sockets."""

    def __init__(self, sockets: Sockets, pin: str) -> None:
        self._sockets, self._pin = sockets, pin
        super().__init__(pool_connections=2, pool_maxsize=2)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        sockets = self._sockets

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect_over(self, sockets)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect_over(self, sockets)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        options: dict[str, Any] = {"blocksize": BLOCK_BYTES, **pool_kwargs}
        if self._pin:
            options["assert_fingerprint"] = self._pin
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


class LinkSession:
    """Performs requests over one link. `device` None leaves the way to the system; `pin` is a certificate's SHA-256."""

    def __init__(self, device: str | None = None, *, pin: str = "", ca_file: str = "") -> None:
        self._sockets = Sockets(device)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = False if pin else (ca_file or True)
        self._session.headers.clear()
        adapter = _Adapter(self._sockets, pin)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    @property
    def aborted(self) -> bool:
        """`abort` was called: this session is of no use any more."""
        return self._sockets.aborted

    def perform(self, step: Step, headers: dict[str, str], body: Iterator[bytes] | None, length: int) -> Answer:
        """One request and its whole answer. ServerSilent if none came; BadAnswer if it is too large or no answer."""
        sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", "Content-Length": str(length), **headers}
        if body is None and step.method in ("GET", "HEAD", "OPTIONS"):
            del sent["Content-Length"]
        with _own_errors(step):
            response = self._session.request(
                step.method,
                step.url,
                headers=sent,
                data=_Sized(body, length) if body is not None and length else None,
                timeout=(CONNECT_S, step.patience_s),
                allow_redirects=False,
                stream=True,
            )
            try:
                content = _bounded(response, step)
            except BaseException:
                response.close()  # what was not read to its end can't be used for another request
                raise
        return Answer(response.status_code, {key.lower(): text for key, text in response.headers.items()}, content)

    def fingerprint_of(self, url: str) -> str:
        """The SHA-256 of the certificate that answers there, unverified, for a person to compare. OSError."""
        parts = urlsplit(url)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self._sockets.connect(parts.hostname or "", parts.port or 443, CONNECT_S) as sock:
            sock.settimeout(CONNECT_S)
            with context.wrap_socket(sock, server_hostname=parts.hostname) as secure:
                return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()

    def abort(self) -> None:
        """Break off what is under way. Any thread."""
        self._sockets.abort()

    def close(self) -> None:
        """Let go of idle connections."""
        self._session.close()


class _Sized:
    """A stream of blocks whose length is known, so that it is sent with a Content-Length."""

    def __init__(self, blocks: Iterator[bytes], length: int) -> None:
        self._blocks, self._length = blocks, length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks


def _bounded(response: requests.Response, step: Step) -> bytes:
    content = bytearray()
    for piece in response.iter_content(64 * 1024):
        content += piece
        if len(content) > step.answer_max_bytes:
            raise BadAnswer(f"the answer to {step.what} is larger than {step.answer_max_bytes} bytes")
    return bytes(content)


@contextlib.contextmanager
def _own_errors(step: Step) -> Iterator[None]:
    try:
        yield
    except requests.exceptions.SSLError as error:
        what = f"the server's certificate is not trusted: {_reason(error)}"
        raise CertificateRefused(what) from error
    except requests.exceptions.InvalidHeader as error:
        raise ConfigError("the token can't be sent in a header", hint="Give it again, without line breaks.") from error
    except _NO_ADDRESS as error:
        raise ConfigError(f"{step.url} is no address: {error}") from error
    except (requests.exceptions.RequestException, HTTPError, OSError) as error:
        asked = "" if step.is_question else f" (no answer to {step.what})"
        raise ServerSilent(f"{_reason(error)}{asked}") from error


def _reason(error: BaseException) -> str:
    """The innermost words of what several libraries wrapped into each other."""
    inner: BaseException = error
    for _ in range(8):
        wrapped = [getattr(inner, "reason", None), *inner.args]
        following = next((each for each in wrapped if isinstance(each, BaseException)), None)
        if following is None:
            break
        inner = following
    if isinstance(inner, ConnectionError) and inner.errno is None:
        return "the connection was broken off"
    if isinstance(inner, TimeoutError) or "timed out" in str(inner).lower():
        return "it took too long"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    text = str(inner).rpartition(": ")[2].strip("'\") ")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text or type(inner).__name__
