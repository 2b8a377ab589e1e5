"""Bandwidth as tokens, shared fairly by bytes over the uploads that want it.

Theory of operation. A bucket fills at the cap and holds a tenth of a second of it, so that over any time no more leaves
than the cap allows and that much besides. Each upload's bytes are counted; where several wait for one bucket, the one
that has had least goes first, and one that comes later starts level with it, so that it neither starves nor is
paid for the time when it was not there. A byte passes the buckets of all uploads, of its destination and of its link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transfer_core.units import NS_PER_MS, NS_PER_S

BURST_S = 0.1
BURST_MIN_BYTES = 16 * 1024
ASKED_LATELY_NS = 500 * NS_PER_MS
THERE_NS = 5 * NS_PER_S  # since an upload asked last, a link may still be wanted: it reads a file, or a server thinks
TURN_NS = 5 * NS_PER_MS
CLOSED_NS = NS_PER_S  # how soon a cap of nothing at all is looked at again


@dataclass(frozen=True, slots=True)
class Grant:
    """So many bytes may go; if none, ask again after `wait_ns`."""

    size: int
    wait_ns: int = 0


class TokenBucket:
    """A cap in bytes per second; 0 lets nothing pass."""

    def __init__(self, rate_bytes_per_s: float, now_ns: int) -> None:
        self._rate = rate_bytes_per_s
        self._tokens = float(self.burst_bytes)
        self._filled_ns = now_ns

    @property
    def burst_bytes(self) -> int:
        """What may go at once."""
        return max(BURST_MIN_BYTES, int(self._rate * BURST_S)) if self._rate > 0 else 0

    def set_rate(self, rate_bytes_per_s: float, now_ns: int) -> None:
        """Another cap from now on."""
        self._fill(now_ns)
        self._rate = rate_bytes_per_s
        self._tokens = min(self._tokens, self.burst_bytes)

    def _fill(self, now_ns: int) -> None:
        if now_ns > self._filled_ns:
            added = (now_ns - self._filled_ns) * self._rate / NS_PER_S
            self._tokens = min(float(self.burst_bytes), self._tokens + added)
            self._filled_ns = now_ns

    def look(self, want: int, now_ns: int) -> Grant:
        """What `take` could take now. Not less than a useful piece, unless less is wanted."""
        if self._rate <= 0:
            return Grant(0, CLOSED_NS)
        self._fill(now_ns)
        least = min(want, BURST_MIN_BYTES)
        if self._tokens >= least:
            return Grant(min(want, int(self._tokens)))
        return Grant(0, max(1, round((least - self._tokens) * NS_PER_S / self._rate)))

    def take(self, size: int) -> None:
        """These go."""
        self._tokens -= size


@dataclass(slots=True)
class LinkUse:
    """What uploads have had of a link with a cap, and have wanted."""

    granted_bytes: int = 0
    asked_ns: int = 0
    held_up_ns: int | None = None  # when its cap let somebody wait

    def is_there(self, now_ns: int) -> bool:
        """Whether an upload goes over it."""
        return now_ns - self.asked_ns <= THERE_NS

    def is_held_up(self, now_ns: int) -> bool:
        """Whether its cap has let an upload wait of late."""
        return self.held_up_ns is not None and now_ns - self.held_up_ns <= ASKED_LATELY_NS


class Bandwidth:
    """All caps of an agent and its uploads."""

    def __init__(self) -> None:
        self._all: TokenBucket | None = None
        self._of: dict[str, TokenBucket] = {}  # by destination
        self._over: dict[str, TokenBucket] = {}  # by link
        self._served: dict[str, int] = {}  # bytes of each upload
        self._asked: dict[str, tuple[int, str, str]] = {}  # when, for which destination and link, one asked in vain
        self._held_up_ns: int | None = None  # when the cap of all let somebody wait
        self.granted_bytes = 0
        self.links: dict[str, LinkUse] = {}  # those with a cap that uploads have asked for

    def set_caps(self, all_bps: float | None, by_destination: Mapping[str, float], now_ns: int) -> None:
        """Caps in bits per second; None and what is not named: no cap."""
        self._all = None if all_bps is None else _adapted(self._all, all_bps / 8, now_ns)
        self._of = {name: _adapted(self._of.get(name), bps / 8, now_ns) for name, bps in by_destination.items()}

    def set_link_caps(self, by_link: Mapping[str, float], now_ns: int) -> None:
        """The same of links."""
        self._over = {name: _adapted(self._over.get(name), bps / 8, now_ns) for name, bps in by_link.items()}

    def ask(self, upload: str, destination: str, want: int, now_ns: int, *, link: str = "") -> Grant:
        """How many of `want` bytes this upload may send now, over that link."""
        known = (self._all, self._of.get(destination), self._over.get(link))
        buckets = [bucket for bucket in known if bucket is not None]
        if upload not in self._served:
            self._served[upload] = min(self._served.values(), default=0)
        if not buckets:
            self._give(upload, want)
            return Grant(want)
        looks = [bucket.look(want, now_ns) for bucket in buckets]
        if link in self._over:
            use = self.links.setdefault(link, LinkUse())
            use.asked_ns = now_ns
            if looks[-1].size == 0:
                use.held_up_ns = now_ns
        size = min(look.size for look in looks)
        if self._all is not None and looks[0].size == 0:
            self._held_up_ns = now_ns
        if size == 0:
            self._asked[upload] = now_ns, destination, link
            return Grant(0, max(look.wait_ns for look in looks))
        if self._has_another_less(upload, destination, link, now_ns):
            self._asked[upload] = now_ns, destination, link
            return Grant(0, TURN_NS)
        for bucket in buckets:
            bucket.take(size)
        if link in self._over:
            self.links[link].granted_bytes += size
        self._give(upload, size)
        return Grant(size)

    def held_up_lately(self, now_ns: int) -> bool:
        """Whether the cap of all has let an upload wait of late."""
        return self._held_up_ns is not None and now_ns - self._held_up_ns <= ASKED_LATELY_NS

    def _give(self, upload: str, size: int) -> None:
        self.granted_bytes += size
        self._served[upload] += size
        self._asked.pop(upload, None)

    def _has_another_less(self, upload: str, destination: str, link: str, now_ns: int) -> bool:
        """Whether one that waits for a bucket of this one's, and could go, has had less."""
        mine = self._served[upload]
        for other, (asked_ns, where, over) in self._asked.items():
            if other == upload or now_ns - asked_ns > ASKED_LATELY_NS or self._served[other] >= mine:
                continue
            same_of, same_over = where == destination, over == link
            shares = self._all is not None or (same_of and where in self._of) or (same_over and over in self._over)
            own = (None if same_of else self._of.get(where), None if same_over else self._over.get(over))
            if shares and all(bucket is None or bucket.look(BURST_MIN_BYTES, now_ns).size > 0 for bucket in own):
                return True
        return False

    def leave(self, upload: str) -> None:
        """This one has ended."""
        self._served.pop(upload, None)
        self._asked.pop(upload, None)


def _adapted(bucket: TokenBucket | None, rate: float, now_ns: int) -> TokenBucket:
    if bucket is None:
        return TokenBucket(rate, now_ns)
    bucket.set_rate(rate, now_ns)
    return bucket
