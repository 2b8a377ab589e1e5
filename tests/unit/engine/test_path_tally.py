from __future__ import annotations

from transfer_core.engine.path_tally import PATHS_MOST, PathCounts, PathTally


def test_only_what_came_since_the_last_look_is_told() -> None:
    tally = PathTally()
    assert tally.grown(7, 0, PathCounts(1000, 10, 1, 1200, 90)) == PathCounts(1000, 10, 1, 1200, 90)
    assert tally.grown(7, 0, PathCounts(1500, 14, 1, 1900, 99)) == PathCounts(500, 4, 0, 700, 9)
    assert tally.grown(7, 0, PathCounts(1500, 14, 1, 1900, 99)) == PathCounts()


def test_paths_of_one_number_in_two_sessions_are_two() -> None:
    tally = PathTally()
    tally.grown(7, 0, PathCounts(data_bytes=1000))
    assert tally.grown(8, 0, PathCounts(data_bytes=30)).data_bytes == 30
    assert tally.grown(7, 0, PathCounts(data_bytes=1001)).data_bytes == 1


def test_a_path_that_is_looked_at_is_not_forgotten_for_others() -> None:
    tally = PathTally()
    for session in range(2 * PATHS_MOST):
        tally.grown(session, 1, PathCounts(data_bytes=5))
        assert tally.grown(1_000_000, 0, PathCounts(data_bytes=1000)).data_bytes == (0 if session else 1000)
