from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.server.workers.heartbeats import Heartbeats, Hung, Patience
from transfer_core.units import NS_PER_S

SLEPT_S = 3600.0


class World:
    """A parent that looks once a second at processes of which some are silent; all times in seconds."""

    def __init__(self, workers: int) -> None:
        self.hearts = Heartbeats(workers)
        self.now_s = 1000.0
        self.pids: list[int | None] = [100 + worker for worker in range(workers)]
        self.ended: list[tuple[float, int]] = []
        self.silent: set[int] = set()
        self.look()

    def look(self) -> Hung | None:
        hung = self.hearts.look(int(self.now_s * NS_PER_S), tuple(self.pids))
        for worker, pid in enumerate(self.pids):
            if pid is not None and worker not in self.silent:
                self.hearts.beat(worker, pid)
        if hung is not None:
            self.ended.append((self.now_s, hung.worker))
        return hung

    def run(self, seconds: float, on_end: Callable[[Hung], None] | None = None) -> None:
        """`on_end` says what comes of one that is ended."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 1
            hung = self.look()
            if hung is not None and on_end is not None:
                on_end(hung)

    def replace(self, hung: Hung) -> None:
        """A new one takes the place, and is well."""
        self.pids[hung.worker] = hung.pid + 1000
        self.silent.discard(hung.worker)


def test_those_that_beat_are_left_alone() -> None:
    world = World(3)
    world.run(3600)
    assert world.ended == []


def test_one_that_is_silent_alone_is_ended_after_half_a_minute_and_once() -> None:
    world = World(3)
    world.run(10)
    world.silent = {1}
    began_s = world.now_s
    world.run(600, world.replace)
    assert world.ended == [(began_s + 30, 1)]


def test_a_short_silence_is_none() -> None:
    world = World(2)
    for _ in range(20):
        world.silent = {0}
        world.run(20)
        world.silent = set()
        world.run(1)
    assert world.ended == []


def test_a_disk_that_holds_all_of_them_up_for_twenty_seconds_or_for_a_minute_ends_nobody() -> None:
    world = World(4)
    for seconds in (20, 60):
        world.silent = {0, 1, 2, 3}
        world.run(seconds)
        world.silent = set()
        world.run(1)
    assert world.ended == []


def test_who_comes_back_last_after_all_were_held_up_is_given_time_for_it() -> None:
    world = World(3)
    world.silent = {0, 1, 2}
    world.run(60)
    world.silent = {2}
    world.run(9)
    world.silent = set()
    world.run(60)
    assert world.ended == []


def test_those_that_hang_together_are_ended_after_two_minutes_one_after_the_other() -> None:
    world = World(4)
    world.silent = {0, 1, 2, 3}
    began_s = world.now_s
    world.run(600, world.replace)
    assert [worker for _, worker in world.ended] == [0, 1, 2, 3]
    times = [at_s - began_s for at_s, _ in world.ended]
    assert times == [120, 150, 180, 210]  # the last two are alone, after the pause


def test_the_second_of_two_is_given_a_pause() -> None:
    world = World(5)
    world.silent = {1, 3}
    began_s = world.now_s
    world.run(600, world.replace)
    assert world.ended == [(began_s + 30, 1), (began_s + 60, 3)]


@pytest.mark.parametrize("jump_s", [SLEPT_S, -SLEPT_S, 10**9])
def test_a_machine_that_slept_or_a_clock_that_jumped_ends_nobody(jump_s: float) -> None:
    world = World(2)
    world.silent = {0, 1}  # not one beat comes between the jump and the next look
    for _ in range(10):
        world.now_s += jump_s
        world.look()
    world.silent = set()
    world.run(10)
    assert world.ended == []


def test_a_parent_that_sleeps_again_and_again_still_finds_one_that_hangs() -> None:
    world = World(2)
    world.silent = {1}
    for _ in range(15):
        world.now_s += SLEPT_S
        world.look()
    assert [worker for _, worker in world.ended] == [1]


def test_one_that_never_beats_gets_two_minutes_to_start() -> None:
    hearts = Heartbeats(2)
    ended = [second for second in range(300) if hearts.look(second * NS_PER_S, (7, None)) == Hung(0, 7, 120 * NS_PER_S)]
    assert ended[:1] == [120]


def test_one_that_is_not_there_is_not_judged_and_a_new_one_begins_anew() -> None:
    world = World(2)
    world.silent = {0}
    world.run(25)
    world.pids[0] = None
    world.run(100)
    world.pids[0] = 555
    world.run(25)  # a new one, without a beat so far
    assert world.ended == []


def test_what_one_said_last_does_not_count_for_the_next() -> None:
    hearts = Heartbeats(1)
    hearts.look(0, (7,))
    hearts.look(NS_PER_S, (8,))
    hearts.beat(0, 7)
    assert [hearts.look(second * NS_PER_S, (8,)) for second in range(2, 100)] == [None] * 98  # 8 is starting


def test_who_could_not_be_heard_is_excused() -> None:
    world = World(2)
    world.silent = {0, 1}
    for _ in range(300):
        world.hearts.excuse()
        world.run(1)
    assert world.ended == []


@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 2)), st.integers(1, 200), st.sampled_from([0.0, SLEPT_S, -SLEPT_S])),
        max_size=5,
    )
)
@settings(max_examples=30)
def test_only_the_silent_are_ended_never_in_one_breath_and_always_in_bounded_time(
    story: Sequence[tuple[set[int], int, float]],
) -> None:
    world = World(3)
    for silent, seconds, jump_s in story:
        world.now_s += jump_s
        before, may_be = len(world.ended), world.silent | silent
        world.silent = set(silent)
        world.run(seconds, world.replace)
        assert {worker for _, worker in world.ended[before:]} <= may_be
    times = [at_s for at_s, _ in world.ended]
    patience = Patience()
    if all(jump_s == 0 for *_, jump_s in story):
        assert all(second - first >= patience.pause_ns / NS_PER_S for first, second in itertools.pairwise(times))
    world.silent = {0, 1, 2}
    world.run(120 + 3 * 30 + 30, world.replace)
    assert world.silent == set()
