from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from transfer_core.engine.live_feeds import OFFLINE, UNANSWERED, LiveFeeds
from transfer_core.protocol.live import FeedCounts
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.sender_events import FeedAnswered

DATAGRAM = LiveDatagram(("10.0.0.1", 5001), 1, b"x")


@dataclass
class Session:
    said: list[tuple[Any, ...]] = field(default_factory=list)
    live_counts: dict[int, FeedCounts] = field(default_factory=dict)

    def open_feed(self, number: int, about: bytes) -> None:
        self.said.append(("open", number, about))

    def close_feed(self, number: int) -> None:
        self.said.append(("close", number))

    def send_live(self, number: int, datagrams: list[LiveDatagram], _now_ns: int) -> None:
        self.said.append(("send", number, len(datagrams)))


def uplink(session: Session | None = None) -> Any:
    return SimpleNamespace(target=SimpleNamespace(name="pit"), session=session, online=session is not None)


def test_a_feed_is_offered_with_every_session_anew() -> None:
    there = uplink()
    feeds = LiveFeeds({"pit": there})
    feeds.open("pit", 9001, b"a")
    feeds.send("pit", 9001, [DATAGRAM], 0)  # nowhere to go, and no news later
    for _ in range(2):
        there.session, there.online = Session(), True
        feeds.on_session(there)
        assert there.session.said == [("open", 9001, b"a")]
        assert feeds.figures("pit", 9001).why == UNANSWERED
        feeds.on_answer("pit", FeedAnswered(9001, 5, 2, "", ""))
        assert feeds.figures("pit", 9001).why == ""
    feeds.send("pit", 9001, [DATAGRAM, DATAGRAM], 0)
    assert there.session.said[-1] == ("send", 9001, 2)


def test_it_is_said_again_only_when_there_is_something_else_to_say() -> None:
    there = uplink(Session())
    feeds = LiveFeeds({"pit": there})
    for about in (b"a", b"a", b"b"):
        feeds.open("pit", 9001, about)
    assert there.session.said == [("open", 9001, b"a"), ("open", 9001, b"b")]


def test_figures_tell_why_nothing_goes_and_what_was_missed() -> None:
    there = uplink(Session())
    feeds = LiveFeeds({"pit": there})
    feeds.open("pit", 9001, b"a")
    feeds.on_answer("pit", FeedAnswered(9001, 0, 0, "E_NOT_FOUND", "this relay keeps no telemetry"))
    assert feeds.figures("pit", 9001).why == "this relay keeps no telemetry"
    feeds.on_answer("pit", FeedAnswered(9001, 90, 10, "", ""))
    there.session.live_counts[9001] = FeedCounts(sent=100, skipped=7)
    figures = feeds.figures("pit", 9001)
    assert (figures.sent, figures.skipped, figures.missing, figures.why) == (100, 7, 10, "")
    there.online = False
    assert feeds.figures("pit", 9001).why == OFFLINE


def test_a_feed_that_is_closed_is_not_offered_again() -> None:
    there = uplink(Session())
    feeds = LiveFeeds({"pit": there})
    feeds.open("pit", 9001, b"a")
    feeds.close("pit", 9001)
    feeds.close("pit", 9001)
    assert there.session.said[1:] == [("close", 9001)]
    feeds.on_session(there)
    feeds.send("pit", 9001, [DATAGRAM], 0)
    assert len(there.session.said) == 2
