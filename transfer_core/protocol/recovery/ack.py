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
_HOLES = 1
_HAS_TRAIN = 2


@dataclass(frozen=True, slots=True)
class Train:
    """First and last arrival of the opening train, if it came in order."""

    first_pn: int
    first_rx_us: int
    last_pn: int
    last_rx_us: int


@dataclass(frozen=True, slots=True)
class Ack:
    """An acknowledgement. `received[i]` tells of packet `floor + i`; packets not told of are not judged."""

    largest: int
    largest_rx_us: int
    hold_us: int
    received_total: int
    min_owd_us: int
    floor: int
    received: NDArray[np.bool_]
    window_chunks: int = 0
    train: Train | None = None


def _holes(received: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(offset, length) of each run of missing packets, runs over 65,535 split."""
    edges = np.flatnonzero(np.diff(np.concatenate(([True], received, [True])).astype(np.int8)))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if len(lengths) and lengths.max() > 65535:
        parts = [(s + k, min(65535, n - k)) for s, n in zip(starts, lengths, strict=True) for k in range(0, n, 65535)]
        return np.array(parts, np.int64)
    return np.stack((starts, lengths), axis=1).astype(np.int64)


def encode_ack(ack: Ack, limit_bytes: int, *, oldest_first: bool = False) -> bytes:
    """The acknowledgement in at most `limit_bytes`.

    Where everything does not fit, it tells of the newest packets, or with `oldest_first` of the oldest; a receiver
    takes turns, so that each packet's fate gets told.
    """
    train = (
        b""
        if ack.train is None
        else _TRAIN.pack(ack.train.first_pn, ack.train.first_rx_us, ack.train.last_pn, ack.train.last_rx_us)
    )
    room = limit_bytes - _HEAD.size - len(train)
    received, floor = ack.received, ack.floor
    holes = _holes(received)
    flags = _HAS_TRAIN if train else 0
    hole_bytes = 2 + 6 * len(holes)
    if hole_bytes <= min(room, (len(received) + 7) // 8):
        flags |= _HOLES
        layout = np.zeros(len(holes), np.dtype([("offset", ">u4"), ("length", ">u2")]))
        if len(holes):
            layout["offset"], layout["length"] = holes[:, 0], holes[:, 1]
        body = struct.pack(">H", len(holes)) + layout.tobytes()
    else:
        if len(received) > 8 * room:
            cut = len(received) - 8 * room
            received = received[: 8 * room] if oldest_first else received[cut:]
            floor = floor if oldest_first else floor + cut
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
        return bits.astype(np.bool_), at + size
    if len(data) < at + 2:
        raise RemoteProtocolError("an acknowledgement's holes are cut short")
    (holes,) = struct.unpack_from(">H", data, at)
    at += 2
    if len(data) < at + 6 * holes:
        raise RemoteProtocolError("an acknowledgement's holes are cut short")
    received = np.ones(count, np.bool_)
    for offset, length in struct.iter_unpack(">IH", bytes(data[at : at + 6 * holes])):
        if offset + length > count:
            raise RemoteProtocolError("an acknowledgement's hole lies outside its window")
        received[offset : offset + length] = False
    return received, at + 6 * holes
