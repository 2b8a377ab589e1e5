from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.telemetry.runs import RunTracker

CHANNELS = ("PositionX", "PositionY", "PositionZ", "Other")


def judge(tracker: RunTracker, xs: list[float], clock: list[float] | None = None, first: int = 0):
    values = np.zeros((len(xs), 4), dtype=np.float32)
    values[:, 0] = xs
    values[:, 3] = 9
    times = np.arange(first, first + len(xs), dtype=np.int64)
    return tracker.judge(times, None if clock is None else np.array(clock), values)


def test_a_clock_that_goes_back_starts_a_new_run() -> None:
    tracker = RunTracker(CHANNELS)
    assert judge(tracker, [1, 2, 3], [5.0, 5.1, 0.0]).run.tolist() == [1, 1, 2]
    assert judge(tracker, [4, 5], [0.1, 0.05]).run.tolist() == [2, 3]
    assert tracker.run == 3


def test_a_clock_that_stands_still_is_the_same_run() -> None:
    assert judge(RunTracker(CHANNELS), [1, 2], [1.0, 1.0]).run.tolist() == [1, 1]


def test_frames_after_the_end_are_no_samples_until_the_drone_is_somewhere() -> None:
    tracker = RunTracker(CHANNELS)
    judged = judge(tracker, [1, 0, 0, 0])
    assert (judged.time_ns.tolist(), judged.dropped, tracker.over) == ([0], 3, True)
    judged = judge(tracker, [0, 7], first=4)
    assert (judged.time_ns.tolist(), judged.dropped, tracker.over) == ([5], 1, False)


def test_one_frame_at_the_origin_is_a_sample() -> None:
    assert judge(RunTracker(CHANNELS), [1, 0, 2]).time_ns.tolist() == [0, 1, 2]


def test_a_last_frame_at_the_origin_waits_for_the_next() -> None:
    tracker = RunTracker(CHANNELS)
    assert judge(tracker, [1, 0]).time_ns.tolist() == [0]
    assert judge(tracker, [2], first=2).time_ns.tolist() == [1, 2]
    assert judge(tracker, [0], first=3).time_ns.tolist() == []
    judged = judge(tracker, [0], first=4)
    assert (judged.time_ns.tolist(), judged.dropped) == ([], 2)


def test_without_a_position_all_frames_are_samples() -> None:
    tracker = RunTracker(("Timestamp",))
    assert len(tracker.judge(np.arange(3), None, np.zeros((3, 1), dtype=np.float32)).time_ns) == 3


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 3)), max_size=20),
    st.lists(st.integers(0, 20), max_size=5),
)
def test_it_does_not_matter_how_frames_are_batched(frames, cuts) -> None:
    def whole(pieces) -> list[tuple[int, int]]:
        tracker, seen, first = RunTracker(CHANNELS), [], 0
        for piece in pieces:
            judged = judge(tracker, [x for x, _ in piece], [clock for _, clock in piece], first)
            seen += list(zip(judged.time_ns.tolist(), judged.run.tolist(), strict=True))
            first += len(piece)
        return seen

    edges = sorted({0, len(frames), *(min(cut, len(frames)) for cut in cuts)})
    pieces = [frames[a:b] for a, b in itertools.pairwise(edges)]
    if frames and frames[-1][0] == 0.0:
        frames, pieces = [*frames, (1.0, 3.0)], [*pieces, [(1.0, 3.0)]]
    assert whole(pieces) == whole([frames])
