"""Both sides of the pipes, within one process: every verb of every part crosses, and none waits for a slow one."""

from __future__ import annotations

import inspect
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_service import FakeService
from transfer_core.engine.apart.answering import Answerer
from transfer_core.engine.apart.asking import Asker
from transfer_core.engine.apart.verbs import DRAIN, OPEN, PARTS, SUBSCRIBE, UNSUBSCRIBE, VERBS
from transfer_core.engine.apart.wire import FrameWriter, Kind, LogLine, pack
from transfer_core.errors import ConflictError, DiskFull, DrsError, EngineGone, LocalProtocolError, StateLocked
from transfer_core.events import EngineChanged, JobsChanged


class Pair:
    """An asker and an answerer with a pipe each way."""

    def __init__(self, service: FakeService, *, fail: DrsError | None = None) -> None:
        self.service, self._fail = service, fail
        self.opened: list[tuple[Any, ...]] = []
        self.ends: list[str] = []
        self.has_ended = threading.Event()
        calls, ask = os.pipe()
        answers, answer = os.pipe()
        self.answers = FrameWriter(os.fdopen(answer, "wb"))
        self._calls = os.fdopen(calls, "rb")
        answerer = Answerer(self._calls, self.answers, self._make)
        self.thread = threading.Thread(target=answerer.run, args=(lambda: self.ends.append("calls"),))
        self.asker = Asker(os.fdopen(answers, "rb"), os.fdopen(ask, "wb"), self.has_ended.set)
        self.asker.start()
        self.thread.start()

    def _make(self, *args: Any) -> Any:
        self.opened.append(args)
        if self._fail is not None:
            raise self._fail
        return self.service

    def close(self) -> None:
        self.asker.hang_up(5.0)
        self.thread.join(60.0)
        assert not self.thread.is_alive()
        self._calls.close()
        self.answers.close()
        self.asker.join(60.0)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def pair(service: FakeService) -> Iterator[Pair]:
    made = Pair(service)
    made.asker.ask(OPEN, Path("state"), None)
    yield made
    made.close()


def test_a_verb_and_its_answer_cross(pair: Pair, service: FakeService) -> None:
    assert pair.opened == [(Path("state"), None)]
    assert pair.asker.ask("jobs") == service.jobs()
    assert pair.asker.ask("watches.views") == service.watches.views()
    pair.asker.ask("pause", ["job3"])
    assert service.called("pause") == [(["job3"],)]


def test_the_protocols_name_the_verbs() -> None:
    assert {"add_paths", "start", "engine", "sync.share", "watches.add", "telemetry.newer", "uploads.limits"} <= VERBS
    assert not VERBS & {"stop", "subscribe", "restart_engine", "sync", "telemetry", "watches", "uploads"}
    for part, protocol in PARTS.items():
        for name, _ in inspect.getmembers(protocol, inspect.isfunction):
            assert name.startswith("_") or f"{part}.{name}" in VERBS


@pytest.mark.parametrize("verb", ["stop", "__class__", "sync.__init__", "watches.add.__call__", "_store.close", ""])
def test_nothing_but_a_verb_is_answered(pair: Pair, verb: str) -> None:
    with pytest.raises(LocalProtocolError):
        pair.asker.ask(verb)


def test_an_error_crosses_as_itself(pair: Pair, service: FakeService) -> None:
    service.fail["retry"] = DiskFull("no room at factory", hint="free some")
    with pytest.raises(DiskFull, match="no room at factory") as caught:
        pair.asker.ask("retry", ["job1"])
    assert caught.value.hint == "free some"


def test_a_fault_crosses_with_its_words_and_is_logged(pair: Pair, service: FakeService, expect_log: Any) -> None:
    expect_log("a verb of the service failed: scan")
    service.scan = lambda: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(DrsError, match="ZeroDivisionError: division by zero"):
        pair.asker.ask("scan")


def test_a_slow_verb_holds_up_no_other(pair: Pair, service: FakeService) -> None:
    release, begun, came = threading.Event(), threading.Event(), []

    def pair_slowly(token: str) -> str:
        begun.set()
        release.wait(60.0)
        return token

    service.pair = pair_slowly  # type: ignore[method-assign, assignment]
    slow = threading.Thread(target=lambda: came.append(pair.asker.ask("pair", "token")))
    slow.start()
    assert begun.wait(60.0)
    pair.asker.ask("kill_link", "Wi-Fi")
    assert came == []
    release.set()
    slow.join(60.0)
    assert came == ["token"]


def test_events_cross_and_a_subscription_ends(pair: Pair, service: FakeService) -> None:
    number = pair.asker.ask(SUBSCRIBE)
    first = pair.asker.ask(DRAIN, number)
    assert {JobsChanged, EngineChanged} <= {type(event) for event in first}
    assert pair.asker.ask(DRAIN, number) == []
    pair.asker.ask(UNSUBSCRIBE, number)
    assert [each.closed for each in service.subscriptions] == [True]


def test_what_the_other_side_logs_is_logged_here(pair: Pair, expect_log: Any) -> None:
    expect_log("the disk is slow")
    pair.answers.write(Kind.LOG, 0, pack(LogLine("transfer_core.engine", logging.WARNING, "the disk is slow: %s")))
    pair.asker.ask("jobs")  # which comes after it


def test_hanging_up_stops_the_service(service: FakeService) -> None:
    pair = Pair(service)
    pair.asker.ask(OPEN)
    pair.close()
    assert pair.ends == ["calls"]
    assert service.called("stop") == [()]
    with pytest.raises(EngineGone):
        pair.asker.ask("jobs")


def test_a_state_that_can_not_be_opened_is_told_and_nothing_else_is_answered(service: FakeService) -> None:
    pair = Pair(service, fail=StateLocked("another agent works there"))
    with pytest.raises(StateLocked):
        pair.asker.ask(OPEN)
    with pytest.raises(ConflictError):
        pair.asker.ask("jobs")
    pair.close()
    assert service.called("stop") == []


def test_who_waits_when_the_other_side_ends_is_told(pair: Pair, service: FakeService) -> None:
    release, begun, came = threading.Event(), threading.Event(), []

    def wait() -> list[Any]:
        begun.set()
        release.wait(60.0)
        return []

    service.history = wait  # type: ignore[method-assign, assignment]

    def ask() -> None:
        try:
            pair.asker.ask("history")
        except EngineGone as error:
            came.append(error.message)

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(60.0)
    pair.answers.close()
    asking.join(60.0)
    release.set()
    assert came == ["the engine's process ended before it answered `history`"]
    assert pair.has_ended.wait(60.0)
