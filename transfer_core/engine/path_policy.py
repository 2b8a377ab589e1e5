"""Which paths of a session carry file data, and how fast each may: by policy, by the links' roles, quotas and caps.

* `bonded`, `redundant`: all that may. `best`: one, left only for one that is clearly better, and not too soon.
* primary links always may; overflow links when what is left would take the primary ones over `OVERFLOW_S`, or when
  none of those lives; backup links when no other lives. A link whose quota is used up never may.
* A cap on all paths together, on those over one link or to one relay, is shared out by what each is thought to carry.
  Those on all and on a link are shared with HTTP (`common_cap`).

A silent path always may, since what it is offered is its probe; a spent one is probed without data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from transfer_core.config import Policy
from transfer_core.engine.common_cap import CommonCap, LinkCaps
from transfer_core.protocol.path import Path
from transfer_core.protocol.sender import SenderSession
from transfer_core.units import NS_PER_S

BEST_MARGIN = 1.1
BEST_HOLD_NS = 2 * NS_PER_S
OVERFLOW_S = 5.0
SHARE_MIN = 0.05  # of a common cap, for a link that is thought to carry hardly anything


@dataclass(frozen=True, slots=True)
class LinkRules:
    """What a person has laid down for the links, by name."""

    roles: Mapping[str, str] = field(default_factory=dict)  # primary if not named
    caps_bytes_per_s: Mapping[str, float] = field(default_factory=dict)
    total_cap_bytes_per_s: float | None = None
    relay_caps_bytes_per_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Carrying:
    """A path, the relay that it leads to, and the link that it goes over."""

    relay: str
    link: str
    path: Path


class PathPolicy:
    """Applied to every session a few times a second, in the loop's thread."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.rules = LinkRules()
        self.is_spent: Callable[[str], bool] = _never
        self.common: CommonCap | None = None  # what UDP and HTTP may send together; None: UDP has its cap alone
        self.link_caps: LinkCaps | None = None  # the same of each link's cap
        self._best: dict[str, tuple[int, int]] = {}  # relay -> (path, chosen at)
        self._backlog: dict[str, int] = {}  # bytes by relay

    def role_of(self, link: str) -> str:
        """`primary`, `overflow` or `backup`."""
        return self.rules.roles.get(link, "primary")

    def choose(
        self, relay: str, session: SenderSession, links: Mapping[int, str], now_ns: int, *, paused: bool
    ) -> None:
        """Set which paths carry data. `links` names each path's link."""
        session.redundant = self.policy is Policy.REDUNDANT
        self._backlog[relay] = 0 if paused else backlog_bytes(session)
        spent = {number for number in session.paths if self.is_spent(links[number])}
        live = [path for path in session.paths.values() if not path.sender.is_silent and path.number not in spent]
        usable = self._by_role(session, live, links)
        if self.policy is Policy.BEST and usable:
            usable = [self._choose_best(relay, usable, now_ns)]
        chosen = {path.number for path in usable}
        for number, path in session.paths.items():
            path.carries_data = not paused and number not in spent and (number in chosen or path.sender.is_silent)

    def _by_role(self, session: SenderSession, live: list[Path], links: Mapping[int, str]) -> list[Path]:
        by_role: dict[str, list[Path]] = {"primary": [], "overflow": [], "backup": []}
        for path in live:
            by_role.get(self.role_of(links[path.number]), by_role["primary"]).append(path)
        primary, overflow, backup = by_role.values()
        if not primary:
            return overflow or backup
        rate = sum(worth(path) for path in primary)
        is_much = backlog_bytes(session) > rate * OVERFLOW_S
        return primary + overflow if is_much else primary

    def _choose_best(self, relay: str, live: list[Path], now_ns: int) -> Path:
        """The path with the highest goodput; it is left only for one that is clearly better, and not too soon."""
        best = max(live, key=worth)
        present, since_ns = self._best.get(relay, (-1, 0))
        held = next((path for path in live if path.number == present), None)
        if held is not None and (now_ns - since_ns < BEST_HOLD_NS or worth(best) < BEST_MARGIN * worth(held)):
            return held
        if best.number != present:
            self._best[relay] = (best.number, now_ns)
        return best

    def cap(self, carrying: Iterable[Carrying], now_ns: int) -> None:
        """Set how fast each path may send, over the paths of all sessions."""
        known = list(carrying)
        caps: dict[int, float | None] = {id(each.path): None for each in known}
        groups = [
            (cap, [each.path for each in known if each.relay == relay])
            for relay, cap in self.rules.relay_caps_bytes_per_s.items()
        ]
        groups += self._links(known, now_ns)
        total = self._total(known, now_ns)
        if total is not None:
            groups.append((total, _paths(known)))
        for cap, paths in groups:
            for path, part in zip(paths, share_out(cap, paths), strict=True):
                own = caps[id(path)]
                caps[id(path)] = part if own is None else min(own, part)
        for each in known:
            each.path.sender.rate_cap_bytes_per_s = caps[id(each.path)]

    def _links(self, known: Sequence[Carrying], now_ns: int) -> list[tuple[float, list[Path]]]:
        """What the paths over each capped link may send just now."""
        groups: list[tuple[float, list[Path]]] = []
        for link, cap in self.rules.caps_bytes_per_s.items():
            over = [each for each in known if each.link == link]
            if self.link_caps is not None and over:
                sent_bytes = sum(each.path.sender.sent_bytes for each in over)
                groups.append((self.link_caps.turn(link, cap, sent_bytes, self._is_busy(over), now_ns), _paths(over)))
                continue
            if self.link_caps is not None:
                self.link_caps.leave(link)
            groups.append((cap, _paths(over)))
        return groups

    def _total(self, known: Sequence[Carrying], now_ns: int) -> float | None:
        """What all paths may send together just now."""
        total = self.rules.total_cap_bytes_per_s
        if total is None or self.common is None:
            return total
        sent_bytes = sum(each.path.sender.sent_bytes for each in known)
        return self.common.turn(total, sent_bytes, self._is_busy(known), now_ns)

    def _is_busy(self, known: Iterable[Carrying]) -> bool:
        return any(self._backlog.get(each.relay, 0) > 0 and _carries(each.path) for each in known)


def share_out(cap: float, paths: Sequence[Path]) -> list[float]:
    """A cap on these paths together, by what each is thought to carry; those that carry nothing now may be probed."""
    if len(paths) == 1:
        return [cap]
    rates = [path.sender.capacity_bytes_per_s if _carries(path) else 0.0 for path in paths]
    shares = [max(SHARE_MIN, rate / sum(rates)) if rate > 0 else 0.0 for rate in rates]
    return [cap * share / sum(shares) if share > 0 else cap * SHARE_MIN for share in shares]


def _paths(known: Iterable[Carrying]) -> list[Path]:
    return [each.path for each in known]


def _carries(path: Path) -> bool:
    return path.carries_data and not path.sender.is_silent


def worth(path: Path) -> float:
    """What a path is thought to deliver, in bytes per second."""
    return path.sender.capacity_bytes_per_s * (1 - path.sender.loss)


def backlog_bytes(session: SenderSession) -> int:
    """What has not arrived yet of the files under way."""
    return sum(max(0, file.size - file.arrived_bytes) for file in session.files.values())


def _never(_link: str) -> bool:
    return False
