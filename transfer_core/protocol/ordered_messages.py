"""Messages that arrive once and in order, over paths that lose, double and reorder packets.

Each has a sequence number of the session, so it may ride any path, several at once included. A message that no packet
in flight carries any more goes back to the head of those that wait; the other end keeps what comes early until its turn
and drops what it has had.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from transfer_core.errors import LocalProtocolError, RemoteProtocolError
from transfer_core.protocol.recovery.mtu import BASE_FRAMES_BYTES

FRAME_MESSAGE = 0x02
MESSAGE_HEAD = struct.Struct(">BIH")  # FRAME_MESSAGE, sequence number, length of the body that follows
MESSAGE_BYTES_MAX = BASE_FRAMES_BYTES - MESSAGE_HEAD.size
"""What the smallest datagrams have room for."""
MESSAGES_AHEAD = 4096  # a message further ahead than this is refused


class Outbox:
    """Messages to deliver."""

    def __init__(self) -> None:
        self._next_sequence = 0
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._in_flight: dict[int, bytes] = {}  # by sequence number
        self._carriers: dict[int, int] = {}  # packets in flight that carry it, by sequence number
        self._packets: dict[int, Sequence[int]] = {}  # sequence numbers, by the packet's tag

    @property
    def is_waiting(self) -> bool:
        """Whether there is a message that no packet in flight carries."""
        return bool(self._waiting)

    @property
    def pending(self) -> int:
        """Messages that the peer has not acknowledged."""
        return len(self._waiting) + len(self._in_flight)

    @property
    def in_flight(self) -> int:
        """Messages among these that a packet carries, or that were taken for one."""
        return len(self._in_flight)

    def add(self, body: bytes) -> int:
        """Deliver this one after all others; its number, for `is_delivered`. LocalProtocolError if no datagram could
        ever hold it."""
        if len(body) > MESSAGE_BYTES_MAX:  # it would stand in the way of all others for ever
            raise LocalProtocolError(f"a message of {len(body)} bytes; {MESSAGE_BYTES_MAX} fit into every datagram")
        self._waiting.append((self._next_sequence, body))
        self._next_sequence += 1
        return self._next_sequence - 1

    def is_delivered(self, sequence: int) -> bool:
        """Whether the peer has acknowledged that message."""
        return sequence not in self._in_flight and all(waiting != sequence for waiting, _ in self._waiting)

    def take(self, room_bytes: int) -> tuple[list[bytes], list[int]]:
        """The next messages as frames, as many as there is room for, and their sequence numbers, for `sent`."""
        fitting = _fitting(self._waiting, room_bytes)
        for _ in fitting:
            sequence, body = self._waiting.popleft()
            self._in_flight[sequence] = body
        return _as_frames(fitting)

    def take_again(self, room_bytes: int) -> tuple[list[bytes], list[int]]:
        """Likewise the oldest of those that packets in flight carry."""
        return _as_frames(_fitting(sorted(self._in_flight.items()), room_bytes))

    def sent(self, tag: int, sequences: Sequence[int]) -> None:
        """A packet of that tag carries them."""
        self._packets[tag] = sequences
        for sequence in sequences:
            self._carriers[sequence] = self._carriers.get(sequence, 0) + 1

    def resolve(self, tag: int, *, was_acked: bool) -> None:
        """That packet has arrived, or is lost."""
        for sequence in reversed(self._packets.pop(tag, ())):
            if sequence not in self._in_flight:
                continue
            self._carriers[sequence] -= 1
            if was_acked or not self._carriers[sequence]:
                body = self._in_flight.pop(sequence)
                del self._carriers[sequence]
                if not was_acked:
                    self._waiting.appendleft((sequence, body))


class Inbox:
    """Messages that arrive."""

    def __init__(self) -> None:
        self._next_sequence = 0
        self._early: dict[int, bytes] = {}  # by sequence number

    def take(self, sequence: int, body: bytes) -> Iterator[bytes]:
        """Take a message; gives those whose turn it is by now. RemoteProtocolError if it is too far ahead."""
        if sequence < self._next_sequence or sequence in self._early:
            return
        if sequence >= self._next_sequence + MESSAGES_AHEAD:
            raise RemoteProtocolError("a message is too far ahead")
        self._early[sequence] = body
        while (ready := self._early.pop(self._next_sequence, None)) is not None:
            self._next_sequence += 1
            yield ready


def _fitting(messages: Iterable[tuple[int, bytes]], room_bytes: int) -> list[tuple[int, bytes]]:
    """The first of these as far as there is room for their frames."""
    fitting: list[tuple[int, bytes]] = []
    for sequence, body in messages:
        room_bytes -= MESSAGE_HEAD.size + len(body)
        if room_bytes < 0:
            break
        fitting.append((sequence, body))
    return fitting


def _as_frames(messages: list[tuple[int, bytes]]) -> tuple[list[bytes], list[int]]:
    frames = [MESSAGE_HEAD.pack(FRAME_MESSAGE, sequence, len(body)) + body for sequence, body in messages]
    return frames, [sequence for sequence, _ in messages]
