"""What a listener of the bus gets: the list in portions, beneath whatever is newer."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace

from transfer_core.engine.event_bus import ROWS_AT_ONCE, ROWS_FIRST, EventBus
from transfer_core.events import Event, JobsChanged, JobsRemoved, JobState, JobView, Notice, Severity

ROWS = ROWS_FIRST + ROWS_AT_ONCE + 10


def row(number: int) -> JobView:
    return JobView(f"job-{number:06}", f"/laps/{number}", 9, 5, float(number), JobState.PENDING, "pit", "")


class Listed:
    """A list, and what happens while it is read."""

    def __init__(self, count: int) -> None:
        self.rows = [row(number) for number in range(count)]
        self.reads: list[int] = []

    def behind(self, after: JobView | None, limit: int) -> list[JobView]:
        start = 0 if after is None else int(after.position) + 1
        self.reads.append(limit)
        return self.rows[start:] if limit < 0 else self.rows[start : start + limit]


def jobs_in(events: Sequence[Event]) -> list[JobView]:
    return [job for event in events if isinstance(event, JobsChanged) for job in event.jobs]


def test_the_front_of_a_long_list_comes_first_and_all_of_it_soon() -> None:
    listed = Listed(ROWS)
    subscription = EventBus().subscribe(list, listed.behind, in_portions=True)
    portions = [jobs_in(subscription.drain()) for _ in range(4)]
    assert [len(each) for each in portions] == [ROWS_FIRST, ROWS_AT_ONCE, 10, 0]
    assert [job for each in portions for job in each] == listed.rows
    assert listed.reads == [ROWS_FIRST, ROWS_AT_ONCE, ROWS_AT_ONCE]


def test_without_portions_the_whole_list_is_there_at_once() -> None:
    listed = Listed(ROWS)
    subscription = EventBus().subscribe(list, listed.behind)
    listed.rows[0] = replace(listed.rows[0], status=JobState.FAILED)  # afterwards
    (whole,) = subscription.drain()
    assert isinstance(whole, JobsChanged)
    assert len(whole.jobs) == ROWS
    assert whole.jobs[0].status is JobState.PENDING
    assert subscription.drain() == []


def test_what_is_published_while_the_list_is_read_is_neither_lost_nor_overwritten() -> None:
    bus, listed = EventBus(), Listed(5)
    newer = replace(listed.rows[2], status=JobState.UPLOADING)
    notice = Notice("2026-01-31T00:00:00Z", Severity.INFO, "queue", "again", "")

    def first() -> list[Event]:
        bus.publish(JobsChanged((newer,)))
        bus.publish(JobsRemoved((listed.rows[3].file_id,)))
        bus.publish(notice)
        return [notice]

    events = bus.subscribe(first, listed.behind).drain()
    assert {job.file_id: job for job in jobs_in(events)} == {
        job.file_id: job for job in (listed.rows[0], listed.rows[1], newer, listed.rows[4])
    }
    assert JobsRemoved((listed.rows[3].file_id,)) in events
    assert events.count(notice) == 1


def test_rows_are_the_same_after_a_pipe() -> None:
    changed = JobsChanged((row(1), replace(row(2), links={"wifi": 7}, error="E_WRITE")))
    assert pickle.loads(pickle.dumps(changed)) == changed
    assert pickle.loads(pickle.dumps(JobsChanged(()))) == JobsChanged(())
