from itertools import pairwise

import pytest

from transfer_core.protocol.recovery.standing_queue import (
    CONFIRMED,
    DRAIN_RATE,
    DRAIN_ROUNDS,
    SLACK,
    Drain,
    DrainLength,
    LastingDistance,
    queue_target_s,
)

MBPS = 125_000


@pytest.mark.parametrize("rtt_ms", [10, 60, 200])
def test_the_smaller_flow_wants_the_longer_queue_and_none_is_long(rtt_ms: int) -> None:
    targets = [queue_target_s(rtt_ms / 1000, mbps * MBPS, 1500) for mbps in (10, 20, 40, 80, 160, 320)]
    assert all(slower >= faster for slower, faster in pairwise(targets))
    assert targets[0] > targets[1] > targets[2]
    assert targets[0] < 0.25 * rtt_ms / 1000 + 0.02


def test_a_short_round_trip_leaves_room_in_a_queue_of_one_of_it() -> None:
    assert queue_target_s(0.010, 25 * MBPS, 1500) < 0.005


def rounds(drain: Drain, begin_s: float, end_s: float, *, is_empty: bool = False) -> list[float]:
    """When it drained."""
    clock = [begin_s + 0.1 * i for i in range(int((end_s - begin_s) / 0.1))]
    return [at for at in clock if drain.on_round(at, 0.06, is_empty)]


def test_flows_drain_at_the_same_time_of_the_receivers_clock() -> None:
    early, late = rounds(Drain(), 100.0, 130.0), rounds(Drain(), 117.3, 130.0)
    assert late == pytest.approx([at for at in early if at > 117.3], abs=0.11)
    assert 3 * DRAIN_ROUNDS <= len(late) <= 4 * DRAIN_ROUNDS


def test_a_drain_ends_when_the_queue_is_empty() -> None:
    drain = Drain()
    said = [drain.on_round(at, 0.06, at > 104.15) for at in (103.9, 104.1, 104.2, 104.3)]
    assert said == [False, True, None, False]


def test_what_is_empty_is_not_drained() -> None:
    drain = Drain()
    assert rounds(drain, 101.0, 103.9, is_empty=True) == []
    assert not drain.had_nothing_to_do  # there was no turn so far
    assert rounds(drain, 103.9, 120.0, is_empty=True) == []
    assert drain.had_nothing_to_do


@pytest.mark.parametrize(("rtt_ms", "mbps"), [(200, 20), (200, 50), (60, 10), (100, 20)])
def test_of_two_flows_on_a_slow_line_too_the_smaller_one_wants_noticeably_more(rtt_ms: int, mbps: float) -> None:
    smaller, larger = (queue_target_s(rtt_ms / 1000, part * mbps * MBPS, 1500) for part in (0.4, 0.6))
    assert smaller - larger > 0.01 * rtt_ms / 1000


def test_a_drain_says_when_it_is_over() -> None:
    drain = Drain()
    said = [drain.on_round(at, 0.06, False) for at in (103.9, 104.1, 104.2, 104.3, 104.4, 104.5)]
    assert said == [False, True, True, True, None, False]


RTT_S, QUEUE_S, TARGET_S, BASE_S, CAPACITY = 0.2, 0.02, 0.02, 0.1, 1e6


def begun(length: DrainLength, *, rtt_s: float = RTT_S, base_s: float = BASE_S, capacity: float = CAPACITY) -> bool:
    """Begin a drain at 10 s; whether it is to end before the empty queue has been seen."""
    length.begin(10.0, rtt_s, QUEUE_S, TARGET_S, base_s, capacity)
    return length.is_over(60.0)


def confirmed(times: int = CONFIRMED) -> DrainLength:
    """So many drains have found the base delay as it was known."""
    length = DrainLength()
    for _ in range(times):
        assert not begun(length)
        length.end(TARGET_S, BASE_S, CAPACITY, is_empty=True)
    return length


def test_a_drain_lasts_no_longer_than_the_queue_needs_once_the_base_delay_is_confirmed() -> None:
    length = confirmed()
    assert begun(length, capacity=1.05 * CAPACITY)
    length.begin(10.2, RTT_S, QUEUE_S, TARGET_S, BASE_S, CAPACITY)  # its second round
    needed_s = QUEUE_S * (1 + SLACK) / (1 - DRAIN_RATE)
    assert not length.is_over(10.0 + 0.99 * needed_s)
    assert length.is_over(10.0 + 1.01 * needed_s)
    length.end(TARGET_S, BASE_S, CAPACITY, is_empty=True)
    assert not length.is_over(60.0)
    assert begun(length)


@pytest.mark.parametrize(("base_s", "is_empty"), [(0.09, True), (0.11, True), (BASE_S, False)])
def test_a_drain_that_finds_another_base_delay_or_company_is_followed_by_whole_ones(
    base_s: float, is_empty: bool
) -> None:
    length = confirmed()
    assert begun(length)
    length.end(TARGET_S, base_s, CAPACITY, is_empty)
    for _ in range(CONFIRMED):
        assert not begun(length, base_s=base_s)
        length.end(TARGET_S, base_s, CAPACITY, is_empty=True)
    assert begun(length, base_s=base_s)


def test_another_capacity_a_longer_way_and_a_short_way_ask_for_a_whole_drain() -> None:
    assert not begun(confirmed(), capacity=0.8 * CAPACITY)
    assert not begun(confirmed(), rtt_s=0.06)
    length = confirmed()
    length.forget()
    assert not begun(length)


def test_a_base_delay_that_was_confirmed_at_another_capacity_is_confirmed_anew() -> None:
    length = confirmed(1)
    assert not begun(length, capacity=0.8 * CAPACITY)
    length.end(TARGET_S, BASE_S, 0.8 * CAPACITY, is_empty=True)
    assert not begun(length, capacity=0.8 * CAPACITY)
    length.end(TARGET_S, BASE_S, 0.8 * CAPACITY, is_empty=True)
    assert begun(length, capacity=0.8 * CAPACITY)


def test_a_drain_that_finds_the_base_delay_about_as_it_was_known_says_so() -> None:
    length = DrainLength()
    found = []
    for before_ms, after_ms, is_empty in ((50, 20, True), (20, 18, True), (18, 18, False), (18, 18, True)):
        length.begin(0.0, 0.2, 0.04, 0.04, before_ms / 1e3, 1e6)
        length.end(0.04, after_ms / 1e3, 1e6, is_empty)
        found.append(length.has_found_base)
    assert found == [False, True, False, True]
    length.forget()
    assert not length.has_found_base


def test_what_lasts_of_a_queues_distance_from_its_target_comes_to_count_and_what_passes_does_not() -> None:
    stays, swings = LastingDistance(), LastingDistance()
    for i in range(60):
        stays.on_round(0.25 * i, 0.004, 0.25)
        swings.on_round(0.25 * i, 0.004 * (-1) ** i, 0.25)
    assert stays.weighed_s(0.2, 0.04) > 0.010
    assert abs(swings.weighed_s(0.2, 0.04)) < 0.002
    assert 0 < stays.weighed_s(0.06, 0.04) < stays.weighed_s(0.2, 0.04)


def test_what_is_seen_while_a_queue_is_filled_again_does_not_last() -> None:
    paused, forgotten = LastingDistance(), LastingDistance()
    for lasting in (paused, forgotten):
        for i in range(20):
            lasting.on_round(0.25 * i, 0.004, 0.25)
    before_s = paused.weighed_s(0.2, 0.04)
    paused.pause()
    paused.on_round(100.0, 0.030, 0.25)
    assert paused.weighed_s(0.2, 0.04) == before_s
    forgotten.forget()
    assert forgotten.weighed_s(0.2, 0.04) == 0.0
