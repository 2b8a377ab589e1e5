"""The links of one agent: found or simulated, opened, killed and restored.

Found links come from a scan every few seconds; simulated ones from a file, each with a port of its own over loopback
or the routing table. What is measured of them is `link_gauge`'s, ten times a second in the loop's thread; everything
else is done in the clerk's.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from transfer_core.clock import Clock
from transfer_core.config import ScoreWeights
from transfer_core.engine.agent_loop import IDLE_NS, AgentLoop
from transfer_core.engine.link_gauge import GaugedLink, LinkGauge
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.uplink import LinkPort
from transfer_core.errors import LinkError, NotFoundError
from transfer_core.events import LinkKind, LinkMark, LinkSample, LinkState, LinkView
from transfer_core.links.classify import links_for
from transfer_core.links.discover import scan
from transfer_core.links.hysteresis import LinkStateJudge
from transfer_core.links.model import Link
from transfer_core.net.simulated_port import SimulatedPort
from transfer_core.net.udp import open_udp_port
from transfer_core.protocol.recovery.mtu import USUAL_BYTES
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.link import SimulatedLink
from transfer_core.sim.script import ScriptPlayer, Simulation, Step, StepKind
from transfer_core.units import NS_PER_MS, utc_iso

FIGURES_NS = 100 * NS_PER_MS
MARKS_KEPT = 500


class LinkDesk:
    """See the module."""

    def __init__(
        self,
        loop: AgentLoop,
        clock: Clock,
        *,
        chosen: Sequence[str] | None,
        simulation: Simulation | None,
        weights: ScoreWeights,
        usage: LinkUsage,
        packet_bytes_max: int,
        on_samples: Callable[[tuple[LinkSample, ...]], None],
        on_views: Callable[[tuple[LinkView, ...]], None],
        on_mark: Callable[[LinkMark], None],
    ) -> None:
        self._loop, self._clock, self._chosen, self._simulation = loop, clock, chosen, simulation
        self.gauge = LinkGauge(loop, usage, weights, self._mark)
        self.packet_bytes_max = packet_bytes_max
        self._on_samples, self._on_views, self._on_mark = on_samples, on_views, on_mark
        self._known: dict[str, GaugedLink] = {}
        self._marks: list[LinkMark] = []
        self._lock = threading.RLock()
        self._figures_due_ns = 0
        self._views_due_ns = 0
        start_ns = clock.monotonic_ns()
        self._player = ScriptPlayer(simulation.steps, start_ns) if simulation is not None else None

    # --- the clerk's thread

    def rescan(self, relay_hosts: Sequence[str]) -> list[str]:
        """Look for links; open ports on new usable ones. Names of links that came up."""
        links = self._simulated_links() if self._simulation is not None else self._found_links(relay_hosts)
        came_up: list[str] = []
        with self._lock:
            for link in links:
                known = self._known.get(link.name)
                if known is None:
                    known = self._known[link.name] = GaugedLink(link, self._simulation is not None)
                was_usable = known.port is not None
                known.link = link
                if link.usable and known.port is None:
                    self._open(known)
                elif not link.usable and known.port is not None:
                    known.port = None
                if known.port is not None and not was_usable:
                    came_up.append(link.name)
            gone = set(self._known) - {link.name for link in links}
            for name in gone:
                known = self._known[name]
                known.port = None
                known.link = replace(known.link, usable=False, why="the interface is gone")
            ports = {name: known.port for name, known in self._known.items() if known.port is not None}
        self.play(self._clock.monotonic_ns())  # what is dead from the start sends nothing before
        self._loop.loop.post(lambda: self._loop.set_links(ports))
        return came_up

    def not_there(self) -> tuple[list[str], list[str]]:
        """Chosen links that this machine has not got at this moment, and the links that it has."""
        if self._chosen is None or self._simulation is not None:
            return [], []
        there = [fact.name for fact in scan()]
        return [name for name in self._chosen if name not in there], there

    def _found_links(self, relay_hosts: Sequence[str]) -> list[Link]:
        return links_for(relay_hosts, scan(), self._chosen)

    def _simulated_links(self) -> list[Link]:
        assert self._simulation is not None
        return [
            Link(setup.name, LinkKind.SIMULATED, "simulated", usable=True)
            for setup in self._simulation.links
            if self._chosen is None or setup.name in self._chosen
        ]

    def _open(self, known: GaugedLink) -> None:
        link = known.link
        seed = zlib.crc32(link.name.encode())
        conditions = self._conditions_of(link.name)
        if known.directions is None:
            up = SimulatedLink(conditions, seed)
            known.directions = up, SimulatedLink(conditions, seed + 1)
        device = None if known.simulated or link.kind is LinkKind.LOOPBACK else link.device
        try:
            inner = open_udp_port(device=device)
        except LinkError as error:
            known.link = replace(link, usable=False, why=error.message)
            return
        port = SimulatedPort(inner, *known.directions)
        known.port = LinkPort(
            link.name,
            port,
            is_loopback=link.kind is LinkKind.LOOPBACK,
            packet_bytes_max=min(link.mtu or USUAL_BYTES, self.packet_bytes_max),
        )
        known.judge = known.judge or LinkStateJudge(self._clock.monotonic_ns())

    def _conditions_of(self, name: str) -> LinkConditions | None:
        if self._simulation is None:
            return None
        return next(setup.conditions for setup in self._simulation.links if setup.name == name)

    @property
    def plays(self) -> bool:
        """Whether a simulation file wants things done at its times."""
        return self._player is not None

    def play(self, now_ns: int) -> None:
        """Do what the simulation file wants done by now."""
        if self._player is None or not self._known:
            return
        for step in self._player.due(now_ns):
            if step.link in self._known:
                self._do(step)

    def _do(self, step: Step) -> None:
        if step.kind is StepKind.KILL:
            self.kill(step.link)
        elif step.kind is StepKind.RESTORE:
            self.restore(step.link)
        else:
            self.simulate(step.link, step.values)

    def _find(self, name: str) -> tuple[GaugedLink, tuple[SimulatedLink, SimulatedLink]]:
        """A link and its two directions."""
        with self._lock:
            known = self._known.get(name)
        if known is None or known.directions is None:
            raise NotFoundError(f"there is no link {name} in use", hint="`drs-sync scan` lists the links.")
        return known, known.directions

    def kill(self, name: str) -> None:
        """Drop everything on a link, both ways; nobody is told. NotFoundError."""
        known, directions = self._find(name)
        for direction in directions:
            direction.kill()
        if known.killed_ns is None:
            known.killed_ns = self._clock.monotonic_ns()
            self._mark(name, "kill", f"{name} killed")

    def restore(self, name: str) -> None:
        """Undo `kill`. NotFoundError."""
        known, directions = self._find(name)
        for direction in directions:
            direction.restore()
        if known.killed_ns is not None:
            known.killed_ns = None
            self._mark(name, "restore", f"{name} restored")

    def simulate(self, name: str, values: Mapping[str, float] | None) -> None:
        """Lay other conditions over a link; None: no more. NotFoundError, ConfigError."""
        _, directions = self._find(name)
        for direction in directions:
            base = direction.conditions or LinkConditions(rate_mbps=10_000)
            direction.change(None if values is None else base.changed(values))

    def _mark(self, name: str, what: str, text: str) -> None:
        mark = LinkMark(name, self._clock.monotonic_ns(), utc_iso(self._clock.wall_ns()), what, text)
        with self._lock:
            self._marks.append(mark)
            del self._marks[:-MARKS_KEPT]
        self._on_mark(mark)

    def on_failed(self, name: str) -> None:
        """A port's interface is gone; the next scan tells what is there."""
        with self._lock:
            if name in self._known:
                self._known[name].port = None

    # --- any thread

    def views(self) -> list[LinkView]:
        """All links in a fixed order: usable ones by name as they were found, then the unused."""
        with self._lock:
            views = [known.view or self.gauge.plain_view(known) for known in self._known.values()]
        return sorted(views, key=lambda view: view.state is LinkState.UNUSED)

    def samples(self, since_ns: int) -> list[LinkSample]:
        """Plot points since then, oldest first."""
        return self.gauge.samples(since_ns)

    def marks(self) -> list[LinkMark]:
        """The newest markers."""
        with self._lock:
            return list(self._marks)

    # --- the loop's thread

    def observe(self, now_ns: int) -> None:
        """Take figures, ten times a second, or four times while nothing is on its way."""
        if now_ns < self._figures_due_ns:
            return
        self._figures_due_ns = now_ns + (FIGURES_NS if self._loop.is_busy else IDLE_NS)
        with self._lock:
            links = list(self._known.values())
        taken = [self.gauge.take(link, now_ns) for link in links]
        if samples := tuple(sample for sample in taken if sample is not None):
            self._on_samples(samples)
        if now_ns >= self._views_due_ns:
            self._views_due_ns = now_ns + 2 * FIGURES_NS
            self._on_views(tuple(self.views()))
