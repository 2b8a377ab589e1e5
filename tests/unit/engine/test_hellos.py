"""At what pace an agent that nobody answers says hello."""

from itertools import accumulate

from transfer_core.engine.hellos import HELLOS_QUICK, next_wait_ns
from transfer_core.engine.uplink import HELLO_FIRST_NS
from transfer_core.units import NS_PER_MS, NS_PER_S


def waits_ns(hellos: int, *, is_sending: bool) -> list[int]:
    said = range(1, hellos + 1)
    steps = accumulate(said, lambda wait, n: next_wait_ns(n, wait, is_sending=is_sending), initial=HELLO_FIRST_NS)
    return list(steps)[1:]


def test_while_files_are_under_way_a_link_that_is_back_is_found_within_half_a_second_at_any_time() -> None:
    ten_minutes = waits_ns(1300, is_sending=True)
    assert sum(ten_minutes) > 600 * NS_PER_S
    assert max(ten_minutes) <= 500 * NS_PER_MS


def test_a_relay_to_which_nothing_is_under_way_is_called_ever_more_seldom_down_to_each_two_seconds() -> None:
    waits = waits_ns(60, is_sending=False)
    assert set(waits[:HELLOS_QUICK]) == {HELLO_FIRST_NS}
    assert sorted(waits) == waits
    assert waits[-1] == 2 * NS_PER_S


def test_the_pace_quickens_with_the_next_hello_once_there_is_a_file_to_send() -> None:
    assert next_wait_ns(100, 2 * NS_PER_S, is_sending=True) == 500 * NS_PER_MS
