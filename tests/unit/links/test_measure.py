from __future__ import annotations

import itertools

import numpy as np
import pytest

from transfer_core.links.measure import STALE_NS, LinkFigures, LinkMeter, quantile
from transfer_core.units import NS_PER_MS, NS_PER_S

START = 1_000_000 * NS_PER_S


def deliver(meter: LinkMeter, *, rate_bps: float, begin_ns: int, span_ns: int, every_ns: int = NS_PER_MS) -> int:
    for now_ns in range(begin_ns, begin_ns + span_ns, every_ns):
        meter.on_delivered(round(rate_bps / 8 * every_ns / NS_PER_S), now_ns)
    return begin_ns + span_ns


def test_a_new_link_knows_nothing() -> None:
    assert LinkMeter().figures(START) == LinkFigures()


@pytest.mark.parametrize("rate_bps", [1e6, 80e6, 2e9])
def test_steady_delivery_is_measured_within_two_percent(rate_bps: float) -> None:
    meter = LinkMeter()
    now_ns = deliver(meter, rate_bps=rate_bps, begin_ns=START, span_ns=5 * NS_PER_S)
    for extra_ns in (0, 7 * NS_PER_MS, 19 * NS_PER_MS):
        deliver(meter, rate_bps=rate_bps, begin_ns=now_ns, span_ns=extra_ns)
        assert meter.figures(now_ns + extra_ns).throughput_bps == pytest.approx(rate_bps, rel=0.02)
        now_ns += extra_ns


def test_the_rate_of_a_burst_is_true_before_a_whole_second_has_passed() -> None:
    meter = LinkMeter()
    now_ns = deliver(meter, rate_bps=50e6, begin_ns=START, span_ns=300 * NS_PER_MS)
    assert meter.figures(now_ns).throughput_bps == pytest.approx(50e6, rel=0.02)


def test_the_rate_is_zero_a_second_after_delivery_stops_and_unknown_when_no_proof_comes() -> None:
    meter = LinkMeter()
    now_ns = deliver(meter, rate_bps=50e6, begin_ns=START, span_ns=2 * NS_PER_S)
    assert meter.figures(now_ns + 1_100 * NS_PER_MS).throughput_bps == 0.0
    assert meter.figures(now_ns + STALE_NS + NS_PER_S).throughput_bps is None


def test_a_link_that_only_answers_probes_carries_zero_not_unknown() -> None:
    meter = LinkMeter()
    meter.on_rtt(20 * NS_PER_MS, START)
    figures = meter.figures(START)
    assert figures.throughput_bps == 0.0
    assert figures.rtt_ms == 20.0
    assert figures.jitter_ms is None
    assert figures.loss is None


def test_percentiles_are_those_of_the_newest_two_seconds() -> None:
    meter, rng = LinkMeter(), np.random.default_rng(3)
    samples: list[tuple[int, int]] = []
    for i in range(1_000):
        now_ns = START + i * 6 * NS_PER_MS
        rtt_ns = int(rng.integers(20, 90)) * NS_PER_MS
        meter.on_rtt(rtt_ns, now_ns)
        samples.append((now_ns, rtt_ns))
    end_ns = samples[-1][0]
    expected = np.percentile([rtt for at, rtt in samples if end_ns - at <= 2 * NS_PER_S], (10, 50, 90)) / NS_PER_MS
    figures = meter.figures(end_ns)
    assert (figures.rtt_p10_ms, figures.rtt_ms, figures.rtt_p90_ms) == pytest.approx(tuple(expected))


def test_with_probes_alone_the_newest_eight_count_but_none_older_than_ten_seconds() -> None:
    meter = LinkMeter()
    for i in range(20):
        meter.on_rtt((100 + i) * NS_PER_MS, START + i * NS_PER_S)
    newest_ns = START + 19 * NS_PER_S
    assert meter.figures(newest_ns).rtt_ms == pytest.approx(115.5)
    assert meter.figures(newest_ns + 5 * NS_PER_S).rtt_ms == pytest.approx(116.5)
    assert meter.figures(newest_ns + 11 * NS_PER_S).rtt_ms is None


def test_jitter_is_the_smoothed_difference_of_rfc_3550() -> None:
    meter, expected, last = LinkMeter(), 0.0, None
    for i, rtt_ms in enumerate([20, 30, 25, 80, 20, 22, 21]):
        meter.on_rtt(rtt_ms * NS_PER_MS, START + i * 50 * NS_PER_MS)
        if last is not None:
            expected += (abs(rtt_ms - last) - expected) / 16
        last = rtt_ms
    assert meter.figures(START + 300 * NS_PER_MS).jitter_ms == pytest.approx(expected)


def test_loss_is_the_share_of_what_was_settled_within_ten_seconds() -> None:
    meter = LinkMeter()
    meter.on_settled(50, 50, START)
    meter.on_settled(900, 100, START + 9 * NS_PER_S)
    assert meter.figures(START + 9 * NS_PER_S).loss == pytest.approx(150 / 1100)
    assert meter.figures(START + 11 * NS_PER_S).loss == pytest.approx(0.1)
    assert meter.figures(START + 30 * NS_PER_S).loss is None


def test_a_loss_is_sure_from_the_third_lost_datagram_on() -> None:
    meter = LinkMeter()
    meter.on_settled(10, 2, START)
    figures = meter.figures(START)
    assert (figures.loss, figures.sure_loss) == (pytest.approx(2 / 12), 0.0)
    meter.on_settled(0, 1, START)
    figures = meter.figures(START)
    assert figures.sure_loss == figures.loss == pytest.approx(3 / 13)


def test_a_handful_of_datagrams_is_no_loss_figure() -> None:
    meter = LinkMeter()
    meter.on_settled(3, 1, START)
    assert meter.figures(START).loss is None


def test_a_link_that_came_back_shows_what_it_loses_since_then() -> None:
    meter = LinkMeter()
    meter.on_settled(5, 60, START)
    meter.come_back()
    assert meter.figures(START).loss is None
    meter.on_settled(0, 20, START + NS_PER_S)  # sent before
    meter.on_settled(1, 15, START + 2 * NS_PER_S)
    assert meter.figures(START + 2 * NS_PER_S).loss is None
    meter.on_settled(7, 2, START + 3 * NS_PER_S)
    assert meter.figures(START + 3 * NS_PER_S).loss == pytest.approx(2 / 10)


def test_lost_datagrams_prove_no_delivery() -> None:
    meter = LinkMeter()
    meter.on_settled(0, 10, START)
    assert meter.measured_ns is None
    assert meter.figures(START).throughput_bps is None


def test_samples_come_at_ten_hertz_however_often_they_are_asked_for() -> None:
    meter = LinkMeter()
    meter.on_rtt(20 * NS_PER_MS, START)
    times = [
        sample.t_ns
        for now_ns in range(START, START + 2 * NS_PER_S, 7 * NS_PER_MS)
        if (sample := meter.sample("wifi", now_ns)) is not None
    ]
    assert len(times) == 20
    assert all(90 * NS_PER_MS < b - a < 115 * NS_PER_MS for a, b in itertools.pairwise(times))


def test_a_pause_brings_one_sample_not_a_burst_of_them() -> None:
    meter = LinkMeter()
    meter.on_rtt(20 * NS_PER_MS, START)
    assert meter.sample("wifi", START) is not None
    late_ns = START + 60 * NS_PER_S
    found = [meter.sample("wifi", late_ns + i * NS_PER_MS) for i in range(50)]
    assert [sample is not None for sample in found].count(True) == 1


def test_a_link_that_fell_silent_leaves_a_gap_in_the_plot() -> None:
    meter = LinkMeter()
    now_ns = deliver(meter, rate_bps=50e6, begin_ns=START, span_ns=NS_PER_S)
    meter.on_rtt(20 * NS_PER_MS, now_ns)
    fresh, stale = meter.sample("wifi", now_ns), meter.sample("wifi", now_ns + STALE_NS + 1)
    assert fresh is not None
    assert fresh.rtt_p50_ms == 20.0
    assert stale is not None
    assert (stale.throughput_bps, stale.rtt_p50_ms, stale.loss) == (None, None, None)


def test_quantiles_of_few_and_of_many_values_are_those_of_numpy() -> None:
    rng = np.random.default_rng(11)
    for count in (*range(1, 40), 2048):
        ordered = np.sort(rng.integers(0, 10**9, count))
        for share in (0.1, 0.5, 0.9):
            assert quantile(ordered, share) == pytest.approx(np.quantile(ordered, share)), f"{share} of {count}"
