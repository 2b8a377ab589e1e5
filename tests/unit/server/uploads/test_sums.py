"""Checksums as clients declare them, and a hash that follows a file as it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import UsageError
from transfer_core.server.uploads.sums import FrontSums, PieceSum, parse_checksum, parse_tus_checksum
from transfer_core.server.uploads.tus_headers import parse_metadata, parse_number, parse_pieces
from transfer_core.server.uploads.writing import BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, BLOCKS_BYTES, block_bytes

DATA = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", ""),
        (" " + "A" * 32 + "\n", "md5:" + "a" * 32),
        ("b" * 40, "sha1:" + "b" * 40),
        ("c" * 64, "sha256:" + "c" * 64),
        ("d" * 128, "sha512:" + "d" * 128),
        ("blake3:" + "e" * 64, "blake3:" + "e" * 64),
        ("SHA256:" + "f" * 64, "sha256:" + "f" * 64),
    ],
)
def test_checksums_are_known_by_their_length_or_name(text: str, parsed: str) -> None:
    assert parse_checksum(text) == parsed


@pytest.mark.parametrize(
    "text", ["x", "a" * 31, "a" * 33, "md5:" + "a" * 40, "crc32:" + "a" * 8, ":" + "a" * 3, "g" * 32]
)
def test_what_is_no_checksum_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_checksum(text)


@pytest.mark.parametrize(
    "parse", [parse_checksum, parse_tus_checksum, parse_metadata, parse_pieces, partial(parse_number, "n")]
)
@given(text=st.text(max_size=60), front=st.sampled_from(["", "md5:", "sha1 ", "final;", "final;http://[", "a ", "1"]))
def test_any_header_is_read_or_refused(parse: Callable[[str], object], front: str, text: str) -> None:
    with suppress(UsageError):  # anything else would be an answer of 500
        parse(front + text)


@given(order=st.permutations(range(8)), resets=st.sets(st.integers(0, 7)))
def test_a_files_hash_is_right_in_whatever_order_it_came(order: list[int], resets: set[int]) -> None:
    sums = FrontSums("md5:" + "0" * 32)
    size = len(DATA) // 8
    for number, index in enumerate(order):
        sums.feed(index * size, DATA[index * size : (index + 1) * size])
        if number in resets:
            sums.reset()
    found = sums.finish(len(DATA), lambda offset, count: DATA[offset : offset + count])
    assert found["blake3"] == "blake3:" + blake3.blake3(DATA).hexdigest()
    assert found["md5"] == "md5:" + hashlib.md5(DATA, usedforsecurity=False).hexdigest()


def test_a_piece_fits_its_checksum_or_none() -> None:
    right = PieceSum("sha256:" + hashlib.sha256(DATA).hexdigest())
    wrong = PieceSum("sha256:" + "0" * 64)
    none = PieceSum("")
    for each in (right, wrong, none):
        each.update(DATA[:100])
        each.update(DATA[100:])
    assert (right.fits, wrong.fits, none.fits) == (True, False, True)


def test_blocks_get_smaller_with_more_writers() -> None:
    assert block_bytes(1) == BLOCK_BYTES_MAX
    assert block_bytes(10_000) == BLOCK_BYTES_MIN
    assert 32 * block_bytes(32) <= BLOCKS_BYTES
