import itertools

import numpy as np

from transfer_core.protocol.recovery.loss import Burstiness, LossWindows, ReorderWindow, Trend
from transfer_core.protocol.recovery.sent_packets import InOrder

MS = 1_000_000


def part(lost: int, acked: int, runs: int | None = None, first_pn: int = 0) -> InOrder:
    total = lost + acked
    return InOrder(first_pn, lost, lost if runs is None else runs, acked, total * 1500, total * 100_000)


def test_the_window_is_an_eighth_of_the_round_trip_and_grows_with_lateness() -> None:
    reorder = ReorderWindow()
    assert reorder.window_ns(80 * MS) == 10 * MS
    assert reorder.window_ns(500 * MS) == 50 * MS
    reorder.on_late(40 * MS, 0)
    assert reorder.window_ns(80 * MS) == 50 * MS
    reorder.on_late(1000 * MS, 0)
    assert reorder.window_ns(80 * MS) == 120 * MS


def test_lateness_is_forgotten_after_ten_seconds() -> None:
    reorder = ReorderWindow()
    reorder.on_late(40 * MS, 0)
    reorder.on_late(10 * MS, 5000 * MS)
    reorder.expire(9_000 * MS)
    assert reorder.lateness_ns == 40 * MS
    reorder.expire(11_000 * MS)
    assert reorder.lateness_ns == 10 * MS
    reorder.expire(16_000 * MS)
    assert reorder.lateness_ns == 0


def test_burstiness_tells_runs_from_single_losses() -> None:
    rng = np.random.default_rng(4)
    single, bursty = Burstiness(), Burstiness()
    for _ in range(50):
        lost = rng.random(200) < 0.1
        runs = int(np.count_nonzero(lost[1:] & ~lost[:-1])) + int(lost[0])
        single.add(part(int(lost.sum()), 200 - int(lost.sum()), runs))
        bursty.add(part(20, 180, 2))
    assert single.factor < 1.5
    assert bursty.factor > 10


def test_a_steady_loss_is_accepted_and_does_not_count_as_a_rise() -> None:
    rng = np.random.default_rng(5)
    losses = LossWindows()
    rises = 0
    for i in range(400):
        lost = int(rng.binomial(64, 0.1))
        window = losses.add(part(lost, 64 - lost), 128, 0)
        if window is not None:
            rises += window.trend is Trend.ROSE and i > 20
            losses.accept(window.loss, 0.4 if i < 40 else 0.15, window.send_rate)
    assert 0.06 < losses.accepted < 0.14
    assert rises <= 2


def test_a_rise_and_a_fall_are_seen_within_a_window() -> None:
    losses = LossWindows()
    losses.accept(0.1, 1.0, 1e6)
    risen = losses.add(part(60, 140), 128, 0)
    fallen = losses.add(part(0, 600), 128, 0)
    assert risen is not None
    assert fallen is not None
    assert (risen.trend, fallen.trend) == (Trend.ROSE, Trend.FELL)
    assert abs(risen.send_rate - 15e6) < 1


def test_a_path_that_loses_a_hundredth_is_seldom_put_on_trial_by_chance() -> None:
    rng = np.random.default_rng(6)
    suspected = 0
    for _ in range(500):  # paths of which nothing is accepted yet, and what the first third of a second shows of each
        losses = LossWindows()
        windows = [losses.add(part(lost, 128 - lost), 128, 0) for lost in map(int, rng.binomial(128, 0.01, 12))]
        rose = [window is not None and window.trend is Trend.ROSE for window in windows]
        suspected += any(one and next_one for one, next_one in itertools.pairwise(rose))
    assert suspected < 25


def test_a_policer_that_drops_a_twentieth_is_suspected_at_once() -> None:
    losses = LossWindows()
    windows = [losses.add(part(7, 121), 128, 0) for _ in range(2)]
    assert [window and window.trend for window in windows] == [Trend.ROSE, Trend.ROSE]
