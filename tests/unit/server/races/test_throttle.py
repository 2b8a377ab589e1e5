from __future__ import annotations

import pytest

from transfer_core.errors import TooMany
from transfer_core.server.races.throttle import KEYS_MAX, Throttle

S = 1_000_000_000


def test_so_many_tries_within_a_stretch_and_no_more() -> None:
    throttle = Throttle(3, 10)
    for at in range(3):
        throttle.check("ada", at * S)
        throttle.count("ada", at * S)
    with pytest.raises(TooMany) as refused:
        throttle.check("ada", 4 * S)
    assert refused.value.hint == "Wait 6 s, then try again."
    throttle.check("grace", 4 * S)
    throttle.check("ada", 11 * S)
    throttle.forget("ada")
    throttle.check("ada", 4 * S)


def test_a_flood_of_keys_is_bounded_and_takes_the_oldest_first() -> None:
    throttle = Throttle(1, 10)
    throttle.count("first", 0)
    for number in range(KEYS_MAX - 1):
        throttle.count(f"{number}", 0)
    with pytest.raises(TooMany):
        throttle.check("first", 1)
    throttle.count("one more", 1)
    throttle.check("first", 1)
    with pytest.raises(TooMany):
        throttle.check("one more", 1)
