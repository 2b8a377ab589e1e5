"""One number for how good a link is, by the formula that people know, with its four terms beside it.

    score = w_throughput * throughput_norm + w_rtt * rtt_norm + w_loss * loss_norm + w_stability * stability

    throughput_norm   0 to 100 Mbit/s becomes 0 to 1
    rtt_norm          0 to 200 ms becomes 1 to 0
    loss_norm         1 - loss
    stability         (1 - jitter / 50 ms) * (1 - loss / 20 %), each factor at least 0

The weights are divided by their sum, so that a score is always from 0 to 1. What is not known scores nothing.
"""

from __future__ import annotations

from transfer_core.config import ScoreWeights
from transfer_core.events import LinkScore
from transfer_core.links.measure import LinkFigures

UNSTABLE_JITTER_MS = 50.0
UNSTABLE_LOSS = 0.20


def link_score(
    figures: LinkFigures, weights: ScoreWeights | None = None, *, capacity_bps: float | None = None
) -> LinkScore | None:
    """The score of a link, None while neither RTT nor throughput is known.

    `capacity_bps` is what the link could carry, where that is known: an idle fast link is still a fast link.
    """
    weights = ScoreWeights() if weights is None else weights
    if figures.rtt_ms is None and figures.throughput_bps is None:
        return None
    rate_bps = max(figures.throughput_bps or 0.0, capacity_bps or 0.0)
    throughput = _clamp(rate_bps / weights.full_throughput_bps)
    rtt = 0.0 if figures.rtt_ms is None else _clamp(1 - figures.rtt_ms / weights.zero_rtt_ms)
    loss = 0.0 if figures.loss is None else _clamp(1 - figures.loss)
    stability = stability_score(figures.jitter_ms, figures.loss)
    total = weights.throughput + weights.rtt + weights.loss + weights.stability
    score = (
        weights.throughput * throughput + weights.rtt * rtt + weights.loss * loss + weights.stability * stability
    ) / total
    return LinkScore(score=score, throughput=throughput, rtt=rtt, loss=loss, stability=stability)


def stability_score(jitter_ms: float | None, loss: float | None) -> float:
    """1 for a link without jitter and loss, 0 for one with 50 ms of jitter or 20 % of loss, or when one is unknown."""
    if jitter_ms is None or loss is None:
        return 0.0
    return _clamp(1 - jitter_ms / UNSTABLE_JITTER_MS) * _clamp(1 - loss / UNSTABLE_LOSS)


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))
