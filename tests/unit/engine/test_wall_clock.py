from __future__ import annotations

from transfer_core.engine.wall_clock import WallClockWatch
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S


def test_only_a_clock_that_is_set_back_is_noticed_and_once() -> None:
    clock = ManualClock(wall_ns=1000 * NS_PER_S)
    watch = WallClockWatch(clock)
    assert not watch.was_set_back()
    clock.advance(3600 * NS_PER_S)
    assert not watch.was_set_back()
    clock.jump_wall(-NS_PER_S // 2)
    assert not watch.was_set_back()
    clock.jump_wall(60 * NS_PER_S)
    assert not watch.was_set_back()
    clock.jump_wall(-60 * NS_PER_S)
    assert watch.was_set_back()
    assert not watch.was_set_back()
