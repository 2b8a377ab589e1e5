from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import RemoteProtocolError
from transfer_core.sync.chunker import cut
from transfer_core.sync.hints import ROOM_BYTES, stretches
from transfer_core.sync.patch import apply_patch, fine_ids, fine_pieces, make_patch
from transfer_core.sync.recipe import CHUNK_BYTES_MAX

OLD = random.Random(1).randbytes(60_000)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 60_000), st.binary(max_size=50)), max_size=8))
def test_a_patch_makes_the_chunk_again_whatever_was_inserted(edits: list[tuple[int, bytes]]) -> None:
    new = OLD
    for at, data in edits:
        new = new[:at] + data + new[at:]
    pieces = fine_pieces(OLD)
    assert apply_patch(make_patch(new, fine_ids(pieces)), pieces) == new


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 60_000)), max_size=6))
def test_a_patch_makes_the_chunk_again_whatever_was_moved_or_repeated(cuts: list[tuple[int, int]]) -> None:
    new = b"".join(OLD[min(pair) : max(pair)] for pair in cuts)
    pieces = fine_pieces(OLD)
    if len(new) <= CHUNK_BYTES_MAX:
        assert apply_patch(make_patch(new, fine_ids(pieces)), pieces) == new


def test_a_small_insert_makes_a_small_patch() -> None:
    new = OLD[:30_000] + b"pit stop" + OLD[30_000:]
    assert len(make_patch(new, fine_ids(fine_pieces(OLD)))) < 3_000


def test_pieces_that_follow_one_another_are_named_together() -> None:
    long = random.Random(3).randbytes(250_000)
    pieces = fine_pieces(long)
    assert len(pieces) > 255
    assert len(make_patch(long, fine_ids(pieces))) <= 3 * (len(pieces) // 255 + 1)
    assert apply_patch(make_patch(long, fine_ids(pieces)), pieces) == long


def test_without_anything_in_common_a_patch_is_little_longer_than_the_chunk() -> None:
    assert len(make_patch(OLD, b"")) < len(OLD) + 10
    assert apply_patch(make_patch(OLD, b""), []) == OLD
    assert make_patch(b"", b"") == b""


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_patch_or_refused(patch: bytes) -> None:
    try:
        apply_patch(patch, [b"a", b"bb"])
    except RemoteProtocolError:
        return


def test_a_patch_that_grows_without_end_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        apply_patch(b"\0\0\1" * 200, [bytes(2048)])


@pytest.mark.parametrize("patch", [b"\0\0\0", b"\0\0\3", b"\0\2\1", b"\xff\xfe\1", b"\0\0"])
def test_pieces_that_are_not_there_are_refused(patch: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        apply_patch(patch, [b"a", b"bb"])


def test_a_changed_chunk_is_looked_for_between_its_neighbours() -> None:
    text = b"".join(b"%07d,%07d\n" % (i, i * 7919 % 10_000_019) for i in range(30_000))
    edited = text[:200_000] + b"one more row\n" + text[200_000:]
    old, new = cut([text]).recipe, cut([edited]).recipe
    lacking = {piece.chunk for piece in new} - {piece.chunk for piece in old}
    found = list(stretches(old, new, lacking))
    assert {chunk for chunk, _, _ in found} == lacking
    for _, offset, length in found:
        assert offset <= 200_000 <= offset + length
        assert length < 200_000


def test_what_was_appended_is_looked_for_at_the_end_and_a_new_file_nowhere() -> None:
    old, new = cut([OLD]).recipe, cut([OLD + random.Random(2).randbytes(300_000)]).recipe
    lacking = [piece.chunk for piece in new if piece not in old]
    assert all(offset + length == len(OLD) for _, offset, length in stretches(old, new, lacking))
    assert list(stretches((), new, lacking)) == []
    assert ROOM_BYTES > 0
