from __future__ import annotations

import json
import struct
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import RemoteProtocolError
from transfer_core.sync.chunker import chunk_id, content_id
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.parcel import Parcel, decode_parcel, encode_parcel

ENTRY = Entry("d/s.json", Kind.FILE, (("a", 3),), ("a", 3), 5, content_id(b"hello"), 17, True, "pit", 99)
FULL = Parcel(
    "f",
    "a",
    "pit",
    after=2,
    up_to=3,
    entries=(ENTRY, Entry("old", Kind.DELETED, (("a", 2),), ("a", 2))),
    recipes={ENTRY.content: b"x" * 20},
    wanted=(chunk_id(b"w"),),
    missing=(chunk_id(b"m"),),
    chunks=((chunk_id(b"c" * 5000), b"c" * 5000), (chunk_id(b"\0"), b"\0")),
    heard=7,
)


def test_a_parcel_comes_back_from_its_bytes() -> None:
    assert decode_parcel(encode_parcel(FULL)) == FULL
    assert decode_parcel(encode_parcel(Parcel("f", "a", "pit"))) == Parcel("f", "a", "pit")


def test_chunks_travel_compressed_where_it_helps() -> None:
    text = b"lap,time\n" * 2000
    assert len(encode_parcel(Parcel("f", "a", "pit", chunks=((chunk_id(text), text),)))) < len(text) / 10


def test_the_news_of_a_moved_file_is_under_a_kilobyte() -> None:
    moved = Parcel("f" * 32, "a" * 16, "pit", 1, 3, entries=FULL.entries)
    assert len(encode_parcel(moved)) < 1000


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, len(encode_parcel(FULL)) - 1), st.integers(0, 255))
def test_a_spoiled_parcel_is_refused_or_read_but_never_worse(at: int, value: int) -> None:
    data = bytearray(encode_parcel(FULL))
    data[at] = value
    try:
        decode_parcel(bytes(data))
    except RemoteProtocolError:
        return


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_parcel(noise)
    with pytest.raises(RemoteProtocolError):
        decode_parcel(b"DSP1" + noise)


def with_letter(**changes: Any) -> bytes:
    data = encode_parcel(FULL)
    (length,) = struct.unpack_from(">I", data, 4)
    letter = json.loads(zstandard.ZstdDecompressor().decompress(data[8 : 8 + length])) | changes
    packed = zstandard.ZstdCompressor().compress(json.dumps(letter).encode())
    return b"DSP1" + struct.pack(">I", len(packed)) + packed


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../b", "a//b", "", ".", "a/", "nul\0", "x" * 4000, 7])
def test_a_path_that_leads_out_of_the_folder_is_refused(path: Any) -> None:
    entry = [path, 1, [["a", 1]], ["a", 1], 5, ENTRY.content.hex(), 0, 0, "pit", 0]
    with pytest.raises(RemoteProtocolError):
        decode_parcel(with_letter(entries=[entry]))


@pytest.mark.parametrize(
    ("field", "value"),
    [("after", -1), ("up_to", "3"), ("folder", 1), ("wanted", ["00"]), ("heard", 1 << 70), ("entries", [[1]])],
)
def test_a_field_that_makes_no_sense_is_refused(field: str, value: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_parcel(with_letter(**{field: value}))


def test_a_letter_that_claims_to_be_huge_is_refused_before_it_is_unpacked() -> None:
    bomb = zstandard.ZstdCompressor().compress(b" " * (65 << 20))
    with pytest.raises(RemoteProtocolError):
        decode_parcel(b"DSP1" + struct.pack(">I", len(bomb)) + bomb)
