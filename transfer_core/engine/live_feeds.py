"""Feeds of live datagrams that this agent has for its relays, whatever session there is.

A feed is offered with every session anew, and counts begin anew with it. Touched by the loop's thread alone, but for
`figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transfer_core.engine.uplink import Uplink
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.sender_events import FeedAnswered

UNANSWERED = "the relay has not said that it takes telemetry; an older one does not know it"
OFFLINE = "there is no connection to the relay"


@dataclass(slots=True)
class Feed:
    """One feed of a relay. `answer` is what it said last in this session."""

    about: bytes
    answer: FeedAnswered | None = None


@dataclass(frozen=True, slots=True)
class FeedFigures:
    """How a feed goes. `why` is empty while it is sent."""

    sent: int
    skipped: int
    missing: int
    why: str


class LiveFeeds:
    """See the module. A feed's number is its owner's choice, below 65,536."""

    def __init__(self, uplinks: Mapping[str, Uplink]) -> None:
        self._uplinks = uplinks
        self._feeds: dict[tuple[str, int], Feed] = {}

    def open(self, relay: str, number: int, about: bytes) -> None:
        """Offer a feed, or say something else of it."""
        known = self._feeds.get((relay, number))
        if known is not None and known.about == about:
            return
        self._feeds[relay, number] = Feed(about, None if known is None else known.answer)
        uplink = self._uplinks.get(relay)
        if uplink is not None and uplink.session is not None:
            uplink.session.open_feed(number, about)

    def close(self, relay: str, number: int) -> None:
        """No more of it."""
        uplink = self._uplinks.get(relay)
        if self._feeds.pop((relay, number), None) is not None and uplink is not None and uplink.session is not None:
            uplink.session.close_feed(number)

    def send(self, relay: str, number: int, datagrams: Sequence[LiveDatagram], now_ns: int) -> None:
        """Have these there soon or not at all."""
        uplink = self._uplinks.get(relay)
        if (relay, number) in self._feeds and uplink is not None and uplink.session is not None:
            uplink.session.send_live(number, datagrams, now_ns)

    def on_session(self, uplink: Uplink) -> None:
        """There is a new session."""
        assert uplink.session is not None
        for (relay, number), feed in self._feeds.items():
            if relay == uplink.target.name:
                feed.answer = None
                uplink.session.open_feed(number, feed.about)

    def on_answer(self, relay: str, answer: FeedAnswered) -> None:
        """The relay takes a feed, or refuses it, or says what has come."""
        feed = self._feeds.get((relay, answer.feed))
        if feed is not None:
            feed.answer = answer

    def figures(self, relay: str, number: int) -> FeedFigures:
        """How a feed goes. Any thread."""
        uplink, feed = self._uplinks.get(relay), self._feeds.get((relay, number))
        session = None if uplink is None else uplink.session
        counts = None if session is None else session.live_counts.get(number)
        answer = None if feed is None else feed.answer
        if uplink is None or session is None or not uplink.online:
            why = OFFLINE
        elif answer is None:
            why = UNANSWERED
        else:
            why = answer.text or answer.code
        sent, skipped = (0, 0) if counts is None else (counts.sent, counts.skipped)
        return FeedFigures(sent, skipped, 0 if answer is None else answer.missing, why)
