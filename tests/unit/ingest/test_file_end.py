"""What a file's own ends say about whether it is whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.ingest.completion import Ending
from transfer_core.ingest.file_end import HEAD_BYTES, TAIL_BYTES, ending, ending_of
from transfer_core.ingest.sample_jpeg import jpeg_of_size, sample_picture

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100) + b"IEND\xaeB`\x82"


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    filler = memoryview(np.random.default_rng(1).bytes(65536))
    return b"".join(jpeg_of_size(sample_picture(64, 48, 1), 50_000, filler))


def of(data: bytes) -> Ending:
    return ending(data[:HEAD_BYTES], data[-TAIL_BYTES:], len(data))


def test_a_jpeg_and_a_png_have_a_mark_at_their_ends(jpeg: bytes) -> None:
    for whole in (jpeg, PNG):
        assert of(whole) is Ending.WHOLE
        assert of(whole + bytes(1000)) is Ending.WHOLE  # filled up to whole blocks
        assert of(whole[:-1]) is Ending.MISSING
        assert of(whole[: len(whole) // 2]) is Ending.MISSING
        assert of(whole[: len(whole) // 2] + bytes(len(whole) // 2)) is Ending.MISSING  # preallocated


def test_what_says_its_length_is_not_whole_while_it_is_shorter() -> None:
    riff = b"RIFF" + (100).to_bytes(4, "little") + b"WAVE" + bytes(96)
    assert of(riff) is Ending.UNKNOWN
    assert of(riff[:-1]) is Ending.MISSING
    bitmap = b"BM" + (100).to_bytes(4, "little") + bytes(94)
    assert of(bitmap) is Ending.UNKNOWN
    assert of(bitmap[:-1]) is Ending.MISSING


@given(st.binary(max_size=64))
def test_of_what_is_not_known_nothing_is_said(data: bytes) -> None:
    if not data.startswith((b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM")):
        assert of(data) is Ending.UNKNOWN


def test_the_ends_of_a_file_are_read_and_what_can_not_be_read_says_nothing(tmp_path: Path, jpeg: bytes) -> None:
    frame = tmp_path / "frame.jpg"
    frame.write_bytes(jpeg)
    assert ending_of(str(frame)) is Ending.WHOLE
    frame.write_bytes(jpeg[:-2])
    assert ending_of(str(frame)) is Ending.MISSING
    frame.write_bytes(b"")
    assert ending_of(str(frame)) is Ending.UNKNOWN
    assert ending_of(str(tmp_path / "nobody.jpg")) is Ending.UNKNOWN
    assert ending_of(str(tmp_path)) is Ending.UNKNOWN


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names there")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "frame.jpg")
    assert ending_of(str(tmp_path / "frame.jpg")) is Ending.UNKNOWN
