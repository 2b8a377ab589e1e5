"""The outside of a datagram, and the sealed head of a data datagram, as numpy layouts over one buffer.

    offset  bytes  field        (all integers big-endian)
    0       1      kind
    1       1      path id
    2       4      session index of the receiving side
    6       6      packet number
    12      ...    sealed: a 6-byte prefix (floor, send time), then a data head and file data, or frames
    -16     16     AES-GCM tag

A burst is a two-dimensional array, one datagram a row, so that headers are written and read by column.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

OUTER_BYTES = 12
SESSION_AT = 2  # of a hello: the agent's own
TAG_BYTES = 16
PREFIX_BYTES = 6  # floor u16, send time u32
DATA_HEAD_BYTES = 17  # the prefix, then file u32, chunk u32, slice u16, slices in this datagram u8
SEALED_OVERHEAD = OUTER_BYTES + TAG_BYTES
IPV4_UDP_BYTES = 28
IPV6_UDP_BYTES = 48
FLOOR_UNIT = 16  # the floor is sent as a distance below the packet number, in this unit, rounded down
_FLOOR_SHIFT = 4
PN_HIGH_BITS = 16
_UNNAMED = (-1, -1, -1, -1)


class Kind(IntEnum):
    """The first byte of a datagram."""

    HELLO = 0x01
    WELCOME = 0x02
    DATA = 0x10
    CONTROL = 0x11  # frames that ask for an acknowledgement
    ACK = 0x12  # frames that do not


OUTER = np.dtype([("kind", "u1"), ("path", "u1"), ("session", ">u4"), ("pn_high", ">u2"), ("pn_low", ">u4")])
PREFIX = np.dtype([("floor", ">u2"), ("tx_us", ">u4")])
DATA_HEAD = np.dtype(
    [("floor", ">u2"), ("tx_us", ">u4"), ("file", ">u4"), ("chunk", ">u4"), ("slice", ">u2"), ("count", "u1")]
)
assert OUTER.itemsize == OUTER_BYTES
assert DATA_HEAD.itemsize == DATA_HEAD_BYTES
assert 1 << _FLOOR_SHIFT == FLOOR_UNIT


def slice_bytes_max(datagram_bytes: int) -> int:
    """How much file data a data datagram of that UDP payload size holds."""
    return datagram_bytes - SEALED_OVERHEAD - DATA_HEAD_BYTES


def floor_distance(packet_number: int, floor: int) -> int:
    """The floor field of a datagram: how far the lowest unresolved packet lies below, rounded away."""
    return min(65535, -(-(packet_number - floor) // FLOOR_UNIT))


def floor_distances(first_pn: int, count: int, floor: int) -> NDArray[np.int64]:
    """The floor fields of packets numbered in a row."""
    least = first_pn - floor + FLOOR_UNIT - 1
    steps: NDArray[np.int64] = np.arange(least, least + count) >> _FLOOR_SHIFT
    return np.minimum(65535, steps)


class DataRows:
    """Plain rows as data datagrams of one slice each: a column for each field behind the prefix, made once."""

    def __init__(self, plain: NDArray[np.uint8]) -> None:
        head = plain[:, :DATA_HEAD_BYTES].view(DATA_HEAD)[:, 0]
        head["count"] = 1
        self.plain = plain
        self.file, self.chunk, self.slice = head["file"], head["chunk"], head["slice"]
        self.body = plain[:, DATA_HEAD_BYTES:]


class Burst:
    """Buffers for up to `rows` equal datagrams of `plain_bytes` before sealing, with every slice made once."""

    def __init__(self, rows: int, plain_bytes: int) -> None:
        datagram_bytes = plain_bytes + SEALED_OVERHEAD
        self.datagram_bytes = datagram_bytes
        self.plain: NDArray[np.uint8] = np.zeros((rows, plain_bytes), np.uint8)
        self.sealed: NDArray[np.uint8] = np.zeros((rows, datagram_bytes), np.uint8)
        self.outer = self.sealed[:, :OUTER_BYTES].view(OUTER)[:, 0]
        self.names = self.sealed[:, :8].view("<u8")[:, 0]  # kind, path and session; PN_HIGH_BITS on top of them
        prefix = self.plain[:, :PREFIX_BYTES].view(PREFIX)[:, 0]
        self.floors, self.sent_us = prefix["floor"], prefix["tx_us"]
        self.nonces: NDArray[np.uint8] = np.zeros((rows, 12), np.uint8)
        nonces = self.nonces.view(np.dtype([("path", ">u4"), ("pn", ">u8")]))[:, 0]
        self._nonce_paths, self._nonce_pns = nonces["path"], nonces["pn"]
        self.pns_high, self.pns_low = self.outer["pn_high"], self.outer["pn_low"]
        self.payload = memoryview(self.sealed.reshape(-1).data)
        self._rows: list[tuple[memoryview, memoryview, memoryview, memoryview]] = []
        self._named = _UNNAMED  # kind, path, session and upper packet number that all outer headers have
        self._nonces_named = -1  # the path that all nonces have

    @cached_property
    def data(self) -> DataRows:
        """The plain rows as data datagrams."""
        return DataRows(self.plain)

    def rows(self, count: int) -> list[tuple[memoryview, memoryview, memoryview, memoryview]]:
        """Nonce, plain text, outer header and sealed body of at least the first `count` rows.

        Made when first asked for: a size that comes once comes with few rows.
        """
        for i in range(len(self._rows), count):
            sealed = memoryview(self.sealed[i])
            row = memoryview(self.nonces[i]), memoryview(self.plain[i]), sealed[:OUTER_BYTES], sealed[OUTER_BYTES:]
            self._rows.append(row)
        return self._rows

    def address_rows(self, count: int, kind: Kind, path: int, session: int, first_pn: int) -> None:
        """Write the outer headers and the nonces of the first `count` rows; what all share only when it changes."""
        pns = np.arange(first_pn, first_pn + count, dtype=np.int64)
        named = (int(kind), path, session, first_pn >> 32)
        if named != self._named:
            outer, self._named = self.outer, named
            outer["kind"], outer["path"], outer["session"], outer["pn_high"] = named
        if (first_pn + count - 1) >> 32 != first_pn >> 32:
            self.pns_high[:count] = pns >> 32
            self._named = _UNNAMED
        self.pns_low[:count] = pns & 0xFFFFFFFF
        self.name_nonces(count, path, pns)

    def note_first_row(self, kind: Kind, path: int, session: int, pn: int) -> None:
        """The first row's header and nonce were written from outside."""
        if (int(kind), path, session, pn >> 32) != self._named:
            self._named = _UNNAMED
        if path != self._nonces_named:
            self._nonces_named = -1

    def name_nonces(self, count: int, path: int, pns: NDArray[np.int64]) -> None:
        """Write the nonces of the first `count` rows."""
        if path != self._nonces_named:
            self._nonce_paths[:] = self._nonces_named = path
        self._nonce_pns[:count] = pns


class BurstPool:
    """Bursts by plain size, so that their slices are made once; the least used one goes when there are too many."""

    def __init__(self, rows_of: Callable[[int], int], kept: int = 12) -> None:
        """`rows_of` tells how many rows to make, by the datagram's size."""
        self._rows_of = rows_of
        self._kept = kept
        self._bursts: OrderedDict[int, Burst] = OrderedDict()

    def burst(self, plain_bytes: int) -> Burst:
        """The burst for datagrams of that plain size."""
        found = self._bursts.get(plain_bytes)
        if found is None:
            found = self._bursts[plain_bytes] = Burst(self._rows_of(plain_bytes + SEALED_OVERHEAD), plain_bytes)
            if len(self._bursts) > self._kept:
                self._bursts.popitem(last=False)
        else:
            self._bursts.move_to_end(plain_bytes)
        return found
