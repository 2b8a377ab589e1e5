"""Where chunks belong, from what a client tells of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import UsageError
from transfer_core.server.uploads.chunk_layout import check_counts, chunk_bytes_from, fits, largest

MANY = 100_000


@given(size=st.integers(1, 10**13), chunk_bytes=st.integers(1, 10**9), data=st.data())
def test_any_chunk_of_a_file_tells_the_size_of_all(size: int, chunk_bytes: int, data: st.DataObject) -> None:
    chunks = -(-size // chunk_bytes)
    check_counts(size, chunks, chunk_bytes, chunks)
    check_counts(size, chunks, 0, chunks)
    index = data.draw(st.integers(0, chunks - 1))
    length = min(chunk_bytes, size - index * chunk_bytes)
    assert chunk_bytes_from(size, chunks, index, length) == (size if chunks == 1 else chunk_bytes)
    assert length <= largest(size, chunks)


@given(size=st.integers(0, 300), chunks=st.integers(0, 310))
def test_counts_are_taken_when_there_is_such_a_layout(size: int, chunks: int) -> None:
    possible = any(fits(size, chunks, each) for each in range(1, size + 1)) if size else chunks <= 1
    try:
        check_counts(size, chunks, 0, MANY)
    except UsageError:
        assert not possible
    else:
        assert possible


@pytest.mark.parametrize(
    ("size", "chunks", "index", "length"), [(10, 3, 0, 3), (10, 3, 2, 3), (10, 1, 0, 9), (10, 3, 0, 0)]
)
def test_a_chunk_that_belongs_nowhere_is_refused(size: int, chunks: int, index: int, length: int) -> None:
    with pytest.raises(UsageError):
        chunk_bytes_from(size, chunks, index, length)


def test_an_empty_file_is_one_empty_chunk_or_none() -> None:
    check_counts(0, 0, 0, MANY)
    check_counts(0, 1, 5_000_000, MANY)
    assert chunk_bytes_from(0, 1, 0, 0) == 0
    with pytest.raises(UsageError):
        check_counts(0, 2, 0, MANY)


def test_too_many_chunks_are_refused() -> None:
    with pytest.raises(UsageError, match="too many"):
        check_counts(10**9, MANY + 1, 0, MANY)
