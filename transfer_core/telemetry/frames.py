"""The binary frame that viewers of a race get: the newest sample of every source, once a tick. Pure.

Little-endian. A head of 32 bytes:

    4s  magic `DRSF`        u8  version, 1       u8  flags: 1 a replay, 2 forget what was shown (a seek)
    u16 count of rows       u32 sequence         u32 layout: the number of the layout message that tells the rows apart
    i64 time_ns, of the newest row               8 bytes of zero

then the rows, each 16 bytes and its values:

    u16 source: its place in the layout message  u8 flags: 1 stale, 2 its run is over    u8 zero
    u32 run                                      i64 time_ns of arrival
    f32 a value for each channel of that source in the layout message, NaN where none is known

`sequence` counts the ticks of a race, whoever looks: one that is missing was left out for this viewer, because it asked
for fewer or was too slow; if it said to forget what was shown, the next one that this viewer gets says so. A layout
message is JSON text: `{"type": "layout", "layout": 3, "mode": "live", "sources": [{"source": "10.0.0.7:5001", "pilot":
"Ada", "channels": ["Timestamp", ...]}, ...]}`; it comes before the first frame with its number.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transfer_core.errors import RemoteProtocolError
from transfer_core.telemetry.decoders.base import SampleArray

MAGIC = b"DRSF"
VERSION = 1
REPLAY, RESTART = 1, 2
STALE, OVER = 1, 2
_HEAD = struct.Struct("<4sBBHIIq8x")
_ROW = struct.Struct("<HBxIq")
_FLAGS_AT = 5
ROWS_MAX = 65_535


@dataclass(frozen=True, slots=True)
class FrameRow:
    """The newest sample of a source. `source` is its place in the layout."""

    source: int
    flags: int
    run: int
    time_ns: int
    values: SampleArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One tick of a race."""

    flags: int
    sequence: int
    layout: int
    time_ns: int
    rows: tuple[FrameRow, ...]


def encode_frame(frame: Frame) -> bytes:
    """As bytes."""
    head = _HEAD.pack(
        MAGIC, VERSION, frame.flags, len(frame.rows), frame.sequence & 0xFFFFFFFF, frame.layout, frame.time_ns
    )
    parts = [head]
    for row in frame.rows:
        parts.append(_ROW.pack(row.source, row.flags, row.run, row.time_ns))
        parts.append(np.asarray(row.values, dtype="<f4").tobytes())
    return b"".join(parts)


def restarted(frame: bytes) -> bytes:
    """The same frame, with RESTART."""
    return frame[:_FLAGS_AT] + bytes((frame[_FLAGS_AT] | RESTART,)) + frame[_FLAGS_AT + 1 :]


def decode_frame(data: bytes, channel_counts: Sequence[int]) -> Frame:
    """A frame, given how many channels each source of its layout has. RemoteProtocolError if it is none."""
    if len(data) < _HEAD.size:
        raise RemoteProtocolError("the frame is shorter than its head")
    magic, version, flags, count, sequence, layout, time_ns = _HEAD.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise RemoteProtocolError("this is no frame of version 1")
    at, rows = _HEAD.size, []
    for _ in range(count):
        if at + _ROW.size > len(data):
            raise RemoteProtocolError("the frame ends in a row")
        source, row_flags, run, row_ns = _ROW.unpack_from(data, at)
        if source >= len(channel_counts):
            raise RemoteProtocolError(f"the frame has a source {source} that its layout lacks")
        at += _ROW.size
        end = at + 4 * channel_counts[source]
        if end > len(data):
            raise RemoteProtocolError("the frame ends in a row's values")
        values = np.frombuffer(data, dtype="<f4", count=channel_counts[source], offset=at)
        rows.append(FrameRow(source, row_flags, run, row_ns, values))
        at = end
    if at != len(data):
        raise RemoteProtocolError("the frame is longer than its rows")
    return Frame(flags, sequence, layout, time_ns, tuple(rows))
