"""Sends what flights make, each drone from a port of its own, at the times that its rate asks for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence

from transfer_core.errors import LinkDown
from transfer_core.telemetry.flight import Stream
from transfer_core.units import NS_PER_S

AHEAD_S = 0.5  # of datagrams made at once
TURN_S = 0.2  # how soon a wish to stop is seen


class Generator:
    """Drones in the air. `run` blocks; `stop` ends it from another thread."""

    def __init__(self, streams: Sequence[Stream], to: tuple[str, int], rate_hz: float) -> None:
        self._streams = streams
        self._to = to
        self._rate_hz = rate_hz
        self._stop = threading.Event()
        self.sent = 0
        self.not_taken = 0  # the system had no room for them just then

    def run(self, on_ready: Callable[[list[int]], None]) -> None:
        """Send until all have landed. LinkDown if the address can't be sent to. `on_ready` hears the source ports."""
        family = socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET
        sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in self._streams]
        try:
            for sock in sockets:
                sock.bind(("", 0))
            on_ready([sock.getsockname()[1] for sock in sockets])
            self._send_all(sockets)
        finally:
            for sock in sockets:
                sock.close()

    def stop(self) -> None:
        """End `run` soon."""
        self._stop.set()

    def _send_all(self, sockets: Sequence[socket.socket]) -> None:
        start_ns = time.monotonic_ns()
        ahead = max(1, round(AHEAD_S * self._rate_hz))
        tick = 0
        while True:
            batches = [stream.next(ahead) for stream in self._streams]
            count = max((len(batch) for batch in batches), default=0)
            if not count:
                return
            for row in range(count):
                # deadlines are counted from the start, so that being late once does not make everything late
                if not self._wait_until(start_ns + round((tick + row) * NS_PER_S / self._rate_hz)):
                    return
                for sock, batch in zip(sockets, batches, strict=True):
                    if row < len(batch):
                        self._send(sock, batch[row])
            tick += count

    def _wait_until(self, deadline_ns: int) -> bool:
        """False if somebody wishes to stop."""
        while (left_s := (deadline_ns - time.monotonic_ns()) / NS_PER_S) > 0:
            if left_s > TURN_S:
                if self._stop.wait(TURN_S):
                    return False
            else:
                time.sleep(left_s)
        return not self._stop.is_set()

    def _send(self, sock: socket.socket, datagram: bytes) -> None:
        try:
            sock.sendto(datagram, self._to)
        except (BlockingIOError, ConnectionError):
            self.not_taken += 1
        except OSError as error:
            raise LinkDown(f"{self._to[0]}:{self._to[1]} can't be sent to: {error.strerror or error}") from error
        else:
            self.sent += 1
