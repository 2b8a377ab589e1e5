"""Figures of one link from what its path delivered: rate, RTT and its spread, jitter, loss, and how old all that is.

Theory of operation. Everything lives in rings of fixed size, so a link costs the same memory after a minute and after a
day of racing. Delivered bytes are counted in buckets of 20 ms, of which the last second makes the throughput. RTT
samples are thinned to one per 5 ms and kept for 10 s; percentiles are taken over the newest 2 s of them, or over the
newest eight when light probes are all there is. Jitter is the smoothed difference of neighbouring transit times, as
RTP does it (RFC 3550 section 6.4.1), with RTT in place of one-way transit. Loss is what was lost of all that was
settled within 10 s, once that is enough to speak of a share. An idle link settles a dozen probes in that time, of which
a single lost one is 8 %: so a loss is called sure, and may be held against the link, from the third lost datagram on.
What was lost while the link was switched off says nothing about it: `come_back` begins the loss anew, and what was sent
before is found lost at the latest with the first datagram that arrives. A figure that nothing proves is None, never
zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transfer_core.events import LinkSample
from transfer_core.units import NS_PER_MS, NS_PER_S

SAMPLE_INTERVAL_NS = NS_PER_S // 10  # plots are drawn from points this far apart
STALE_NS = 3 * NS_PER_S  # without proof of delivery for this long, a figure is not known any more
RATE_BUCKET_NS = 20 * NS_PER_MS
RATE_BUCKETS = 50  # one second
RATE_WARM_UP_NS = 200 * NS_PER_MS  # a rate over less than this would be noise
LOSS_BUCKET_NS = 500 * NS_PER_MS
LOSS_BUCKETS = 20  # ten seconds
LOSS_PACKETS_MIN = 5
LOST_MIN = 3  # until so many are lost, it may be chance
RTT_SPACING_NS = 5 * NS_PER_MS
RTT_SLOTS = 2048  # ten seconds at one sample per 5 ms
RTT_WINDOW_NS = 2 * NS_PER_S
RTT_KEPT_NS = 10 * NS_PER_S
RTT_SAMPLES_MIN = 8
JITTER_GAIN = 1 / 16  # RFC 3550 section 6.4.1


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """A link as it was measured. None: not known."""

    throughput_bps: float | None = None
    rtt_ms: float | None = None  # the median
    rtt_p10_ms: float | None = None
    rtt_p90_ms: float | None = None
    jitter_ms: float | None = None
    loss: float | None = None  # 0..1
    sure_loss: float | None = None  # 0 where so few were lost that their share tells nothing yet
    measured_ns: int | None = None  # the newest proof of delivery


class _BucketRing:
    """Sums per time bucket over a fixed number of buckets; older ones are forgotten as time goes on."""

    def __init__(self, bucket_ns: int, buckets: int, columns: int) -> None:
        self._bucket_ns = bucket_ns
        self._sums: npt.NDArray[np.float64] = np.zeros((buckets, columns))
        self._newest: int | None = None

    def add(self, now_ns: int, *values: float) -> None:
        self._advance(now_ns)
        assert self._newest is not None
        self._sums[self._newest % len(self._sums)] += values

    def clear(self) -> None:
        self._sums[:] = 0

    def totals(self, now_ns: int) -> list[float]:
        self._advance(now_ns)
        totals: list[float] = self._sums.sum(axis=0).tolist()
        return totals

    def _advance(self, now_ns: int) -> None:
        bucket, size = now_ns // self._bucket_ns, len(self._sums)
        if self._newest is None or bucket - self._newest >= size:
            self._sums[:] = 0
            self._newest = bucket
        while self._newest < bucket:
            self._newest += 1
            self._sums[self._newest % size] = 0


class LinkMeter:
    """Measures one link. All times are monotonic nanoseconds and do not go back."""

    def __init__(self) -> None:
        self._rate = _BucketRing(RATE_BUCKET_NS, RATE_BUCKETS, 1)
        self._settled = _BucketRing(LOSS_BUCKET_NS, LOSS_BUCKETS, 2)
        self._rtt_at: npt.NDArray[np.int64] = np.zeros(RTT_SLOTS, np.int64)
        self._rtt: npt.NDArray[np.int64] = np.zeros(RTT_SLOTS, np.int64)
        self._rtt_count = 0
        self._last_rtt_ns: int | None = None
        self._jitter_ns = 0.0
        self._burst_began_ns: int | None = None
        self._last_delivery_ns: int | None = None
        self._measured_ns: int | None = None
        self._is_coming_back = False
        self._next_sample_ns: int | None = None

    @property
    def measured_ns(self) -> int | None:
        """When something last proved that the link delivers; None if nothing ever did."""
        return self._measured_ns

    def on_rtt(self, rtt_ns: int, now_ns: int) -> None:
        """A round trip was completed: an acknowledged datagram or an answered probe."""
        self._measured_ns = now_ns
        if self._last_rtt_ns is not None:
            self._jitter_ns += (abs(rtt_ns - self._last_rtt_ns) - self._jitter_ns) * JITTER_GAIN
        self._last_rtt_ns = rtt_ns
        newest = (self._rtt_count - 1) % RTT_SLOTS
        if self._rtt_count and now_ns - int(self._rtt_at[newest]) < RTT_SPACING_NS:
            return
        slot = self._rtt_count % RTT_SLOTS
        self._rtt_at[slot], self._rtt[slot] = now_ns, rtt_ns
        self._rtt_count += 1

    def on_delivered(self, delivered_bytes: int, now_ns: int) -> None:
        """So many more bytes of file data were acknowledged."""
        if delivered_bytes <= 0:
            return
        self._measured_ns = now_ns
        if self._last_delivery_ns is None or now_ns - self._last_delivery_ns > NS_PER_S:
            self._burst_began_ns = now_ns
        self._last_delivery_ns = now_ns
        self._rate.add(now_ns, delivered_bytes)

    def on_settled(self, delivered_datagrams: int, lost_datagrams: int, now_ns: int) -> None:
        """So many more datagrams are known to have arrived, and to have been lost."""
        if delivered_datagrams > 0:
            self._measured_ns = now_ns
        if self._is_coming_back:
            self._is_coming_back = delivered_datagrams == 0
            lost_datagrams = 0
        self._settled.add(now_ns, delivered_datagrams, lost_datagrams)

    def come_back(self) -> None:
        """The link was off and is on again: its loss is that from its first delivery on."""
        self._settled.clear()
        self._is_coming_back = True

    def figures(self, now_ns: int) -> LinkFigures:
        """The link as it is now."""
        rtt = np.sort(self._newest_rtts(now_ns))
        p10, p50, p90 = (quantile(rtt, q) / NS_PER_MS for q in (0.1, 0.5, 0.9)) if len(rtt) else (None,) * 3
        loss, sure_loss = self._loss(now_ns)
        return LinkFigures(
            throughput_bps=self._throughput_bps(now_ns),
            rtt_ms=p50,
            rtt_p10_ms=p10,
            rtt_p90_ms=p90,
            jitter_ms=self._jitter_ns / NS_PER_MS if len(rtt) > 1 else None,
            loss=loss,
            sure_loss=sure_loss,
            measured_ns=self._measured_ns,
        )

    def sample(self, link: str, now_ns: int) -> LinkSample | None:
        """The next plot point, None while it is too soon for one. Figures that have gone stale leave a gap."""
        if self._next_sample_ns is not None and now_ns < self._next_sample_ns:
            return None
        next_ns = (now_ns if self._next_sample_ns is None else self._next_sample_ns) + SAMPLE_INTERVAL_NS
        # After a pause the grid begins anew, so that no points are made up for the time that was missed.
        self._next_sample_ns = next_ns if next_ns > now_ns else now_ns + SAMPLE_INTERVAL_NS
        figures = self.figures(now_ns) if self._is_fresh(now_ns) else LinkFigures()
        return LinkSample(
            link=link,
            t_ns=now_ns,
            throughput_bps=figures.throughput_bps,
            rtt_p50_ms=figures.rtt_ms,
            rtt_p10_ms=figures.rtt_p10_ms,
            rtt_p90_ms=figures.rtt_p90_ms,
            loss=figures.loss,
            sure_loss=figures.sure_loss,
        )

    def _is_fresh(self, now_ns: int) -> bool:
        return self._measured_ns is not None and now_ns - self._measured_ns <= STALE_NS

    def _throughput_bps(self, now_ns: int) -> float | None:
        if not self._is_fresh(now_ns):
            return None
        if self._burst_began_ns is None:
            return 0.0  # it answers probes, and nothing was sent over it
        window_ns = (RATE_BUCKETS - 1) * RATE_BUCKET_NS + now_ns % RATE_BUCKET_NS
        span_ns = min(window_ns, max(RATE_WARM_UP_NS, now_ns - self._burst_began_ns))
        return self._rate.totals(now_ns)[0] * 8 * NS_PER_S / span_ns

    def _loss(self, now_ns: int) -> tuple[float | None, float | None]:
        """The loss, and what of it is sure."""
        delivered, lost = self._settled.totals(now_ns)
        settled = delivered + lost
        if settled < LOSS_PACKETS_MIN:
            return None, None
        return lost / settled, lost / settled if lost >= LOST_MIN else 0.0

    def _newest_rtts(self, now_ns: int) -> npt.NDArray[np.int64]:
        """Newest first."""
        count = min(self._rtt_count, RTT_SLOTS)
        slots = (self._rtt_count - 1 - np.arange(count)) % RTT_SLOTS
        ages_ns = now_ns - self._rtt_at[slots]
        recent = int(np.searchsorted(ages_ns, RTT_WINDOW_NS, side="right"))
        kept = int(np.searchsorted(ages_ns, RTT_KEPT_NS, side="right"))
        newest: npt.NDArray[np.int64] = self._rtt[slots[: min(kept, max(recent, RTT_SAMPLES_MIN))]]
        return newest


def quantile(ordered: npt.NDArray[np.int64], share: float) -> float:
    """Of values in rising order, interpolated as numpy's `quantile` does it, which takes ten times as long for few."""
    place = share * (len(ordered) - 1)
    below = int(place)
    low, high = int(ordered[below]), int(ordered[min(below + 1, len(ordered) - 1)])
    return low + (high - low) * (place - below)
