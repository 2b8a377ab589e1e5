from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import IntegrityError
from transfer_core.manifest.model import PAGE_BITS, Bitmap, chunk_count, chunk_extent

BITS = 101


def bitmap_of(bits: int, chosen: set[int]) -> Bitmap:
    bitmap = Bitmap(bits)
    for bit in chosen:
        bitmap.set(bit)
    return bitmap


def runs_by_hand(bits: int, chosen: set[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for bit in range(bits):
        if bit in chosen:
            if runs and runs[-1][1] == bit:
                runs[-1] = (runs[-1][0], bit + 1)
            else:
                runs.append((bit, bit + 1))
    return runs


@pytest.mark.parametrize(
    ("size", "chunks"), [(0, 0), (1, 1), (65_535, 1), (65_536, 1), (65_537, 2), (20 * 10**9, 305_176)]
)
def test_a_file_has_as_many_chunks_as_its_bytes_fill(size: int, chunks: int) -> None:
    assert chunk_count(size, 65_536) == chunks


def test_the_extents_of_all_chunks_tile_the_file() -> None:
    size, chunk_bytes = 300_001, 65_536
    extents = [chunk_extent(chunk, size, chunk_bytes) for chunk in range(chunk_count(size, chunk_bytes))]
    assert [offset for offset, _ in extents] == [0, 65_536, 131_072, 196_608, 262_144]
    assert sum(length for _, length in extents) == size
    with pytest.raises(IndexError):
        chunk_extent(5, size, chunk_bytes)
    with pytest.raises(IndexError):
        chunk_extent(0, 0, chunk_bytes)


operations = st.lists(
    st.tuples(st.sampled_from(["set", "clear", "one"]), st.integers(0, BITS), st.integers(0, BITS)), max_size=30
)


@given(operations)
def test_a_bitmap_behaves_like_a_set_of_numbers(steps: list[tuple[str, int, int]]) -> None:
    bitmap, model = Bitmap(BITS), set[int]()
    for verb, one, two in steps:
        start, stop = sorted((one, two))
        span = set(range(start, stop))
        if verb == "set":
            assert bitmap.set_range(start, stop) == len(span - model)
            model |= span
        elif verb == "clear":
            assert bitmap.clear_range(start, stop) == len(span & model)
            model -= span
        elif one < BITS:
            assert bitmap.set(one) is (one not in model)
            model.add(one)
        missing = [bit for bit in range(BITS) if bit not in model]
        assert bitmap.count == len(model)
        assert bitmap.first_missing() == (missing[0] if missing else None)
        assert bitmap.first_missing(start) == next((bit for bit in missing if bit >= start), None)
    assert {bit for bit in range(BITS + 9) if bit in bitmap} == model
    assert list(bitmap.runs()) == runs_by_hand(BITS, model)
    assert list(bitmap.missing_runs()) == runs_by_hand(BITS, set(range(BITS)) - model)
    assert Bitmap.from_bytes(bitmap.to_bytes(), BITS) == bitmap
    assert Bitmap.from_bytes(bitmap.to_bytes(), BITS).count == len(model)


def test_an_empty_bitmap_is_full_and_has_no_runs() -> None:
    bitmap = Bitmap(0)
    assert bitmap.is_full
    assert bitmap.first_missing() is None
    assert list(bitmap.runs()) == list(bitmap.missing_runs()) == []
    assert bitmap.to_bytes() == b""
    assert Bitmap.from_bytes(b"", 0) == bitmap


def test_runs_do_not_break_where_the_unpacked_window_ends() -> None:
    bitmap = Bitmap(3_000_003)
    bitmap.set_range(5, 2_500_000)
    bitmap.set_range(2_999_999, 3_000_003)
    assert list(bitmap.runs()) == [(5, 2_500_000), (2_999_999, 3_000_003)]
    assert list(bitmap.missing_runs()) == [(0, 5), (2_500_000, 2_999_999)]
    assert bitmap.first_missing(5) == 2_500_000


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\x07\x00", b"\xff\x08", b"\xff\x80"])
def test_bytes_that_are_too_short_too_long_or_padded_with_ones_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        Bitmap.from_bytes(data, 11)


def test_bit_0_is_the_least_significant_of_the_first_byte() -> None:
    assert bitmap_of(11, {0, 9}).to_bytes() == b"\x01\x02"


@pytest.mark.parametrize("bit", [-1, 11, 12])
def test_a_bit_beyond_the_end_is_an_error_and_changes_nothing(bit: int) -> None:
    bitmap = Bitmap(11)
    with pytest.raises(IndexError):
        bitmap.set(bit)
    with pytest.raises(IndexError):
        bitmap.set_range(0, 12)
    assert bitmap.count == 0


def test_only_pages_that_changed_are_given_out_and_rebuild_the_bitmap() -> None:
    bits = 3 * PAGE_BITS + 77
    bitmap, copy = Bitmap(bits), Bitmap(bits)
    bitmap.set(PAGE_BITS)
    bitmap.set_range(3 * PAGE_BITS + 70, bits)
    pages = bitmap.take_dirty_pages()
    assert [(page, len(data)) for page, data in pages] == [(1, 4096), (3, 10)]
    for page, data in pages:
        copy.load_page(page, data)
    assert copy == bitmap
    assert copy.count == bitmap.count == 8
    assert bitmap.take_dirty_pages() == copy.take_dirty_pages() == []


def test_setting_what_is_set_dirties_nothing_and_a_failed_write_can_be_marked_again() -> None:
    bitmap = Bitmap(100)
    bitmap.set_range(10, 20)
    bitmap.take_dirty_pages()
    bitmap.set(10)
    bitmap.set_range(12, 18)
    assert bitmap.take_dirty_pages() == []
    bitmap.mark_dirty(0)
    assert [page for page, _ in bitmap.take_dirty_pages()] == [0]


@pytest.mark.parametrize(("page", "length"), [(0, 4095), (1, 4096), (2, 4), (-1, 4096)])
def test_a_page_of_another_length_or_number_is_refused(page: int, length: int) -> None:
    with pytest.raises(IntegrityError):
        Bitmap(PAGE_BITS + 30).load_page(page, bytes(length))


def test_a_page_with_bits_beyond_the_end_is_refused() -> None:
    with pytest.raises(IntegrityError):
        Bitmap(PAGE_BITS + 30).load_page(1, b"\x00\x00\x00\x40")


def test_loading_an_emptier_page_moves_the_first_missing_bit_back() -> None:
    bitmap = Bitmap(40)
    bitmap.set_range(0, 30)
    assert bitmap.first_missing() == 30
    bitmap.load_page(0, b"\x0f\x00\x00\x00\x00")
    assert bitmap.first_missing() == 4
    assert bitmap.count == 4


def test_the_runs_of_a_large_random_bitmap_add_up() -> None:
    rng = np.random.default_rng(7)
    chosen = rng.choice(1_500_000, size=200_000, replace=False)
    bitmap = bitmap_of(1_500_000, {int(bit) for bit in chosen})
    assert sum(stop - start for start, stop in bitmap.runs()) == bitmap.count == 200_000
    assert sum(stop - start for start, stop in bitmap.missing_runs()) == 1_300_000
