"""What counts as news for whoever follows an agent."""

from __future__ import annotations

from tests.support.scripted_service import make_job
from transfer_core.cli.watch import Watch
from transfer_core.events import JobsChanged, JobState

OLD, BEGAN, NEW = "2026-11-21T14:00:00.000Z", "2026-11-21T15:00:00.000Z", "2026-11-21T15:00:00.004Z"


def ids(watch: Watch) -> tuple[list[str], list[str]]:
    return [job.file_id for job in watch.failed()], [job.file_id for job in watch.completed()]


def first_drain() -> JobsChanged:
    return JobsChanged(
        (
            make_job("old-failed", JobState.FAILED, completed_at=OLD),
            make_job("old-done", JobState.COMPLETED, completed_at=OLD),
            make_job("failed", JobState.FAILED, completed_at=NEW),
            make_job("done", JobState.COMPLETED, completed_at=NEW),
            make_job("waits"),
        )
    )


def test_what_had_ended_before_a_watch_is_no_news() -> None:
    watch = Watch()
    watch.take([first_drain()])
    assert ids(watch) == ([], [])
    watch.take([JobsChanged((make_job("waits", JobState.COMPLETED, completed_at=NEW),))])
    assert ids(watch) == ([], ["waits"])


def test_jobs_that_had_ended_before_a_watch_have_not_turned_in_it() -> None:
    watch = Watch(BEGAN)
    changes = watch.take([first_drain()])
    assert [job.file_id for job in changes.turned_jobs] == ["failed", "done", "waits"]
    assert len(changes.jobs) == 5  # a program is told of all that there are


def test_what_ended_between_an_agent_s_start_and_its_watch_counts() -> None:
    watch = Watch(BEGAN)
    watch.take([first_drain()])
    assert ids(watch) == (["failed"], ["done"])
