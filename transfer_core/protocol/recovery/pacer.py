"""Spreads datagrams over time: bursts of about a millisecond of the rate, so that one system call carries many."""

from __future__ import annotations

from transfer_core.units import NS_PER_MS, NS_PER_S

BURST_NS = NS_PER_MS
CREDIT_NS = 2 * NS_PER_MS  # what a stall may save up
BURST_BYTES_MAX = 65_536


class Pacer:
    """A bucket that fills at the rate. Sending may overdraw it by less than one datagram."""

    def __init__(self, now_ns: int, opening_bytes: int) -> None:
        self._credit_bytes = float(opening_bytes)
        self._filled_ns = now_ns
        self._rate = 0.0

    def set_rate(self, rate_bytes_per_s: float, now_ns: int) -> None:
        """Change the rate from now on."""
        self._fill(now_ns)
        self._rate = rate_bytes_per_s

    def _fill(self, now_ns: int) -> None:
        passed_ns = now_ns - self._filled_ns
        if passed_ns > 0:
            most = max(self._rate * CREDIT_NS / NS_PER_S, 3000.0, self._credit_bytes)
            self._credit_bytes = min(most, self._credit_bytes + self._rate * passed_ns / NS_PER_S)
            self._filled_ns = now_ns

    def _burst_bytes(self, datagram_bytes: int) -> float:
        return max(datagram_bytes, min(self._rate * BURST_NS / NS_PER_S, BURST_BYTES_MAX))

    def datagrams(self, now_ns: int, datagram_bytes: int) -> int:
        """How many datagrams may go now: none until a burst's worth has come together."""
        self._fill(now_ns)
        burst = self._burst_bytes(datagram_bytes)
        if self._credit_bytes < burst * 0.98:
            return 0
        return max(1, int(min(self._credit_bytes, BURST_BYTES_MAX) // datagram_bytes))

    def on_sent(self, sent_bytes: int) -> None:
        """Take what was sent out of the bucket."""
        self._credit_bytes -= sent_bytes

    def next_ns(self, datagram_bytes: int) -> int:
        """When the next burst may go."""
        lacking = self._burst_bytes(datagram_bytes) - self._credit_bytes
        if lacking <= 0 or self._rate <= 0:
            return self._filled_ns
        return self._filled_ns + int(lacking / self._rate * NS_PER_S)
