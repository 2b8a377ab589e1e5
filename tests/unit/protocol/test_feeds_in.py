"""The live feeds that a relay takes: how many, what is told of them, and when."""

from __future__ import annotations

from transfer_core.protocol.feeds_in import REPORT_NS, FeedsIn
from transfer_core.protocol.live import FEEDS_MAX, LONGEST_NS
from transfer_core.protocol.live_frame import Entry, LiveDatagram, LiveFrame
from transfer_core.protocol.wire.messages import LiveAnswer

SENDER = ("10.0.0.7", 5001)


def a_frame(feed: int, first: int) -> LiveFrame:
    return LiveFrame(feed, first, 0, (Entry(0, 1, SENDER, 1000, b"hello"),))


def test_as_many_feeds_are_taken_as_there_is_room_for_and_one_that_is_taken_has_its_room() -> None:
    feeds = FeedsIn()
    for feed in range(FEEDS_MAX):
        assert feeds.has_room_for(feed)
        feeds.take(feed)
    assert not feeds.has_room_for(FEEDS_MAX)
    assert feeds.has_room_for(0)
    assert feeds.end(0)
    assert not feeds.end(0)
    assert feeds.has_room_for(FEEDS_MAX)


def test_what_comes_of_a_feed_that_is_not_taken_is_refused() -> None:
    feeds = FeedsIn()
    assert feeds.on_frame(a_frame(7, 0), 0) is None
    feeds.take(7)
    assert feeds.on_frame(a_frame(7, 0), 0) == [LiveDatagram(SENDER, 1000, b"hello")]
    assert feeds.on_frame(a_frame(7, 0), 0) == []  # its copy
    feeds.take(7)
    assert feeds.on_frame(a_frame(7, 0), 0) == []  # said again, it begins nothing anew


def test_a_feed_that_waits_for_what_is_missing_goes_on_without_it_in_time() -> None:
    feeds = FeedsIn()
    assert feeds.next_timeout_ns() is None
    feeds.take(7)
    feeds.take(8)
    feeds.reports(0)
    assert feeds.next_timeout_ns() == REPORT_NS
    assert feeds.on_frame(a_frame(7, 1), 5) == []
    assert feeds.next_timeout_ns() == 5 + LONGEST_NS < REPORT_NS
    assert [each for each in feeds.handle_timeout(4 + LONGEST_NS) if each[1]] == []
    assert list(feeds.handle_timeout(5 + LONGEST_NS)) == [(7, [LiveDatagram(SENDER, 1000, b"hello")]), (8, [])]


def test_what_has_come_is_reported_every_so_often() -> None:
    feeds = FeedsIn()
    assert feeds.reports(0) == []
    feeds.take(7)
    feeds.on_frame(a_frame(7, 0), 0)
    assert feeds.reports(10) == [LiveAnswer(7, 1, 0, "", "")]
    assert feeds.reports(9 + REPORT_NS) == []
    assert feeds.reports(10 + REPORT_NS) == [LiveAnswer(7, 1, 0, "", "")]
