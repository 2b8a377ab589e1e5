"""How large a path's packets may be: datagram packetization layer path MTU discovery, after RFC 8899.

Theory of operation. Most links carry 1,500 bytes, so that is what a path begins with (less, where the interface says
so), and the first file data of that size that is acknowledged confirms it. What the way does not carry vanishes without
a word, so that it has to be told from loss:

    trying     this size was never acknowledged; silence after some was sent, or a long run of losses while small
               packets pass, means that it does not fit: fall to 1,280, which every IPv6 link carries
    fallen     1,280; once anything passes, larger sizes are searched for
    confirmed  file data of this size arrives, or an opening train; if larger ones may be, they are searched for now and
               every ten minutes

A search sends a probe of every larger size, padding and nothing else, and the largest that is acknowledged is used
from then on. That takes one round trip, where a search one by one takes ten. A round is repeated while loss may
explain that the largest was not acknowledged, by what is known of the loss by then: a path that is about to begin
knows nothing of it, and would stay small for ten minutes. File data has its turn in between, since a probe that is
lost alone silences the path. Probes go no faster than data, the smallest first: all at once would fill the queue of a
slow link, and the sizes that fit would be lost with those that do not.

A confirmed path that is silent for a second may have become another path: it falls, too, so that what probes the
silence gets through wherever anything does.

Sizes are IP bytes.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from transfer_core.protocol.wire.datagram import IPV6_UDP_BYTES, PREFIX_BYTES, SEALED_OVERHEAD
from transfer_core.units import NS_PER_S

BASE_BYTES = 1280  # RFC 8200 section 5
BASE_FRAMES_BYTES = BASE_BYTES - IPV6_UDP_BYTES - SEALED_OVERHEAD - PREFIX_BYTES
"""What frames may take of a datagram that every path carries."""
USUAL_BYTES = 1500
SIZES = (1280, 1360, 1400, 1420, 1460, 1480, 1492, 1500, 9000)
MOST_BYTES = SIZES[-1]
NEARLY_BYTES = 64  # a chunk's slices are equal, so they fill packets nearly
HOLE_PACKETS = 48  # lost in a row: at 70 % loss by chance once in 10**7
SILENT_NS = NS_PER_S
AGAIN_NS = 600 * NS_PER_S  # RFC 8899 section 5.1.1, PMTU_RAISE_TIMER
MISS = 0.02  # so rarely a size that fits is passed over for loss
ROUNDS_MIN, ROUNDS_MAX = 2, 12


class Size(Enum):
    """What is known of the size in use."""

    TRYING = auto()
    FALLEN = auto()
    CONFIRMED = auto()


class MtuSearch:
    """One path's search. `packet_bytes` is the size to use; the owner sends probes and says what becomes of them."""

    def __init__(self, most_bytes: int = USUAL_BYTES) -> None:
        self.most_bytes = max(BASE_BYTES, min(most_bytes, MOST_BYTES))
        self.packet_bytes = min(USUAL_BYTES, self.most_bytes)
        self.state = Size.TRYING
        self._to_send: list[int] = []
        self._under_way: set[int] = set()
        self._rounds = 0  # of the search under way, or of the last one
        self._due_ns: int | None = None
        self._may_repeat = False
        self._lost_in_a_row = 0
        self._silent_since_ns: int | None = None

    # --- what it learns

    def on_data_acked(self, size: int, now_ns: int) -> None:
        """File data in packets of that size has arrived."""
        self._may_repeat = True
        if size > BASE_BYTES:
            self._lost_in_a_row = 0
        if self.state is Size.TRYING and size >= self.packet_bytes - NEARLY_BYTES:
            self._confirm(now_ns)
        else:
            self.on_small_acked(now_ns)

    def on_data_lost(self, size: int, packets: int) -> None:
        """File data in packets of that size was lost."""
        if size > BASE_BYTES:
            self._lost_in_a_row += packets

    def on_small_acked(self, now_ns: int) -> None:
        """Something smaller has arrived."""
        self._silent_since_ns = None
        if self._lost_in_a_row >= HOLE_PACKETS and self.packet_bytes > BASE_BYTES:
            self._fall()
        if self.state is Size.FALLEN and self._due_ns is None and not self._under_way and not self._to_send:
            self._due_ns = now_ns

    def on_silence(self, now_ns: int) -> None:
        """The path is silent."""
        if self._silent_since_ns is None:
            self._silent_since_ns = now_ns
        lasts = now_ns - self._silent_since_ns >= SILENT_NS
        is_doubtful = self.state is Size.TRYING and self._lost_in_a_row > 0
        if self.packet_bytes > BASE_BYTES and (is_doubtful or lasts):
            self._fall()

    def on_probe_acked(self, size: int, now_ns: int) -> None:
        """A probe has arrived, or a packet of an opening train."""
        if size > self.packet_bytes:
            self.packet_bytes = size
            self._lost_in_a_row = 0
            self.state = Size.CONFIRMED
        if size in self._under_way:
            self._under_way.discard(size)
            self._end_round(now_ns)
        else:
            self.on_data_acked(size, now_ns)

    def on_probe_lost(self, size: int, now_ns: int) -> None:
        """A probe was lost; a train's packet tells nothing by that."""
        if size in self._under_way:
            self._under_way.discard(size)
            self._end_round(now_ns)

    # --- probes

    def next_probe(self, now_ns: int, loss: float) -> int | None:
        """The size of a probe to send now."""
        if self._due_ns is not None and not self._to_send and not self._under_way:
            if now_ns >= self._due_ns:
                self._rounds = 0
                self._begin_round()
            elif self._may_repeat and 0 < self._rounds < rounds(loss):
                self._begin_round()
        return self._to_send[0] if self._to_send else None

    def on_probe_sent(self, size: int) -> None:
        """That probe has gone."""
        self._to_send.remove(size)
        self._under_way.add(size)

    @property
    def has_probes(self) -> bool:
        """Whether probes are to go as soon as the path may send."""
        return bool(self._to_send)

    @property
    def due_ns(self) -> int | None:
        """When `next_probe` is to be asked again, if there are no probes to send now."""
        return None if self._to_send else self._due_ns

    # --- inside

    def _confirm(self, now_ns: int) -> None:
        self.state = Size.CONFIRMED
        if self.packet_bytes < self.most_bytes and not self._under_way and not self._to_send:
            self._due_ns = now_ns

    def _fall(self) -> None:
        self._rounds = 0
        self.state = Size.FALLEN
        self.packet_bytes = BASE_BYTES
        self._lost_in_a_row = 0
        self._to_send.clear()
        self._under_way.clear()
        self._due_ns = None

    def _begin_round(self) -> None:
        fits = [size for size in SIZES if self.packet_bytes < size <= self.most_bytes]
        if self.most_bytes > self.packet_bytes and self.most_bytes not in fits:
            fits.append(self.most_bytes)
        self._to_send = fits
        self._due_ns = None

    def _end_round(self, now_ns: int) -> None:
        if self._under_way or self._to_send:
            return
        self._rounds += 1
        self._may_repeat = False
        self._due_ns = None if self.packet_bytes >= self.most_bytes else now_ns + AGAIN_NS


def rounds(loss: float) -> int:
    """How often a probe has to be sent on a path with that loss, to be lost each time only by `MISS`."""
    return min(ROUNDS_MAX, max(ROUNDS_MIN, math.ceil(math.log(MISS) / math.log(min(0.9, max(loss, 0.01))))))
