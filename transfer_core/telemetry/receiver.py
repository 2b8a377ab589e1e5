"""Receives telemetry: one thread for all UDP ports, that does nothing but receive, stamp and hand over.

Theory of operation. A port that is not read for longer than its socket's buffer lasts loses datagrams, so the buffer is
asked to be large, the grant is read back, and what the kernel dropped is counted from /proc/net/udp. The thread drains
every ready socket into one buffer and hands the datagrams of some 20 ms over at once. Times of arrival are the wall
clock as it was when the receiver started, carried on by the monotonic clock, so that they never go back.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from transfer_core.errors import LinkDown, PortInUse
from transfer_core.net.socket_buffers import enlarge_buffers, granted_bytes
from transfer_core.telemetry.arrivals import Arrivals, Sender
from transfer_core.units import MIB, NS_PER_MS

BUFFER_WANTED_BYTES = 8 * MIB
HAND_OVER_NS = 20 * NS_PER_MS
BATCH_MAX = 2048
DRAIN_MAX = 256  # of one port, before the others have their turn
DATAGRAM_MAX = 65_535

Taker = Callable[["Listener", Arrivals], None]


@dataclass(slots=True)
class Listener:
    """One open port. Counters are written by the receiver's thread."""

    host: str
    port: int
    sock: socket.socket
    buffer_bytes: int
    datagrams: int = 0
    dropped_before: int = 0
    error: str = ""
    senders: list[Sender] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)

    def kernel_drops(self) -> int | None:
        """What the system dropped since the port was opened; None if it does not tell, or the port is closed."""
        total = _drops_of(self.sock)
        return None if total is None else total - self.dropped_before


class Receiver:
    """All listeners. `take` is called in the receiver's thread and must only put things into a queue."""

    def __init__(self, take: Taker) -> None:
        self._take = take
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._listeners: dict[int, Listener] = {}
        self._closing: list[Listener] = []
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry-receive", daemon=True)
        self._thread.start()

    def now_ns(self) -> int:
        """The time that a datagram would get if it arrived now."""
        return self._epoch_ns + time.monotonic_ns()

    def monotonic_of(self, time_ns: int) -> int:
        """A time of arrival on the monotonic clock."""
        return time_ns - self._epoch_ns

    def listen(self, host: str, port: int) -> Listener:
        """Open a port; 0 lets the system choose. PortInUse, LinkDown."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            enlarge_buffers(sock, BUFFER_WANTED_BYTES)
            sock.bind((host, port))
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"UDP port {port} is in use", hint="Stop the other program or use another port."
                ) from error
            raise LinkDown(
                f"{host}:{port} can't be listened on: {error.strerror or error}", hint="Check the address."
            ) from error
        listener = Listener(host, sock.getsockname()[1], sock, granted_bytes(sock, socket.SO_RCVBUF))
        listener.dropped_before = _drops_of(sock) or 0
        with self._lock:
            self._listeners[listener.port] = listener
            self._selector.register(sock, selectors.EVENT_READ, listener)
        self._poke()
        return listener

    def close_port(self, port: int) -> None:
        """Stop listening there; what has arrived is handed over first."""
        with self._lock:
            listener = self._listeners.pop(port)
            self._closing.append(listener)
        self._poke()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and self._thread.is_alive():
            with self._lock:
                if listener not in self._closing:
                    return
            time.sleep(0.002)

    def stop(self) -> None:
        """Close all ports and end the thread."""
        self._stop.set()
        self._poke()
        self._thread.join()
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def _poke(self) -> None:
        self._wake.send(b"\0")

    def _run(self) -> None:
        buffer = bytearray(DATAGRAM_MAX)
        handed_ns = time.monotonic_ns()
        waiting = 0
        while not self._stop.is_set():
            timeout_s = HAND_OVER_NS / 1e9 if waiting else None
            for key, _ in self._selector.select(timeout_s):
                if key.data is None:
                    self._drain_pokes()
                else:
                    waiting += self._drain(key.data, buffer, DRAIN_MAX)
            self._close_closing(buffer)
            now_ns = time.monotonic_ns()
            if waiting and (now_ns - handed_ns >= HAND_OVER_NS or waiting >= BATCH_MAX):
                self._hand_over_all()
                handed_ns, waiting = now_ns, 0
        with self._lock:
            self._closing.extend(self._listeners.values())
            self._listeners.clear()
        self._close_closing(buffer)

    def _drain(self, listener: Listener, buffer: bytearray, most: int) -> int:
        """Receive what is there, at most as many; how many."""
        receive = listener.sock.recvfrom_into
        view = memoryview(buffer)
        epoch_ns, clock = self._epoch_ns, time.monotonic_ns
        count = 0
        try:
            while count < most:
                size, sender = receive(view)
                listener.times.append(epoch_ns + clock())
                listener.senders.append(sender[:2])
                listener.waiting.append(bytes(view[:size]))
                count += 1
        except BlockingIOError:
            pass
        except OSError as error:
            listener.error = f"the port can't be read: {error.strerror or error}"
            time.sleep(0.01)  # a socket that is broken stays ready for ever
        listener.datagrams += count
        return count

    def _hand_over_all(self) -> None:
        with self._lock:
            listeners = list(self._listeners.values())
        for listener in listeners:
            self._hand_over(listener)

    def _hand_over(self, listener: Listener) -> None:
        if listener.waiting:
            arrivals = Arrivals(listener.senders, listener.times, listener.waiting)
            listener.senders, listener.times, listener.waiting = [], [], []
            self._take(listener, arrivals)

    def _close_closing(self, buffer: bytearray) -> None:
        with self._lock:
            closing = list(self._closing)
        for listener in closing:
            while self._drain(listener, buffer, DRAIN_MAX) == DRAIN_MAX:
                self._hand_over(listener)
            self._hand_over(listener)
            self._selector.unregister(listener.sock)
            listener.sock.close()
            with self._lock:
                self._closing.remove(listener)

    def _drain_pokes(self) -> None:
        try:
            while self._woken.recv(256):
                pass
        except BlockingIOError:
            pass


def _drops_of(sock: socket.socket) -> int | None:
    """The last column of /proc/net/udp for this socket."""
    if sys.platform != "linux" or sock.fileno() < 0:
        return None
    table = "udp6" if sock.family == socket.AF_INET6 else "udp"
    try:
        inode = str(os.fstat(sock.fileno()).st_ino)
        lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None  # no /proc here
    for line in lines:
        columns = line.split()
        if columns[9] == inode:
            return int(columns[12])
    return None
