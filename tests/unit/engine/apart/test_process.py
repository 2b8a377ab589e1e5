"""A real child process, with a service in it that does odd things."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from transfer_core.engine.apart import process as process_module
from transfer_core.engine.apart.process import EngineProcess
from transfer_core.engine.system import MADE_BETWEEN
from transfer_core.errors import DrsError, EngineGone, StateNewer

ODD = "tests.support.odd_engine"
Start = Callable[[str], EngineProcess]


@pytest.fixture
def ended() -> queue.SimpleQueue[EngineProcess]:
    return queue.SimpleQueue()


@pytest.fixture
def start(ended: queue.SimpleQueue[EngineProcess], monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(process_module, "PULSE_S", 60.0)  # none is taken for one that stands still
    made: list[EngineProcess] = []

    def start_one(wish: str) -> EngineProcess:
        made.append(EngineProcess(ended.put, module=ODD))
        made[-1].open(Path(wish), None)
        return made[-1]

    yield start_one
    for process in made:
        process.close()
        assert not psutil.pid_exists(process.pid)


def test_what_a_library_prints_disturbs_no_answer_and_is_logged(start: Start, expect_log: Any) -> None:
    expect_log("WARNING transfer_core.engine.apart.process: the engine's process: this is no frame")
    expect_log("the engine's process: nor is this")
    expect_log("WARNING engine.odd: the disk is slow")
    expect_log("ERROR transfer_core.engine.apart.answering: a verb of the service failed: scan")
    process = start("state")
    with pytest.raises(DrsError, match="ZeroDivisionError: odd"):
        process.ask("scan")
    assert process.ask("jobs")
    process.close()
    assert "this is no frame" in process.last_words


def test_its_collector_looks_no_more_often_than_that_of_any_program_of_ours(start: Start) -> None:
    with pytest.raises(StateNewer, match=f"after {MADE_BETWEEN} objects"):
        start("collector").ask("jobs")


def test_a_state_that_can_not_be_opened_is_told_by_its_own_error(start: Start) -> None:
    with pytest.raises(StateNewer, match="newer version"):
        start("newer")


def test_an_engine_that_breaks_at_its_start_is_told_with_its_last_words(
    start: Start, ended: queue.SimpleQueue[EngineProcess], expect_log: Any
) -> None:
    expect_log("the last words of a broken engine")
    with pytest.raises(EngineGone, match="it ended with code 3 the last words of a broken engine"):
        start("broken")
    assert ended.get(timeout=60.0).why == "it ended with code 3"


def test_a_killed_engine_is_told_once_and_answers_nothing(
    start: Start, ended: queue.SimpleQueue[EngineProcess]
) -> None:
    process = start("state")
    psutil.Process(process.pid).kill()
    assert ended.get(timeout=60.0) is process
    assert process.why.startswith("it was ended by signal 9")
    with pytest.raises(EngineGone):
        process.ask("jobs")
    process.close()
    assert ended.empty()


def test_an_engine_that_does_not_end_is_ended(
    start: Start,
    ended: queue.SimpleQueue[EngineProcess],
    expect_log: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expect_log("the engine's process did not end within")
    monkeypatch.setattr(process_module, "ORDER_S", 0.3)
    process = start("stuck")
    began = time.monotonic()
    process.close()
    assert time.monotonic() - began < 30.0  # it would end by itself after 60 s
    assert not psutil.pid_exists(process.pid)
    assert ended.empty()


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd_open(2)")
def test_an_engine_that_stands_still_is_left_behind_and_ended_later(
    start: Start, ended: queue.SimpleQueue[EngineProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "ORDER_S", 5.0)
    monkeypatch.setattr(process_module, "PULSE_S", 1.0)
    process = start("state")
    child = psutil.Process(process.pid)
    assert process.answers()
    child.suspend()
    waits = threading.Thread(target=suppressed, args=(process, "jobs"), daemon=True)
    waits.start()
    assert not process.answers()
    process.close()
    assert child.status() == psutil.STATUS_STOPPED  # it has its time, though nobody waits
    waits.join(60.0)
    assert not waits.is_alive()  # whoever waited for an answer waits no more
    child.wait(60.0)
    assert ended.empty()


def suppressed(process: EngineProcess, verb: str) -> None:
    with contextlib.suppress(EngineGone):
        process.ask(verb)


def test_the_present_folder_is_not_searched_for_modules(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('a file that happened to be there was run')")
    monkeypatch.chdir(tmp_path)
    assert start("state").ask("jobs")
