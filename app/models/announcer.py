"""What a screen reader says about the links: each loss once, each return once it has held, nothing twice. Pure.

A link that was lost more than `LOSSES_MOST` times within a minute is called unstable once, and is then silent until it
has held for a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from transfer_core.events import LinkState, LinkView
from transfer_core.units import NS_PER_S

HOLD_NS = 3 * NS_PER_S  # a return counts when it has held so long
MINUTE_NS = 60 * NS_PER_S
LOSSES_MOST = 1
_LOST = (LinkState.DOWN, LinkState.SILENT)
_DELIVERS = (LinkState.UP, LinkState.DEGRADED)


@dataclass(slots=True)
class _Link:
    """One link as it was last heard of."""

    lost: bool = False  # as last announced, or as it was at first
    up_since_ns: int | None = None
    losses_ns: list[int] = field(default_factory=list)
    unstable: bool = False


class LinkAnnouncer:
    """Fed with the links now and then, also when nothing has changed."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}

    def follow(self, links: Iterable[LinkView], now_ns: int) -> list[str]:
        """What is to be said now."""
        said: list[str] = []
        for view in links:
            link = self._links.get(view.name)
            if link is None:
                self._links[view.name] = _Link(lost=view.state in _LOST)
            elif view.state in _LOST:
                said += self._lost(view.name, link, now_ns)
            elif view.state not in _DELIVERS:  # switched off, say, or returning: neither lost nor back
                link.up_since_ns = None
            elif link.lost:
                said += self._back(view.name, link, now_ns)
        return said

    def _lost(self, name: str, link: _Link, now_ns: int) -> list[str]:
        is_new = not link.lost or link.up_since_ns is not None
        link.up_since_ns = None
        link.lost = True
        if not is_new:
            return []
        link.losses_ns = [*(each for each in link.losses_ns if now_ns - each < MINUTE_NS), now_ns]
        if link.unstable:
            return []
        if len(link.losses_ns) > LOSSES_MOST:
            link.unstable = True
            return [f"Link {name} is unstable"]
        return [f"Link {name} lost"]

    @staticmethod
    def _back(name: str, link: _Link, now_ns: int) -> list[str]:
        if link.up_since_ns is None:
            link.up_since_ns = now_ns
        if now_ns - link.up_since_ns < (MINUTE_NS if link.unstable else HOLD_NS):
            return []
        link.lost, link.up_since_ns, link.unstable = False, None, False
        return [f"Link {name} is back"]
