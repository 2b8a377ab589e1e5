"""What the frames of a channel tell viewers that get not every one of them."""

from __future__ import annotations

import asyncio

import numpy as np

from transfer_core.server.races.fan_out import Channel, Tick
from transfer_core.telemetry.feed import Newest
from transfer_core.telemetry.frames import REPLAY, RESTART, decode_frame
from transfer_core.telemetry.ring import Rows


def newest(generation: int, end: int, source: str = "a") -> Newest:
    """Row number `end` of a source."""
    values = np.full((1, 1), end, dtype=np.float32)
    rows = Rows(np.array([end], np.int64), np.array([1], np.int32), values, end, True)
    return Newest(source, "kind", ("Speed",), generation, False, False, rows)


def ticks(*shown: list[Newest]) -> list[Tick]:
    """One for each thing there was to see."""
    seen: list[list[Newest]] = [[]]

    async def run() -> list[Tick]:
        channel = Channel("replay", lambda: seen[-1], dict)
        made: list[Tick] = []
        seen[-1] = shown[0]
        channel.enter()
        for each in shown:
            seen.append(each)
            tick = await channel.newer_than(made[-1].sequence if made else 0)
            assert tick is not None
            made.append(tick)
        channel.leave()
        return made

    return asyncio.run(run())


def flags(tick: Tick, before: Tick | None) -> int:
    return decode_frame(tick.frame_after(before), [1, 1]).flags & RESTART


def test_a_viewer_that_lost_the_frame_of_a_seek_is_told_with_the_next() -> None:
    first, sought, later = ticks([newest(1, 5)], [newest(2, 1)], [newest(2, 2)])
    assert flags(first, None) == 0
    assert flags(sought, first) == RESTART
    assert flags(later, sought) == 0
    assert flags(later, first) == RESTART
    assert decode_frame(later.frame_after(first), [1]).flags == REPLAY | RESTART
    assert flags(later, None) == 0  # one that has just come has nothing to forget


def test_a_seek_to_where_nothing_is_there_yet_is_one_too() -> None:
    first, empty, later = ticks([newest(1, 5)], [], [newest(2, 1)])
    assert flags(later, empty) == flags(later, first) == RESTART


def test_a_source_that_comes_anew_is_nothing_to_forget() -> None:
    first, more, fewer = ticks([newest(1, 5)], [newest(1, 5), newest(2, 1, "b")], [newest(2, 2, "b")])
    assert flags(more, first) == flags(fewer, more) == flags(fewer, first) == 0
