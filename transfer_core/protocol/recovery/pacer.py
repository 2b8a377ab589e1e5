"""Spreads datagrams over time: bursts of about a millisecond of the rate, so that one system call carries many.

A bucket fills at the rate. A burst goes when a burst's worth has come together: a millisecond of the rate, at most
256 KiB, at least one datagram. A program that wakes late saves up ten milliseconds: with less, a busy machine that is
late by a millisecond each time loses a tenth of every link; whatever goes out at once has to fit into some queue on the
way, so more would be lost there. One that is late again and again saves up as much as it was late in the last seconds,
up to fifty: it would send less than its rate for ever, and a controller that sees less go than it allows finds out
nothing. What could not go for another reason, since there was nothing to send or too much in flight, is not saved up
beyond two.
"""

from __future__ import annotations

from transfer_core.units import NS_PER_MS, NS_PER_S

BURST_NS = NS_PER_MS
CREDIT_NS = 10 * NS_PER_MS
LATE_CREDIT_NS = 50 * NS_PER_MS
LATE_MEMORY_NS = 2 * NS_PER_S
IDLE_CREDIT_NS = 2 * NS_PER_MS
BURST_BYTES_MAX = 262_144
DEBT_BYTES_MAX = 65_536
LEAST_CREDIT_BYTES = 3000.0  # two usual packets
_NEARLY = 0.98  # a burst that lacks less than this goes now: a timer rarely hits the nanosecond


class Pacer:
    """A bucket of bytes. It may be overdrawn, by packets that do not wait for it."""

    def __init__(self, now_ns: int, rate_bytes_per_s: float, opening_bytes: int) -> None:
        self._credit_bytes = float(opening_bytes)
        self._filled_ns = now_ns
        self._rate = rate_bytes_per_s
        self._least_bytes = LEAST_CREDIT_BYTES
        self._is_wanted = True
        self._late_ns = 0.0  # how late bursts were of late, at most

    def set_wanted(self, is_wanted: bool, now_ns: int) -> None:
        """Whether it is for the pacer alone that nothing goes."""
        if is_wanted is not self._is_wanted:
            self._fill(now_ns)
            self._is_wanted = is_wanted

    def set_rate(self, rate_bytes_per_s: float, now_ns: int) -> None:
        """Change the rate from now on."""
        self._fill(now_ns)
        self._rate = rate_bytes_per_s

    def grant(self, opening_bytes: int, now_ns: int) -> None:
        """Let this much go at once, as at the start."""
        self._fill(now_ns)
        self._credit_bytes = max(self._credit_bytes, float(opening_bytes))

    def _fill(self, now_ns: int) -> None:
        passed_ns = now_ns - self._filled_ns
        if passed_ns <= 0:
            return
        kept_ns = max(CREDIT_NS, min(LATE_CREDIT_NS, self._late_ns)) if self._is_wanted else IDLE_CREDIT_NS
        most = max(self._rate * kept_ns / NS_PER_S, self._least_bytes, self._credit_bytes)
        grown_bytes = self._credit_bytes + self._rate * passed_ns / NS_PER_S
        self._credit_bytes = min(most, grown_bytes)
        self._filled_ns = now_ns
        self._late_ns *= max(0.0, 1 - passed_ns / LATE_MEMORY_NS)
        if self._is_wanted:
            self._late_ns = max(self._late_ns, grown_bytes / self._rate * NS_PER_S)

    def _burst_bytes(self, packet_bytes: int) -> float:
        return max(packet_bytes, min(self._rate * BURST_NS / NS_PER_S, BURST_BYTES_MAX))

    def packets(self, now_ns: int, packet_bytes: int) -> int:
        """How many packets may go now: none until a burst's worth has come together."""
        self._least_bytes = max(LEAST_CREDIT_BYTES, float(packet_bytes))  # on a slow path one has to fit in
        self._fill(now_ns)
        if self._credit_bytes < self._burst_bytes(packet_bytes) * _NEARLY:
            return 0
        return max(1, int(min(self._credit_bytes, BURST_BYTES_MAX) // packet_bytes))

    def on_sent(self, sent_bytes: int) -> None:
        """Take what was sent out of the bucket; at most `DEBT_BYTES_MAX` are owed."""
        self._credit_bytes = max(self._credit_bytes - sent_bytes, -float(DEBT_BYTES_MAX))

    def next_ns(self, packet_bytes: int) -> int:
        """When the next burst may go."""
        lacking = self._burst_bytes(packet_bytes) - self._credit_bytes
        if lacking <= 0 or self._rate <= 0:
            return self._filled_ns
        return self._filled_ns + int(lacking / self._rate * NS_PER_S)
