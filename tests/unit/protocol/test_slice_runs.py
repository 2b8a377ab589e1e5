"""Which rows of file data belong together, beside a row by row reading."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.protocol.slice_runs import slice_runs
from transfer_core.protocol.wire.datagram import DATA_HEAD

ROWS = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 2), st.integers(0, 9)), min_size=1, max_size=12)


def heads(rows: list[tuple[int, int, int]]) -> np.ndarray:
    """Rows with this file, chunk and slice each."""
    head = np.zeros(len(rows), DATA_HEAD)
    for i, (file, chunk, at) in enumerate(rows):
        head[i]["file"], head[i]["chunk"], head[i]["slice"] = file, chunk, at
    return head


@given(ROWS)
def test_every_row_is_in_one_run_of_its_own_file_and_chunk_with_its_own_slice(rows: list[tuple[int, int, int]]) -> None:
    read: list[tuple[int, int, int]] = []
    for file, chunk, place, which in slice_runs(heads(rows)):
        slices = list(range(place.start, place.stop)) if isinstance(place, slice) else place.tolist()
        assert which.start == len(read)
        assert which.stop - which.start == len(slices)
        read += [(file, chunk, at) for at in slices]
    assert read == rows


def test_a_burst_in_order_is_one_run_for_each_chunk() -> None:
    rows = [(1, 0, at) for at in range(5)] + [(1, 1, at) for at in range(3)] + [(2, 1, 7)]
    found = list(slice_runs(heads(rows)))
    assert found == [
        (1, 0, slice(0, 5), slice(0, 5)),
        (1, 1, slice(0, 3), slice(5, 8)),
        (2, 1, slice(7, 8), slice(8, 9)),
    ]
