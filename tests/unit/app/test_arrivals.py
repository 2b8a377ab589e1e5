from __future__ import annotations

from dataclasses import replace

from app.models.arrivals import QUIET_NS, Arrivals
from tests.support.fake_service import demo_jobs
from transfer_core.events import JobState, JobView

NOON_NS = 1_795_262_400 * 10**9


def sending(name: str, **changes: object) -> JobView:
    job = demo_jobs()[0]
    return replace(job, path=f"/data/{name}", status=JobState.UPLOADING, source="drop", file_hash="", **changes)


def arrive(arrivals: Arrivals, *names: str) -> None:
    for name in names:
        arrivals.note(sending(name), replace(sending(name), status=JobState.COMPLETED, file_hash="blake3:00"))


def text(arrivals: Arrivals, now_ns: int) -> str:
    line = arrivals.line(now_ns, NOON_NS)
    return "" if line is None else line.text


def test_a_file_that_has_arrived_is_told_once() -> None:
    arrivals = Arrivals()
    arrive(arrivals, "lidar_s4.las")
    line = arrivals.line(0, NOON_NS)
    assert line is not None
    assert line.text == f"lidar_s4.las has arrived at {demo_jobs()[0].destination}, hash equal"
    assert arrivals.line(QUIET_NS, NOON_NS) is None


def test_many_that_arrive_at_once_are_one_line_and_the_next_line_waits() -> None:
    arrivals = Arrivals()
    arrive(arrivals, "a", "b", "c")
    assert text(arrivals, 0) == "a and 2 more have arrived"
    arrive(arrivals, "d")
    assert text(arrivals, QUIET_NS - 1) == ""
    arrive(arrivals, "e")
    assert text(arrivals, QUIET_NS) == "d and 1 more have arrived"


def test_what_had_arrived_before_the_window_opened_is_no_news() -> None:
    arrivals = Arrivals()
    done = replace(sending("old"), status=JobState.COMPLETED)
    arrivals.note(None, done)
    arrivals.note(done, done)
    assert text(arrivals, 0) == ""


def test_frames_of_cameras_are_not_told_one_by_one() -> None:
    arrivals = Arrivals()
    frame = replace(sending("frame_camera01_000000001.jpg"), source="watch")
    arrivals.note(frame, replace(frame, status=JobState.COMPLETED))
    assert text(arrivals, 0) == ""
