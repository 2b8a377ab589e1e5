from __future__ import annotations

import numpy as np

from transfer_core.engine.progress_verbs import thin_marks


def test_a_cell_has_the_mark_that_most_of_its_chunks_have() -> None:
    marks = np.array([1, 2, 2, 2, 1, 1, 0, 0, 0, 3, 3, 3])
    assert thin_marks(marks, 4) == bytes([2, 1, 0, 3])


def test_of_two_marks_that_are_equal_what_is_there_counts() -> None:
    assert thin_marks(np.array([0, 1, 1, 0]), 2) == bytes([1, 1])


def test_few_chunks_are_cells_of_their_own() -> None:
    assert thin_marks(np.array([1, 0, 2]), 360) == bytes([1, 0, 2])
    assert thin_marks(np.array([], np.uint8), 360) == b""


def test_all_chunks_fall_into_the_asked_number_of_cells() -> None:
    for count in (361, 500, 7813):
        assert len(thin_marks(np.ones(count, np.int64), 360)) == 360
