"""How much goes into one request: enough that waiting for its answer is small against sending it, not more.

A chunk should take four seconds at the link's rate, and at least twenty-five round trips, so that the pause at its end
costs at most 4 %; whoever loses a chunk to a dying link loses no more than that. Unknown links get 5 MB.
"""

from __future__ import annotations

DEFAULT_BYTES = 5_000_000
SMALLEST_BYTES = 1_000_000
LARGEST_BYTES = 64_000_000
SECONDS = 4.0
ROUND_TRIPS = 25


def chunk_bytes_for(rate_bps: float | None, rtt_ms: float | None = None) -> int:
    """Bytes for one request, in whole hundreds of kilobytes. `None`: not known."""
    if rate_bps is None or rate_bps <= 0:
        return DEFAULT_BYTES
    seconds = max(SECONDS, ROUND_TRIPS * (rtt_ms or 0.0) / 1000)
    wanted = rate_bps / 8 * seconds
    return int(min(LARGEST_BYTES, max(SMALLEST_BYTES, wanted))) // 100_000 * 100_000
