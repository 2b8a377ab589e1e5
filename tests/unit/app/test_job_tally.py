"""What matters of the queue as a whole, kept up with each change."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from app.models.job_tally import JobTally
from tests.support.console_world import job_view
from transfer_core.events import JobState, JobView

FAILED, PENDING, COMPLETED = JobState.FAILED, JobState.PENDING, JobState.COMPLETED


@pytest.mark.parametrize("seed", range(5))
def test_any_run_of_changes_ends_with_what_a_count_of_all_jobs_gives(seed: int) -> None:
    luck, tally, there = random.Random(seed), JobTally(), dict[int, JobView]()
    for _ in range(2000):
        number = luck.randrange(40)
        after = None
        if luck.random() < 0.85:
            status = luck.choice(list(JobState))
            error = luck.choice([None, "E_DISK_FULL", "E_QUOTA", "E_OTHER"])
            after = job_view(number, status, destination=luck.choice("abc"), error=error)
        tally.change(there.pop(number, None), after)
        if after is not None:
            there[number] = after
    jobs = list(there.values())
    assert tally.waiting == Counter(job.destination for job in jobs if not job.status.is_final)
    assert tally.failed_at == Counter(job.destination for job in jobs if job.status is FAILED)
    assert {job.file_id: job for job in tally.failed} == {job.file_id: job for job in jobs if job.status is FAILED}
    waits_for_room = {
        job.file_id for job in jobs if job.error in ("E_DISK_FULL", "E_QUOTA") and not job.status.is_final
    }
    assert (tally.full is None) == (not waits_for_room)
    assert tally.full is None or tally.full.file_id in waits_for_room
    tally.clear()
    assert not tally.failed
    assert tally.full is None


def test_the_first_that_failed_is_the_one_that_is_named_until_it_is_well() -> None:
    tally = JobTally()
    first, second = job_view(1, FAILED), job_view(2, FAILED)
    tally.change(None, first)
    tally.change(None, second)
    tally.change(first, job_view(1, FAILED, attempts=7))
    assert [job.attempts for job in tally.failed] == [7, 1]
    tally.change(job_view(1, FAILED, attempts=7), job_view(1, COMPLETED))
    assert [job.file_id for job in tally.failed] == ["id2"]
