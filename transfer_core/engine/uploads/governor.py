"""Bandwidth for the threads that upload: each waits here until its bytes may go.

A cap means bytes as IP counts them, over UDP and over HTTP alike. What passes here are bytes of files, which are
`FILE_SHARE` of a full TCP segment: so much of a cap they may use. TLS takes 0.1 % more, requests a few hundred bytes a
chunk; acknowledgements go the other way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from transfer_core.clock import Clock
from transfer_core.units import NS_PER_S
from transfer_core.upload.bucket import Bandwidth

FILE_SHARE = 1448 / 1500  # a packet of 1,500 bytes: 20 of IPv4, 32 of TCP with its time stamps
LOOK_S = 0.2  # how often a waiting thread asks whether it shall stop


class Governor:
    """One `Bandwidth` for all threads. The other side of a `CommonCap`: its cap of all is a part of the common one.

    Its caps of links are parts, too, of what a link may carry: see `side_of`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bandwidth = Bandwidth()
        self._changed = threading.Condition()
        self._all_bps: float | None = None
        self._by_destination: Mapping[str, float] = {}
        self._part = 1.0
        self._by_link: Mapping[str, float] = {}
        self._link_parts: dict[str, float] = {}

    def set_caps(self, all_bps: float | None, by_destination: Mapping[str, float]) -> None:
        """Caps from now on, in bits per second; that of all is shared with UDP."""
        with self._changed:
            self._all_bps, self._by_destination = all_bps, dict(by_destination)
            self._apply()

    def set_link_caps(self, by_link: Mapping[str, float]) -> None:
        """What each link may carry from now on, in bits per second; one that is not named has no cap."""
        with self._changed:
            self._by_link = dict(by_link)
            self._apply_links()

    def set_link_part(self, link: str, part: float) -> None:
        """See `common_cap.OtherSide`."""
        with self._changed:
            if part != self._link_parts.get(link, 1.0):
                self._link_parts[link] = part
                self._apply_links()

    def _apply_links(self) -> None:
        of_each = {name: bps * self._link_parts.get(name, 1.0) * FILE_SHARE for name, bps in self._by_link.items()}
        self._bandwidth.set_link_caps(of_each, self._clock.monotonic_ns())
        self._changed.notify_all()

    def set_part(self, part: float) -> None:
        """See `common_cap.OtherSide`."""
        with self._changed:
            if part != self._part:
                self._part = part
                self._apply()

    def _apply(self) -> None:
        cap_bps = None if self._all_bps is None else self._all_bps * self._part * FILE_SHARE
        of_each = {name: bps * FILE_SHARE for name, bps in self._by_destination.items()}
        self._bandwidth.set_caps(cap_bps, of_each, self._clock.monotonic_ns())
        self._changed.notify_all()

    def use(self) -> tuple[int, bool]:
        """See `common_cap.OtherSide`."""
        with self._changed:
            held_up = self._bandwidth.held_up_lately(self._clock.monotonic_ns())
            return round(self._bandwidth.granted_bytes / FILE_SHARE), held_up

    def link_use(self, link: str) -> tuple[int, bool, bool]:
        """`common_cap.OtherSide.use` of one link, and whether anything goes over it at all."""
        with self._changed:
            use, now_ns = self._bandwidth.links.get(link), self._clock.monotonic_ns()
            if use is None:
                return 0, False, False
            return round(use.granted_bytes / FILE_SHARE), use.is_held_up(now_ns), use.is_there(now_ns)

    def side_of(self, link: str) -> GovernedLink:
        """What shares that link's cap with UDP."""
        return GovernedLink(self, link)

    def grant(self, upload: str, destination: str, want: int, check: Callable[[], None], *, link: str = "") -> int:
        """Wait until some of these bytes may go over that link; how many. What `check` raises ends the waiting."""
        with self._changed:
            while True:
                check()
                grant = self._bandwidth.ask(upload, destination, want, self._clock.monotonic_ns(), link=link)
                if grant.size:
                    return grant.size
                self._changed.wait(min(LOOK_S, grant.wait_ns / NS_PER_S))

    def leave(self, upload: str) -> None:
        """An upload has ended."""
        with self._changed:
            self._bandwidth.leave(upload)


@dataclass(frozen=True, slots=True)
class GovernedLink:
    """The HTTP side of one link's cap: see `common_cap.LinkSide`."""

    governor: Governor
    link: str

    def use(self) -> tuple[int, bool]:
        """Bytes that have gone over it, and whether its cap has held any up of late."""
        sent_bytes, is_held_up, _ = self.governor.link_use(self.link)
        return sent_bytes, is_held_up

    def is_there(self) -> bool:
        """Whether any upload goes over it."""
        return self.governor.link_use(self.link)[2]

    def set_part(self, part: float) -> None:
        """What HTTP may have of its cap."""
        self.governor.set_link_part(self.link, part)
