from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.protocol.place import ALONE, SESSION_NUMBERS, Place, home_of

WORKERS = st.integers(1, 64)


@given(st.integers(0, SESSION_NUMBERS - 1), WORKERS, st.data())
def test_a_session_number_leads_back_to_the_process_that_gave_it(drawn: int, workers: int, data: st.DataObject) -> None:
    worker = data.draw(st.integers(0, workers - 1))
    number = Place(worker, workers).session_number(drawn)
    assert 0 <= number < SESSION_NUMBERS
    assert number % workers == worker
    assert abs(number - drawn) < 2 * workers


@given(st.integers(0, SESSION_NUMBERS - 1))
def test_one_process_alone_takes_every_number_as_it_was_drawn(drawn: int) -> None:
    assert ALONE.session_number(drawn) == drawn


@given(st.binary(min_size=32, max_size=32), WORKERS)
def test_a_key_is_at_home_with_exactly_one_process(key: bytes, workers: int) -> None:
    homes = [worker for worker in range(workers) if Place(worker, workers).is_home_of(key)]
    assert homes == [home_of(key, workers)]


@pytest.mark.parametrize(("key", "home"), [(bytes(32), 4), (bytes([7]) * 32, 0), (bytes(range(32)), 4)])
def test_a_key_s_home_is_the_same_in_every_version_of_the_program(key: bytes, home: int) -> None:
    assert home_of(key, 5) == home


def test_keys_are_spread_over_all_processes() -> None:
    spread = Counter(home_of(number.to_bytes(32, "big"), 4) for number in range(4000))
    assert sorted(spread) == [0, 1, 2, 3]
    assert max(spread.values()) < 1.15 * min(spread.values())
