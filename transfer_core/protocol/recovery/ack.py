"""One acknowledgement of one path: everything since the sender's floor, so that one that gets through is enough.

0   6   largest packet number received
6   4   receiver's clock at its arrival, us mod 2**32
10  4   us between that arrival and this acknowledgement
14  6   distinct packets received so far
20  4   least one-way delay since the last acknowledgement, us, signed, clocks not synchronised
24  2   chunk buffers that the receiver spares
26  6   first packet number that the body tells of
32  4   how many it tells of
36  1   flags: 1 the body lists holes, else it is a bitmap; 2 the opening train follows the body
37  ..  bitmap, least significant bit first; or u16 count and holes (offset u32, length u16)
..  16  train: first pn u32, its arrival us u32, last pn u32, its arrival us u32

Holes are in rising order and do not overlap. Integers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import RemoteProtocolError

WINDOW_PACKETS_MAX = 1 << 18  # packet numbers between floor and largest
_HEAD = struct.Struct(">HIIIHIiHHIIB")
_TRAIN = struct.Struct(">IIII")
_HOLE = np.dtype([("offset", ">u4"), ("length", ">u2")])
_HOLE_MAX = 65_535
_HOLES = 1
_HAS_TRAIN = 2


@dataclass(frozen=True, slots=True)
class Train:
    """First and last arrival of the opening train, packets that left together, if they came in order."""

    first_pn: int
    first_rx_us: int
    last_pn: int
    last_rx_us: int


@dataclass(frozen=True, slots=True)
class Ack:
    """An acknowledgement. `received[i]` tells of packet `floor + i`; packets not told of are not judged."""

    largest: int
    largest_rx_us: int  # receiver's clock, us mod 2**32
    hold_us: int
    received_total: int
    min_owd_us: int  # signed
    floor: int
    received: NDArray[np.bool_]
    window_chunks: int = 0
    train: Train | None = None
    turn: int = 0  # not on the wire: which part to tell of, where not everything fits


def _holes(received: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offset and length of each run of missing packets; a run over 65,535 is split."""
    there = np.ones(len(received) + 2, np.bool_)
    there[1:-1] = received
    edges = (there[1:] != there[:-1]).nonzero()[0]
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(lengths) or lengths.max() <= _HOLE_MAX:
        return starts, lengths
    parts = -(-lengths // _HOLE_MAX)
    index = np.arange(int(parts.sum())) - np.repeat(np.cumsum(parts) - parts, parts)
    rest = np.repeat(lengths, parts) - index * _HOLE_MAX
    return np.repeat(starts, parts) + index * _HOLE_MAX, np.minimum(rest, _HOLE_MAX)


def _bitmap_part(ack: Ack, packets: int) -> tuple[int, NDArray[np.bool_]]:
    """The part of `packets` packets to tell of this time, as its first packet number and its bits."""
    count = len(ack.received)
    if count <= packets:
        return ack.floor, ack.received
    older = -(-count // packets) - 1
    start = count - packets if ack.turn % 2 == 0 else (ack.turn // 2 % older) * packets
    return ack.floor + start, ack.received[start : start + packets]


def encode_ack(ack: Ack, limit_bytes: int) -> bytes:
    """The acknowledgement in at most `limit_bytes`, which must be at least 64.

    Holes or a bitmap, whichever is shorter. Where neither fits whole, every other acknowledgement (by `turn`) tells
    of the newest packets, and those between go through the older parts in turn, so that each packet's fate is told.
    """
    train = b""
    if ack.train is not None:
        train = _TRAIN.pack(ack.train.first_pn, ack.train.first_rx_us, ack.train.last_pn, ack.train.last_rx_us)
    room = limit_bytes - _HEAD.size - len(train)
    floor, received = ack.floor, ack.received
    flags = _HAS_TRAIN if train else 0
    body: bytes | None = None
    if len(received) > 16:
        starts, lengths = _holes(received)
        if 2 + _HOLE.itemsize * len(starts) <= min(room, (len(received) + 7) // 8):
            flags |= _HOLES
            layout = np.empty(len(starts), _HOLE)
            layout["offset"], layout["length"] = starts, lengths
            body = struct.pack(">H", len(starts)) + layout.tobytes()
    if body is None:
        floor, received = _bitmap_part(ack, 8 * room)
        body = np.packbits(received, bitorder="little").tobytes()
    head = _HEAD.pack(
        ack.largest >> 32,
        ack.largest & 0xFFFFFFFF,
        ack.largest_rx_us,
        min(ack.hold_us, 0xFFFFFFFF),
        ack.received_total >> 32,
        ack.received_total & 0xFFFFFFFF,
        ack.min_owd_us,
        ack.window_chunks,
        floor >> 32,
        floor & 0xFFFFFFFF,
        len(received),
        flags,
    )
    return head + body + train


def decode_ack(data: memoryview | bytes) -> tuple[Ack, int]:
    """The acknowledgement and how many bytes it took. RemoteProtocolError if these bytes are none."""
    if len(data) < _HEAD.size:
        raise RemoteProtocolError("an acknowledgement is cut short")
    (high, low, rx_us, hold_us, total_high, total_low, owd, window, floor_high, floor_low, count, flags) = (
        _HEAD.unpack_from(data, 0)
    )
    largest, floor = high << 32 | low, floor_high << 32 | floor_low
    if flags & ~(_HOLES | _HAS_TRAIN):
        raise RemoteProtocolError("an acknowledgement has unknown flags")
    if count > WINDOW_PACKETS_MAX or floor + count > largest + 1 or largest - floor > WINDOW_PACKETS_MAX:
        raise RemoteProtocolError("an acknowledgement's window makes no sense")
    received, at = _decode_body(data, count, flags)
    train = None
    if flags & _HAS_TRAIN:
        if len(data) < at + _TRAIN.size:
            raise RemoteProtocolError("an acknowledgement's train is cut short")
        train = Train(*_TRAIN.unpack_from(data, at))
        at += _TRAIN.size
    total = total_high << 32 | total_low
    return Ack(largest, rx_us, hold_us, total, owd, floor, received, window, train), at


def _decode_body(data: memoryview | bytes, count: int, flags: int) -> tuple[NDArray[np.bool_], int]:
    at = _HEAD.size
    if not flags & _HOLES:
        size = (count + 7) // 8
        if len(data) < at + size:
            raise RemoteProtocolError("an acknowledgement's bitmap is cut short")
        bits = np.unpackbits(np.frombuffer(data, np.uint8, size, at), count=count, bitorder="little")
        return bits.view(np.bool_), at + size
    if len(data) < at + 2:
        raise RemoteProtocolError("an acknowledgement's holes are cut short")
    (holes,) = struct.unpack_from(">H", data, at)
    at += 2
    end = at + _HOLE.itemsize * holes
    if len(data) < end:
        raise RemoteProtocolError("an acknowledgement's holes are cut short")
    received = np.ones(count, np.bool_)
    if not holes:
        return received, end
    layout = np.frombuffer(data, _HOLE, holes, at)
    starts = layout["offset"].astype(np.int64)
    ends = starts + layout["length"]
    if int(ends[-1]) > count or (starts[1:] < ends[:-1]).any() or (ends <= starts).any():
        raise RemoteProtocolError("an acknowledgement's holes lie outside its window, or are out of order")
    runs = np.diff(np.stack((starts, ends), axis=1).reshape(-1), prepend=0, append=count)
    kinds = np.ones(len(runs), np.bool_)
    kinds[1::2] = False
    return np.repeat(kinds, runs), end
