"""The live feeds that an agent offers: which are taken, and which paths carry their frames.

A feed is offered, then answered; nothing of it is sent before it is taken. Frames go by the two paths that answer
fastest, each by one of them with a copy by the other (see `live`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transfer_core.protocol.live import Copying, FeedCounts, LiveOut, OutFrame
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.message_copies import COPIES_LOSS_MIN
from transfer_core.protocol.path import Path


class FeedsOut:
    """See the module; `paths` are those of the session."""

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self._paths = paths
        self._frames = LiveOut()
        self._offered: set[int] = set()

    @property
    def counts(self) -> dict[int, FeedCounts]:
        """What went of each feed that is taken."""
        return self._frames.counts

    def offer(self, feed: int) -> None:
        """A feed is offered; it waits for its answer."""
        self._offered.add(feed)

    def close(self, feed: int) -> None:
        """No more of a feed."""
        self._offered.discard(feed)
        self._frames.close(feed)

    def on_answer(self, feed: int, *, is_taken: bool) -> bool:
        """The relay takes a feed, or does not; False if it is closed by now."""
        if feed not in self._offered:
            return False
        if is_taken:
            self._frames.open(feed)
        else:
            self._frames.close(feed)
        return True

    def add(self, feed: int, datagrams: Sequence[LiveDatagram], now_ns: int) -> None:
        """Send these ahead of files, now or not at all; nothing of a feed that is not taken."""
        self._frames.add(feed, datagrams, now_ns)

    def has_some_for(self, path: Path) -> bool:
        """Whether a frame waits that this path may carry."""
        return self._frames.wants(path.number) and path in self._carriers()

    def next_frame(self, path: Path, now_ns: int) -> OutFrame | None:
        """The next frame for this path."""
        carriers = self._carriers()
        if path not in carriers:
            return None
        is_bad = path.sender.loss >= COPIES_LOSS_MIN
        copy = Copying.ELSEWHERE if len(carriers) > 1 else Copying.AGAIN if is_bad else Copying.NOT
        return self._frames.next_frame(path.number, now_ns, copy)

    def on_resolved(self, number: int, acked: bool, now_ns: int) -> None:
        """A packet with the frame of that number has arrived, or is given up."""
        self._frames.on_resolved(number, acked, now_ns)

    def _carriers(self) -> list[Path]:
        """The two that answer fastest, of those that may carry files if there are any."""
        there = [path for path in self._paths.values() if not path.sender.is_silent]
        allowed = [path for path in there if path.carries_data] or there or list(self._paths.values())
        return sorted(allowed, key=lambda path: (path.last_heard_ns is None, path.sender.srtt_ns or 0))[:2]
