"""A whole network in virtual time: endpoints joined by simulated links, run as fast as the machine can.

Theory of operation. Time stands still while anything can happen at the present instant: due deliveries and callables
are carried out, each endpoint that they touched gets `handle_timeout` and is drained (`poll_transmit` and `poll_event`,
until both give None). Then time jumps to the earliest of deliveries, callables and endpoint timeouts. Datagrams are
copied as they are sent, and travel as bursts, not one by one. With the same seed, a run is the same to the last byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from transfer_core.errors import LocalProtocolError
from transfer_core.protocol.endpoint import Address, Endpoint, Received, Transmit
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.duplex import DuplexLink
from transfer_core.sim.held_burst import HeldBurst, hold_burst
from transfer_core.sim.link import SimulatedLink, datagram_sizes
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_US

COALESCE_NS = 200 * NS_PER_US
"""As a network card gathers datagrams before it raises an interrupt."""

DATAGRAMS_PER_POLL = 64
STUCK_ROUNDS = 10_000
"""More rounds than this at one instant means that an endpoint wants to be called for ever."""

FAR_ADDRESS: Address = ("10.255.0.1", 9000)

AnyEndpoint = Endpoint[Any]
EventHandler = Callable[[Any], None]


@dataclass(slots=True)
class WorldCounters:
    """Datagrams of the whole world. `unroutable` had no wire that led to their address, or nobody at its end."""

    sent: int = 0
    delivered: int = 0
    unroutable: int = 0


@dataclass(slots=True)
class _Wire:
    """One direction between two endpoints."""

    link: SimulatedLink
    to: AnyEndpoint
    to_path: int
    from_address: Address


@dataclass(slots=True)
class _Node:
    """An endpoint that lives in this world."""

    endpoint: AnyEndpoint
    on_event: EventHandler | None
    wires: dict[tuple[int, Address], _Wire] = field(default_factory=dict)


class World:
    """Make links with `link`, add endpoints with `add`, join them with `connect`, then `run_until`."""

    def __init__(self, seed: int, *, coalesce_ns: int = COALESCE_NS) -> None:
        self.clock = ManualClock()
        self.counters = WorldCounters()
        self._rng = np.random.default_rng(seed)
        self._coalesce_ns = coalesce_ns
        self._nodes: dict[int, _Node] = {}
        self._touched: set[int] = set()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0

    @property
    def now_ns(self) -> int:
        """The present instant."""
        return self.clock.monotonic_ns()

    def link(self, name: str, conditions: LinkConditions | None, *, reorder: bool = False) -> DuplexLink:
        """A new link, its trouble drawn from this world's seed."""
        return DuplexLink(name, conditions, self._rng.spawn(1)[0], reorder=reorder)

    def add(self, endpoint: AnyEndpoint, on_event: EventHandler | None = None) -> None:
        """Let an endpoint live here; `on_event` gets what its `poll_event` gives, and may call its other verbs."""
        self._nodes[id(endpoint)] = _Node(endpoint, on_event)
        self._touched.add(id(endpoint))

    def connect(
        self,
        near: AnyEndpoint,
        far: AnyEndpoint,
        path: int,
        link: DuplexLink,
        *,
        far_path: int = 0,
        near_address: Address | None = None,
        far_address: Address = FAR_ADDRESS,
    ) -> None:
        """Join two endpoints that were added.

        What `near` sends on `path` to `far_address` goes over `link.up`, and `far` receives it on its `far_path` from
        `near_address` (10.0.PATH.1:40000 unless given); what `far` sends on `far_path` to `near_address` comes back
        over `link.down`.
        """
        came_from = near_address or (f"10.0.{path}.1", 40000)
        self._nodes[id(near)].wires[(path, far_address)] = _Wire(link.up, far, far_path, came_from)
        self._nodes[id(far)].wires[(far_path, came_from)] = _Wire(link.down, near, path, far_address)

    def replace(self, old: AnyEndpoint, new: AnyEndpoint, on_event: EventHandler | None = None) -> None:
        """Put `new` in the place of `old`, as after a crash and a restart: same wires, nothing else kept."""
        node = self._nodes.pop(id(old))
        self._touched.discard(id(old))
        self._nodes[id(new)] = _Node(new, on_event, node.wires)
        self._touched.add(id(new))
        for other in self._nodes.values():
            for wire in other.wires.values():
                if wire.to is old:
                    wire.to = new

    def remove(self, endpoint: AnyEndpoint) -> None:
        """Take an endpoint out; what is sent to it is lost."""
        del self._nodes[id(endpoint)]
        self._touched.discard(id(endpoint))

    def at(self, time_ns: int, do: Callable[[], None]) -> None:
        """Call `do` at that time (at once, in the next run, if it has passed). It may do anything to the world."""

        def act() -> None:
            do()
            self._touched.update(self._nodes)

        self._push(time_ns, act)

    def touch(self, endpoint: AnyEndpoint) -> None:
        """Drain this endpoint in the next run: its owner has called a verb of its own on it."""
        self._touched.add(id(endpoint))

    def run_until(self, predicate: Callable[[], bool], limit_ns: int) -> bool:
        """Run until `predicate()` holds (True), or else until `limit_ns` (its value then).

        Where nothing more can happen, time goes to the limit at once. The predicate is asked once for each instant at
        which something happened.
        """
        stuck = 0
        self._settle()
        while not predicate():
            next_ns = self._next_ns()
            if next_ns is None or next_ns > limit_ns:
                self.clock.advance(max(0, limit_ns - self.now_ns))
                return predicate()
            stuck = stuck + 1 if next_ns <= self.now_ns else 0
            if stuck > STUCK_ROUNDS:
                raise LocalProtocolError(f"an endpoint asks to be called again and again at {self.now_ns} ns")
            self.clock.advance(max(0, next_ns - self.now_ns))
            self._carry_out()
            self._settle()
        return True

    def _push(self, time_ns: int, do: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._heap, (time_ns, self._order, do))

    def _next_ns(self) -> int | None:
        times = [node.endpoint.next_timeout_ns() for node in self._nodes.values()]
        if self._heap:
            times.append(self._heap[0][0])
        return min((time for time in times if time is not None), default=None)

    def _carry_out(self) -> None:
        """Everything on the heap that is due, and the timeouts."""
        now_ns = self.now_ns
        while self._heap and self._heap[0][0] <= now_ns:
            heapq.heappop(self._heap)[2]()
        for key, node in self._nodes.items():
            timeout_ns = node.endpoint.next_timeout_ns()
            if timeout_ns is not None and timeout_ns <= now_ns:
                node.endpoint.handle_timeout(now_ns)
                self._touched.add(key)

    def _settle(self) -> None:
        """Drain until nobody has anything to say at this instant."""
        rounds = 0
        while self._touched:
            rounds += 1
            if rounds > STUCK_ROUNDS:
                raise LocalProtocolError(f"an endpoint never stops talking at {self.now_ns} ns")
            # in the order in which they were added, so that a seed gives one run
            for key, node in list(self._nodes.items()):
                if key in self._touched:
                    self._touched.discard(key)
                    self._drain(key, node)

    def _drain(self, key: int, node: _Node) -> None:
        """Send what it has, hand out its events; touched again if there was any, since a handler may have called it."""
        now_ns = self.now_ns
        transmit = node.endpoint.poll_transmit(now_ns, DATAGRAMS_PER_POLL)
        while transmit is not None:
            self._send(node, transmit, now_ns)
            transmit = node.endpoint.poll_transmit(now_ns, DATAGRAMS_PER_POLL)
        event = node.endpoint.poll_event()
        while event is not None:
            if node.on_event is not None:
                node.on_event(event)
            if key in self._nodes:
                self._touched.add(key)
            event = node.endpoint.poll_event()

    def _send(self, node: _Node, transmit: Transmit, now_ns: int) -> None:
        sizes = datagram_sizes(len(transmit.payload), transmit.segment_bytes)
        self.counters.sent += len(sizes)
        wire = node.wires.get((transmit.path, transmit.address))
        if wire is None:
            self.counters.unroutable += len(sizes)
            return
        releases = wire.link.offer(now_ns, sizes)
        for burst in hold_burst(transmit.payload, transmit.segment_bytes, releases, self._coalesce_ns):
            self._push(burst.release_ns, self._delivery(wire, wire.to, burst))

    def _delivery(self, wire: _Wire, to: AnyEndpoint, burst: HeldBurst) -> Callable[[], None]:
        def deliver() -> None:
            if not wire.link.deliver(burst.datagrams):
                return
            # what was on its way to an endpoint that crashed reaches nobody: its port was closed
            if id(to) not in self._nodes:
                self.counters.unroutable += burst.datagrams
                return
            self.counters.delivered += burst.datagrams
            received = Received(wire.from_address, memoryview(burst.payload), burst.segment_bytes)
            to.receive_datagrams(wire.to_path, received, self.now_ns)
            self._touched.add(id(to))

        return deliver
