"""What is measured of a link, and how it is shown: figures, points of its plot, its state.

Figures are taken in the loop's thread; views may be made in any.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from transfer_core.config import ScoreWeights
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.path_tally import PathCounts, PathTally
from transfer_core.engine.uplink import LinkPort
from transfer_core.events import LinkSample, LinkState, LinkView
from transfer_core.links.hysteresis import LinkStateJudge
from transfer_core.links.measure import LinkMeter
from transfer_core.links.model import Link
from transfer_core.links.quota import period_end
from transfer_core.links.ring import SampleRing
from transfer_core.links.score import link_score
from transfer_core.sim.link import SimulatedLink

_MARK_OF_STATE = {LinkState.SILENT: "lost", LinkState.UP: "back"}


@dataclass(slots=True, eq=False)
class GaugedLink:
    """A link with what is measured of it. It has its directions once it has had a port."""

    link: Link
    simulated: bool
    directions: tuple[SimulatedLink, SimulatedLink] | None = None  # up and down
    port: LinkPort | None = None
    meter: LinkMeter = field(default_factory=LinkMeter)
    judge: LinkStateJudge | None = None
    killed_ns: int | None = None
    tally: PathTally = field(default_factory=PathTally)
    bytes_sent: int = 0
    bytes_received: int = 0
    view: LinkView | None = None


class LinkGauge:
    """Measures links over the paths of the loop's sessions. `mark(link, what, text)` is told of news."""

    def __init__(
        self, loop: AgentLoop, usage: LinkUsage, weights: ScoreWeights, mark: Callable[[str, str, str], None]
    ) -> None:
        self.weights = weights
        self._loop, self._usage, self._mark = loop, usage, mark
        self._rings: dict[str, SampleRing] = {}
        self._lock = threading.Lock()  # of the rings

    # --- the loop's thread

    def take(self, known: GaugedLink, now_ns: int) -> LinkSample | None:
        """Take a link's figures and renew its view; the new point of its plot, if there is one."""
        if known.port is None or known.judge is None:
            known.view = self.plain_view(known)
            return None
        if known.judge.state is LinkState.KILLED and known.killed_ns is None:
            known.meter.come_back()
        self._meter(known, now_ns)
        sample = known.meter.sample(known.link.name, now_ns)
        if sample is not None:
            with self._lock:
                if known.link.name not in self._rings:  # a ring has half a megabyte
                    self._rings[known.link.name] = SampleRing(known.link.name)
                self._rings[known.link.name].append(sample)
        known.view = self._measured_view(known, known.judge, now_ns)
        return sample

    def _meter(self, known: GaugedLink, now_ns: int) -> None:
        """Add what the paths over this link have seen since the last time."""
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

    def _measured_view(self, known: GaugedLink, judge: LinkStateJudge, now_ns: int) -> LinkView:
        link, figures = known.link, known.meter.figures(now_ns)
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

    # --- any thread

    def samples(self, since_ns: int) -> list[LinkSample]:
        """Plot points since then, oldest first."""
        with self._lock:
            found = [sample for ring in self._rings.values() for sample in ring.since(since_ns)]
        return sorted(found, key=lambda sample: sample.t_ns)

    def plain_view(self, known: GaugedLink) -> LinkView:
        """A link of which nothing is measured."""
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
