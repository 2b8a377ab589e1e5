"""Which paths of a session carry file data, and how fast each may: by policy, by the links' roles, quotas and caps.

* `bonded`, `redundant`: all that may. `best`: one, left only for one that is clearly better, and not too soon.
* primary links always may; overflow links when what is left would take the primary ones over `OVERFLOW_S`, or when
  none of those lives; backup links when no other lives. A link whose quota is used up never may.
* A cap on all links together is shared out by what each is thought to carry.

A silent path always may, since what it is offered is its probe; a spent one is probed without data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from transfer_core.config import Policy
from transfer_core.protocol.association import Path
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


class PathPolicy:
    """Applied to every session a few times a second, in the loop's thread."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.rules = LinkRules()
        self.is_spent: Callable[[str], bool] = _never
        self._best: dict[str, tuple[int, int]] = {}  # relay -> (path, chosen at)

    def role_of(self, link: str) -> str:
        """`primary`, `overflow` or `backup`."""
        return self.rules.roles.get(link, "primary")

    def choose(
        self, relay: str, session: SenderSession, links: Mapping[int, str], now_ns: int, *, paused: bool
    ) -> None:
        """Set which paths carry data. `links` names each path's link."""
        session.redundant = self.policy is Policy.REDUNDANT
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

    def cap(self, paths: Iterable[tuple[str, Path]]) -> None:
        """Set how fast each path may send; `paths` are those of all sessions, with their links' names."""
        known = list(paths)
        total = self.rules.total_cap_bytes_per_s
        senders = [path for _, path in known if path.carries_data and not path.sender.is_silent]
        sum_rate = sum(path.sender.capacity_bytes_per_s for path in senders)
        for link, path in known:
            cap = self.rules.caps_bytes_per_s.get(link)
            if total is not None:
                share = path.sender.capacity_bytes_per_s / sum_rate if path in senders and sum_rate > 0 else SHARE_MIN
                cap = min(max(share, SHARE_MIN) * total, total if cap is None else cap)
            path.sender.rate_cap_bytes_per_s = cap


def worth(path: Path) -> float:
    """What a path is thought to deliver, in bytes per second."""
    return path.sender.capacity_bytes_per_s * (1 - path.sender.loss)


def backlog_bytes(session: SenderSession) -> int:
    """What has not arrived yet of the files under way."""
    return sum(max(0, file.size - file.arrived_bytes) for file in session.files.values())


def _never(_link: str) -> bool:
    return False
