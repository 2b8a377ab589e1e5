"""Which offers of files are refused before anything is set aside for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transfer_core.protocol.file_offers import CHUNKS_MAX, FILES_OPEN_MAX, SIZE_MAX, file_of, why_refused
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX, CHUNK_BYTES_MIN
from transfer_core.protocol.wire.messages import FileOpen

GOOD = FileOpen(3, 5, 10_000, 4096, 11, 12, "f", "a/f")


def test_a_good_offer_becomes_a_file_with_all_that_it_says() -> None:
    assert why_refused(GOOD, 0) == ""
    file = file_of(GOOD)
    assert (file.number, file.file_id, file.path, file.priority) == (3, "f", "a/f", 5)
    assert (file.size, file.chunk_bytes, file.chunks, file.chunk_size(2)) == (10_000, 4096, 3, 10_000 - 2 * 4096)
    assert (file.mtime_ns, file.fingerprint, file.accepted) == (11, 12, False)


def test_an_empty_file_has_no_chunks() -> None:
    assert file_of(replace(GOOD, size=0)).chunks == 0


@pytest.mark.parametrize(
    ("offer", "files_open"),
    [
        (GOOD, FILES_OPEN_MAX),
        (replace(GOOD, file_id=""), 0),
        (replace(GOOD, file_id="a\n"), 0),
        (replace(GOOD, file_id="ä" * 128), 0),
        (replace(GOOD, chunk_bytes=CHUNK_BYTES_MIN - 1), 0),
        (replace(GOOD, chunk_bytes=CHUNK_BYTES_MAX + 1), 0),
        (replace(GOOD, chunk_bytes=0), 0),
        (replace(GOOD, size=SIZE_MAX + 1, chunk_bytes=CHUNK_BYTES_MAX), 0),
        (replace(GOOD, size=CHUNKS_MAX * 4096 + 1), 0),
    ],
)
def test_an_offer_that_makes_no_sense_or_is_too_much_is_refused(offer: FileOpen, files_open: int) -> None:
    assert why_refused(offer, files_open)


def test_what_is_just_within_all_bounds_is_not_refused() -> None:
    largest = replace(GOOD, size=CHUNKS_MAX * 4096, file_id="ä" * 127)
    assert why_refused(largest, FILES_OPEN_MAX - 1) == ""
