from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.views.links.scales import LOSS, SHRINK_AFTER_NS, Ratchet, loss_share, nice_top, rtt_share, time_step_s


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_a_nice_top_encloses_its_value_without_wasting_half_the_height(value: float) -> None:
    top = nice_top(value)
    assert value <= top * (1 + 1e-6)
    assert top <= value * 2
    digits = top / 10 ** math.floor(math.log10(top) + 1e-9)
    assert any(math.isclose(digits, step) for step in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10))


def test_a_scale_grows_at_once_and_shrinks_only_after_a_while() -> None:
    scale = Ratchet(1.0)
    assert scale.fit(90.0, 0) == 100.0
    assert scale.fit(150.0, 1) == 200.0
    assert scale.fit(10.0, 2) == 200.0
    assert scale.fit(10.0, 2 + SHRINK_AFTER_NS - 1) == 200.0
    assert scale.fit(10.0, 2 + SHRINK_AFTER_NS) == 12.0


def test_a_peak_in_between_starts_the_wait_anew() -> None:
    scale = Ratchet(1.0)
    scale.fit(90.0, 0)
    scale.fit(10.0, 1)
    scale.fit(90.0, SHRINK_AFTER_NS)
    assert scale.fit(10.0, SHRINK_AFTER_NS + 2) == 100.0


def test_a_scale_is_never_below_its_least() -> None:
    assert Ratchet(10.0).fit(0.0, 0) == 10.0
    assert Ratchet(10.0).fit(math.nan, 0) == 10.0


def test_loss_starts_at_a_true_zero_and_tells_a_tenth_of_a_percent_from_ten_and_from_all() -> None:
    none, tenth, ten, full = loss_share(np.array([0.0, 0.001, 0.1, 1.0]))
    assert none == 0.0
    assert tenth == pytest.approx(0.1, abs=0.01)
    assert 0.6 < ten < 0.7
    assert full == pytest.approx(1.0)


def test_a_lane_holds_what_lies_above_it_at_its_top_and_keeps_gaps() -> None:
    placed = LOSS.place(np.array([-1.0, 0.0, 0.5, 7.0, np.nan]))
    assert placed[0] == placed[1] == LOSS.bottom
    assert placed[3] == LOSS.top
    assert math.isnan(placed[4])


@pytest.mark.parametrize("pixels", [200, 500, 1000, 2000])
@pytest.mark.parametrize("span_s", [60.0, 300.0, 1800.0])
def test_time_labels_always_have_room(span_s: float, pixels: int) -> None:
    assert pixels / (span_s / time_step_s(span_s, pixels)) >= 60


def test_round_trips_are_linear_until_a_slow_link_would_press_the_others_flat() -> None:
    assert rtt_share(np.array([0.0, 50.0, 100.0, 150.0]), 100.0).tolist() == [0.0, 0.5, 1.0, 1.5]
    zero, fast, slow, full = rtt_share(np.array([0.0, 17.0, 600.0, 1000.0]), 1000.0)
    assert zero == 0.0
    assert 0.15 < fast < 0.3
    assert 0.8 < slow < 1.0
    assert full == pytest.approx(1.0)
