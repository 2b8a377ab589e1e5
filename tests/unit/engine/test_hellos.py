"""At what pace an agent that nobody answers says hello."""

from itertools import accumulate

from transfer_core.engine.hellos import HELLOS_QUICK, next_wait_ns
from transfer_core.engine.uplink import HELLO_FIRST_NS
from transfer_core.units import NS_PER_MS, NS_PER_S


def waits_ns(hellos: int, *, is_awaited: bool) -> list[int]:
    said = range(1, hellos + 1)
    steps = accumulate(said, lambda wait, n: next_wait_ns(n, wait, is_awaited=is_awaited), initial=HELLO_FIRST_NS)
    return list(steps)[1:]


def test_while_files_wait_a_link_that_is_back_after_ten_minutes_is_found_within_half_a_second() -> None:
    ten_minutes = waits_ns(1300, is_awaited=True)
    assert sum(ten_minutes) > 600 * NS_PER_S
    assert max(ten_minutes) <= 500 * NS_PER_MS


def test_a_relay_that_is_away_for_long_costs_little_though_files_wait_for_it() -> None:
    waits = waits_ns(3000, is_awaited=True)
    assert sum(each for each in waits if each <= 500 * NS_PER_MS) < 16 * 60 * NS_PER_S
    assert waits[-1] == 2 * NS_PER_S


def test_a_relay_for_which_nothing_waits_is_called_ever_more_seldom_down_to_each_two_seconds() -> None:
    waits = waits_ns(60, is_awaited=False)
    assert set(waits[:HELLOS_QUICK]) == {HELLO_FIRST_NS}
    assert sorted(waits) == waits
    assert waits[-1] == 2 * NS_PER_S


def test_the_pace_quickens_with_the_next_hello_once_there_is_a_file_to_send() -> None:
    assert next_wait_ns(100, 2 * NS_PER_S, is_awaited=True) == 500 * NS_PER_MS
