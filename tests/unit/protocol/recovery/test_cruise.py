"""A small queue is held, and more is looked for where none shows: rounds of numbers in, rates out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transfer_core.protocol.recovery.capacity import Round
from transfer_core.protocol.recovery.cruise import STEER_LEAST, STEER_MOST, Cruise, Standing

CAPACITY = 5e6
RTT_S = 0.06
TARGET_S = 0.015
IN_ORDER = Standing(
    now_s=10.0,
    receiver_clock_s=10.0,
    rate=CAPACITY,
    queue_s=TARGET_S,
    base_s=0.0,
    target_s=TARGET_S,
    rtt_min_s=RTT_S,
    wander_s=0.0,
    under_way_bytes=CAPACITY * RTT_S,
    elapsed_s=RTT_S,
)
NO_QUEUE = replace(IN_ORDER, queue_s=0.0)


def measured(arriving: float, sending: float) -> Round:
    return Round(arriving, sending, 0.0, 100, 0.1)


def holding() -> Cruise:
    cruise = Cruise(1e6)
    cruise.begin(CAPACITY)
    return cruise


def grown(cruise: Cruise, rounds: int) -> list[float]:
    """The capacities of so many rounds in which a tenth more was sent each time, and arrived."""
    capacities = []
    for _ in range(rounds):
        faster = 1.1 * cruise.capacity
        cruise.learn(measured(faster, faster), NO_QUEUE, kept=1.0)
        capacities.append(cruise.capacity)
    return capacities


def test_a_queue_at_its_target_keeps_the_rate_at_the_capacity() -> None:
    cruise = holding()
    assert cruise.steered_rate(IN_ORDER) == pytest.approx(CAPACITY)
    assert cruise.capacity == pytest.approx(CAPACITY)


@pytest.mark.parametrize(("queue_s", "is_slower"), [(0.030, True), (0.005, False)])
def test_a_queue_that_is_too_long_or_too_short_is_steered_to_its_target(queue_s: float, is_slower: bool) -> None:
    rate = holding().steered_rate(replace(IN_ORDER, queue_s=queue_s))
    assert (rate < CAPACITY) is is_slower
    assert STEER_LEAST * CAPACITY <= rate <= STEER_MOST * CAPACITY


def test_what_is_sent_and_not_yet_acknowledged_counts_as_if_it_stood_in_the_queue() -> None:
    more = replace(IN_ORDER, under_way_bytes=CAPACITY * (RTT_S + 0.02))
    longer = replace(IN_ORDER, queue_s=TARGET_S + 0.02)
    assert holding().steered_rate(more) == pytest.approx(holding().steered_rate(longer))


def test_a_long_queue_takes_no_more_than_half_of_the_rate_in_a_round() -> None:
    assert holding().steered_rate(replace(IN_ORDER, queue_s=5.0)) == STEER_LEAST * CAPACITY


def test_half_of_a_change_of_the_rate_is_taken_for_one_of_the_capacity() -> None:
    cruise = holding()
    rate = cruise.steered_rate(replace(IN_ORDER, queue_s=0.030))
    assert cruise.capacity == pytest.approx((CAPACITY + rate) / 2)


def test_a_queue_makes_what_arrives_the_capacity_half_at_a_time_once_one_is_known() -> None:
    cruise = Cruise(1e6)
    cruise.learn(measured(4e6, 5e6), IN_ORDER, kept=1.0)
    assert cruise.capacity == 4e6
    cruise.learn(measured(3e6, 4e6), IN_ORDER, kept=1.0)
    assert cruise.capacity == 3.5e6
    assert cruise.told == 3.5e6


def test_what_was_dropped_at_a_full_queue_is_no_capacity() -> None:
    cruise = Cruise(1e6)
    cruise.learn(measured(4e6, 5e6), IN_ORDER, kept=0.75)
    assert cruise.capacity == 3e6


def test_where_the_delay_wanders_what_arrives_as_fast_as_it_is_sent_lowers_no_capacity() -> None:
    wandering = replace(IN_ORDER, wander_s=0.01)
    cruise = holding()
    cruise.learn(measured(3e6, 3e6), wandering, kept=1.0)
    assert cruise.capacity == CAPACITY
    cruise.learn(measured(2e6, 4e6), wandering, kept=1.0)
    assert cruise.capacity == 3.5e6


def test_what_is_found_without_a_queue_is_the_capacity_and_steps_grow_until_three_rounds_find_nothing() -> None:
    cruise = holding()
    cruise.told = None
    assert grown(cruise, 2) == pytest.approx([1.1 * CAPACITY, 1.21 * CAPACITY])
    assert cruise.is_growing
    assert cruise.is_leaping
    assert cruise.grown_rate(replace(NO_QUEUE, rate=cruise.capacity)) > cruise.capacity
    was_growing = []
    for _ in range(3):
        was_growing.append(cruise.is_growing)
        cruise.learn(measured(cruise.capacity, cruise.capacity), NO_QUEUE, kept=1.0)
    assert was_growing == [True, True, True]
    assert not cruise.is_growing
    assert not cruise.is_leaping


def test_near_what_the_newest_queue_told_the_steps_stay_small() -> None:
    cruise = holding()
    cruise.told = CAPACITY
    assert grown(cruise, 1) == pytest.approx([1.1 * CAPACITY])
    assert cruise.is_growing
    assert not cruise.is_leaping


def test_a_drain_goes_below_the_capacity_and_the_queue_may_fill_again_before_more_is_looked_for() -> None:
    cruise = holding()
    assert cruise.drained_rate(IN_ORDER) is None  # the turn under way is not its own
    draining = replace(IN_ORDER, receiver_clock_s=14.1)
    rate = cruise.drained_rate(draining)
    assert rate is not None
    assert rate < CAPACITY
    assert cruise.is_draining
    assert cruise.drained_rate(replace(NO_QUEUE, receiver_clock_s=14.2)) is None
    assert not cruise.is_draining
    assert cruise.is_drained
    cruise.learn(measured(1.1 * CAPACITY, 1.1 * CAPACITY), NO_QUEUE, kept=1.0)
    assert cruise.capacity == CAPACITY


def test_a_ceiling_makes_growth_begin_anew() -> None:
    cruise = holding()
    grown(cruise, 2)
    cruise.begin_below_a_ceiling()
    assert not cruise.is_growing
    assert not cruise.is_leaping
