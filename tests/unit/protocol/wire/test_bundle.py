"""Bundles: what comes out is what went in, and what makes no sense is refused before anything is taken from it."""

from __future__ import annotations

import struct

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.wire.bundle import BundledFile, bundle_head, head_bytes, head_digest, open_bundle

CONTENTS = [b"one", b"two" * 1000, b"x"]
PATHS = ["camera01/frame 1.jpg", "caf\udce9/\udcff.bin", "日本/レース.csv"]


def file_of(number: int, path: str, content: bytes) -> BundledFile:
    return BundledFile(
        f"id-{number}", path, len(content), -5 + number, (1 << 64) - 1 - number, blake3.blake3(content).digest()
    )


FILES = [file_of(number, path, content) for number, (path, content) in enumerate(zip(PATHS, CONTENTS, strict=True))]
BUNDLE = bundle_head(FILES) + b"".join(CONTENTS)


def test_a_bundle_gives_back_what_was_put_into_it_whatever_the_names() -> None:
    found = open_bundle(memoryview(BUNDLE))
    assert [file for file, _ in found] == FILES
    assert [bytes(data) for _, data in found] == CONTENTS
    assert found[1][0].digest == f"blake3:{blake3.blake3(CONTENTS[1]).hexdigest()}"


def test_the_length_of_a_head_is_known_before_its_files_are_read() -> None:
    assert head_bytes([(file.file_id, file.path) for file in FILES]) == len(bundle_head(FILES))


def test_a_bundle_that_is_cut_short_or_goes_on_is_refused() -> None:
    for length in range(len(BUNDLE)):
        with pytest.raises(RemoteProtocolError):
            open_bundle(memoryview(BUNDLE)[:length])
    with pytest.raises(RemoteProtocolError):
        open_bundle(memoryview(BUNDLE + b"\0"))


@pytest.mark.parametrize("count", [0, 1025])
def test_a_bundle_of_too_few_or_too_many_files_is_refused(count: int) -> None:
    with pytest.raises(RemoteProtocolError):
        open_bundle(memoryview(struct.pack(">H", count) + BUNDLE[2:]))


def test_a_bundle_that_holds_one_file_twice_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="twice"):
        open_bundle(memoryview(bundle_head([FILES[0], FILES[0]]) + CONTENTS[0] * 2))


@given(st.binary(max_size=300), st.integers(0, 5))
def test_any_bytes_are_a_bundle_or_are_refused(noise: bytes, count: int) -> None:
    data = memoryview(struct.pack(">H", count) + noise)
    try:
        found = open_bundle(data)
    except RemoteProtocolError:
        return
    assert sum(len(content) for _, content in found) <= len(noise)


def test_its_hash_is_that_of_all_before_the_data() -> None:
    head = bundle_head(FILES)
    assert head_digest(BUNDLE, FILES) == f"blake3:{blake3.blake3(head).hexdigest()}"
    for at in range(len(head)):
        damaged = bytearray(BUNDLE)
        damaged[at] ^= 1
        assert head_digest(damaged, FILES) != head_digest(BUNDLE, FILES)
