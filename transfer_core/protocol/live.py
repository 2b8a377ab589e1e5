"""Live datagrams: what must be there soon or not at all, as telemetry, ahead of all files of the session.

Theory of operation. A feed is a numbered run of datagrams, each with who sent it and when it came to the agent. They
are cut into entries, entries are packed into frames that fit the smallest packet, so that one frame can go by any path.
A frame goes at once by whichever of the two best paths may send first, and a copy of it by the other one: a link that
dies leaves no gap. Nothing is sent again later. What a path has no room for waits a moment; what has waited too long,
or is too much, is left out, oldest first, and counted.

The other side puts entries into their order, waits a moment for one that is missing (its copy may come by the slower
path), then goes on without it and counts it. Entries have 64-bit numbers of their own, so copies are told apart.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.recovery.mtu import BASE_BYTES
from transfer_core.protocol.wire.datagram import IPV6_UDP_BYTES, PREFIX_BYTES, SEALED_OVERHEAD
from transfer_core.units import NS_PER_MS

FRAME_LIVE = 0x04
FRAME_BYTES_MAX = BASE_BYTES - IPV6_UDP_BYTES - SEALED_OVERHEAD - PREFIX_BYTES
DATA_BYTES_MAX = 65_535  # of one datagram
FEEDS_MAX = 16  # of one session
WAIT_NS = 250 * NS_PER_MS  # in the queue; what is older is no news
COPY_WAIT_NS = 150 * NS_PER_MS
QUEUE_BYTES_MAX = 256 * 1024
HOLD_NS = 100 * NS_PER_MS  # so long is waited for an entry that is missing
HELD_MAX = 4096  # entries that wait for one
SPAN_NS = 1 << 32  # of one frame
ANY_PATH = -1
RUN_MAX = 8  # frames of one path in a row, then files have a turn: no file stands still for telemetry
_HEAD = struct.Struct(">BHHQIq")
_ENTRY = struct.Struct(">BBIHBH")
_ROOM = FRAME_BYTES_MAX - _HEAD.size - _ENTRY.size


@dataclass(frozen=True, slots=True)
class LiveDatagram:
    """One datagram as it came to the agent. `time_ns` is the agent's wall clock, ns since 1970."""

    sender: Address
    time_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A datagram or a part of one; parts of one have numbers that follow each other."""

    part: int
    parts: int
    sender: Address
    time_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """What a frame says: entries numbered from `first`. `skipped` were left out by the agent up to here."""

    feed: int
    first: int
    skipped: int
    entries: tuple[Entry, ...]


def encode_frame(frame: LiveFrame) -> bytes:
    """The frame as bytes. Its entries are at most `SPAN_NS` apart, the first is the oldest."""
    base_ns = frame.entries[0].time_ns
    parts = []
    for entry in frame.entries:
        host = entry.sender[0].encode()[:255]
        head = _ENTRY.pack(
            entry.part, entry.parts, entry.time_ns - base_ns, entry.sender[1], len(host), len(entry.data)
        )
        parts += [head, host, entry.data]
    body = b"".join(parts)
    length = _HEAD.size - 3 + len(body)
    return _HEAD.pack(FRAME_LIVE, length, frame.feed, frame.first, frame.skipped & 0xFFFFFFFF, base_ns) + body


def frame_length(body: memoryview) -> int:
    """How many bytes of `body` are the frame that begins it. RemoteProtocolError if it is cut short."""
    length = 3 + int.from_bytes(body[1:3], "big")
    if len(body) < length or length < _HEAD.size:
        raise RemoteProtocolError("a live frame is cut short")
    return length


def decode_frame(body: memoryview) -> LiveFrame:
    """The frame in exactly these bytes. RemoteProtocolError if they are none."""
    _, _, feed, first, skipped, base_ns = _HEAD.unpack_from(body)
    at, entries = _HEAD.size, []
    while at < len(body):
        if len(body) < at + _ENTRY.size:
            raise RemoteProtocolError("a live frame is cut short")
        part, parts, after_ns, port, host_bytes, size = _ENTRY.unpack_from(body, at)
        at += _ENTRY.size
        host = bytes(body[at : at + host_bytes])
        data = bytes(body[at + host_bytes : at + host_bytes + size])
        at += host_bytes + size
        if at > len(body) or not part < parts or not host or not host.isascii() or not host.decode().isprintable():
            raise RemoteProtocolError("a live frame makes no sense")
        entries.append(Entry(part, parts, (host.decode(), port), base_ns + after_ns, data))
    if not entries:
        raise RemoteProtocolError("a live frame is empty")
    return LiveFrame(feed, first, skipped, tuple(entries))


def _entries_of(datagram: LiveDatagram) -> Iterator[Entry]:
    room = _ROOM - len(datagram.sender[0].encode())
    parts = max(1, -(-len(datagram.data) // room))
    for part in range(parts):
        data = datagram.data[part * room : (part + 1) * room]
        yield Entry(part, parts, datagram.sender, datagram.time_ns, data)


@dataclass(slots=True)
class _Waiting:
    """A datagram in the queue."""

    feed: int
    entries: tuple[Entry, ...]
    size: int
    since_ns: int


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


@dataclass(slots=True)
class _Copy:
    """A frame that is still to go by another path than `path`."""

    frame: bytes
    path: int
    since_ns: int


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
    _run: dict[int, int] = field(default_factory=dict)

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
            entries = tuple(_entries_of(datagram))
            size = len(datagram.data) + _ENTRY.size * len(entries)
            self._queue.append(_Waiting(feed, entries, size, now_ns))
            self._queued_bytes += size
        while self._queued_bytes > QUEUE_BYTES_MAX:
            self._skip()

    def _skip(self) -> None:
        gone = self._queue.popleft()
        self._queued_bytes -= gone.size
        self.counts[gone.feed].skipped += 1

    def _tidy(self, now_ns: int) -> None:
        while self._queue and now_ns - self._queue[0].since_ns > WAIT_NS:
            self._skip()
        while self._copies and now_ns - self._copies[0].since_ns > COPY_WAIT_NS:
            self._copies.popleft()

    def wants(self, path: int) -> bool:
        """Whether something waits that this path may carry."""
        return bool(self._queue or self._rest) or any(copy.path != path for copy in self._copies)

    def next_frame(self, path: int, now_ns: int, copy: Copying) -> bytes | None:
        """The next frame for this path, None if it has had its run or nothing waits; `copy` says where it goes too."""
        self._tidy(now_ns)
        if self._run.get(path, 0) >= RUN_MAX:
            self._run[path] = 0
            return None
        frame = self._copy_for(path) or self._pack()
        if frame is None:
            self._run[path] = 0
            return None
        self._run[path] = self._run.get(path, 0) + 1
        if frame[1] is None and copy is not Copying.NOT:
            self._copies.append(_Copy(frame[0], path if copy is Copying.ELSEWHERE else ANY_PATH, now_ns))
        return frame[0]

    def _copy_for(self, path: int) -> tuple[bytes, int | None] | None:
        for place, copy in enumerate(self._copies):
            if copy.path != path:
                del self._copies[place]
                return copy.frame, copy.path
        return None

    def _pack(self) -> tuple[bytes, int | None] | None:
        """As many entries of one feed as fit a frame."""
        entries: list[Entry] = []
        room = FRAME_BYTES_MAX - _HEAD.size
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
            size = _ENTRY.size + len(entry.sender[0].encode()) + len(entry.data)
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
        return encode_frame(LiveFrame(feed, first, self.counts[feed].skipped, tuple(entries))), None


class LiveIn:
    """One feed at the relay: `take` frames in any order, get datagrams in theirs."""

    def __init__(self) -> None:
        self.received = 0  # datagrams
        self.missing = 0  # entries that did not come in time
        self.skipped = 0  # datagrams that the agent left out
        self._next = 0
        self._held: dict[int, Entry] = {}
        self._gap_since_ns: int | None = None
        self._parts: list[Entry] = []

    def take(self, frame: LiveFrame, now_ns: int) -> list[LiveDatagram]:
        """What is in order by now."""
        self.skipped = max(self.skipped, frame.skipped)
        for number, entry in enumerate(frame.entries, start=frame.first):
            if number >= self._next:
                self._held.setdefault(number, entry)
        return self._in_order(now_ns)

    def next_timeout_ns(self) -> int | None:
        """When an entry that is missing is given up."""
        return None if self._gap_since_ns is None else self._gap_since_ns + HOLD_NS

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
            self._gap_since_ns = now_ns
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
