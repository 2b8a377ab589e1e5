"""The one thread that touches sockets and protocol state: read, mutate, drain, send, sleep until the next deadline.

Other threads reach it only by `post`, which queues a call and wakes it, and by `post_soon`: what is told of small files
comes thousands of times a second, and a turn costs as much for one as for many, so such calls are made together, the
first after a pause at once and the others every few milliseconds. What it drives is a `Driven`: the agent's or the
relay's side of the sessions.
"""

from __future__ import annotations

import logging
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from transfer_core.clock import Clock
from transfer_core.engine.system import keep_freed_memory
from transfer_core.errors import LinkError
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Received, Transmit
from transfer_core.units import NS_PER_MS, NS_PER_S

_LOG = logging.getLogger(__name__)
READS_PER_TURN, READ_BYTES_PER_TURN = 16, 1 << 20
SENDS_PER_TURN, SEND_BYTES_PER_TURN = 8, 1 << 19
SLEEP_MAX_NS = NS_PER_S
SPIN_NS = 50_000  # a deadline nearer than this is not worth a sleep
SOON_NS = 4 * NS_PER_MS
SWITCH_S = 0.001  # a thread that works holds the loop up no longer: more of it would look like a queue on the link


class Driven(Protocol):
    """What an event loop drives. Called in the loop's thread alone."""

    def on_received(self, port: UdpPort, received: Received, now_ns: int) -> None:
        """Datagrams came in on a port."""
        ...

    def on_turn(self, now_ns: int) -> None:
        """Deadlines, events, bookkeeping: called once a turn, before sending."""
        ...

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        """The next datagrams and the port that they leave by; ports that are `blocked` are not to be chosen."""
        ...

    def next_timeout_ns(self) -> int | None:
        """When `on_turn` wants to be called at the latest."""
        ...

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        """A port's interface is gone."""
        ...


class EventLoop:
    """Runs a `Driven` over ports until stopped. `on_failure` is called in its thread if it ends before that."""

    def __init__(self, name: str, clock: Clock, on_failure: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._on_failure = on_failure
        self._selector = selectors.DefaultSelector()
        self._waker, self._wake_end = socket.socketpair()
        self._waker.setblocking(False)
        self._wake_end.setblocking(False)
        self._selector.register(self._wake_end, selectors.EVENT_READ, None)
        self._calls: deque[Callable[[], None]] = deque()
        self._soon: deque[Callable[[], None]] = deque()
        self._soon_due_ns = 0  # calls of `post_soon` are made then, or as soon as there are any
        self._ports: list[UdpPort] = []
        self._backlog: dict[UdpPort, tuple[Transmit, bytes]] = {}
        self._stopping = False
        self._driven: Driven | None = None
        self._asleep = False
        self._wakes_soon = False  # by itself, for the calls of `post_soon`
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.failure: BaseException | None = None

    # --- from any thread

    def start(self, driven: Driven) -> None:
        """Begin to run."""
        self._driven = driven
        sys.setswitchinterval(SWITCH_S)
        keep_freed_memory()
        self._thread.start()

    def post(self, call: Callable[[], None]) -> None:
        """Have the loop's thread make this call soon."""
        self._calls.append(call)
        if self._asleep:
            self.wake()

    def post_soon(self, call: Callable[[], None]) -> None:
        """Have the loop's thread make this call with others, within a few milliseconds."""
        self._soon.append(call)
        if self._asleep and not self._wakes_soon:
            self.wake()

    def wake(self) -> None:
        """End the loop's sleep."""
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            return  # its buffer is full of wake-ups already
        except OSError:
            if not self._stopping:  # else the loop has ended between being told and being woken
                raise

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the loop and close its ports; calls that were posted before are made first."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    @property
    def is_running(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    # --- in the loop's thread

    def add_port(self, port: UdpPort) -> None:
        """Listen on a port."""
        self._ports.append(port)
        self._selector.register(port.fileno(), selectors.EVENT_READ, port)

    def remove_port(self, port: UdpPort) -> None:
        """Stop listening on a port and close it."""
        if port in self._ports:
            self._ports.remove(port)
            self._selector.unregister(port.fileno())
        self._backlog.pop(port, None)
        port.close()

    def is_blocked(self, port: UdpPort) -> bool:
        """The system takes no more datagrams of that port just now."""
        return port in self._backlog

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
            for _ in range(len(self._calls)):  # a goodbye that was posted before `stop` is still said
                self._calls.popleft()()
        except BaseException as error:
            self.failure = error
            _LOG.exception("the %s loop ended", self._thread.name)
            raise
        finally:
            for port in list(self._ports):
                self.remove_port(port)
            self._selector.close()
            self._waker.close()
            self._wake_end.close()
            if self.failure is not None:
                self._on_failure()

    def _turn(self) -> None:
        driven = self._driven
        assert driven is not None
        while self._calls:
            self._calls.popleft()()
        now_ns = self._clock.monotonic_ns()
        self._make_soon_calls(now_ns)
        driven.on_turn(now_ns)
        more = self._send(driven)
        for port in self._ports:
            port.pump(now_ns)
        self._wakes_soon = self._soon_due_ns > now_ns
        self._asleep = True
        is_due = bool(self._calls) or (bool(self._soon) and not self._wakes_soon)
        ready = self._selector.select(0 if more or is_due else self._sleep_s(driven))
        self._asleep = False
        for key, _ in ready:
            if key.data is None:
                self._drain_wakes()
        # A simulated port holds arrivals back in memory, so every port is asked, not only the readable ones.
        for port in tuple(self._ports):
            self._read(driven, port)

    def _make_soon_calls(self, now_ns: int) -> None:
        if not self._soon or now_ns < self._soon_due_ns:
            return
        self._soon_due_ns = now_ns + SOON_NS
        for _ in range(len(self._soon)):
            self._soon.popleft()()

    def _sleep_s(self, driven: Driven) -> float:
        deadlines = [driven.next_timeout_ns(), *(port.next_release_ns() for port in self._ports)]
        if self._wakes_soon:
            deadlines.append(self._soon_due_ns)
        if self._backlog:
            deadlines.append(self._clock.monotonic_ns() + NS_PER_MS)
        now_ns = self._clock.monotonic_ns()
        wait_ns = min((at - now_ns for at in deadlines if at is not None), default=SLEEP_MAX_NS)
        if wait_ns < SPIN_NS:
            return 0
        return min(wait_ns, SLEEP_MAX_NS) / NS_PER_S

    def _drain_wakes(self) -> None:
        try:
            while self._wake_end.recv(4096):
                pass
        except BlockingIOError:
            return

    def _read(self, driven: Driven, port: UdpPort) -> None:
        read_bytes = reads = 0
        while reads < READS_PER_TURN and read_bytes < READ_BYTES_PER_TURN:
            # A time older than the arrival would make the one-way delay look shorter than it can be.
            now_ns = self._clock.monotonic_ns()
            try:
                received = port.receive(now_ns)
            except LinkError as error:
                driven.on_port_failed(port, error)
                return
            if received is None:
                return
            reads, read_bytes = reads + 1, read_bytes + len(received.payload)
            driven.on_received(port, received, max(now_ns, self._clock.monotonic_ns()))

    def _send(self, driven: Driven) -> bool:
        """Send some; True if there may be more at once."""
        for port, (transmit, payload) in list(self._backlog.items()):
            del self._backlog[port]
            self._send_one(driven, port, transmit, memoryview(payload))
        sent_bytes = sends = 0
        while sends < SENDS_PER_TURN and sent_bytes < SEND_BYTES_PER_TURN:
            following = driven.next_transmit(self._clock.monotonic_ns())
            if following is None:
                return False
            port, transmit = following
            sends, sent_bytes = sends + 1, sent_bytes + len(transmit.payload)
            self._send_one(driven, port, transmit, transmit.payload)
        return True

    def _send_one(self, driven: Driven, port: UdpPort, transmit: Transmit, payload: memoryview) -> None:
        try:
            taken = port.send(transmit.address, payload, transmit.segment_bytes)
        except LinkError as error:
            driven.on_port_failed(port, error)
            return
        rest = payload[taken * transmit.segment_bytes :]
        if len(rest):
            self._backlog[port] = (transmit, bytes(rest))
