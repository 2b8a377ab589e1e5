"""Buckets of requests, in made-up time."""

from __future__ import annotations

import pytest

from transfer_core.errors import TooMany
from transfer_core.server.uploads.rates import ADDRESSES_MAX, REFUSED_COST, Rates
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S

HERE, THERE = "192.0.2.1", "192.0.2.2"


def admitted(rates: Rates, address: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            rates.admit(address)
        except TooMany:
            continue
        count += 1
    return count


def test_a_burst_passes_then_the_rate(clock: ManualClock) -> None:
    rates = Rates(10, 50, clock.monotonic_ns)
    assert admitted(rates, HERE, 80) == 50
    assert admitted(rates, THERE, 1) == 1
    clock.advance(NS_PER_S)
    assert admitted(rates, HERE, 80) == 10
    clock.advance(3600 * NS_PER_S)
    assert admitted(rates, HERE, 80) == 50


def test_this_machine_is_not_limited(clock: ManualClock) -> None:
    assert admitted(Rates(1, 1, clock.monotonic_ns), "127.0.0.1", 100) == 100


def test_refused_credentials_cost_more(clock: ManualClock) -> None:
    rates = Rates(10, 50, clock.monotonic_ns)
    for _ in range(20):
        rates.punish(HERE)
    assert admitted(rates, HERE, 10) == 0
    clock.advance(int((50 + REFUSED_COST) / 10 * NS_PER_S))
    assert admitted(rates, HERE, 100) >= REFUSED_COST


def test_so_many_addresses_are_kept_and_no_more(clock: ManualClock) -> None:
    rates = Rates(1, 1, clock.monotonic_ns)
    for number in range(ADDRESSES_MAX + 1):
        rates.admit(f"198.51.{number >> 8}.{number & 255}")
    with pytest.raises(TooMany):
        rates.admit("198.51.0.2")
    rates.admit("198.51.0.0")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
