from __future__ import annotations

import numpy as np
import pytest

from app.models.sample_rings import thin_lines
from app.models.telemetry_lines import ThinnedLines
from app.models.telemetry_rings import TelemetryRing
from transfer_core.events.telemetry import SampleBlock
from transfer_core.units import NS_PER_S

CHANNELS = ("PositionY", "SpeedX", "SpeedY", "SpeedZ")
NAMES = ("Height", "Speed", "NotSent")
MOST = 100


def block(first: int, count: int, *, restart: bool = False, run: int = 1) -> SampleBlock:
    rows = np.arange(first, first + count)
    values = np.stack([np.sin(rows / 7), rows % 11, np.cos(rows / 50), rows * 0.0], axis=1).astype(np.float32)
    times = (rows * (NS_PER_S // 100)).astype(np.int64)
    return SampleBlock("a", CHANNELS, 0, restart, times, np.full(count, run, np.int32), values)


def anew(ring: TelemetryRing, end_s: float, span_s: float = 30.0):
    return ThinnedLines().follow(ring, NAMES, end_s, span_s, MOST)


def same(one, other) -> None:
    for left, right in zip(one[:2], other[:2], strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-9)
    assert one[2] == other[2]


@pytest.mark.parametrize("seed", range(6))
def test_lines_followed_from_frame_to_frame_are_those_worked_out_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ring, lines, at = TelemetryRing(CHANNELS), ThinnedLines(), 0
    for _ in range(120):
        count = int(rng.integers(0, 60))
        ring.take(block(at, count))
        at += count + (int(rng.integers(60, 300)) if rng.random() < 0.05 else 0)
        end_s = at / 100
        followed = lines.follow(ring, NAMES, end_s, 30.0, MOST)
        same(followed, anew(ring, end_s))
        assert followed[1].shape[1] <= 2 * (MOST + 2) + 20 or ring.count_between(end_s - 30, end_s) <= 2 * MOST


def test_every_extreme_is_kept_and_a_slope_is_no_saw() -> None:
    ring = TelemetryRing(CHANNELS)
    ring.take(block(0, 3000))
    t, values, lanes = anew(ring, 30.0)
    _, whole, _ = ring.rows(NAMES, 0.0, 30.0)
    assert lanes == (0, 1)
    assert values.min(axis=1).tolist() == pytest.approx(whole.min(axis=1).tolist())
    assert values.max(axis=1).tolist() == pytest.approx(whole.max(axis=1).tolist())
    expected_t, expected = thin_lines(*ring.rows(NAMES, 0.0, 30.0)[:2], 30.0, 2 * MOST + 2)
    assert len(t) == len(expected_t)
    np.testing.assert_allclose(values, expected)


def test_no_line_crosses_a_gap_or_the_start_of_a_run() -> None:
    ring, lines = TelemetryRing(CHANNELS), ThinnedLines()
    ring.take(block(0, 1000))
    lines.follow(ring, NAMES, 10.0, 30.0, MOST)
    ring.take(block(1500, 500))
    ring.take(block(2000, 500, run=2))
    t, values, _ = lines.follow(ring, NAMES, 25.0, 30.0, MOST)
    breaks = t[np.isnan(values).all(axis=0)]
    assert breaks.tolist() == pytest.approx([15.0, 20.0], abs=0.5)


def test_a_seek_other_channels_and_another_stretch_begin_anew() -> None:
    ring, lines = TelemetryRing(CHANNELS), ThinnedLines()
    ring.take(block(0, 3000))
    lines.follow(ring, NAMES, 30.0, 30.0, MOST)
    same(lines.follow(ring, ("Speed",), 30.0, 30.0, MOST), ThinnedLines().follow(ring, ("Speed",), 30.0, 30.0, MOST))
    same(lines.follow(ring, NAMES, 30.0, 10.0, MOST), anew(ring, 30.0, 10.0))
    ring.take(block(0, 2500, restart=True))
    same(lines.follow(ring, NAMES, 25.0, 30.0, MOST), anew(ring, 25.0))


def test_few_samples_are_shown_as_they_are() -> None:
    ring = TelemetryRing(CHANNELS)
    ring.take(block(0, 150))
    t, values, _ = anew(ring, 1.5)
    assert len(t) == 150
    assert values.shape == (2, 150)
    empty = TelemetryRing(CHANNELS)
    assert len(anew(empty, 5.0)[0]) == 0
