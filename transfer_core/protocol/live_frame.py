"""Live frames: datagrams of a feed, or parts of them, packed for one packet. See `protocol.live`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.recovery.mtu import BASE_FRAMES_BYTES

FRAME_LIVE = 0x04
SPAN_NS = 1 << 32  # of one frame
_HEAD = struct.Struct(">BHHQIq")
_ENTRY = struct.Struct(">BBIHBH")
ENTRIES_BYTES_MAX = BASE_FRAMES_BYTES - _HEAD.size
"""What a frame has room for."""


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


def entry_bytes(entry: Entry) -> int:
    """What an entry takes of a frame."""
    return _ENTRY.size + len(entry.sender[0].encode()) + len(entry.data)


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


def entries_of(datagram: LiveDatagram) -> Iterator[Entry]:
    """The datagram in parts that fit a frame each."""
    room = ENTRIES_BYTES_MAX - _ENTRY.size - len(datagram.sender[0].encode())
    parts = max(1, -(-len(datagram.data) // room))
    for part in range(parts):
        data = datagram.data[part * room : (part + 1) * room]
        yield Entry(part, parts, datagram.sender, datagram.time_ns, data)
