"""The links of one agent: found or simulated, opened, measured, killed and restored; what is shown of each.

Found links come from a scan every few seconds; simulated ones from a file, each with a port of its own over loopback
or the routing table. Figures are taken in the loop's thread, ten times a second; everything else in the clerk's.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from transfer_core.clock import Clock
from transfer_core.config import ScoreWeights
from transfer_core.engine.agent_loop import IDLE_NS, AgentLoop
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.path_tally import PathCounts, PathTally
from transfer_core.engine.uplink import LinkPort
from transfer_core.errors import LinkError, NotFoundError
from transfer_core.events import LinkKind, LinkMark, LinkSample, LinkState, LinkView
from transfer_core.links.classify import links_for
from transfer_core.links.discover import scan
from transfer_core.links.hysteresis import LinkStateJudge
from transfer_core.links.measure import LinkMeter
from transfer_core.links.model import Link
from transfer_core.links.quota import period_end
from transfer_core.links.ring import SampleRing
from transfer_core.links.score import link_score
from transfer_core.net.simulated_port import SimulatedPort
from transfer_core.net.udp import open_udp_port
from transfer_core.protocol.recovery.mtu import USUAL_BYTES
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.link import SimulatedLink
from transfer_core.sim.script import ScriptPlayer, Simulation, Step, StepKind
from transfer_core.units import NS_PER_MS, utc_iso

FIGURES_NS = 100 * NS_PER_MS
MARKS_KEPT = 500
_MARK_OF_STATE = {LinkState.SILENT: "lost", LinkState.UP: "back"}


@dataclass(slots=True, eq=False)
class _Known:
    """A link with what is measured of it."""

    link: Link
    simulated: bool
    up: SimulatedLink | None = None
    down: SimulatedLink | None = None
    port: LinkPort | None = None
    meter: LinkMeter = field(default_factory=LinkMeter)
    judge: LinkStateJudge | None = None
    killed_ns: int | None = None
    was_silent: bool = False
    tally: PathTally = field(default_factory=PathTally)
    bytes_sent: int = 0
    bytes_received: int = 0
    view: LinkView | None = None


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
        self.weights = weights
        self._usage = usage
        self.packet_bytes_max = packet_bytes_max
        self._on_samples, self._on_views, self._on_mark = on_samples, on_views, on_mark
        self._known: dict[str, _Known] = {}
        self._rings: dict[str, SampleRing] = {}
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
                    known = self._known[link.name] = _Known(link, self._simulation is not None)
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
        self._loop.loop.post(lambda: self._loop.set_links(ports))
        return came_up

    def _found_links(self, relay_hosts: Sequence[str]) -> list[Link]:
        return links_for(relay_hosts, scan(), self._chosen)

    def _simulated_links(self) -> list[Link]:
        assert self._simulation is not None
        return [
            Link(setup.name, LinkKind.SIMULATED, "simulated", usable=True)
            for setup in self._simulation.links
            if self._chosen is None or setup.name in self._chosen
        ]

    def _open(self, known: _Known) -> None:
        link = known.link
        seed = zlib.crc32(link.name.encode())
        conditions = self._conditions_of(link.name)
        if known.up is None or known.down is None:
            known.up = SimulatedLink(conditions, np.random.default_rng(seed))
            known.down = SimulatedLink(conditions, np.random.default_rng(seed + 1))
        device = None if known.simulated or link.kind is LinkKind.LOOPBACK else link.device
        try:
            inner = open_udp_port(device=device)
        except LinkError as error:
            known.link = replace(link, usable=False, why=error.message)
            return
        port = SimulatedPort(inner, known.up, known.down)
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

    def play(self, now_ns: int) -> None:
        """Do what the simulation file wants done by now."""
        if self._player is None:
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

    def _find(self, name: str) -> _Known:
        with self._lock:
            known = self._known.get(name)
        if known is None or known.up is None or known.down is None:
            raise NotFoundError(f"there is no link {name} in use", hint="`drs-sync scan` lists the links.")
        return known

    def kill(self, name: str) -> None:
        """Drop everything on a link, both ways; nobody is told. NotFoundError."""
        known = self._find(name)
        assert known.up is not None
        assert known.down is not None
        known.up.kill()
        known.down.kill()
        if known.killed_ns is None:
            known.killed_ns = self._clock.monotonic_ns()
            self._mark(name, "kill", f"{name} killed")

    def restore(self, name: str) -> None:
        """Undo `kill`. NotFoundError."""
        known = self._find(name)
        assert known.up is not None
        assert known.down is not None
        known.up.restore()
        known.down.restore()
        if known.killed_ns is not None:
            known.killed_ns = None
            self._mark(name, "restore", f"{name} restored")

    def simulate(self, name: str, values: Mapping[str, float] | None) -> None:
        """Lay other conditions over a link. NotFoundError, ConfigError."""
        known = self._find(name)
        for direction in (known.up, known.down):
            assert direction is not None
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
            views = [known.view or self._plain_view(known) for known in self._known.values()]
        return sorted(views, key=lambda view: view.state is LinkState.UNUSED)

    def samples(self, since_ns: int) -> list[LinkSample]:
        """Plot points since then, oldest first."""
        with self._lock:
            found = [sample for ring in self._rings.values() for sample in ring.since(since_ns)]
        return sorted(found, key=lambda sample: sample.t_ns)

    def marks(self) -> list[LinkMark]:
        """The newest markers."""
        with self._lock:
            return list(self._marks)

    def _plain_view(self, known: _Known) -> LinkView:
        link = known.link
        state = LinkState.IDLE if link.usable else LinkState.UNUSED
        return LinkView(
            link.name,
            link.kind,
            link.device,
            state,
            why=link.why,
            role=self._loop.paths.role_of(link.name),
            addresses=link.addresses,
            simulated=known.simulated,
            **self._limits(link.name),
        )

    # --- the loop's thread

    def observe(self, now_ns: int) -> None:
        """Take figures, ten times a second, or four times while nothing is on its way."""
        if now_ns < self._figures_due_ns:
            return
        self._figures_due_ns = now_ns + (FIGURES_NS if self._loop.is_busy else IDLE_NS)
        samples: list[LinkSample] = []
        with self._lock:
            known_links = list(self._known.values())
        for known in known_links:
            if known.port is None or known.judge is None:
                known.view = self._plain_view(known)
                continue
            self._meter(known, now_ns)
            sample = known.meter.sample(known.link.name, now_ns)
            if sample is not None:
                with self._lock:
                    self._rings.setdefault(known.link.name, SampleRing(known.link.name)).append(sample)
                samples.append(sample)
            known.view = self._measured_view(known, now_ns)
        if samples:
            self._on_samples(tuple(samples))
        if now_ns >= self._views_due_ns:
            self._views_due_ns = now_ns + 2 * FIGURES_NS
            self._on_views(tuple(self.views()))

    def _meter(self, known: _Known, now_ns: int) -> None:
        """Add what the paths over this link have seen since the last time."""
        known.was_silent = True
        for uplink in self._loop.uplinks.values():
            if uplink.session is None:
                continue
            for path in uplink.session.paths.values():
                if uplink.path_links.get(path.number) != known.link.name:
                    continue
                sender = path.sender
                counts = PathCounts(
                    path.data_bytes, sender.acked_packets, sender.lost_packets, sender.sent_bytes, path.heard_bytes
                )
                grown = known.tally.grown(uplink.session.my_index, path.number, counts)
                known.meter.on_delivered(grown.data_bytes, now_ns)
                known.meter.on_settled(grown.acked_packets, grown.lost_packets, now_ns)
                known.bytes_sent += grown.sent_bytes
                known.bytes_received += grown.heard_bytes
                self._usage.add(known.link.name, grown.sent_bytes + grown.heard_bytes)
                if sender.latest_rtt_ns is not None and grown.acked_packets > 0:
                    known.meter.on_rtt(sender.latest_rtt_ns, now_ns)
                if not sender.is_silent and path.last_heard_ns is not None:
                    known.was_silent = False

    def _measured_view(self, known: _Known, now_ns: int) -> LinkView:
        link, judge, figures = known.link, known.judge, known.meter.figures(now_ns)
        assert judge is not None
        in_session = any(
            name == link.name
            for uplink in self._loop.uplinks.values()
            if uplink.session is not None
            for name in uplink.path_links.values()
        )
        fixed = None if known.killed_ns is None else LinkState.KILLED
        change = judge.judge(figures, now_ns, in_session=in_session, fixed=fixed, why="killed by you")
        if change is not None and change.announce and change.is_news and change.after in _MARK_OF_STATE:
            what = _MARK_OF_STATE[change.after]
            self._mark(link.name, what, f"{link.name} {'lost' if what == 'lost' else 'is back'}")
        return LinkView(
            name=link.name,
            kind=link.kind,
            device=link.device,
            state=judge.state,
            why=judge.why or self._usage.why_spent(link.name),
            role=self._loop.paths.role_of(link.name),
            addresses=link.addresses,
            throughput_bps=figures.throughput_bps,
            rtt_ms=figures.rtt_ms,
            rtt_p10_ms=figures.rtt_p10_ms,
            rtt_p90_ms=figures.rtt_p90_ms,
            jitter_ms=figures.jitter_ms,
            loss=figures.loss,
            score=link_score(figures, self.weights),
            measured_ns=figures.measured_ns,
            since_ns=judge.since_ns,
            bytes_sent=known.bytes_sent,
            bytes_received=known.bytes_received,
            simulated=known.simulated,
            **self._limits(link.name),
        )

    def _limits(self, name: str) -> dict[str, Any]:
        """What a person has laid down for a link, for its view."""
        usage, quota = self._usage.of(name), self._usage.quota_of(name)
        cap = self._loop.paths.rules.caps_bytes_per_s.get(name)
        return {
            "rate_cap_bps": None if cap is None else cap * 8,
            "used_bytes": usage.used_bytes,
            "quota_bytes": None if quota is None else quota.limit_bytes,
            "quota_renews": "" if quota is None else period_end(usage.period, quota.reset_day),
        }
