"""When a disk is said not to answer: told on a clock that is moved by hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.field import data_of
from tests.support.loop_stage import LoopStage, job_of
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.server import disk_silence
from transfer_core.server.disk_silence import (
    LIMIT_BLIND_NS,
    LIMIT_NS,
    LOOK_NS,
    WORK_NS,
    DiskNews,
    DiskPulse,
    DiskSilence,
)
from transfer_core.sim.conditions import LinkConditions
from transfer_core.storage.incoming import IncomingFile


class World:
    """Looks once a second at two threads."""

    def __init__(self) -> None:
        self.silence, self.now_ns, self.news = DiskSilence(), 0, list[tuple[int, DiskNews]]()
        self.pulses = {"write": DiskPulse(0, False, 0), "sync": DiskPulse(0, False, 0)}

    def look_for(self, seconds: int, step_ns: int = LOOK_NS) -> None:
        for _ in range(seconds):
            self.now_ns += step_ns
            news = self.silence.look(self.now_ns, self.pulses)
            if news is not None:
                self.news.append((self.now_ns, news))


@pytest.fixture
def world() -> World:
    made = World()
    made.look_for(1)
    return made


def test_a_call_that_waits_for_half_a_minute_without_any_work_is_told_of_once_and_so_is_its_end(world: World) -> None:
    world.pulses["sync"] = DiskPulse(1, True, 100)
    world.look_for(500)
    (_, news), *more = world.news
    assert (news.is_silent, news.thread, more) == (True, "sync", [])
    assert LIMIT_NS <= news.silent_ns <= LIMIT_NS + LOOK_NS
    assert world.silence.is_silent
    world.pulses["sync"] = DiskPulse(1, False, 100)
    world.look_for(10)
    assert [(news.is_silent, news.thread) for _, news in world.news[1:]] == [(False, "sync")]
    assert not world.silence.is_silent


def test_a_slow_disk_whose_calls_end_is_not_silent(world: World) -> None:
    for calls in range(40):
        world.pulses = {name: DiskPulse(calls, True, 0) for name in world.pulses}
        world.look_for(LIMIT_NS // LOOK_NS - 1)
    assert world.news == []


def test_a_call_that_works_may_last_as_long_as_it_takes(world: World) -> None:
    for second in range(1000):  # it reads a file of a terabyte again
        world.pulses["sync"] = DiskPulse(1, True, 2 * second * WORK_NS)
        world.look_for(1)
    assert world.news == []


def test_where_the_system_does_not_say_what_a_thread_uses_a_call_may_last_for_minutes(world: World) -> None:
    world.pulses["write"] = DiskPulse(1, True, None)
    world.look_for(LIMIT_BLIND_NS // LOOK_NS - 1)
    assert world.news == []
    world.look_for(2)
    assert len(world.news) == 1


def test_a_machine_that_slept_for_an_hour_is_no_disk_that_did(world: World) -> None:
    world.pulses["write"] = DiskPulse(1, True, 0)
    world.look_for(3)
    world.look_for(1, step_ns=3600 * 10**9)
    world.look_for(3)
    assert world.news == []


def test_while_one_is_silent_the_other_is_not_told_of_too(world: World) -> None:
    world.pulses = {name: DiskPulse(1, True, 0) for name in world.pulses}
    world.look_for(100)
    assert len(world.news) == 1


def test_a_thread_says_what_it_does() -> None:
    begun, may_end = threading.Event(), threading.Event()
    thread = DiskThread("disk")
    try:
        assert (thread.calls_begun, thread.is_busy) == (0, False)
        thread.post(lambda: (begun.set(), may_end.wait(60))[0])
        assert begun.wait(60)
        assert (thread.calls_begun, thread.is_busy) == (1, True)
        done = threading.Event()
        thread.post(done.set)
        may_end.set()
        assert done.wait(60)
        assert thread.calls_begun == 2
        assert (thread.cpu_ns or 0) >= 0
    finally:
        thread.stop()


# --- a relay whose disk stops


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[LoopStage]:
    made = LoopStage(tmp_path)
    made.plug("line", LinkConditions(rate_mbps=200, delay_ms=2))
    made.wait(lambda: made.sessions() == 1)
    yield made
    made.close()


def test_an_agent_is_told_that_the_relays_disk_does_not_answer_and_goes_on_when_it_does(
    stage: LoopStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect_log: Any
) -> None:
    expect_log("the relay's disk has not answered")
    monkeypatch.setattr(disk_silence, "LIMIT_NS", LOOK_NS)
    monkeypatch.setattr(disk_silence, "LIMIT_BLIND_NS", LOOK_NS)
    answers = threading.Event()
    real = IncomingFile.write_chunk

    def write_chunk(file: IncomingFile, offset: int, data: memoryview) -> None:
        assert answers.wait(60)
        real(file, offset, data)

    monkeypatch.setattr(IncomingFile, "write_chunk", write_chunk)
    source = tmp_path / "lap.bin"
    source.write_bytes(data_of(40_000_000))
    out = job_of("id-1", source, "lap.bin")
    stage.agent.loop.post(lambda: stage.agent.begin("pit", [out]))
    stage.wait(lambda: any(name == "on_held" and "disk" in arguments[2] for name, arguments in stage.told))
    assert [event["answers"] for event in stage.relay_events if event["event"] == "disk"] == [False]
    answers.set()
    stage.wait(lambda: len(stage.arrived()) == 1)
    stage.wait(lambda: [event["answers"] for event in stage.relay_events if event["event"] == "disk"] == [False, True])
    assert next((tmp_path / "in").rglob("lap.bin")).read_bytes() == source.read_bytes()
