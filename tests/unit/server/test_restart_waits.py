from __future__ import annotations

from transfer_core.server.restart_waits import LONG_S, WAIT_LAST_S, RestartWaits, how_it_ended


def test_the_wait_doubles_up_to_the_last_one() -> None:
    waits = RestartWaits()
    assert [waits.after(1.0) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, WAIT_LAST_S, WAIT_LAST_S]
    assert waits.times == 8


def test_one_that_lived_for_long_begins_with_the_first_wait_again() -> None:
    waits = RestartWaits()
    for _ in range(4):
        waits.after(1.0)
    assert [waits.after(LONG_S + 1), waits.after(1.0)] == [0.5, 1.0]


def test_an_end_is_told_for_people() -> None:
    assert (how_it_ended(-9), how_it_ended(1)) == ("signal 9", "exit code 1")
