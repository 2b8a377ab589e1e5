"""What was sent on a path, and what became of each packet.

Theory of operation. Packets are rows of parallel numpy arrays, oldest first, so that any range of packet numbers is a
plain slice and an acknowledgement of ten thousand packets is worked off in a few array operations. New packets are
appended behind; when the arrays are full, what is still wanted is moved to the front, and they double when more than
half of them is wanted. That costs each packet about one copy in its life, and no index arithmetic ever wraps.

A few packets below the floor are kept, so that an acknowledgement that comes late still finds when its newest packet
was sent, and packets that were given up too early can be told from those that were really lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IGNORED = 0  # asks for no acknowledgement: never in flight, never lost
FLYING = 1
LOST = 2
ACKED = 3
WRITTEN_OFF = 4  # given up because the whole path fell silent: says nothing about the loss on it

KEPT_BELOW_FLOOR = 2048
_FIRST_ROWS = 8192


@dataclass(frozen=True, slots=True)
class InOrder:
    """Packets whose fate became final in the order of their numbers, in figures."""

    first_pn: int
    lost: int
    loss_runs: int
    acked: int
    span_bytes: int
    span_ns: int


class SentPackets:
    """Packets by number. `floor` is the lowest one in flight, or `next_pn` if none is. Sizes are IP bytes."""

    def __init__(self) -> None:
        self.next_pn = 0
        self.floor = 0
        self.in_flight_packets = 0
        self.in_flight_bytes = 0
        self.sent_bytes = 0
        self._origin = 0  # packet number of row 0
        self._allocate(_FIRST_ROWS)

    def _allocate(self, rows: int) -> None:
        self._tags: NDArray[np.int64] = np.zeros(rows, np.int64)
        self._tx_ns: NDArray[np.int64] = np.zeros(rows, np.int64)
        self._end_bytes: NDArray[np.int64] = np.zeros(rows, np.int64)  # sent up to and including this packet
        self._sizes: NDArray[np.int64] = np.zeros(rows, np.int64)
        self._state: NDArray[np.uint8] = np.zeros(rows, np.uint8)

    def append(
        self,
        now_ns: int,
        count: int,
        packet_bytes: int,
        tags: NDArray[np.int64],
        *,
        last_bytes: int,
        flying: bool,
    ) -> int:
        """Note `count` packets sent together, all of one size but for the last; gives the first one's number."""
        first = self.next_pn
        start = first - self._origin
        end = start + count
        if end > len(self._state):
            self._move_up(count)
            start = first - self._origin
            end = start + count
        total = packet_bytes * (count - 1) + last_bytes
        state = FLYING if flying else IGNORED
        if count == 1:  # most often, and numpy is slow with little
            self._tags[start], self._tx_ns[start], self._state[start] = tags[0], now_ns, state
            self._sizes[start], self._end_bytes[start] = last_bytes, self.sent_bytes + last_bytes
        else:
            self._tags[start:end], self._tx_ns[start:end], self._state[start:end] = tags, now_ns, state
            sizes = self._sizes[start:end]
            sizes[:] = packet_bytes
            sizes[-1] = last_bytes
            ends = self._end_bytes[start:end]
            sizes.cumsum(out=ends)
            ends += self.sent_bytes
        self.sent_bytes += total
        self.next_pn = first + count
        if flying:
            if self.in_flight_packets == 0:
                self.floor = first
            self.in_flight_packets += count
            self.in_flight_bytes += total
        elif self.in_flight_packets == 0:
            self.floor = self.next_pn
        return first

    def _move_up(self, coming: int) -> None:
        keep_from = max(self._origin, self.floor - KEPT_BELOW_FLOOR)
        kept = slice(keep_from - self._origin, self.next_pn - self._origin)
        rows = len(self._state)
        while 2 * (self.next_pn - keep_from) + coming > rows:
            rows *= 2
        tags, tx_ns, end_bytes, sizes, state = self._tags, self._tx_ns, self._end_bytes, self._sizes, self._state
        self._allocate(rows)
        count = self.next_pn - keep_from
        self._tags[:count] = tags[kept]
        self._tx_ns[:count] = tx_ns[kept]
        self._end_bytes[:count] = end_bytes[kept]
        self._sizes[:count] = sizes[kept]
        self._state[:count] = state[kept]
        self._origin = keep_from

    # --- reading

    def knows(self, pn: int) -> bool:
        """Whether this packet was sent and is still remembered."""
        return self._origin <= pn < self.next_pn

    def sent_at_ns(self, pn: int) -> int:
        """When it was sent."""
        return int(self._tx_ns[pn - self._origin])

    def bytes_through(self, pn: int) -> int:
        """Bytes sent on the path up to and including it."""
        return int(self._end_bytes[pn - self._origin])

    def oldest_sent_ns(self) -> int:
        """When the oldest packet in flight was sent. Only while there is one."""
        return int(self._tx_ns[self.floor - self._origin])

    def outstanding_tags(self) -> NDArray[np.int64]:
        """Tags of the packets in flight, oldest first."""
        live = slice(self.floor - self._origin, self.next_pn - self._origin)
        tags: NDArray[np.int64] = self._tags[live][self._state[live] == FLYING]
        return tags

    # --- resolving

    def acknowledge(self, first: int, received: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """`received[i]` tells that packet `first + i` arrived. Gives the rows that this is news for, those among
        them that had been given up, and the bytes taken out of flight."""
        begin = max(first, self._origin)
        told = received[begin - first : self.next_pn - first]
        offset = begin - self._origin
        state = self._state[offset : offset + len(told)]
        news = (told & (state != ACKED) & (state != IGNORED)).nonzero()[0] + offset
        if not len(news):
            return news, news, 0
        was = self._state[news]
        flying = was == FLYING
        self._state[news] = ACKED
        if flying.all():
            fresh, late = news, news[:0]
        else:
            fresh, late = news[flying], news[~flying]
        taken = int(self._sizes[fresh].sum())
        self.in_flight_packets -= len(fresh)
        self.in_flight_bytes -= taken
        return fresh, late, taken

    def lose(self, first: int, end: int, before_ns: int, verdict: int = LOST) -> NDArray[np.int64]:
        """Give up packets `first` to `end` in flight that were sent before that time; gives their rows."""
        begin = max(first, self.floor)
        end = min(end, self.next_pn)
        if begin >= end:
            return _NO_ROWS
        offset = begin - self._origin
        sent_ns = self._tx_ns[offset : end - self._origin]
        if sent_ns[0] >= before_ns:
            return _NO_ROWS
        old = int(sent_ns.searchsorted(before_ns))  # send times never decrease
        rows: NDArray[np.int64] = (self._state[offset : offset + old] == FLYING).nonzero()[0] + offset
        if len(rows):
            self._state[rows] = verdict
            self.in_flight_packets -= len(rows)
            self.in_flight_bytes -= int(self._sizes[rows].sum())
        return rows

    def numbers_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Packet numbers of rows that `acknowledge` or `lose` gave."""
        return rows + self._origin

    def tags_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tags of rows that `acknowledge` or `lose` gave."""
        return self._tags[rows]

    def earliest_sent_ns(self, rows: NDArray[np.int64], first: int, end: int) -> int | None:
        """When the earliest of these rows was sent, of those with packet numbers from `first` up to `end`."""
        low, high = np.searchsorted(rows, (first - self._origin, end - self._origin))
        return int(self._tx_ns[rows[low]]) if low < high else None

    def advance_floor(self) -> InOrder | None:
        """Move the floor to the lowest packet in flight; tells what it passed, None if it did not move."""
        start = self.floor - self._origin
        stop = self.next_pn - self._origin
        if self.in_flight_packets:
            if self._state[start] == FLYING:
                return None
            stop = start + int(np.argmax(self._state[start:stop] == FLYING))
        if stop == start:
            return None
        passed = self._state[start:stop]
        lost = passed == LOST
        lost_count = int(np.count_nonzero(lost))
        runs = int(np.count_nonzero(lost[1:] & ~lost[:-1])) + int(lost[0]) if lost_count else 0
        acked = int(np.count_nonzero(passed == ACKED))
        before = max(start - 1, 0)
        self.floor = self._origin + stop
        return InOrder(
            self._origin + start,
            lost_count,
            runs,
            acked,
            int(self._end_bytes[stop - 1] - self._end_bytes[before]),
            int(self._tx_ns[stop - 1] - self._tx_ns[before]),
        )


_NO_ROWS: NDArray[np.int64] = np.empty(0, np.int64)
