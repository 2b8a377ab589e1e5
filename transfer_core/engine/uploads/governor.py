"""Bandwidth for the threads that upload: each waits here until its bytes may go.

A cap means bytes as IP counts them, over UDP and over HTTP alike. What passes here are bytes of files, which are
`FILE_SHARE` of a full TCP segment: so much of a cap they may use. TLS takes 0.1 % more, requests a few hundred bytes a
chunk; acknowledgements go the other way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from transfer_core.clock import Clock
from transfer_core.units import NS_PER_S
from transfer_core.upload.bucket import Bandwidth

FILE_SHARE = 1448 / 1500  # a packet of 1,500 bytes: 20 of IPv4, 32 of TCP with its time stamps
LOOK_S = 0.2  # how often a waiting thread asks whether it shall stop


class Governor:
    """One `Bandwidth` for all threads. The other side of a `CommonCap`: its cap of all is a part of the common one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bandwidth = Bandwidth()
        self._changed = threading.Condition()
        self._all_bps: float | None = None
        self._by_destination: Mapping[str, float] = {}
        self._part = 1.0

    def set_caps(self, all_bps: float | None, by_destination: Mapping[str, float]) -> None:
        """Caps from now on, in bits per second; that of all is shared with UDP."""
        with self._changed:
            self._all_bps, self._by_destination = all_bps, dict(by_destination)
            self._apply()

    def set_link_caps(self, by_link: Mapping[str, float]) -> None:
        """What each link may carry from now on, in bits per second; one that is not named has no cap."""
        with self._changed:
            of_each = {name: bps * FILE_SHARE for name, bps in by_link.items()}
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
