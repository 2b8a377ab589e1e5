"""What of the jobs under way is kept in the database."""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.engine.under_way import Figures, RunningJob, UnderWay
from transfer_core.events import JobState
from transfer_core.jobs.model import Job


@dataclass
class Out:
    job: Job
    held: str = ""


def test_progress_is_kept_when_there_is_some_beyond_what_the_row_says() -> None:
    under_way = UnderWay()
    for name, done in (("fresh", 0), ("resumed", 4096)):
        job = Job(name, name, 10_000, 5, 1.0, JobState.UPLOADING, "pit", name, "cli", bytes_done=done)
        under_way.add(RunningJob(Out(job), "pit", 5, 1.0))
    assert under_way.rows_to_keep() == []  # nothing is known yet
    under_way.take({"fresh": Figures(), "resumed": Figures(4096, {}, 0, 4096)}, 1)
    assert under_way.rows_to_keep() == []  # most small files end before there is more to keep
    under_way.take({"fresh": Figures(9000, {"lo": 9000}, 0, 4096), "resumed": Figures(4096, {}, 0, 0)}, 2)
    assert under_way.rows_to_keep() == [("fresh", 4096, {"lo": 9000}, 0), ("resumed", 0, {}, 0)]
    assert under_way.rows_to_keep() == []
