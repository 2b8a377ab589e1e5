from __future__ import annotations

import uuid

import pytest

from transfer_core.errors import ConflictError
from transfer_core.events import JobState
from transfer_core.jobs.model import (
    TRANSITIONS,
    FileIds,
    Job,
    check_transition,
    states_before,
)
from transfer_core.sim.seeded_entropy import SeededEntropy


def job(**more: object) -> Job:
    values: dict[str, object] = {
        "file_id": "a",
        "path": "/data/a.bin",
        "size": 1000,
        "priority": 5,
        "position": 1024.0,
        "status": JobState.PENDING,
        "destination": "pit",
        "dest_path": "a.bin",
    }
    return Job(**{**values, **more})  # type: ignore[arg-type]


def test_every_state_has_its_row_and_only_what_has_arrived_is_the_end() -> None:
    assert set(TRANSITIONS) == set(JobState)
    assert [state for state, after in TRANSITIONS.items() if not after] == [JobState.COMPLETED]


def test_every_state_can_be_reached_from_pending() -> None:
    reached, todo = {JobState.PENDING}, [JobState.PENDING]
    while todo:
        for after in TRANSITIONS[todo.pop()] - reached:
            reached.add(after)
            todo.append(after)
    assert reached == set(JobState)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (JobState.COMPLETED, JobState.PENDING),
        (JobState.COMPLETED, JobState.CANCELLED),
        (JobState.PAUSED, JobState.UPLOADING),
        (JobState.FAILED, JobState.UPLOADING),
        (JobState.CANCELLED, JobState.COMPLETED),
    ],
)
def test_a_forbidden_change_is_a_conflict_that_names_the_job_and_both_states(before: JobState, after: JobState) -> None:
    with pytest.raises(ConflictError, match=f"job a is {before}.* {after}"):
        check_transition("a", before, after)


def test_the_states_before_are_the_table_read_backwards() -> None:
    assert set(states_before(JobState.COMPLETED)) == {JobState.PENDING, JobState.UPLOADING, JobState.PAUSED}


def test_bytes_left_are_never_negative() -> None:
    assert job(size=1000, bytes_done=300).bytes_left == 700
    assert job(size=1000, bytes_done=1300).bytes_left == 0


def test_file_ids_are_uuids_that_rise_and_differ_in_their_beginnings() -> None:
    file_ids = FileIds(SeededEntropy(7))
    made = [file_ids.next() for _ in range(300)]
    assert made == sorted(made)
    assert len({each[:8] for each in made}) == len({each[8:] for each in made}) == 300
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {(8, uuid.RFC_4122)}
    assert [str(uuid.UUID(each)) for each in made] == made


def test_two_makers_of_file_ids_begin_at_different_places() -> None:
    entropy = SeededEntropy(7)
    assert FileIds(entropy).next()[:8] != FileIds(entropy).next()[:8]
