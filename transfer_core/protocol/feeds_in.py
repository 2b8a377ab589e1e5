"""The live feeds that a relay takes from one agent: each put into its order (see `live`), and reported on."""

from __future__ import annotations

from collections.abc import Iterator

from transfer_core.protocol.live import FEEDS_MAX, LiveIn
from transfer_core.protocol.live_frame import LiveDatagram, LiveFrame
from transfer_core.protocol.wire.messages import LiveAnswer

REPORT_NS = 2_000_000_000  # how often it is said what has come of live feeds


class FeedsIn:
    """See the module. `taken` are the feeds by their numbers."""

    def __init__(self) -> None:
        self.taken: dict[int, LiveIn] = {}
        self._report_due_ns = 0

    def has_room_for(self, feed: int) -> bool:
        """Whether a feed that is offered may be taken, or is taken already."""
        return feed in self.taken or len(self.taken) < FEEDS_MAX

    def take(self, feed: int) -> None:
        """Have what comes of a feed. It may be said again."""
        self.taken.setdefault(feed, LiveIn())

    def end(self, feed: int) -> bool:
        """No more of a feed; False if it was not taken."""
        return self.taken.pop(feed, None) is not None

    def on_frame(self, frame: LiveFrame, now_ns: int) -> list[LiveDatagram] | None:
        """What is in order by now of that frame's feed; None if it is not taken."""
        feed = self.taken.get(frame.feed)
        return None if feed is None else feed.take(frame, now_ns)

    def handle_timeout(self, now_ns: int) -> Iterator[tuple[int, list[LiveDatagram]]]:
        """Go on without datagrams that are missing: what follows them, by feed."""
        for number, feed in self.taken.items():
            yield number, feed.handle_timeout(now_ns)

    def reports(self, now_ns: int) -> list[LiveAnswer]:
        """What has come of all feeds, when it is time to say so."""
        if not self.taken or now_ns < self._report_due_ns:
            return []
        self._report_due_ns = now_ns + REPORT_NS
        return [LiveAnswer(number, feed.received, feed.missing, "", "") for number, feed in self.taken.items()]

    def next_timeout_ns(self) -> int | None:
        """When `handle_timeout` or `reports` is to be called again."""
        if not self.taken:
            return None
        due_ns = self._report_due_ns
        for feed in self.taken.values():
            at_ns = feed.next_timeout_ns()
            if at_ns is not None and at_ns < due_ns:
                due_ns = at_ns
        return due_ns
