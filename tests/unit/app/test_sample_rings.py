from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from app.models.sample_rings import SampleRing, SampleRings, bucket, bucket_max, bucket_min, mean_line, thin_line
from transfer_core.events import LinkSample

TENTH_NS = 100_000_000


def sample(step: int, rate: float | None = 1.0, *, link: str = "wifi", loss: float | None = 0.0) -> LinkSample:
    return LinkSample(link, step * TENTH_NS, rate, 20.0, 15.0, 30.0, loss, loss)


def test_the_newest_samples_are_one_contiguous_slice_wherever_the_ring_wraps() -> None:
    ring = SampleRing(capacity=16)
    for step in range(1, 100):
        ring.push(sample(step, float(step)))
        window = ring.window(0.0, 1e9)
        assert len(window) == min(step, 16)
        assert window.throughput_bps.flags["C_CONTIGUOUS"]
        assert window.throughput_bps[-1] == step
        assert (np.diff(window.t_s) > 0).all()


def test_a_window_is_a_view_and_not_a_copy() -> None:
    ring = SampleRing(capacity=8)
    for step in range(1, 20):
        ring.push(sample(step))
    assert ring.window(0.0, 1e9).t_s.base is not None


def test_pushing_allocates_no_more_than_the_ring_had_from_the_start() -> None:
    ring = SampleRing(capacity=64)
    ring.push(sample(1))
    before = ring.window(0.0, 1e9).t_s.base
    for step in range(2, 500):
        ring.push(sample(step))
    assert ring.window(0.0, 1e9).t_s.base is before
    assert len(ring) == 64


def test_a_window_holds_only_its_stretch_of_time() -> None:
    ring = SampleRing()
    for step in range(1, 201):
        ring.push(sample(step))
    window = ring.window(10.0, 15.0)
    assert window.t_s[0] == pytest.approx(10.0)
    assert window.t_s[-1] == pytest.approx(15.0)


def test_none_is_a_gap_and_not_a_zero() -> None:
    ring = SampleRing()
    ring.push(sample(1, None))
    assert math.isnan(ring.window(0.0, 1.0).throughput_bps[0])


def test_a_silence_becomes_a_gap_of_its_own() -> None:
    ring = SampleRing()
    ring.push(sample(10))
    ring.push(sample(50))
    values = ring.window(0.0, 1e9).throughput_bps
    assert np.isnan(values).tolist() == [False, True, False]


def test_a_sample_from_before_the_newest_is_left_out() -> None:
    ring = SampleRing()
    ring.push(sample(10))
    ring.push(sample(9))
    ring.push(sample(10))
    assert len(ring) == 1


def test_a_link_never_heard_of_has_an_empty_ring() -> None:
    assert len(SampleRings()["nobody"].window(0.0, 1e9)) == 0


def test_a_copy_stays_as_it_was_while_samples_go_on() -> None:
    rings = SampleRings(32)
    rings.push(sample(step, float(step)) for step in range(1, 11))
    frozen = rings.copy()
    rings.push(sample(step, float(step)) for step in range(11, 100))
    window = frozen["wifi"].window(0.0, 1e9)
    assert window.throughput_bps.tolist() == [float(step) for step in range(1, 11)]


def test_thinning_keeps_the_lowest_and_the_highest_and_stays_under_a_point_a_pixel() -> None:
    rng = np.random.default_rng(7)
    t_s = np.arange(18_000) / 10.0
    values = rng.uniform(40.0, 60.0, 18_000)
    values[9_321], values[12_777] = 99.0, 1.0
    x, y = thin_line(t_s, values, 1800.0, 900)
    assert len(x) == len(y) <= 900
    assert y.max() == 99.0
    assert y.min() == 1.0
    assert (np.diff(x) > 0).all()


def test_a_calm_line_is_the_mean_of_each_stretch_and_keeps_its_gaps() -> None:
    t_s = np.arange(600) / 10.0
    values = np.where(np.arange(600) % 2, 10.0, 30.0)
    values[200:300] = np.nan
    x, y = mean_line(t_s, values, 60.0, 60)
    assert len(x) == 60
    known = np.isfinite(y)
    assert (~known).sum() == 10
    assert y[known] == pytest.approx(20.0)


def test_few_samples_are_drawn_as_they_are() -> None:
    t_s = np.arange(10.0)
    values = t_s * 2
    x, y = thin_line(t_s, values, 60.0, 900)
    assert x is t_s
    assert y is values


def test_a_long_gap_survives_thinning() -> None:
    t_s = np.arange(18_000) / 10.0
    values = np.ones(18_000)
    values[6_000:9_000] = np.nan
    x, y = thin_line(t_s, values, 1800.0, 600)
    assert np.isnan(y[(x > 620) & (x < 880)]).all()
    assert np.isfinite(y[(x < 590) | (x > 910)]).all()


def test_a_peak_stays_in_its_bucket_as_time_moves_on() -> None:
    t_s = np.arange(18_000) / 10.0 + 123.4
    values = np.zeros(18_000)
    values[9_000] = 1.0
    places = []
    for shift in range(0, 50, 7):
        x, y = thin_line(t_s[shift:], values[shift:], 1800.0, 900)
        places.append(float(x[int(np.argmax(y))]))
    assert all(a == b for a, b in pairwise(places))


def test_bucket_extremes_enclose_every_sample() -> None:
    rng = np.random.default_rng(11)
    t_s = np.sort(rng.uniform(0, 300, 5_000))
    values = rng.normal(size=5_000)
    buckets = bucket(t_s, 300.0, 200)
    assert buckets is not None
    low, high = bucket_min(values, buckets), bucket_max(values, buckets)
    cell = np.searchsorted(buckets.starts, np.arange(5_000), side="right") - 1
    assert (values >= low[cell]).all()
    assert (values <= high[cell]).all()


def test_the_nearest_sample_is_found_only_within_reach() -> None:
    ring = SampleRing()
    for step in range(1, 11):
        ring.push(sample(step))
    window = ring.window(0.0, 1e9)
    assert window.nearest(0.52, 0.2) == 4
    assert window.nearest(5.0, 0.2) is None
    assert ring.window(100.0, 200.0).nearest(150.0, 1.0) is None
