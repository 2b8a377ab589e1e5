from __future__ import annotations

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import ChunkHashMismatch, RemoteProtocolError
from transfer_core.protocol.wire.chunk_record import ChunkHead, new_record, open_record, record_bytes, seal_record

FILE_IDS = st.text(min_size=1, max_size=60).filter(lambda text: len(text.encode()) <= 255)


def sealed(file_id: str, chunk: int, offset: int, data: bytes) -> bytearray:
    record, place = new_record(file_id, len(data))
    place[:] = data
    seal_record(record, file_id, chunk, offset, len(data))
    return record


@given(
    file_id=FILE_IDS,
    chunk=st.integers(0, (1 << 32) - 1),
    offset=st.integers(0, (1 << 64) - 1),
    data=st.binary(max_size=3000),
)
def test_a_record_comes_back_with_its_padding_or_without(file_id: str, chunk: int, offset: int, data: bytes) -> None:
    record = sealed(file_id, chunk, offset, data)
    wanted = ChunkHead(file_id, chunk, offset, len(data), xxhash.xxh64_intdigest(data))
    for end in (len(record), record_bytes(file_id, len(data))):
        head, found = open_record(memoryview(record)[:end])
        assert (head, bytes(found)) == (wanted, data)


@given(data=st.binary(max_size=400))
@settings(max_examples=400)
def test_any_bytes_are_a_record_or_an_error_of_ours(data: bytes) -> None:
    try:
        head, found = open_record(memoryview(data))
    except (RemoteProtocolError, ChunkHashMismatch):
        return
    assert xxhash.xxh64_intdigest(found) == head.xxh64


@given(at=st.integers(0, 2000), flip=st.integers(1, 255))
@settings(max_examples=300)
def test_a_changed_byte_never_gives_other_data(at: int, flip: int) -> None:
    data = bytes(range(256)) * 4
    record = sealed("f1", 3, 3 << 16, data)
    at %= record_bytes("f1", len(data))
    record[at] ^= flip
    try:
        _, found = open_record(memoryview(record))
    except (RemoteProtocolError, ChunkHashMismatch):
        return
    assert bytes(found) == data  # the change was in the head, which the receiver compares with what it wants


def test_a_record_that_says_more_than_it_holds_is_refused() -> None:
    record = sealed("f1", 0, 0, b"x" * 100)
    with pytest.raises(RemoteProtocolError, match="less data"):
        open_record(memoryview(record)[: record_bytes("f1", 100) - 1])
