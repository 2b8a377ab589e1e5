"""A cap on what goes over UDP and over HTTP together: each has a part of it, and what one leaves the other may use.

Theory of operation. The parts always add up to the cap, so that the sum holds whatever either side does. Twice a second
it is looked at what each has used. One that uses up its part wants more; one that does not is left what it uses and a
little room to grow; two that both want more get a half each. One that has nothing to send keeps a small part, so that
its first bytes go at once; it has its share a second later.

The cap of all is shared so, and each link's (`LinkCaps`). Most links never carry HTTP: there, UDP has the whole cap
until an upload goes over them, whose first quarter of a second may then go on top of it, at a twentieth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from transfer_core.units import NS_PER_MS, NS_PER_S

LOOK_NS = 500 * NS_PER_MS
IDLE_PART = 0.05
BUSY_PART = 0.1
USED_UP = 0.7  # of a part: pieces and packets are not cut to fit, and a busy machine comes late
ROOM_TO_GROW = 1.5


class OtherSide(Protocol):
    """What shares the cap with UDP. Called in the loop's thread."""

    def use(self) -> tuple[int, bool]:
        """Bytes that it has sent in all, and whether its part of the cap has held it up of late."""
        ...

    def set_part(self, part: float) -> None:
        """Its part of the cap from now on, 0 to 1."""
        ...


class LinkSide(OtherSide, Protocol):
    """The same of one link."""

    def is_there(self) -> bool:
        """Whether anything of it has gone over the link of late, or wanted to."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """What one side did since the last look."""

    used: float  # as a part of the cap
    is_busy: bool  # it has something to send
    wants_more: bool


def split(udp: Use, http: Use) -> tuple[float, float]:
    """The parts of both, which add up to 1."""
    udp_wish, http_wish = _wish(udp), _wish(http)
    if udp_wish < 0.5:
        return udp_wish, 1 - udp_wish
    if http_wish < 0.5:
        return 1 - http_wish, http_wish
    return 0.5, 0.5


def _wish(use: Use) -> float:
    if use.wants_more:
        return 1.0
    least = BUSY_PART if use.is_busy else IDLE_PART
    return max(least, use.used * ROOM_TO_GROW + IDLE_PART)


class CommonCap:
    """See the module. Touched by the loop's thread alone."""

    def __init__(self, other: OtherSide) -> None:
        self._other = other
        self._part = 0.5
        self._looked_ns: int | None = None
        self._before = (0, 0)
        other.set_part(0.5)

    def turn(self, total_bytes_per_s: float, sent_bytes: int, is_busy: bool, now_ns: int) -> float:
        """What UDP may send, in bytes per second, when it has sent so much in all and has more to send or not."""
        other_bytes, other_held_up = self._other.use()
        if self._looked_ns is None or now_ns < self._looked_ns:
            self._looked_ns, self._before = now_ns, (sent_bytes, other_bytes)
        elif now_ns - self._looked_ns >= LOOK_NS:
            seconds = (now_ns - self._looked_ns) / NS_PER_S
            could = max(1.0, total_bytes_per_s * seconds)
            udp, http = max(0, sent_bytes - self._before[0]) / could, max(0, other_bytes - self._before[1]) / could
            self._part, part = split(
                Use(udp, is_busy, is_busy and udp >= USED_UP * self._part),
                Use(http, http > 0 or other_held_up, other_held_up),
            )
            self._other.set_part(part)
            self._looked_ns, self._before = now_ns, (sent_bytes, other_bytes)
        return total_bytes_per_s * self._part


class LinkCaps:
    """The caps of links. Touched by the loop's thread alone."""

    def __init__(self, side_of: Callable[[str], LinkSide]) -> None:
        self._side_of = side_of
        self._shared: dict[str, tuple[LinkSide, CommonCap]] = {}  # by link

    def turn(self, link: str, cap_bytes_per_s: float, sent_bytes: int, is_busy: bool, now_ns: int) -> float:
        """What UDP may send over that link: see `CommonCap.turn`."""
        side = self._side_of(link)
        if not side.is_there():
            self._shared.pop(link, None)
            side.set_part(IDLE_PART)
            return cap_bytes_per_s
        if link not in self._shared:
            self._shared[link] = side, CommonCap(side)
        return self._shared[link][1].turn(cap_bytes_per_s, sent_bytes, is_busy, now_ns)

    def leave(self, link: str) -> None:
        """No UDP goes over that link: what there is of the cap is the other's."""
        self._shared.pop(link, None)
        self._side_of(link).set_part(1.0)
