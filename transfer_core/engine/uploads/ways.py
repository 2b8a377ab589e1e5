"""The links to one destination, with what uploads have found out about them, and sessions over each.

A link is bound to by its device; a destination on this very machine, and one behind simulated links, which carry
datagrams alone, are reached as the system has it. Sessions are kept open between uploads and lent to one at a time.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transfer_core.clock import Clock
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.errors import LinkDown, NoUsableLink
from transfer_core.events import LinkKind, LinkState, LinkView
from transfer_core.links.classify import links_for
from transfer_core.links.discover import scan
from transfer_core.links.measure import LinkFigures
from transfer_core.links.model import Link
from transfer_core.links.score import link_score
from transfer_core.units import NS_PER_S
from transfer_core.upload.kinds import Target, host_of
from transfer_core.upload.link_choice import Candidate, choose_link, rest_ns

if TYPE_CHECKING:
    from transfer_core.upload.session import LinkSession

SCAN_NS = 5 * NS_PER_S
DOWN_NS = NS_PER_S  # how often the system is asked whether a device in use is still up
RATE_GAIN = 0.3
SYSTEM_ROUTE = "system route"
_DEAD = frozenset({LinkState.KILLED, LinkState.DOWN})


@dataclass(slots=True, eq=False)
class _Known:
    """One link as uploads have found it."""

    link: Link
    rate_bps: float | None = None
    rtt_ms: float | None = None
    busy: int = 0
    failures: int = 0
    rests_until_ns: int = 0
    idle: list[LinkSession] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Lent:
    """A session over a link, in the hands of one upload."""

    name: str
    session: LinkSession
    asked_s: float = field(default_factory=time.monotonic)


class Ways:
    """The links to one destination."""

    def __init__(
        self,
        target: Target,
        clock: Clock,
        *,
        chosen: Sequence[str] | None,
        simulated: bool,
        views: Callable[[], Sequence[LinkView]],
        usage: LinkUsage | None = None,
    ) -> None:
        self._usage = usage
        self._target, self._clock, self._chosen = target, clock, chosen
        self._simulated, self._views = simulated, views
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._why = ""
        self._scan_due_ns = self._down_due_ns = 0
        self._up: set[str] = set()  # devices

    def borrow(self, held: Sequence[Lent] = ()) -> Lent:
        """The best link now; what the same upload holds already does not make a link busy. NoUsableLink."""
        now_ns = self._clock.monotonic_ns()
        self._look(now_ns)
        views = {view.name: view for view in self._views()}
        with self._lock:
            spent = {name: why for name in self._known if (why := self._why_spent(name))}
            usable = [
                each for name, each in self._known.items() if name not in spent and not self._is_dead(each, views)
            ]
            own = Counter(each.name for each in held)
            candidates = [_candidate(each, views.get(each.link.name), own[each.link.name]) for each in usable]
            choice = choose_link(candidates, now_ns)
            if choice is None:
                why = "; ".join(filter(None, (self._why, *(f"{name}: {each}" for name, each in spent.items()))))
                raise NoUsableLink(f"no link leads to {host_of(self._target)}" + (f": {why}" if why else ""))
            known = self._known[choice.name]
            known.busy += 1
            known.idle = [session for session in known.idle if not session.aborted]
            session = known.idle.pop() if known.idle else self._dial(known.link)
        return Lent(choice.name, session)

    def _why_spent(self, name: str) -> str:
        return "" if self._usage is None else self._usage.why_spent(name)

    def count(self, name: str, size: int) -> None:
        """So many bytes of a file go over that link: its quota, if it has one, counts them."""
        if self._usage is not None:
            self._usage.add(name, size)

    def _dial(self, link: Link) -> LinkSession:
        from transfer_core.upload.session import LinkSession  # noqa: PLC0415 - see `upload.driver`

        is_bound = link.kind not in (LinkKind.LOOPBACK, LinkKind.SIMULATED)
        options = self._target.options
        return LinkSession(
            link.device if is_bound else None, pin=options.get("pin", ""), ca_file=options.get("ca_file", "")
        )

    def give_back(self, lent: Lent) -> None:
        """The upload needs it no more."""
        with self._lock:
            known = self._known.get(lent.name)
            if known is not None:
                known.busy = max(0, known.busy - 1)
                if not lent.session.aborted and len(known.idle) < 4:
                    known.idle.append(lent.session)
                    return
        lent.session.close()

    def is_dead(self, name: str) -> bool:
        """Whether the link was switched off or went down, though nobody has told its connections."""
        return any(view.name == name and view.state in _DEAD for view in self._views()) or self._is_down(name)

    def _is_down(self, name: str) -> bool:
        if self._simulated:
            return False
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._down_due_ns:
            self._down_due_ns = now_ns + DOWN_NS
            self._up = {fact.name for fact in scan() if fact.is_up and fact.has_carrier is not False}
        with self._lock:
            known = self._known.get(name)
        return known is not None and known.link.device not in self._up

    def check(self, name: str) -> None:
        """LinkDown if the link is dead."""
        if self.is_dead(name):
            raise LinkDown(f"{name} is down")

    def on_failed(self, name: str) -> None:
        """Nothing came back over it."""
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                known.failures += 1
                known.rests_until_ns = self._clock.monotonic_ns() + rest_ns(known.failures)
        self._scan_due_ns = 0

    def on_answer(self, name: str, size: int, seconds: float) -> None:
        """A request of so many bytes was answered after so long."""
        with self._lock:
            known = self._known.get(name)
            if known is None:
                return
            known.failures, known.rests_until_ns = 0, 0
            if size >= 100_000 and seconds > 0:
                rate_bps = size * 8 / seconds
                known.rate_bps = rate_bps if known.rate_bps is None else _mix(known.rate_bps, rate_bps)
            elif size < 10_000:
                known.rtt_ms = seconds * 1000 if known.rtt_ms is None else _mix(known.rtt_ms, seconds * 1000)

    def figures(self) -> tuple[float | None, float | None]:
        """Rate and round trip of the best link known, for the size of chunks."""
        with self._lock:
            best = max(self._known.values(), key=lambda each: each.rate_bps or 0.0, default=None)
            return (None, None) if best is None else (best.rate_bps, best.rtt_ms)

    def close(self) -> None:
        """Let go of all idle sessions."""
        with self._lock:
            for known in self._known.values():
                for session in known.idle:
                    session.close()
                known.idle.clear()

    def _look(self, now_ns: int) -> None:
        if now_ns < self._scan_due_ns:
            return
        self._scan_due_ns = now_ns + SCAN_NS
        if self._simulated:
            found = [Link(SYSTEM_ROUTE, LinkKind.SIMULATED, "", usable=True)]
        else:
            found = links_for(_addresses(host_of(self._target)), scan(), self._chosen)
        with self._lock:
            usable = {link.name: link for link in found if link.usable}
            self._why = "; ".join(f"{link.name}: {link.why}" for link in found if not link.usable)
            for name in set(self._known) - set(usable):
                del self._known[name]
            for name, link in usable.items():
                self._known.setdefault(name, _Known(link)).link = link

    @staticmethod
    def _is_dead(known: _Known, views: dict[str, LinkView]) -> bool:
        view = views.get(known.link.name)
        return view is not None and view.state in _DEAD


def _candidate(known: _Known, view: LinkView | None, held: int) -> Candidate:
    own = link_score(LinkFigures(throughput_bps=known.rate_bps, rtt_ms=known.rtt_ms))
    score = view.score if view is not None and view.score is not None else own
    role = "primary" if view is None else view.role
    value = None if score is None else score.score
    return Candidate(known.link.name, value, known.busy - held, known.rests_until_ns, role)


def _mix(before: float, now: float) -> float:
    return before + RATE_GAIN * (now - before)


def _addresses(host: str) -> list[str]:
    """Numeric addresses of the host; none while it can't be looked up."""
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except OSError:
        return []
