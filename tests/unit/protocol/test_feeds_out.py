"""Which live feeds are sent, and by which paths, without a session."""

from __future__ import annotations

import pytest

from transfer_core.protocol.feeds_out import FeedsOut
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.path import Path
from transfer_core.protocol.recovery.path_receiver import PathReceiver
from transfer_core.protocol.recovery.path_sender import PathSender
from transfer_core.units import NS_PER_MS

FEED = 7
NEWS = [LiveDatagram(("10.0.0.7", 5001), 1000, b"hello")]


def a_path(number: int, rtt_ms: int | None, *, is_heard: bool = True, carries_data: bool = True) -> Path:
    rtt_ns = None if rtt_ms is None else rtt_ms * NS_PER_MS
    return Path(
        number,
        ("10.0.0.1", 9000),
        PathSender(0, rtt_hint_ns=rtt_ns),
        PathReceiver(),
        overhead_bytes=28,
        datagram_bytes=1252,
        carries_data=carries_data,
        last_heard_ns=0 if is_heard else None,
    )


def feeds_over(*paths: Path) -> FeedsOut:
    feeds = FeedsOut({path.number: path for path in paths})
    feeds.offer(FEED)
    assert feeds.on_answer(FEED, is_taken=True)
    feeds.add(FEED, NEWS, 0)
    return feeds


def test_nothing_goes_of_a_feed_before_it_is_taken_nor_after_it_is_refused_or_closed() -> None:
    path = a_path(0, 10)
    feeds = FeedsOut({0: path})
    feeds.offer(FEED)
    feeds.add(FEED, NEWS, 0)
    assert not feeds.has_some_for(path)
    feeds.on_answer(FEED, is_taken=True)
    feeds.add(FEED, NEWS, 0)
    assert feeds.has_some_for(path)
    feeds.on_answer(FEED, is_taken=False)
    assert feeds.next_frame(path, 0) is None
    assert feeds.counts == {}
    feeds.close(FEED)
    assert not feeds.on_answer(FEED, is_taken=True)
    feeds.add(FEED, NEWS, 0)
    assert not feeds.has_some_for(path)


def test_the_two_paths_that_answer_fastest_carry_it_one_the_frame_the_other_its_copy() -> None:
    slow, fast, faster, unheard = a_path(0, 90), a_path(1, 20), a_path(2, 10), a_path(3, 5, is_heard=False)
    feeds = feeds_over(slow, fast, faster, unheard)
    assert [feeds.has_some_for(path) for path in (slow, fast, faster, unheard)] == [False, True, True, False]
    assert feeds.next_frame(slow, 0) is None
    first = feeds.next_frame(fast, 0)
    assert first is not None
    assert not feeds.has_some_for(fast)
    assert feeds.next_frame(faster, 0) == first
    assert not feeds.has_some_for(faster)


def test_a_path_that_carries_no_files_carries_it_only_when_all_do_not() -> None:
    spared, other = a_path(0, 10, carries_data=False), a_path(1, 90)
    assert not feeds_over(spared, other).has_some_for(spared)
    assert feeds_over(spared).has_some_for(spared)


@pytest.mark.parametrize(("loss", "frames"), [(0.0, 1), (0.05, 2)])
def test_where_there_is_one_path_a_frame_goes_twice_by_it_only_if_it_loses_much(loss: float, frames: int) -> None:
    path = a_path(0, 10)
    path.sender.loss = loss
    feeds = feeds_over(path)
    gone = 0
    while feeds.next_frame(path, 0) is not None:
        gone += 1
    assert gone == frames
