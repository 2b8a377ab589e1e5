"""A job under way rises in its session as it does in the queue."""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.engine.under_way import RunningJob
from transfer_core.events import JobState
from transfer_core.jobs.model import Job
from transfer_core.jobs.policy import AGEING_S
from transfer_core.units import seconds_of

CREATED = "2026-11-21T10:00:00.000Z"


@dataclass
class Out:
    job: Job
    held: str = ""


def running(priority: int) -> RunningJob:
    job = Job("id", "/data/lap.bin", 10, priority, 1.0, JobState.UPLOADING, "pit", "", created_at=CREATED)
    return RunningJob(Out(job), "pit", priority, 1.0)


def test_a_job_rises_by_one_for_each_quarter_of_an_hour_and_never_beyond_the_first() -> None:
    begun_s = seconds_of(CREATED)
    job = running(10)
    assert [job.counts_as(begun_s + steps * AGEING_S) for steps in (0, 0.5, 1, 2.9, 9, 40)] == [10, 10, 9, 8, 1, 1]


def test_a_clock_that_was_set_back_makes_no_job_worse() -> None:
    assert running(3).counts_as(seconds_of(CREATED) - 10 * AGEING_S) == 3
