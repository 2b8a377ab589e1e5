from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.config import ScoreWeights
from transfer_core.links.measure import LinkFigures
from transfer_core.links.score import link_score, stability_score


def test_the_formula_gives_what_it_says_on_paper() -> None:
    score = link_score(LinkFigures(throughput_bps=50e6, rtt_ms=50.0, jitter_ms=10.0, loss=0.02))
    assert score is not None
    assert (score.throughput, score.rtt, score.loss) == (0.5, 0.75, 0.98)
    assert score.stability == pytest.approx(0.8 * 0.9)
    assert score.score == pytest.approx(0.4 * 0.5 + 0.3 * 0.75 + 0.2 * 0.98 + 0.1 * 0.72)


def test_a_perfect_link_scores_one_and_the_worst_scores_zero() -> None:
    best = link_score(LinkFigures(throughput_bps=100e6, rtt_ms=0.0, jitter_ms=0.0, loss=0.0))
    worst = link_score(LinkFigures(throughput_bps=0.0, rtt_ms=200.0, jitter_ms=50.0, loss=1.0))
    assert best is not None
    assert worst is not None
    assert best.score == pytest.approx(1.0)
    assert worst.score == 0.0


def test_weights_are_divided_by_their_sum() -> None:
    figures = LinkFigures(throughput_bps=20e6, rtt_ms=80.0, jitter_ms=4.0, loss=0.1)
    one = link_score(figures, ScoreWeights())
    ten = link_score(figures, ScoreWeights(throughput=4.0, rtt=3.0, loss=2.0, stability=1.0))
    assert one is not None
    assert ten is not None
    assert ten.score == pytest.approx(one.score)


def test_an_idle_link_is_scored_by_what_it_could_carry() -> None:
    idle = LinkFigures(throughput_bps=0.0, rtt_ms=20.0, jitter_ms=1.0, loss=0.0)
    with_capacity = link_score(idle, capacity_bps=80e6)
    assert with_capacity is not None
    assert with_capacity.throughput == 0.8


def test_a_link_that_was_never_measured_has_no_score() -> None:
    assert link_score(LinkFigures()) is None


def test_what_is_unknown_scores_nothing() -> None:
    score = link_score(LinkFigures(throughput_bps=10e6))
    assert score is not None
    assert (score.rtt, score.loss, score.stability) == (0.0, 0.0, 0.0)
    assert stability_score(None, 0.0) == 0.0


figure = st.floats(0, 1e10)


@given(figure, figure, figure, st.floats(0, 1), st.tuples(*[st.floats(0.01, 10)] * 4))
def test_every_term_and_the_score_are_from_zero_to_one(
    rate: float, rtt: float, jitter: float, loss: float, weights: tuple[float, float, float, float]
) -> None:
    score = link_score(
        LinkFigures(throughput_bps=rate, rtt_ms=rtt, jitter_ms=jitter, loss=loss), ScoreWeights(*weights)
    )
    assert score is not None
    for value in (score.score, score.throughput, score.rtt, score.loss, score.stability):
        assert -1e-9 <= value <= 1 + 1e-9


@given(figure, figure, st.floats(0, 1), st.floats(0, 1))
def test_more_loss_never_scores_better(rtt: float, jitter: float, one: float, two: float) -> None:
    low, high = sorted((one, two))
    good = link_score(LinkFigures(throughput_bps=1e7, rtt_ms=rtt, jitter_ms=jitter, loss=low))
    bad = link_score(LinkFigures(throughput_bps=1e7, rtt_ms=rtt, jitter_ms=jitter, loss=high))
    assert good is not None
    assert bad is not None
    assert bad.score <= good.score + 1e-12
