"""A telemetry desk on a folder of a test, and what sends to it."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import NotFoundError
from transfer_core.events import Event
from transfer_core.telemetry.arrivals import Arrivals, Sender
from transfer_core.telemetry.desk import TelemetryDesk
from transfer_core.telemetry.desk_parts import LiveFigures
from transfer_core.telemetry.flight import Flight, Stream

DEADLINE_S = 60.0
AT_ONCE = 32  # datagrams that any socket's buffer has room for
UNREAD_BYTES_MAX = 32_768


def wait_until(condition: Callable[[], object], what: str = "it") -> None:
    """AssertionError if that does not come true in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.005)


def unread_bytes(port: int) -> int:
    """What waits for whoever listens on that UDP port here; 0 where the system does not tell."""
    if sys.platform != "linux":
        time.sleep(0.005)
        return 0
    lines = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
    columns = (line.split() for line in lines)
    return sum(int(each[4].partition(":")[2], 16) for each in columns if int(each[1].partition(":")[2], 16) == port)


def until_read(port: int) -> None:
    """Until nearly all has been read there: what is too much for a socket's buffer is lost."""
    wait_until(lambda: unread_bytes(port) < UNREAD_BYTES_MAX, f"the reading of port {port}")


class Around:
    """Remembers what the desk tells the service that it is part of."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.said: list[str] = []
        self.queued: list[tuple[str, str | None, str]] = []
        self.has_destination = True
        self.offered: list[tuple[str, int, bytes]] = []
        self.passed_on: list[tuple[Sender, int, bytes]] = []

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def say(self, serious: bool, text: str, error: str) -> None:
        self.said.append(text)

    def queue_recording(self, path: str, destination: str | None, name: str) -> None:
        if not self.has_destination:
            raise NotFoundError("no destination is named")
        self.queued.append((path, destination, name))

    def open_live(self, destination: str, port: int, about: bytes) -> None:
        self.offered.append((destination, port, about))

    def send_live(self, destination: str, port: int, arrivals: Arrivals) -> None:
        self.passed_on += zip(arrivals.senders, arrivals.time_ns, arrivals.datagrams, strict=True)

    def close_live(self, destination: str, port: int) -> None:
        self.offered.append((destination, port, b""))

    def live_figures(self, destination: str, port: int) -> LiveFigures:
        return LiveFigures(sent=len(self.passed_on), why="")

    def be_the_only_one(self) -> None:
        """There is only one in a test."""


@contextmanager
def desk_in(folder: Path, around: Around | None = None, store_url: str = "") -> Iterator[TelemetryDesk]:
    """A started desk, stopped at the end."""
    desk = TelemetryDesk(folder, SystemClock(), SystemEntropy(), around or Around(), store_url)
    try:
        desk.start()
        yield desk
    finally:
        desk.stop()


class Pilot:
    """One drone's datagrams from a port of its own."""

    def __init__(self, port: int, seed: int = 1, drone: int = 0) -> None:
        self._to = ("127.0.0.1", port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        host, own_port = self._socket.getsockname()
        self.source_id = f"{host}:{own_port}"
        self._stream = Stream(Flight(seed, drone))
        self.sent: list[bytes] = []

    def fly(self, count: int) -> None:
        """Send that many, as fast as they are read."""
        self.send(self._stream.next(count))

    def send(self, datagrams: Sequence[bytes]) -> None:
        for datagram in datagrams:
            if len(self.sent) % AT_ONCE == AT_ONCE - 1:
                until_read(self._to[1])
            self._socket.sendto(datagram, self._to)
            self.sent.append(datagram)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def pilots(port: int, count: int = 1) -> Iterator[list[Pilot]]:
    """Some, closed at the end."""
    flying = [Pilot(port, drone=drone) for drone in range(count)]
    try:
        yield flying
    finally:
        for pilot in flying:
            pilot.close()
