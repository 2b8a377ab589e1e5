"""A chunk as it crosses the wire: a header that names it, then its data, cut into equal slices for the datagrams.

    [file id length, 1] [file id] [chunk id, 4] [offset, 8] [size, 4] [xxHash64 of the data, 8] [data]

The record is padded with zeros to a whole number of slices.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import xxhash

from transfer_core.errors import ChunkHashMismatch, RemoteProtocolError

CHUNK_BYTES_MIN, CHUNK_BYTES_MAX = 4096, 1 << 20
WINDOW_CHUNK_BYTES = 66_560  # what a chunk of the window stands for in memory: 64 KiB with its head and padding
_FIXED = struct.Struct(">IQIQ")
PAD_BYTES = 1024  # room that a record buffer has behind its data, at least the slices of a chunk


class ChunkHead(NamedTuple):
    """The fields of a chunk record before its data."""

    file_id: str
    chunk: int
    offset: int
    size: int
    xxh64: int


def head_bytes(file_id: str) -> int:
    """Length of a record's head."""
    return 1 + len(file_id.encode()) + _FIXED.size


def record_bytes(file_id: str, size: int) -> int:
    """Length of a record with `size` bytes of data."""
    return head_bytes(file_id) + size


def new_record(file_id: str, size: int) -> tuple[bytearray, memoryview]:
    """An empty record buffer, and the place in it where `size` bytes of data belong."""
    head = head_bytes(file_id)
    buffer = bytearray(head + size + PAD_BYTES)
    return buffer, memoryview(buffer)[head : head + size]


def seal_record(buffer: bytearray, file_id: str, chunk: int, offset: int, size: int) -> int:
    """Write the head over data that is in place; returns the data's xxHash64."""
    name = file_id.encode()
    head = 1 + len(name) + _FIXED.size
    digest = xxhash.xxh64_intdigest(memoryview(buffer)[head : head + size])
    buffer[0] = len(name)
    buffer[1 : 1 + len(name)] = name
    _FIXED.pack_into(buffer, 1 + len(name), chunk, offset, size, digest)
    return digest


def open_record(record: memoryview) -> tuple[ChunkHead, memoryview]:
    """The head and the data of a record. RemoteProtocolError if it makes no sense, ChunkHashMismatch if damaged."""
    length = record[0] if len(record) else 0
    start = 1 + length
    if len(record) < start + _FIXED.size:
        raise RemoteProtocolError("a chunk record is shorter than its head")
    try:
        file_id = bytes(record[1:start]).decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("a chunk record's file id is no UTF-8") from error
    chunk, offset, size, digest = _FIXED.unpack_from(record, start)
    data = record[start + _FIXED.size : start + _FIXED.size + size]
    if len(data) != size:
        raise RemoteProtocolError("a chunk record holds less data than it says")
    if xxhash.xxh64_intdigest(data) != digest:
        raise ChunkHashMismatch(f"chunk {chunk} of {file_id} arrived damaged")
    return ChunkHead(file_id, chunk, offset, size, digest), data
