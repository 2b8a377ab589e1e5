"""What of the jobs under way is kept in the database, and how fast they go together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from transfer_core.engine.under_way import RATE_GAIN, RATE_GAIN_IDLE, Figures, RunningJob, UnderWay
from transfer_core.events import JobState, JobView
from transfer_core.jobs.model import Job, to_view
from transfer_core.units import NS_PER_S


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


def under_way_with(*names: str, size: int = 1_000_000) -> UnderWay:
    under_way = UnderWay()
    for name in names:
        add(under_way, name, size)
    return under_way


def add(under_way: UnderWay, name: str, size: int) -> None:
    job = Job(name, name, size, 5, 1.0, JobState.UPLOADING, "pit", name, "cli")
    under_way.add(RunningJob(Out(job), "pit", 5, 1.0))


def test_files_that_begin_and_end_between_two_looks_have_a_rate_too() -> None:
    under_way = UnderWay()
    for look in range(40):
        add(under_way, f"frame {look}", 100_000)
        under_way.arrived(f"frame {look}")
        under_way.take({}, look * NS_PER_S // 4)
    assert under_way.rate_bps == pytest.approx(4 * 100_000 * 8, rel=0.01)


def test_each_byte_of_a_file_counts_once() -> None:
    under_way = under_way_with("a")
    told_bits = 0.0
    for look, found in enumerate([{"a": 0}, {"a": 400_000}, {"a": 900_000}, {}, *[{}] * 80]):
        if look == 3:
            under_way.arrived("a")
        before = under_way.rate_bps
        under_way.take({name: Figures(count) for name, count in found.items()}, look * NS_PER_S)
        gain = RATE_GAIN if found or look == 3 else RATE_GAIN_IDLE
        told_bits += (under_way.rate_bps - (1 - gain) * before) / gain
    assert told_bits == pytest.approx(8 * 1_000_000, rel=0.01)
    assert under_way.rate_bps == 0.0


def test_what_was_there_before_a_job_was_claimed_is_no_rate() -> None:
    under_way = UnderWay()
    job = Job("resumed", "resumed", 9_000_000, 5, 1.0, JobState.UPLOADING, "pit", "x", "cli", bytes_done=8_000_000)
    under_way.add(RunningJob(Out(job), "pit", 5, 1.0))
    under_way.take({}, 0)
    under_way.take({"resumed": Figures(8_000_000)}, NS_PER_S)
    assert under_way.rate_bps == 0.0


def test_what_was_stopped_has_not_moved() -> None:
    under_way = under_way_with("a")
    under_way.take({"a": Figures(0)}, 0)
    under_way.pop("a")
    under_way.take({}, NS_PER_S)
    assert under_way.rate_bps == 0.0


def test_the_rate_of_a_job_that_stands_still_falls_and_is_told_until_it_is_nothing() -> None:
    under_way = under_way_with("a")
    for look, count in enumerate((0, 500_000)):
        under_way.take({"a": Figures(count)}, look * NS_PER_S)
    told = [under_way.take({"a": Figures(500_000)}, look * NS_PER_S) for look in range(2, 60)]
    (running,) = under_way
    assert [bool(each) for each in told[:10]] == [True] * 10
    assert (running.rate_bps, told[-1]) == (0.0, [])


def test_a_row_is_shown_with_the_newest_figures_while_it_is_under_way() -> None:
    under_way = under_way_with("a")
    row = JobView("a", "a", 1_000_000, 5, 1.0, JobState.UPLOADING, "pit", "a", bytes_done=100, reason="kept")
    assert under_way.view(row) == row
    under_way.take({"a": Figures(0, {}, 0, 0)}, 0)
    under_way.take({"a": Figures(400_000, {"lte": 400_000}, 5, 0)}, NS_PER_S)
    live = under_way.view(row)
    assert (live.bytes_done, dict(live.links), live.resent_bytes, live.reason) == (400_000, {"lte": 400_000}, 5, "kept")
    assert live.rate_bps == pytest.approx(RATE_GAIN * 400_000 * 8)
    assert live.eta_s == pytest.approx(600_000 * 8 / live.rate_bps)
    ended = replace(row, status=JobState.PAUSED)
    assert under_way.view(ended) == ended


def test_that_a_destination_holds_jobs_up_is_news_with_the_first_of_them() -> None:
    under_way = under_way_with("a", "b")
    for running in under_way:
        assert under_way.holds_others("pit", running.out.job.file_id) is (running.out.job.file_id == "b")
        running.out.held = "it is full"
    assert not under_way.holds_others("factory", "a")


def test_a_job_that_was_moved_while_it_is_sent_is_shown_in_its_new_place() -> None:
    job = Job("a", "a", 9_000, 5, 1.0, JobState.UPLOADING, "pit", "a", "cli")
    running = RunningJob(Out(job), "pit", 5, 1.0)
    running.priority, running.position = 2, 7.5
    assert (running.view(to_view(job)).priority, running.view(to_view(job)).position) == (2, 7.5)
    running.take(Figures(4_000), NS_PER_S)
    shown = running.view(to_view(job))
    assert (shown.priority, shown.position, shown.bytes_done) == (2, 7.5, 4_000)
