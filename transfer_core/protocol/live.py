"""Live datagrams: what must be there soon or not at all, as telemetry, ahead of all files of the session.

Theory of operation. A feed is a numbered run of datagrams, each with who sent it and when it came to the agent. They
are cut into entries, entries are packed into frames that fit the smallest packet, so that one frame can go by any path.
A frame goes at once by whichever of the two best paths may send first, and a copy of it by the other one: a link that
dies leaves no gap. A packet that is found lost, while none with the same frame is acknowledged, is sent again by
whichever path may, as long as the other side still waits for it: while a link is down the other one may lose some too.
What a path has no room for waits a moment; what has waited too long, or is too much, is left out, oldest first, and
counted.

How long that is, is counted in time in which frames move (`_Flow`): where a machine stands still for half a second, or
is late with every answer, nothing is old for that, and what was lost on the way can still come. A longer bound holds
whatever moves.

The other side puts entries into their order, waits a moment for one that is missing (its copy may come by the slower
path, or be on its way again), then goes on without it and counts it. Entries have 64-bit numbers of their own, so
copies are told apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from transfer_core.protocol.live_frame import (
    ENTRIES_BYTES_MAX,
    SPAN_NS,
    Entry,
    LiveDatagram,
    LiveFrame,
    encode_frame,
    entries_of,
    entry_bytes,
)
from transfer_core.units import NS_PER_MS

DATA_BYTES_MAX = 65_535  # of one datagram
FEEDS_MAX = 16  # of one session
WAIT_NS = 250 * NS_PER_MS  # in the queue while frames go; what is older is no news
QUEUE_BYTES_MAX = 256 * 1024
AGAIN_MAX = 3  # times that a frame goes again
HOLD_NS = 400 * NS_PER_MS  # so long is waited for an entry that is missing, while others come
LONGEST_NS = 1500 * NS_PER_MS  # in the queue, on the way with all its copies, or missing: whatever moves
PAUSE_NS = 25 * NS_PER_MS  # what counts of a time in which nothing moves
HELD_MAX = 4096  # entries that wait for one
ANY_PATH = -1
RUN_MAX = 8  # frames of one path in a row, then files have a turn: no file stands still for telemetry


@dataclass(slots=True)
class _Flow:
    """A clock for time in which frames move: of each pause only the first part counts."""

    passed_ns: int = 0
    _last_ns: int = 0

    def move(self, now_ns: int) -> None:
        self.passed_ns += min(max(0, now_ns - self._last_ns), PAUSE_NS)
        self._last_ns = now_ns


@dataclass(slots=True)
class _Waiting:
    """A datagram in the queue."""

    feed: int
    entries: tuple[Entry, ...]
    size: int
    since_ns: int
    since_flow_ns: int


@dataclass(slots=True)
class FeedCounts:
    """Of one feed at the agent, in datagrams."""

    sent: int = 0
    skipped: int = 0  # left out for want of room


class Copying(Enum):
    """Where a frame goes besides."""

    NOT = "not"
    ELSEWHERE = "elsewhere"
    AGAIN = "again"  # by the same path if need be, which is the only one and loses much


@dataclass(frozen=True, slots=True)
class OutFrame:
    """A frame to be sent, and the number by which its packets' fates are told."""

    number: int
    body: bytes


@dataclass(slots=True)
class _Copy:
    """A frame that is still to go by another path than `path`."""

    frame: OutFrame
    path: int


@dataclass(slots=True)
class _Flying:
    """A frame that went and is not acknowledged."""

    frame: OutFrame
    since_ns: int
    again: int = 0


@dataclass(slots=True)
class LiveOut:
    """What waits to be sent, newest wins."""

    counts: dict[int, FeedCounts] = field(default_factory=dict)
    _queue: deque[_Waiting] = field(default_factory=deque)
    _queued_bytes: int = 0
    _next: dict[int, int] = field(default_factory=dict)  # entry number by feed
    _rest: deque[Entry] = field(default_factory=deque)  # of a datagram of which some parts have gone
    _rest_feed: int = 0
    _copies: deque[_Copy] = field(default_factory=deque)
    _lost: dict[int, OutFrame] = field(default_factory=dict)  # frames that go again, by number
    _flying: dict[int, _Flying] = field(default_factory=dict)  # by number, oldest first
    _frames: int = 0
    _run: dict[int, int] = field(default_factory=dict)
    _flow: _Flow = field(default_factory=_Flow)

    def open(self, feed: int) -> None:
        """A feed is taken. It may be said again."""
        self._next.setdefault(feed, 0)
        self.counts.setdefault(feed, FeedCounts())

    def close(self, feed: int) -> None:
        """A feed is over; what waits of it is dropped."""
        self._next.pop(feed, None)
        self.counts.pop(feed, None)
        self._queue = deque(each for each in self._queue if each.feed != feed)
        self._queued_bytes = sum(each.size for each in self._queue)
        if self._rest_feed == feed:
            self._rest.clear()

    def add(self, feed: int, datagrams: Sequence[LiveDatagram], now_ns: int) -> None:
        """Have these sent. For a feed that is not open nothing happens."""
        if feed not in self._next:
            return
        for datagram in datagrams:
            if len(datagram.data) > DATA_BYTES_MAX:
                continue
            entries = tuple(entries_of(datagram))
            size = sum(map(entry_bytes, entries))
            self._queue.append(_Waiting(feed, entries, size, now_ns, self._flow.passed_ns))
            self._queued_bytes += size
        while self._queued_bytes > QUEUE_BYTES_MAX:
            self._skip()

    def _skip(self) -> None:
        gone = self._queue.popleft()
        self._queued_bytes -= gone.size
        self.counts[gone.feed].skipped += 1

    def _is_no_news(self, waiting: _Waiting, now_ns: int) -> bool:
        flow_ns = self._flow.passed_ns - waiting.since_flow_ns
        return flow_ns > WAIT_NS or now_ns - waiting.since_ns > LONGEST_NS

    def _tidy(self, now_ns: int) -> None:
        self._flow.move(now_ns)
        while self._queue and self._is_no_news(self._queue[0], now_ns):
            self._skip()
        while self._flying:
            number, oldest = next(iter(self._flying.items()))
            if now_ns - oldest.since_ns <= LONGEST_NS:
                break
            del self._flying[number]
            self._lost.pop(number, None)
            self._drop_copies(number)

    def on_resolved(self, number: int, acked: bool, now_ns: int) -> None:
        """A packet with this frame has arrived, or is given up; then it goes again, if it is not too late."""
        self._tidy(now_ns)
        if acked:
            self._flying.pop(number, None)
            self._lost.pop(number, None)
            self._drop_copies(number)
            return
        flying = self._flying.get(number)
        if flying is None or flying.again >= AGAIN_MAX:
            return
        flying.again += 1
        self._drop_copies(number)  # this one may go by any path
        self._lost[number] = flying.frame

    def _drop_copies(self, number: int) -> None:
        if any(copy.frame.number == number for copy in self._copies):
            self._copies = deque(copy for copy in self._copies if copy.frame.number != number)

    def wants(self, path: int) -> bool:
        """Whether something waits that this path may carry."""
        if self._queue or self._rest or self._lost:
            return True
        return bool(self._copies) and any(copy.path != path for copy in self._copies)

    def next_frame(self, path: int, now_ns: int, copy: Copying) -> OutFrame | None:
        """The next frame for this path, None if it has had its run or nothing waits; `copy` says where it goes too."""
        self._tidy(now_ns)
        if self._run.get(path, 0) >= RUN_MAX:
            self._run[path] = 0
            return None
        frame = self._copy_for(path)
        if frame is None and (body := self._pack()) is not None:
            frame = OutFrame(self._frames, body)
            self._frames += 1
            self._flying[frame.number] = _Flying(frame, now_ns)
            if copy is not Copying.NOT:
                self._copies.append(_Copy(frame, path if copy is Copying.ELSEWHERE else ANY_PATH))
        self._run[path] = 0 if frame is None else self._run.get(path, 0) + 1
        return frame

    def _copy_for(self, path: int) -> OutFrame | None:
        if self._lost:
            return self._lost.pop(next(iter(self._lost)))
        for place, copy in enumerate(self._copies):
            if copy.path != path:
                del self._copies[place]
                return copy.frame
        return None

    def _pack(self) -> bytes | None:
        """As many entries of one feed as fit a frame."""
        entries: list[Entry] = []
        room = ENTRIES_BYTES_MAX
        while True:
            if not self._rest:
                if not self._queue or (entries and self._queue[0].feed != self._rest_feed):
                    break
                following = self._queue.popleft()
                self._queued_bytes -= following.size
                self._rest_feed = following.feed
                self._rest.extend(following.entries)
                self.counts[following.feed].sent += 1
            entry = self._rest[0]
            size = entry_bytes(entry)
            apart_ns = entry.time_ns - entries[0].time_ns if entries else 0
            if size > room or not 0 <= apart_ns < SPAN_NS:
                break
            entries.append(self._rest.popleft())
            room -= size
        if not entries:
            return None
        feed = self._rest_feed
        first = self._next[feed]
        self._next[feed] += len(entries)
        return encode_frame(LiveFrame(feed, first, self.counts[feed].skipped, tuple(entries)))


class LiveIn:
    """One feed at the relay: `take` frames in any order, get datagrams in theirs."""

    def __init__(self) -> None:
        self.received = 0  # datagrams
        self.missing = 0  # entries that did not come in time
        self.skipped = 0  # datagrams that the agent left out
        self._next = 0
        self._held: dict[int, Entry] = {}
        self._gap_since_ns: int | None = None
        self._gap_since_flow_ns = 0
        self._flow = _Flow()
        self._parts: list[Entry] = []

    def take(self, frame: LiveFrame, now_ns: int) -> list[LiveDatagram]:
        """What is in order by now."""
        self.skipped = max(self.skipped, frame.skipped)
        for number, entry in enumerate(frame.entries, start=frame.first):
            if number >= self._next:
                self._held.setdefault(number, entry)
        self._flow.move(now_ns)
        found = self._in_order(now_ns)
        if self._gap_since_ns is not None and self._flow.passed_ns - self._gap_since_flow_ns >= HOLD_NS:
            self._give_up()
            found += self._in_order(now_ns)
        return found

    def next_timeout_ns(self) -> int | None:
        """When an entry that is missing is given up, whatever comes."""
        return None if self._gap_since_ns is None else self._gap_since_ns + LONGEST_NS

    def handle_timeout(self, now_ns: int) -> list[LiveDatagram]:
        """Give up what did not come in time; what follows it."""
        due_ns = self.next_timeout_ns()
        if due_ns is None or now_ns < due_ns:
            return []
        self._give_up()
        return self._in_order(now_ns)

    def _give_up(self) -> None:
        following = min(self._held)
        self.missing += following - self._next
        self._next = following
        self._gap_since_ns = None
        self._parts.clear()

    def _in_order(self, now_ns: int) -> list[LiveDatagram]:
        found: list[LiveDatagram] = []
        while True:
            began = self._next
            while (entry := self._held.pop(self._next, None)) is not None:
                self._next += 1
                datagram = self._whole(entry)
                if datagram is not None:
                    found.append(datagram)
            if self._next != began:
                self._gap_since_ns = None
            if len(self._held) <= HELD_MAX:
                break
            self._give_up()
        if self._held and self._gap_since_ns is None:
            self._gap_since_ns, self._gap_since_flow_ns = now_ns, self._flow.passed_ns
        self.received += len(found)
        return found

    def _whole(self, entry: Entry) -> LiveDatagram | None:
        if entry.part != len(self._parts) or (self._parts and entry.parts != self._parts[0].parts):
            self._parts.clear()
            if entry.part:
                return None
        self._parts.append(entry)
        if len(self._parts) < entry.parts:
            return None
        data = entry.data if entry.parts == 1 else b"".join(part.data for part in self._parts)
        self._parts.clear()
        return LiveDatagram(entry.sender, entry.time_ns, data)
