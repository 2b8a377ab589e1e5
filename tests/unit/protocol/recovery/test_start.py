"""How a path finds its rate, in numbers: a megabyte a second is 1e6."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.protocol.recovery.capacity import Round
from transfer_core.protocol.recovery.start import (
    BEYOND_TOLD,
    MIXED_PACKETS,
    RATE_MAX,
    Found,
    Seen,
    Start,
    filling_rate,
    may_be_jitter,
)

PACKET = 1500
QUIET = Seen(
    rate=1e6,
    queue_s=0.0,
    target_s=0.014,
    rtt_min_s=0.06,
    packet_bytes=PACKET,
    is_filling=False,
    is_mixed=False,
    is_calm=True,
)


def measured(sending: float, arriving: float) -> Round:
    return Round(span_s=0.06, sending=sending, arriving=arriving, loss=0.0, packets=100)


def told(figure: float, rate: float = 1e6) -> Start:
    """One whose opening train told that."""
    start = Start(rate)
    start.on_train(figure, rate)
    return start


def test_without_a_trains_figure_the_rate_doubles_while_all_of_it_arrives() -> None:
    assert Start(1e6).on_round(measured(1e6, 1e6), QUIET) == 2e6


def test_a_rate_that_was_not_tried_for_want_of_data_does_not_rise() -> None:
    assert Start(1e6).on_round(measured(0.3e6, 0.3e6), replace(QUIET, rtt_min_s=0.02)) == 1e6


def test_no_rate_rises_while_loss_is_suspected() -> None:
    assert Start(1e6).on_round(measured(1e6, 1e6), replace(QUIET, is_calm=False)) == 1e6


def test_a_queue_ends_it_at_what_arrives() -> None:
    seen = replace(QUIET, rate=4e6, queue_s=0.02, is_filling=True)
    assert Start(1e6).on_round(measured(4e6, 3e6), seen) == Found(3e6)


def test_packets_that_arrive_slower_in_any_order_end_it_before_a_queue_is_seen() -> None:
    seen = replace(QUIET, rate=4e6, is_mixed=True)
    assert Start(1e6).on_round(measured(4e6, 3e6), seen) == Found(3e6)


def test_a_trains_figure_is_not_exceeded_at_first() -> None:
    start = Start(1e6)
    assert start.on_train(5e6, 1e6) == pytest.approx(3.5e6)
    assert start.on_round(measured(3e6, 3e6), replace(QUIET, rate=3.5e6)) == pytest.approx(4.75e6)


def test_at_the_trains_figure_a_queue_says_that_it_was_right() -> None:
    seen = replace(QUIET, rate=4.9e6, queue_s=0.006)
    assert told(5e6).on_round(measured(4.9e6, 4.8e6), seen) == Found(4.8e6)


def test_at_the_trains_figure_without_a_queue_the_rate_first_tries_to_fill_one_and_then_rises_beyond() -> None:
    start, filling = told(5e6), filling_rate(5e6, 0.06, PACKET)
    assert 5e6 < filling <= 1.15 * 5e6
    assert start.on_round(measured(4.5e6, 4.5e6), replace(QUIET, rate=4.5e6)) == filling
    assert start.on_round(measured(4.5e6, 4.5e6), replace(QUIET, rate=filling)) == filling  # sent before it rose
    assert start.on_round(measured(filling, filling), replace(QUIET, rate=filling)) == BEYOND_TOLD * filling


def test_a_figure_that_more_than_arrives_is_dropped_and_the_rate_rises_beyond_it() -> None:
    start = told(2e6)
    assert start.on_round(measured(3e6, 3e6), replace(QUIET, rate=3e6)) == BEYOND_TOLD * 3e6
    assert start.dispersion is None
    assert start.told == 2e6


def test_a_figure_that_comes_late_lowers_the_rate_and_does_not_hold_it_there() -> None:
    start = Start(1e6)
    assert start.on_round(measured(4.4e6, 4.4e6), replace(QUIET, rate=4.4e6)) == 8.8e6
    lowered = start.on_train(4e6, 4.4e6)
    assert lowered == pytest.approx(3.6e6)
    more_than_told = start.on_round(measured(3.2e6, 4.7e6), replace(QUIET, rate=lowered))
    assert more_than_told == lowered, "a round that went more slowly says nothing of this rate"
    assert start.on_round(measured(lowered, lowered), replace(QUIET, rate=lowered)) == BEYOND_TOLD * lowered


def test_at_the_trains_figure_loss_that_may_be_congestion_ends_it_there() -> None:
    seen = replace(QUIET, rate=4.9e6, is_calm=False)
    assert told(5e6).on_round(measured(4.9e6, 4.9e6), seen) == Found(5e6)


@pytest.mark.parametrize(
    ("packets", "queue_s", "jitter_s", "is_below_figure", "may_be"),
    [
        (MIXED_PACKETS - 1, 0.03, 0.01, False, True),
        (MIXED_PACKETS, 0.03, 0.01, False, False),
        (10, 0.041, 0.01, False, False),  # whatever it is, it must not grow
        (10, 0.03, 0.005, False, False),
        (10 * MIXED_PACKETS, 0.03, 0.005, True, True),  # at this rate the train had none
        (10 * MIXED_PACKETS, 0.03, 0.001, True, False),
        (10 * MIXED_PACKETS, 0.041, 0.005, True, False),
    ],
)
def test_a_queue_seen_where_the_round_trip_varies_may_be_none_in_few_packets_or_below_the_trains_figure(
    packets: int, queue_s: float, jitter_s: float, is_below_figure: bool, may_be: bool
) -> None:
    assert may_be_jitter(packets, queue_s, 0.02, jitter_s, is_below_figure=is_below_figure) == may_be


@given(
    before=st.lists(st.floats(0.3, 1.05), max_size=8),
    figure=st.floats(0.5, 8.0),
    at_it=st.lists(st.tuples(st.floats(0.3, 1.05), st.floats(0.8, 3.0)), max_size=4),
    after=st.lists(st.floats(0.92, 1.02), min_size=16, max_size=16),
    rtt_min_s=st.sampled_from([0.0002, 0.01, 0.06, 0.6]),
)
def test_whatever_a_train_told_and_whenever_a_rate_that_arrives_whole_doubles_in_the_end(
    before: list[float], figure: float, at_it: list[tuple[float, float]], after: list[float], rtt_min_s: float
) -> None:
    start, rate = Start(1e6), 1e6
    quiet = replace(QUIET, rtt_min_s=rtt_min_s)

    def rounds(shares: list[tuple[float, float]]) -> None:
        nonlocal rate
        for sent, arrived in shares:
            found = start.on_round(measured(sent * rate, arrived * sent * rate), replace(quiet, rate=rate))
            assert isinstance(found, float), "no queue was seen"
            rate = found

    rounds([(sent, 1.0) for sent in before])
    rate = start.on_train(figure * rate, rate)
    rounds(at_it)
    reached = rate
    rounds([(sent, 1.0) for sent in after])
    assert rate >= min(2 * reached, RATE_MAX)
