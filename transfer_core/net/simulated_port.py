"""Lays a simulated link over any port: what is sent and what arrives is held back, thinned out, or dropped.

Theory of operation. Both directions have a link model and a heap of bursts ordered by release time. `send` copies the
datagrams, asks the model when each comes out, and `pump` hands them to the inner port then. `receive` takes what the
inner port has, asks the model likewise, and gives out what is due. Datagrams whose releases lie within a millisecond
stay one burst, so that the cost is per burst. A link with no conditions lets everything through at once, with no copy.
"""

from __future__ import annotations

import contextlib
import heapq
import time
from collections.abc import Callable
from dataclasses import replace

from transfer_core.errors import LinkError
from transfer_core.net.base import Capabilities, UdpPort
from transfer_core.protocol.endpoint import Address, Received
from transfer_core.sim.held_burst import HeldBurst, hold_burst
from transfer_core.sim.link import SimulatedLink, datagram_sizes
from transfer_core.units import MIB, NS_PER_MS, NS_PER_S, NS_PER_US

COALESCE_NS = 1 * NS_PER_MS
HELD_BYTES_MAX = 64 * MIB
LAST_NS = 1 * NS_PER_S  # of what is on its way when a port is closed
READS_PER_CALL = 16
RETRY_NS = 200 * NS_PER_US
"""When to offer datagrams again to an inner port whose buffer was full."""


class _Held:
    """Bursts of one direction, the next to come out first."""

    def __init__(self, link: SimulatedLink) -> None:
        self.link = link
        self.held_bytes = 0
        self._heap: list[tuple[int, int, Address, HeldBurst]] = []
        self._order = 0

    def __bool__(self) -> bool:
        return bool(self._heap)

    def hold(self, now_ns: int, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Put datagrams on the link; how many there were. Beyond HELD_BYTES_MAX they are lost, as in a full queue."""
        sizes = datagram_sizes(len(payload), segment_bytes)
        if self.held_bytes + len(payload) > HELD_BYTES_MAX:
            self.link.counters.offered += len(sizes)
            self.link.counters.dropped_queue += len(sizes)
            return len(sizes)
        releases = self.link.offer(now_ns, sizes)
        for burst in hold_burst(payload, segment_bytes, releases, COALESCE_NS):
            self._push(burst.release_ns, address, burst)
        return len(sizes)

    def hold_again(self, release_ns: int, address: Address, burst: HeldBurst) -> None:
        """Put back what could not be handed on."""
        self._push(release_ns, address, burst)

    def next_ns(self) -> int | None:
        """When the next burst comes out."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ns: int) -> tuple[Address, HeldBurst] | None:
        """The next burst that is due."""
        if not self._heap or self._heap[0][0] > now_ns:
            return None
        _, _, address, burst = heapq.heappop(self._heap)
        self.held_bytes -= len(burst.payload)
        return address, burst

    def _push(self, release_ns: int, address: Address, burst: HeldBurst) -> None:
        self._order += 1
        self.held_bytes += len(burst.payload)
        heapq.heappush(self._heap, (release_ns, self._order, address, burst))


class SimulatedPort:
    """Implements `UdpPort`. After `pump`, `receive` may bring something even though the system has nothing.

    `monotonic_ns` is the clock that `send` reads; `now_ns` of the other verbs must come from the same one.
    """

    def __init__(
        self,
        port: UdpPort,
        up: SimulatedLink,
        down: SimulatedLink,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._port = port
        self._up = _Held(up)
        self._down = _Held(down)
        self._monotonic_ns = monotonic_ns

    @property
    def local_address(self) -> Address:
        """Of the inner port."""
        return self._port.local_address

    @property
    def capabilities(self) -> Capabilities:
        """Of the inner port, with a note while the link is not transparent."""
        inner = self._port.capabilities
        if self._up.link.conditions is None and self._down.link.conditions is None:
            return inner
        return replace(inner, notes=(*inner.notes, "simulated link"))

    @property
    def held_bytes(self) -> int:
        """What is on its way, both ways together."""
        return self._up.held_bytes + self._down.held_bytes

    def fileno(self) -> int:
        """Of the inner port."""
        return self._port.fileno()

    def kill(self) -> None:
        """Drop every datagram both ways, also what is held, until `restore`. Nobody is told."""
        self._up.link.kill()
        self._down.link.kill()

    def restore(self) -> None:
        """Undo `kill`."""
        self._up.link.restore()
        self._down.link.restore()

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Put datagrams on the link. All count as taken: the queue of a link drops, it never says so."""
        up = self._up
        if up.link.conditions is None and not up:
            count = -(-len(payload) // segment_bytes)
            if up.link.killed:
                up.link.offer(self._monotonic_ns(), datagram_sizes(len(payload), segment_bytes))
                return count
            taken = self._port.send(address, payload, segment_bytes)
            up.link.counters.offered += taken
            up.link.deliver(taken)
            return taken
        now_ns = self._monotonic_ns()
        count = up.hold(now_ns, address, payload, segment_bytes)
        self._let_go(now_ns)
        return count

    def receive(self, now_ns: int) -> Received | None:
        """The next datagrams that have come out of the link."""
        down = self._down
        if down.link.conditions is None and not down:
            return self._receive_through(now_ns)
        for _ in range(READS_PER_CALL):
            received = self._port.receive(now_ns)
            if received is None:
                break
            down.hold(now_ns, received.address, received.payload, received.segment_bytes)
        due = down.pop_due(now_ns)
        while due is not None:
            address, burst = due
            if down.link.deliver(burst.datagrams):
                return Received(address, memoryview(burst.payload), burst.segment_bytes)
            due = down.pop_due(now_ns)
        return None

    def next_release_ns(self) -> int | None:
        """When the next burst of either direction comes out, or the inner port has one."""
        times = [*(held.next_ns() for held in (self._up, self._down)), self._port.next_release_ns()]
        return min((moment for moment in times if moment is not None), default=None)

    def pump(self, now_ns: int) -> None:
        """Send what has come out of the link by now."""
        self._let_go(now_ns)

    def close(self) -> None:
        """Release the inner port. What was sent is on its way, so that it arrives all the same; now, since nobody can
        let go of it later."""
        with contextlib.suppress(LinkError):  # the interface may be what is gone
            self._let_go(self._monotonic_ns() + LAST_NS)
        self._port.close()

    def _receive_through(self, now_ns: int) -> Received | None:
        """A transparent link: what arrives is given on, or dropped while killed."""
        link = self._down.link
        received = self._port.receive(now_ns)
        while received is not None:
            link.counters.offered += received.datagrams
            if link.deliver(received.datagrams):
                return received
            received = self._port.receive(now_ns)
        return None

    def _let_go(self, now_ns: int) -> None:
        up = self._up
        due = up.pop_due(now_ns)
        while due is not None:
            address, burst = due
            if not up.link.killed:
                taken = self._port.send(address, memoryview(burst.payload), burst.segment_bytes)
                up.link.deliver(taken)
                if taken < burst.datagrams:
                    rest = burst.payload[taken * burst.segment_bytes :]
                    left = HeldBurst(now_ns + RETRY_NS, rest, burst.segment_bytes, burst.datagrams - taken)
                    up.hold_again(left.release_ns, address, left)
                    return
            else:
                up.link.deliver(burst.datagrams)
            due = up.pop_due(now_ns)
