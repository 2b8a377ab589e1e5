"""What the receiver tells of packets that left together, with and without the system's word on when they came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from transfer_core.protocol.recovery.ack import Train
from transfer_core.protocol.recovery.arriving_train import STAMPED_US, TOLD_PACKETS, ArrivingTrain

WRAP = 1 << 32


class Stage:
    """Packets as they are read, ten of a train most often; those of one train have one send time."""

    def __init__(self) -> None:
        self.train = ArrivingTrain()
        self.total = 0

    def read(self, pns: Sequence[int], at_us: int, came_us: Sequence[int] = (), left_us: int = 7) -> None:
        self.total += len(pns)
        left = np.full(len(pns), left_us, np.uint32)
        self.train.on_arrived(np.array(pns), left, self.total, at_us, came_us)


def test_one_that_was_read_whole_tells_nothing_without_stamps_and_its_spread_with_them() -> None:
    unstamped, stamped = Stage(), Stage()
    came_us = [1000 + 120 * number for number in range(10)]
    unstamped.read(range(10), 9000)
    stamped.read(range(10), 9000, came_us)
    assert unstamped.train.told is None
    assert stamped.train.told == Train(0, 1000, 9, 2080)


def test_stamps_count_whenever_its_parts_were_read() -> None:
    stage = Stage()
    stage.read(range(5), 5000, [1000 + 120 * number for number in range(5)])
    stage.read([5, 6, 7], 9000, [1600, 1720, 1840])
    assert stage.train.told == Train(0, 1000, 7, 1840)


def test_of_packets_that_the_system_took_in_together_the_first_counts() -> None:
    stage = Stage()
    stage.read(range(9), 5000, [1000] * 3 + [1360] * 3 + [1720] * 3)
    assert stage.train.told == Train(0, 1000, 6, 1720)
    stage.read([9, 10], 5000, [1720, 2200])
    assert stage.train.told == Train(0, 1000, 10, 2200)


def test_one_that_something_on_the_way_handed_over_together_leaves_room_for_the_next_one() -> None:
    stage = Stage()
    stage.read(range(10), 5000, [1000 + 2 * number for number in range(10)])
    assert stage.train.told is None
    stage.read(range(10, 20), 400_000, [390_000 + 120 * number for number in range(10)], left_us=300_000)
    assert stage.train.told == Train(10, 390_000, 19, 391_080)


def test_the_least_spread_that_tells_may_lie_across_the_end_of_the_clock() -> None:
    stage = Stage()
    came_us = [WRAP - 20, WRAP - 15, WRAP - 10, 0, 5, 10, STAMPED_US - 20]
    stage.read(range(7), 5000, came_us)
    assert stage.train.told == Train(0, WRAP - 20, 6, STAMPED_US - 20)


def test_a_burst_of_data_that_something_on_the_way_cut_in_two_is_none() -> None:
    stage = Stage()
    stage.read([0, 1, 2], 5000, [1000, 1002, 1004])
    stage.read([3, 4], 9000, [5000, 5002])
    assert stage.train.told is None


def test_where_the_system_took_it_in_whole_and_it_was_read_in_parts_these_tell() -> None:
    stage = Stage()
    stage.read(range(4), 5000, [1000] * 4)
    stage.read(range(4, 10), 5400, [1000] * 6)
    assert stage.train.told == Train(3, 5000, 9, 5400)


def test_what_comes_with_it_and_left_at_another_time_is_no_part_of_it() -> None:
    stage = Stage()
    left = np.array([3] * 2 + [7] * 8, np.uint32)
    stage.train.on_arrived(np.arange(10), left, 10, 5000, [1000 + 100 * number for number in range(10)])
    assert stage.train.told == Train(2, 1200, 9, 1900)


@pytest.mark.parametrize("parts", [[[0, 1, 3, 2, 4]], [[0, 1, 2, 4], [3, 5]]])
def test_packets_that_overtook_each_other_tell_nothing_any_more(parts: list[list[int]]) -> None:
    stage = Stage()
    for number, pns in enumerate(parts):
        stage.read(pns, 5000, [1000 + 1000 * number + 100 * place for place in range(len(pns))])
    assert stage.train.is_over
    assert stage.train.told is None


def test_a_part_without_stamps_adds_nothing_to_those_of_the_others() -> None:
    stage = Stage()
    stage.read([0, 1], 5000)
    stage.read(range(2, 9), 8000, [1000 + 100 * number for number in range(7)])
    stage.read([9, 10], 9000)
    assert stage.train.told == Train(2, 1000, 8, 1600)


def test_it_is_told_until_much_data_has_come_and_looked_for_again_when_asked_to() -> None:
    stage = Stage()
    stage.read(range(10), 5000, [1000 + 100 * number for number in range(10)])
    stage.read(range(10, 10 + TOLD_PACKETS), 9000, left_us=9)
    assert (stage.train.is_over, stage.train.told) == (True, None)
    stage.train.look_again(stage.total)
    first = 10 + TOLD_PACKETS
    stage.read(range(first, first + 10), 90_000, [80_000 + 100 * number for number in range(10)], left_us=11)
    assert stage.train.told == Train(first, 80_000, first + 9, 80_900)
