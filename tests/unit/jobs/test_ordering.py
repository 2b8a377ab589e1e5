from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.unit.jobs.support import fill, new, order, states
from transfer_core.errors import NotFoundError, UsageError
from transfer_core.events import JobState
from transfer_core.jobs.store import UNDO_KEPT, JobStore
from transfer_core.sim.manual_clock import ManualClock


@pytest.mark.parametrize(
    ("plan", "moved", "before", "expected"),
    [
        ("a5 b5 c5 d5", "d", "b", "a5 d5 b5 c5"),
        ("a5 b5 c5 d5", "a", None, "b5 c5 d5 a5"),
        ("a5 b5 c5 d5", "ca", "d", "b5 a5 c5 d5"),
        ("a5 b5 c5 d5", "bd", "a", "b5 d5 a5 c5"),
        ("a5 b5 c5 d5", "b", "b", "a5 b5 c5 d5"),
        ("a5 b5 c5 d5", "bc", "b", "a5 b5 c5 d5"),
        ("a5 b5 c5 d5", "d", None, "a5 b5 c5 d5"),
        ("a5 b5 c5 d5", "abcd", None, "a5 b5 c5 d5"),
        ("a5 b5 c5 d5", "abcd", "c", "a5 b5 c5 d5"),
        # among rows of another priority
        ("a2 b2 c5 d5", "d", "b", "a2 d2 b2 c5"),
        ("a2 b2 c5 d5", "a", "d", "b2 c5 a5 d5"),
        ("a2 b2 c5 d5", "a", None, "b2 c5 d5 a5"),
        ("a2 b2 c5 d5", "d", "a", "d2 a2 b2 c5"),
        # at the seam either neighbour's priority keeps its own
        ("a2 b2 c5 d5", "a", "c", "b2 a2 c5 d5"),
        ("a2 b2 c5 d5", "d", "c", "a2 b2 d5 c5"),
        ("a2 b2 c5 d5", "ad", "c", "b2 a2 d5 c5"),
        # at the seam of two others it takes that of the row below
        ("a1 b2 c5 d7", "a", "c", "b2 a5 c5 d7"),
        ("a1 b2 c5 d7", "d", "c", "a1 b2 d5 c5"),
        ("a1 b2 c2 d5", "ab", "d", "c2 a5 b5 d5"),
        # where it already is, nothing changes, whatever the neighbours are
        ("a2 b5 c9", "b", "c", "a2 b5 c9"),
        ("a2 b5 c9", "c", None, "a2 b5 c9"),
        ("a2 b5 c9", "bc", None, "a2 b5 c9"),
    ],
)
def test_moving_rows(store: JobStore, plan: str, moved: str, before: str | None, expected: str) -> None:
    fill(store, plan)
    store.move(list(moved), before)
    assert order(store) == expected
    if expected == plan:
        assert store.undo_label() is None
    else:
        assert store.undo() is not None
        assert order(store) == plan


def test_moved_rows_never_change_their_order_among_themselves(store: JobStore) -> None:
    fill(store, "a1 b3 x3 y5")
    store.move(["a", "b"], "y")
    assert order(store) == "x3 a5 b5 y5"


def test_moving_or_removing_what_is_not_on_the_list_changes_nothing(store: JobStore) -> None:
    fill(store, "a5 b5 c5")
    store.remove(["c"])
    for ids, before in ((["nobody"], "a"), (["a"], "nobody"), (["a"], "c"), (["c"], "a")):
        with pytest.raises(NotFoundError):
            store.move(ids, before)
    with pytest.raises(NotFoundError):
        store.remove(["a", "c"])
    assert order(store) == "a5 b5"


def test_the_same_place_takes_any_number_of_moves_in_the_right_order(store: JobStore) -> None:
    store.add_many([new(f"j{i:03}") for i in range(120)])
    expected = [f"j{i:03}" for i in range(120)]
    for i in range(2, 120):
        store.move([f"j{i:03}"], "j001")
        expected.remove(f"j{i:03}")
        expected.insert(expected.index("j001"), f"j{i:03}")
    assert [job.file_id for job in store.jobs()] == expected


def test_undo_finds_the_old_place_after_the_priority_was_spaced_anew(store: JobStore) -> None:
    names = [f"j{i:03}" for i in range(80)]
    store.add_many([new(name) for name in names])
    store.move(["j040"], None)
    orders = [[job.file_id for job in store.jobs()]]
    for i in range(2, 39):
        store.move([f"j{i:03}"], "j001")
        orders.append([job.file_id for job in store.jobs()])
    while store.undo_label() is not None:
        assert [job.file_id for job in store.jobs()] == orders.pop()
        store.undo()
    assert [job.file_id for job in store.jobs()] == names


def test_a_row_comes_back_in_front_of_the_one_that_took_its_place(store: JobStore) -> None:
    fill(store, "a5 b5 c5 x7")
    store.remove(["b"])
    store.move(["x"], "c")
    assert order(store) == "a5 x5 c5"
    store.undo()
    store.undo()
    assert order(store) == "a5 b5 c5 x7"
    store.move(["b"], None)
    fill(store, "y5")
    store.move(["y"], "c")
    store.undo()
    store.undo()
    assert order(store) == "a5 b5 c5 y5 x7"


def test_a_new_priority_puts_jobs_at_its_end_and_leaves_those_that_have_it(store: JobStore) -> None:
    fill(store, "a5 b5 c2 d2 e7")
    store.set_priority(["e", "a", "c"], 2)
    assert order(store) == "c2 d2 a2 e2 b5"
    assert store.undo() == "priority 2 for 2 files"
    assert order(store) == "c2 d2 a5 b5 e7"
    store.set_priority(["c"], 2)
    assert store.undo_label() is None
    with pytest.raises(UsageError):
        store.set_priority(["a"], 0)


def test_undo_puts_removed_jobs_back_as_they_were_and_running_ones_as_pending(store: JobStore) -> None:
    fill(store, "a5 b5 c5 d5 e5")
    store.claim("me", 3, ["pit"])
    store.complete([("a", "h", "s", {}, 0)])
    store.fail("b", "E_WRITE", "no")
    store.pause(["d"])
    assert states(store, "abcd") == [JobState.COMPLETED, JobState.FAILED, JobState.UPLOADING, JobState.PAUSED]
    ended = store.job("a").completed_at
    store.remove(list("abcd"))
    assert order(store) == "e5"
    assert store.undo() == "removal of 4 files"
    assert order(store) == "a5 b5 c5 d5 e5"
    assert states(store, "abcd") == [JobState.COMPLETED, JobState.FAILED, JobState.PENDING, JobState.PAUSED]
    assert (store.job("a").completed_at, store.job("b").reason, store.job("d").reason) == (ended, "no", "paused by you")
    assert store.job("c").completed_at is None


def test_clearing_takes_only_completed_jobs_and_can_be_undone(store: JobStore) -> None:
    fill(store, "a5 b5 c5")
    store.claim("me", 2, ["pit"])
    store.complete([("b", "", "", {}, 0)])
    store.clear_completed()
    assert order(store) == "a5 c5"
    store.clear_completed()
    assert store.undo() == "clearing of 1 file"
    assert order(store) == "a5 b5 c5"
    assert store.undo() is None


def test_undo_survives_a_restart_and_keeps_the_last_hundred(tmp_path: Path, clock: ManualClock) -> None:
    first = JobStore(tmp_path / "s", clock)
    fill(first, "a5 b5")
    for _ in range(UNDO_KEPT + 7):
        first.move([first.jobs()[0].file_id], None)
    first.close()
    second = JobStore(tmp_path / "s", clock)
    undone = 0
    while second.undo() is not None:
        undone += 1
    assert undone == UNDO_KEPT
    assert order(second) == "b5 a5"
    second.close()


def test_undoing_a_move_leaves_alone_what_was_removed_since(store: JobStore) -> None:
    fill(store, "a5 b5 c5")
    store.move(["c", "b"], "a")
    store.remove(["b"])
    store.undo()
    assert order(store) == "b5 c5 a5"
    store.undo()
    assert order(store) == "a5 b5 c5"


def test_moving_500_of_10000_rows_is_quick(store: JobStore) -> None:
    store.add_many([new(f"j{i:06}") for i in range(10_000)])
    fastest_s = min(_seconds_to_move(store, 500) for _ in range(3))
    assert fastest_s < 0.15, f"{fastest_s:.3f} s"


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_no_trouble(store: JobStore) -> None:
    store.add_many([new(f"j{i:06}") for i in range(100_000)])
    fastest_s = min(_seconds_to_move(store, 500) for _ in range(3))
    assert fastest_s < 0.3, f"{fastest_s:.3f} s with 100,000 rows"
    store.remove([f"j{i:06}" for i in range(0, 100_000, 2)])
    assert store.undo() == "removal of 50000 files"
    assert [job.file_id for job in store.jobs()] == [f"j{i:06}" for i in range(100_000)]


def _seconds_to_move(store: JobStore, count: int) -> float:
    ids = [f"j{i:06}" for i in range(2_000, 2_000 + count)]
    began = time.thread_time()  # what other programs do meanwhile does not count
    store.move(ids, "j000010")
    took_s = time.thread_time() - began
    store.undo()
    return took_s
