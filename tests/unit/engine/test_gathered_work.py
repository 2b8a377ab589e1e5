from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from transfer_core.engine import gathered_work
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.gathered_work import Answer, GatheredWork


class Loop:
    """Stands in for the event loop: keeps what is posted to it."""

    def __init__(self) -> None:
        self.posted: list[Callable[[], None]] = []

    def post(self, call: Callable[[], None]) -> None:
        self.posted.append(call)


@pytest.fixture
def stage() -> Iterator[SimpleNamespace]:
    loop, disk = Loop(), DiskThread("disk")
    yield SimpleNamespace(loop=loop, disk=disk, work=GatheredWork(loop, disk))  # type: ignore[arg-type]
    disk.stop()


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60.0
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_work_of_one_turn_is_done_in_its_order_and_answered_by_one_call(
    stage: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered_work, "ANSWER_S", 1000.0)
    done: list[tuple[int, str]] = []
    told: list[int] = []

    def job(number: int) -> Callable[[], Answer]:
        def work() -> Answer:
            done.append((number, threading.current_thread().name))
            return lambda: told.append(number)

        return work

    for number in range(5):
        stage.work.add(job(number))
    assert stage.disk.backlog == 0  # nothing is handed over before the turn ends
    stage.work.flush()
    until(lambda: stage.loop.posted)
    assert done == [(number, "disk") for number in range(5)]
    assert told == []  # answers are for the loop's thread
    (answer,) = stage.loop.posted
    answer()
    assert told == list(range(5))
    stage.work.flush()
    stage.disk.stop()
    assert len(stage.loop.posted) == 1  # nothing new was asked for


def test_an_answer_does_not_wait_for_work_that_takes_long(
    stage: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered_work, "ANSWER_S", 0.0)
    told: list[str] = []
    go_on = threading.Event()

    def long() -> Answer:
        assert go_on.wait(60.0)
        return lambda: told.append("long")

    stage.work.add(lambda: lambda: told.append("short"))
    stage.work.add(long)
    stage.work.flush()
    until(lambda: stage.loop.posted)
    stage.loop.posted[0]()
    assert told == ["short"]
    go_on.set()
    until(lambda: len(stage.loop.posted) == 2)
    stage.loop.posted[1]()
    assert told == ["short", "long"]


def test_work_that_fails_does_not_keep_the_others_waiting(
    stage: SimpleNamespace, expect_log: Callable[[str], None]
) -> None:
    expect_log("disk work failed in an unforeseen way")
    told: list[str] = []

    def fails() -> None:
        raise ZeroDivisionError

    stage.work.add(fails)
    stage.work.add(lambda: None)
    stage.work.add(lambda: lambda: told.append("whole"))
    stage.work.flush()
    until(lambda: stage.loop.posted)
    stage.loop.posted[0]()
    assert told == ["whole"]
