"""The scales of the link plots, shared by all links so that heights compare. Pure.

A lane is a stretch of the plot's height, given as shares of 0..1 from the bottom; each figure is mapped into its lane
here, so that one fixed view holds all three and nothing in the plot library ever has to change its range.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

import numpy as np
from numpy.typing import NDArray

from transfer_core.units import NS_PER_S

Floats = NDArray[np.float64]

SHRINK_AFTER_NS = 10 * NS_PER_S
LOSS_KNEE = 0.001  # below 0.1 % the loss scale is linear, above it logarithmic
RTT_LINEAR_MS = 300.0
RTT_KNEE_MS = 10.0
_LOSS_FULL = log10(1 + 1 / LOSS_KNEE)
_NICE = (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # each can be halved into a round figure


@dataclass(frozen=True, slots=True)
class Lane:
    """A stretch of the plot's height."""

    bottom: float
    top: float

    def at(self, share: float) -> float:
        """The height of a share of 0..1 of this lane."""
        return self.bottom + (self.top - self.bottom) * share

    def place(self, shares: Floats) -> Floats:
        """The heights of many shares; what lies above the lane is held at its top. NaN stays NaN."""
        return self.bottom + (self.top - self.bottom) * np.clip(shares, 0.0, 1.0)


THROUGHPUT = Lane(0.54, 0.985)
RTT = Lane(0.21, 0.485)
LOSS = Lane(0.01, 0.155)


def nice_top(value: float) -> float:
    """The smallest round figure that is no less than `value`."""
    if not isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in _NICE if step * power >= value * (1 - 1e-9))


def loss_share(loss: Floats) -> Floats:
    """Loss of 0..1 on a scale that starts at a true zero, shows 0.1 % and still tells 10 % from 100 %."""
    return np.log10(1 + np.clip(loss, 0.0, 1.0) / LOSS_KNEE) / _LOSS_FULL


def rtt_is_log(top_ms: float) -> bool:
    """Whether a round-trip scale up to there is logarithmic: once a slow link would press the fast ones flat."""
    return top_ms > RTT_LINEAR_MS


def rtt_share(rtt_ms: Floats, top_ms: float) -> Floats:
    """Round-trip times on a scale from a true zero to `top_ms`; above 1 where they exceed it."""
    if not rtt_is_log(top_ms):
        return rtt_ms / top_ms
    shares: Floats = np.log1p(rtt_ms / RTT_KNEE_MS) / np.log1p(top_ms / RTT_KNEE_MS)
    return shares


class Ratchet:
    """A scale's top that grows at once and shrinks slowly, in nice steps, so that a picture keeps still."""

    def __init__(self, least: float) -> None:
        self._least = least
        self.top = least
        self._small_since_ns: int | None = None

    def fit(self, peak: float, now_ns: int) -> float:
        """Take the highest figure in view into account; returns the top to use."""
        wanted = max(self._least, nice_top(peak * 1.05)) if isfinite(peak) else self._least
        if wanted > self.top:
            self.top, self._small_since_ns = wanted, None
        elif wanted < self.top:
            if self._small_since_ns is None:
                self._small_since_ns = now_ns
            elif now_ns - self._small_since_ns >= SHRINK_AFTER_NS:
                self.top, self._small_since_ns = wanted, None
        else:
            self._small_since_ns = None
        return self.top

    def reset(self) -> None:
        """Forget the past, as when the window's length changes."""
        self.top, self._small_since_ns = self._least, None


def time_step_s(span_s: float, pixels: int) -> float:
    """How far apart the marks of the time axis are, so that their labels have room."""
    fitting = max(1, pixels // 72)
    return next((step for step in (10.0, 30.0, 60.0, 300.0, 600.0) if ceil(span_s / step) <= fitting), span_s)
