"""How a path finds its rate when nothing is known of it.

Theory of operation. A train of packets goes back to back, and its spread at the receiver tells the order of the
capacity. The rate doubles per round trip until that figure is reached or a queue shows. A train that was held up
together on its way tells too little, so at its figure the rate exceeds it by what fills the queue as far as is wanted
within a round trip; if none shows, the rate rises on by half, each time that what was sent at the last one has arrived.

Rates are bytes per second in sent terms (lost packets included), times are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from transfer_core.protocol.recovery.capacity import DISPERSION_MAX, Round
from transfer_core.protocol.recovery.standing_queue import queue_target_s

RATE_MAX = 2.5e9
TOO_SMALL = 1.15  # of a train's figure: if so much arrives, it was held up together
NEAR = 0.95  # of a train's figure is gone up to at first
FILLING_MOST = 0.15  # more than the train's figure, to see whether a queue comes of it
QUEUE_SEEN = 0.35  # of the queue target is one,
BEYOND_TOLD = 1.5  # and without one the rate rises by so much: a millisecond too many doubles a short train's spread
GAIN = 2.5  # of what arrives, a round,
UNTOLD_GAIN = 3.5  # and more while no train has told anything,
UNTOLD_RTT_S = 0.05  # on a way that is no shorter: there little time is lost, and a policer is found out late
TRIED = 0.9  # of the rate: if so much was sent, it was sent at that rate, whatever it was a round ago
SHORT_OF_DATA = 0.6  # of the rate: if less was sent and arrived, the rate was not tried
MIXED_PACKETS = 64  # a round of so many tells the rate at which they arrive to a tenth in any order
MIXED_FULL = 0.8
JITTER_MATTERS = 0.4  # of the queue target
JITTER_TELLS = 0.1  # of it, where the train's figure says that there is no queue


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known at the end of a round."""

    rate: float
    queue_s: float
    target_s: float
    rtt_min_s: float
    packet_bytes: int
    is_filling: bool  # a queue, as the rates tell
    is_mixed: bool  # packets overtake each other
    is_calm: bool  # no loss is suspected of being congestion, nor on trial


@dataclass(frozen=True, slots=True)
class Found:
    """The start is over: this is the capacity."""

    capacity: float


class Start:
    """Finds a path's rate. Owns no clock and no packets."""

    def __init__(self, rate: float) -> None:
        self.has_train = False
        self.dispersion: float | None = None  # the train's figure, unless it proved too small
        self.told: float | None = None  # the same, even so
        self._rate_before = rate  # a round ago

    def on_train(self, dispersion: float, rate: float) -> float:
        """The opening train's spread at the receiver, as a rate; the rate from here on."""
        self.has_train = True
        if dispersion > DISPERSION_MAX:
            return 3 * rate
        self.dispersion = self.told = dispersion
        return min(max(3 * rate, 0.7 * dispersion), 0.9 * dispersion)

    def forget_figure(self) -> None:
        """The train's spread was not the bottleneck's doing."""
        self.dispersion = self.told = None

    def on_round(self, measured: Round, seen: Seen) -> float | Found:
        """The rate for the next round, or the capacity."""
        figure = self.dispersion
        if figure is not None and measured.arriving > TOO_SMALL * figure:
            figure = self.dispersion = None
        if _is_full(measured, seen):
            return Found(measured.arriving)
        if figure is not None and seen.rate >= 0.85 * figure and measured.sending > 0.75 * figure:
            return self._judge_figure(measured, seen, figure)
        if not seen.is_calm:
            return seen.rate
        if figure is None and self.told is not None:
            return self._rise_beyond(measured, seen)
        return self._rise(measured, seen)

    def _judge_figure(self, measured: Round, seen: Seen, figure: float) -> float | Found:
        """A round has gone at the train's figure: without a queue the train was held up on its way."""
        if seen.queue_s > QUEUE_SEEN * seen.target_s:
            return Found(min(figure, measured.arriving))
        if seen.is_filling or not seen.is_calm:
            return Found(figure)
        filling = filling_rate(figure, seen.rtt_min_s, seen.packet_bytes)
        if seen.rate < 0.95 * filling:
            self._rate_before = seen.rate
            return filling
        return self._rise_beyond(measured, seen)

    def _rise_beyond(self, measured: Round, seen: Seen) -> float:
        """Beyond the train's figure, if what was measured was sent at this rate, not at the one before."""
        if measured.sending <= min(math.sqrt(self._rate_before * seen.rate), TRIED * seen.rate):
            return seen.rate
        self._rate_before = seen.rate
        return BEYOND_TOLD * seen.rate

    def _rise(self, measured: Round, seen: Seen) -> float:
        is_untold = not self.has_train and seen.rtt_min_s >= UNTOLD_RTT_S
        most_seen = max(measured.sending, measured.arriving)
        is_short = most_seen < SHORT_OF_DATA * seen.rate
        if is_short and (seen.is_mixed or is_untold):  # no train told anything, so rise sooner
            is_short = most_seen < SHORT_OF_DATA * self._rate_before  # it was sent before the rate rose last
        self._rate_before = seen.rate
        if is_short:
            return seen.rate
        figure = self.dispersion
        most = NEAR * figure if figure is not None and seen.rate < figure else RATE_MAX
        gain = UNTOLD_GAIN if is_untold and not seen.is_mixed else GAIN
        return max(seen.rate, min(2 * seen.rate, gain * measured.arriving, most))


def filling_rate(capacity: float, rtt_min_s: float, packet_bytes: int) -> float:
    """What fills the queue as far as is wanted within a round trip, if that is the capacity."""
    return capacity * (1 + min(FILLING_MOST, queue_target_s(rtt_min_s, capacity, packet_bytes) / rtt_min_s))


def may_be_jitter(packets: int, queue_s: float, target_s: float, jitter_s: float, *, is_below_figure: bool) -> bool:
    """Whether what looks like a queue may be none, as the round trip varies: in a round of so few packets, or at a rate
    below the train's figure, at which a path that is free has none."""
    if queue_s > 2 * target_s:
        return False
    if is_below_figure:
        return jitter_s > JITTER_TELLS * target_s
    return jitter_s > JITTER_MATTERS * target_s and packets < MIXED_PACKETS


def _is_full(measured: Round, seen: Seen) -> bool:
    """Whether the end is found. Where packets overtake each other, their rate shows it first."""
    if seen.queue_s > seen.target_s and seen.is_filling:
        return True
    is_told_by_rate = seen.is_mixed and measured.packets >= MIXED_PACKETS
    return is_told_by_rate and measured.arriving < MIXED_FULL * measured.sending
