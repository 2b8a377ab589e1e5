from __future__ import annotations

import random

import pytest

from transfer_core.errors import RemoteProtocolError
from transfer_core.sync.chunker import WINDOW_BYTES, chunk_id, content_id, cut
from transfer_core.sync.recipe import Recipe, decode_recipe, encode_recipe


def race_log(rows: int, seed: int = 1) -> bytes:
    chance = random.Random(seed)
    return "".join(f"{i},{chance.random():.9f},{chance.randint(0, 9999)},ok\n" for i in range(rows)).encode()


def pieces_of(data: bytes, size: int = 1 << 20) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def new_bytes(before: Recipe, after: Recipe) -> int:
    known = {piece.chunk for piece in before}
    return sum(piece.length for piece in after if piece.chunk not in known)


def test_the_compiled_chunker_is_the_one_in_use() -> None:
    from pyfastcdc import FastCDC

    assert FastCDC.__module__.startswith("pyfastcdc.cy")


@pytest.mark.parametrize("size", [0, 1, 4096, 100_000, WINDOW_BYTES, 2 * WINDOW_BYTES + 12345])
def test_chunks_make_the_whole_content_in_order(size: int) -> None:
    data = random.Random(size).randbytes(size)
    found = cut(pieces_of(data))
    assert found.size == size
    assert found.content == content_id(data)
    assert b"".join(data[p.offset : p.offset + p.length] for p in found.recipe) == data
    assert all(chunk_id(data[p.offset : p.offset + p.length]) == p.chunk for p in found.recipe)


def test_the_cuts_do_not_depend_on_how_the_content_is_read() -> None:
    data = random.Random(5).randbytes(2 * WINDOW_BYTES + 999)
    assert cut(pieces_of(data, 1 << 20)) == cut(pieces_of(data, 333_333)) == cut([data])


def test_text_gets_small_chunks_and_other_content_larger_ones() -> None:
    text, other = race_log(60_000), random.Random(3).randbytes(4 << 20)
    assert 10_000 < len(text) / len(cut([text]).recipe) < 30_000
    assert 40_000 < len(other) / len(cut([other]).recipe) < 120_000


def test_an_insert_at_the_head_of_a_log_costs_about_one_chunk() -> None:
    log = race_log(60_000)
    assert new_bytes(cut([log]).recipe, cut([b"# one line more\n" + log]).recipe) < 70_000


def test_rows_appended_to_a_log_cost_little_more_than_themselves() -> None:
    log, more = race_log(60_000), race_log(3_000, seed=9)
    assert new_bytes(cut([log]).recipe, cut([log + more]).recipe) < len(more) + 70_000


def test_a_recipe_comes_back_from_its_bytes() -> None:
    found = cut([race_log(20_000)])
    assert decode_recipe(encode_recipe(found.recipe), found.size) == found.recipe


@pytest.mark.parametrize("spoil", [lambda d: d[:-1], lambda d: d + d[:20], lambda d: d[:16] + b"\xff" * 4 + d[20:]])
def test_a_recipe_that_does_not_fit_its_file_is_refused(spoil: object) -> None:
    found = cut([race_log(20_000)])
    with pytest.raises(RemoteProtocolError):
        decode_recipe(spoil(encode_recipe(found.recipe)), found.size)  # type: ignore[operator]
