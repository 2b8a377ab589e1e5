"""The way between GUI and service: which thread runs what, what becomes of failures, and that it ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from app.workers import service_thread
from app.workers.service_thread import ServiceThread
from tests.support.fake_service import FakeService
from transfer_core.engine.apart.process import EngineProcess
from transfer_core.engine.apart.remote import RemoteService
from transfer_core.errors import ConflictError, DrsError, StateLocked, StateNewer
from transfer_core.events import JobsChanged


@pytest.fixture
def fake() -> FakeService:
    return FakeService()


@pytest.fixture
def thread(fake, qtbot):
    thread = ServiceThread(lambda: fake)
    yield thread
    assert thread.stop()


def test_the_service_is_made_and_started_away_from_the_gui(qtbot) -> None:
    made_in = []

    def make() -> FakeService:
        made_in.append(threading.get_ident())
        return FakeService()

    thread = ServiceThread(make)
    with qtbot.waitSignal(thread.started):
        thread.start()
    assert thread.stop()
    assert made_in != [threading.get_ident()]


def test_a_verb_runs_in_a_worker_and_its_result_comes_back_to_the_gui(thread, fake, qtbot) -> None:
    came = []
    thread.call("settings", on_result=lambda result: came.append((result, threading.get_ident())))
    thread.start()
    qtbot.waitUntil(lambda: bool(came))
    assert came == [(fake.settings(), threading.get_ident())]


def test_calls_made_before_the_service_is_there_run_in_their_order(thread, fake, qtbot) -> None:
    thread.call("pause", ["job1"])
    thread.call("resume", ["job1"])
    thread.call("cancel", ["job1"])
    thread.start()
    qtbot.waitUntil(lambda: bool(fake.called("cancel")))
    assert [call[0] for call in fake.calls if call[0] in ("pause", "resume", "cancel")] == ["pause", "resume", "cancel"]


def test_a_slow_verb_does_not_hold_up_a_kill(thread, fake, qtbot) -> None:
    release = threading.Event()
    fake.pair = lambda token: release.wait(60.0)
    done = []
    thread.call("pair", "token", on_result=lambda _: done.append("pair"))
    thread.call("kill_link", "Wi-Fi", on_result=lambda _: done.append("kill"))
    thread.start()
    try:
        qtbot.waitUntil(lambda: done == ["kill"])
    finally:
        release.set()
    qtbot.waitUntil(lambda: done == ["kill", "pair"])


def test_an_error_goes_to_its_caller_or_else_to_everybody(thread, fake, qtbot) -> None:
    fake.fail["retry"] = ConflictError("it is running")
    told, asked = [], []
    thread.went_wrong.connect(told.append)
    thread.call("retry", ["job1"], on_error=asked.append)
    thread.call("retry", ["job1"])
    thread.start()
    qtbot.waitUntil(lambda: bool(asked and told))
    assert asked == told == [fake.fail["retry"]]


def test_a_bug_in_a_verb_is_logged_and_shown_as_an_error(thread, fake, qtbot, expect_log) -> None:
    expect_log("a verb of the service failed")
    fake.fail["undo"] = ZeroDivisionError("oops")
    with qtbot.waitSignal(thread.went_wrong) as told:
        thread.call("undo")
        thread.start()
    assert isinstance(told.args[0], DrsError)
    assert "oops" in str(told.args[0])


def test_a_service_that_does_not_start_is_still_shown(thread, fake, qtbot) -> None:
    fake.fail["start"] = StateLocked("another agent works here")
    batches = []
    thread.events_arrived.connect(batches.append)
    with qtbot.waitSignal(thread.start_failed) as told:
        thread.start()
    assert told.args[0] is fake.fail["start"]
    qtbot.waitUntil(lambda: any(isinstance(event, JobsChanged) for batch in batches for event in batch))


def test_a_service_that_can_not_be_made_fails_every_call_with_the_reason(qtbot) -> None:
    def make() -> FakeService:
        raise StateNewer("written by a newer version")

    thread = ServiceThread(make)
    errors = []
    thread.call("jobs", on_error=errors.append)
    with qtbot.waitSignal(thread.start_failed):
        thread.start()
    thread.call("jobs", on_error=errors.append)
    assert [error.code for error in errors] == ["E_STATE_NEWER", "E_STATE_NEWER"]
    assert thread.stop()


def test_events_that_can_not_be_read_are_told_once(thread, fake, qtbot, expect_log) -> None:
    expect_log("events can't be read")
    crashes = []
    thread.crashed.connect(crashes.append)
    with qtbot.waitSignal(thread.events_arrived):
        thread.start()

    def broken() -> list:
        raise RuntimeError("torn")

    for subscription in fake.subscriptions:
        subscription.drain = broken
    qtbot.waitUntil(lambda: bool(crashes))
    assert "torn" in str(crashes[0])


def test_a_batch_is_handed_over_only_when_the_last_one_is_taken(thread, fake, qtbot) -> None:
    batches = []

    def take(batch: list) -> None:
        batches.append(batch)
        if len(batches) == 1:
            for job in fake.jobs():
                fake.emit(JobsChanged((job,)))

    thread.events_arrived.connect(take)
    thread.start()
    qtbot.waitUntil(lambda: len(batches) >= 2)
    assert len(batches[1]) == len(fake.jobs())


def test_stopping_stops_the_service_and_may_be_done_twice(fake, qtbot) -> None:
    thread = ServiceThread(lambda: fake)
    with qtbot.waitSignal(thread.started):
        thread.start()
    assert thread.stop()
    assert thread.stop()
    assert fake.stopped


def test_stopping_at_once_leaves_nothing_running(fake, qtbot) -> None:
    thread = ServiceThread(lambda: fake)
    thread.start()
    assert thread.stop()
    assert fake.stopped == fake.started


def test_a_verb_that_hangs_in_an_engine_that_answers_holds_up_no_close(qtbot, monkeypatch) -> None:
    monkeypatch.setattr(service_thread, "HANGING_MS", 300)
    thread = ServiceThread(
        lambda: RemoteService(
            Path("state"), make_process=lambda end: EngineProcess(end, module="tests.support.odd_engine")
        )
    )
    with qtbot.waitSignal(thread.started):
        thread.start()
    thread.call("notices")
    thread.call("history")
    began = time.monotonic()
    assert thread.stop()
    assert time.monotonic() - began < 20.0  # all waits together would be 27 s
