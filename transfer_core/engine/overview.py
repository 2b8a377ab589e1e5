"""The bar on top of everything: what is under way as a whole, and the worst that there is to say about it."""

from __future__ import annotations

from collections.abc import Sequence

from transfer_core.clock import Clock
from transfer_core.engine.reach import Reach
from transfer_core.engine.under_way import RATE_SHOWN_BPS, UnderWay
from transfer_core.events import EngineView, LinkState, LinkView, Severity
from transfer_core.jobs.store import JobStore

COUNT_SHARE = 50
_LIVE_LINKS = frozenset({LinkState.UP, LinkState.DEGRADED})
_OUT_OF_ACTION = frozenset({LinkState.SILENT, LinkState.DOWN, LinkState.KILLED, LinkState.RETURNING})


class Overview:
    """Sees the whole of an engine. Any thread."""

    def __init__(self, store: JobStore, clock: Clock, under_way: UnderWay, reach: Reach) -> None:
        self._store, self._clock, self._under_way, self._reach = store, clock, under_way, reach
        self._left, self._left_due_ns = (0, 0), 0

    def _count_left(self) -> tuple[int, int]:
        """What is left to send, counted so seldom that it takes no more than a fiftieth of the time."""
        began_ns = self._clock.monotonic_ns()
        if began_ns >= self._left_due_ns:
            self._left = self._store.counts_left()
            ended_ns = self._clock.monotonic_ns()
            self._left_due_ns = ended_ns + COUNT_SHARE * (ended_ns - began_ns)
        return self._left

    def view(self, links: Sequence[LinkView], *, paused: bool, policy: str, has_targets: bool) -> EngineView:
        """The bar on top."""
        files_left, bytes_left = self._count_left()
        bytes_left -= self._under_way.unkept_bytes
        rate_bps = self._under_way.rate_bps
        severity, why = self._worst(links, files_left if has_targets else 0)
        return EngineView(
            online=any(self._reach.all_online().values()),
            paused=paused,
            rate_bps=rate_bps,
            files_left=files_left,
            bytes_left=max(0, bytes_left),
            eta_s=bytes_left * 8 / rate_bps if rate_bps > RATE_SHOWN_BPS and files_left else None,
            links_up=sum(link.state in _LIVE_LINKS for link in links),
            links_total=sum(link.state is not LinkState.UNUSED for link in links),
            severity=severity,
            why=why,
            policy=policy,
            undo=self._store.undo_label(),
        )

    def _worst(self, links: Sequence[LinkView], files_left: int) -> tuple[Severity, str]:
        bad = [link for link in links if link.state in _OUT_OF_ACTION]
        if files_left and not any(self._reach.all_online().values()):
            return Severity.SERIOUS, self._reach.first_why() or "no relay answers yet"
        if self._under_way.held:
            return Severity.SERIOUS, self._under_way.held
        if bad:
            return Severity.CAUTION, ", ".join(f"{link.name} {link.state}" for link in bad)
        degraded = next((link for link in links if link.state is LinkState.DEGRADED), None)
        if degraded is not None:
            return Severity.CAUTION, f"{degraded.name}: {degraded.why}"
        return Severity.INFO, ""
