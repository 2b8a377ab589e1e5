"""What of an upload's age does not count: by numbers."""

from __future__ import annotations

import pytest

from transfer_core.server.uploads.pauses import KEPT_EVERY_NS, STEP_NS, Pauses, after_pause
from transfer_core.sim.manual_clock import ManualClock


@pytest.mark.parametrize(
    ("updated_ns", "pause_ns", "now_ns", "moved_ns"),
    [
        (100, 0, 150, 100),  # it ran all the time
        (100, 30, 150, 130),  # it was off for 30 of the 50
        (100, 80, 150, 150),  # something came after it was last seen
        (100, 0, 60, 60),  # the clock was set back
    ],
)
def test_a_pause_makes_nothing_older_and_nothing_is_of_the_future(
    updated_ns: int, pause_ns: int, now_ns: int, moved_ns: int
) -> None:
    assert after_pause(updated_ns, pause_ns, now_ns) == moved_ns


def test_what_the_wall_clock_went_ahead_is_a_pause_until_it_has_passed() -> None:
    clock = ManualClock()
    pauses = Pauses(clock, None)
    clock.advance(10 * STEP_NS)
    clock.jump_wall(7 * STEP_NS)
    assert pauses.look().pause_ns == 7 * STEP_NS
    look = pauses.look()
    assert look.pause_ns == 7 * STEP_NS
    assert look.wall_ns == clock.wall_ns()
    pauses.passed(look)
    assert pauses.look().pause_ns == 0


def test_time_since_a_relay_was_last_seen_is_a_pause_and_what_it_takes_to_look_is_not() -> None:
    clock = ManualClock()
    pauses = Pauses(clock, clock.wall_ns() - 50 * STEP_NS)
    clock.advance(3 * STEP_NS)
    assert pauses.look().pause_ns == 50 * STEP_NS


@pytest.mark.parametrize("jump_ns", [STEP_NS, -STEP_NS, -(10**18)])
def test_a_clock_kept_right_or_set_back_is_no_pause(jump_ns: int) -> None:
    clock = ManualClock()
    pauses = Pauses(clock, None)
    clock.jump_wall(jump_ns)
    assert pauses.look().pause_ns == 0


def test_the_first_look_is_kept_then_one_in_five_minutes_and_each_jump() -> None:
    clock = ManualClock()
    pauses = Pauses(clock, None)
    for advance_ns, jump_ns, is_kept in (
        (0, 0, True),
        (KEPT_EVERY_NS - 1, 0, False),
        (1, 0, True),
        (5 * STEP_NS, 3 * STEP_NS, True),
        (KEPT_EVERY_NS - 1, 0, False),
        (0, -3 * STEP_NS, True),
        (KEPT_EVERY_NS - 1, 0, False),
    ):
        clock.advance(advance_ns)
        clock.jump_wall(jump_ns)
        look = pauses.look()
        assert look.is_to_be_kept is is_kept
        pauses.passed(look)
