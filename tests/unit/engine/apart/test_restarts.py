from __future__ import annotations

from transfer_core.engine.apart.restarts import STEADY_S, WAITS_S, Restarts
from transfer_core.units import NS_PER_S


def test_it_waits_longer_each_time_and_then_gives_up() -> None:
    restarts = Restarts()
    assert [restarts.wait_s(NS_PER_S) for _ in range(5)] == [*WAITS_S, None, None]
    assert list(WAITS_S) == sorted(WAITS_S)


def test_who_ran_for_long_begins_anew() -> None:
    restarts = Restarts()
    for _ in WAITS_S:
        restarts.wait_s(0)
    assert restarts.wait_s(round(STEADY_S * NS_PER_S)) == WAITS_S[0]


def test_a_person_may_have_it_tried_again() -> None:
    restarts = Restarts()
    while restarts.wait_s(0) is not None:
        pass
    restarts.forgive()
    assert restarts.wait_s(0) == WAITS_S[0]
