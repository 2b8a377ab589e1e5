"""Round-trip time of one path: smoothed, least, spread.

Samples are exact: the receiver says how long it held the newest packet before it answered, so that a delayed
acknowledgement does not look like a slow path. The least round trip is kept since the start, or since the route was
found to have changed; clocks of both sides are never compared.
"""

from __future__ import annotations

from transfer_core.units import NS_PER_S

RTT_MIN_NS = 20_000  # less than this is not told apart from the two programs' own time
RTT_MAX_NS = 10 * NS_PER_S  # an answer that lay there while the machine slept tells nothing of the path
_UNKNOWN_NS = 100_000_000


class RttEstimator:
    """Round trips in ns. Without a hint and before the first sample `srtt_ns` is None."""

    def __init__(self, hint_ns: int | None) -> None:
        self.latest_ns: int | None = None
        self.srtt_ns: int | None = hint_ns
        self.rttvar_ns = (hint_ns or _UNKNOWN_NS) // 2
        self.jitter_ns = 0
        self._differences = 0
        self._min_ns: int | None = hint_ns

    @property
    def min_ns(self) -> int:
        """The least round trip; a guess of 100 ms before anything is known."""
        return _UNKNOWN_NS if self._min_ns is None else self._min_ns

    @property
    def smoothed_ns(self) -> int:
        """The smoothed round trip; a guess of 100 ms before anything is known."""
        return _UNKNOWN_NS if self.srtt_ns is None else self.srtt_ns

    def on_sample(self, rtt_ns: int) -> None:
        """Take one measured round trip."""
        rtt_ns = min(max(rtt_ns, RTT_MIN_NS), RTT_MAX_NS)
        if self.latest_ns is not None:
            self._differences = min(16, self._differences + 1)  # RFC 3550 section 6.4.1, from 16 on; a mean before
            self.jitter_ns += (abs(rtt_ns - self.latest_ns) - self.jitter_ns) // self._differences
        self.latest_ns = rtt_ns
        self._min_ns = rtt_ns if self._min_ns is None else min(self._min_ns, rtt_ns)
        if self.srtt_ns is None:
            self.srtt_ns, self.rttvar_ns = rtt_ns, rtt_ns // 2
            return
        self.rttvar_ns += (abs(rtt_ns - self.srtt_ns) - self.rttvar_ns) // 4  # RFC 9002 section 5.3
        self.srtt_ns += (rtt_ns - self.srtt_ns) // 8

    def rebase(self) -> None:
        """The route has become longer: what is seen now is the least."""
        self._min_ns = self.srtt_ns
