from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from transfer_core.engine.system import SystemClock
from transfer_core.errors import PortInUse, StateLocked, UsageError
from transfer_core.net.udp import open_udp_port
from transfer_core.server.workers import crew as crew_module
from transfer_core.server.workers.crew import WORKERS_MAX, Crew, check_workers
from transfer_core.server.workers.heartbeats import Patience
from transfer_core.server.workers.seat import SeatDescriptors, decode_descriptors
from transfer_core.units import NS_PER_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes share a port on Linux only")
WAIT_S = 60.0
READY = 'print(\'{"event": "ready", "listen": ""}\', flush=True)\n'
LISTENS = "import os, sys\n" + READY + "sys.stdin.read()\n"
SAYS_MORE = LISTENS.replace(
    "sys.stdin", "print('no json', flush=True)\nprint('{\"event\": \"full\"}', flush=True)\nsys.stdin"
)
BEAT = 'print(\'{"event": "beat"}\', flush=True)\n'
BEATS = (  # once before it is ready, so that whoever waits for that knows that it beats
    "import os, sys, threading, time\n"
    + BEAT
    + READY
    + f"def beat():\n    while True:\n        {BEAT}        time.sleep(0.05)\n"
    + "threading.Thread(target=beat, daemon=True).start()\nsys.stdin.read()\nos._exit(0)\n"
)
BEATS_AND_TALKS = BEATS.replace("time.sleep", 'print(\'{"event": "full"}\', flush=True)\n        time.sleep')
SOON_HUNG = Patience(
    look_ns=NS_PER_S // 10, suspect_ns=NS_PER_S, alone_ns=3 * NS_PER_S, together_ns=600 * NS_PER_S, pause_ns=NS_PER_S
)
DIES_SOON = "import time\n" + READY + "time.sleep(0.05)\nraise SystemExit(7)\n"
NEVER_STARTS = "raise SystemExit(1)\n"


class CountedClock(SystemClock):
    """Knows how often the crew has looked at its processes."""

    def __init__(self) -> None:
        self.looks = 0

    def monotonic_ns(self) -> int:
        self.looks += 1
        return super().monotonic_ns()


class Stage:
    """A crew whose processes are small programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self.seats: list[SeatDescriptors] = []
        self.crew: Crew | None = None
        self.clock = CountedClock()
        self.reads_on = threading.Event()
        self.reads_on.set()

    def take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.reads_on.wait(WAIT_S)

    def start(
        self, *programs: str, listen: tuple[str, int] = ("127.0.0.1", 0), patience: Patience | None = None
    ) -> Crew:
        def words(seat: SeatDescriptors) -> list[str]:
            self.seats.append(seat)
            return [sys.executable, "-c", programs[seat.worker % len(programs)], seat.encode()]

        count = max(2, len(programs))
        inbox = self.folder / "in"
        self.crew = Crew(self.folder / "r", inbox, listen, count, words, self.take, self.clock, 0.01, patience)
        self.crew.start()
        return self.crew

    def count(self, name: str, **facts: object) -> int:
        return sum(event["event"] == name and facts.items() <= event.items() for event in tuple(self.events))

    def until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not is_so():
            assert time.monotonic() < end, self.events
            time.sleep(0.01)

    def pids(self) -> set[int]:
        return {event["pid"] for event in tuple(self.events) if event["event"] == "worker"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.reads_on.set()
    if made.crew is not None:
        made.crew.stop()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_ready_once_when_all_of_them_are(stage: Stage) -> None:
    crew = stage.start(LISTENS, LISTENS, LISTENS)
    stage.until(lambda: stage.count("ready") == 1)
    assert [stage.count("worker", worker=each) for each in range(3)] == [1, 1, 1]
    ready = stage.events[-1]
    assert (ready["event"], ready["workers"]) == ("ready", 3)
    assert ready["listen"] == f"127.0.0.1:{crew.address[1]}"
    assert crew.failure is None


def test_to_stop_ends_all_of_them_and_frees_the_state_and_the_port(stage: Stage) -> None:
    crew = stage.start(LISTENS, LISTENS)
    stage.until(lambda: stage.count("ready") == 1)
    crew.stop()
    crew.stop()
    assert not any(is_there(pid) for pid in stage.pids())
    assert stage.count("restarts") == 0
    open_udp_port(crew.address).close()
    stage.start(LISTENS, LISTENS)


def test_one_that_is_killed_is_started_again_with_the_same_seat_and_the_others_go_on(stage: Stage) -> None:
    crew = stage.start(LISTENS, LISTENS)
    stage.until(lambda: stage.count("ready") == 1)
    (pid,) = [event["pid"] for event in stage.events if event["event"] == "worker" and event["worker"] == 1]
    os.kill(pid, signal.SIGKILL)
    stage.until(lambda: stage.count("worker", worker=1) == 2)
    assert stage.count("restarts", worker=1, code=-9, times=1) == 1
    assert stage.count("worker", worker=0) == 1
    assert stage.count("ready") == 1
    assert len(stage.seats) == 2
    assert crew.failure is None


def test_one_that_hangs_is_killed_told_of_and_started_again_when_it_is_gone(
    stage: Stage, expect_log: Callable[[str], None]
) -> None:
    expect_log("has not answered")
    crew = stage.start(BEATS, BEATS, BEATS, patience=SOON_HUNG)
    stage.until(lambda: stage.count("ready") == 1)
    (pid,) = [event["pid"] for event in stage.events if event["event"] == "worker" and event["worker"] == 1]
    os.kill(pid, signal.SIGSTOP)
    stage.until(lambda: stage.count("worker", worker=1) == 2)
    assert not is_there(pid)
    told = [event["event"] for event in stage.events if event.get("worker") == 1]
    assert told == ["worker", "hung", "restarts", "worker"]
    (hung,) = [event for event in stage.events if event["event"] == "hung"]
    assert (hung["worker"], hung["pid"]) == (1, pid)
    assert hung["silent_s"] >= 3
    assert stage.count("restarts", worker=1, code=-9) == 1
    assert stage.count("beat") == 0
    assert crew.failure is None


def test_nobody_is_judged_while_nobody_can_be_heard(stage: Stage) -> None:
    stage.start(BEATS_AND_TALKS, BEATS_AND_TALKS, patience=replace(SOON_HUNG, together_ns=3 * NS_PER_S))
    stage.until(lambda: stage.count("full", worker=0) > 0 and stage.count("full", worker=1) > 0)
    stage.reads_on.clear()  # as a pipe that nobody reads: whoever says something waits
    looked = stage.clock.looks
    stage.until(lambda: stage.clock.looks > looked + 40)  # four seconds of silence, at least
    stage.reads_on.set()
    talked = stage.count("full")
    stage.until(lambda: stage.count("full") > talked + 10)
    assert stage.count("hung") == 0


def test_one_that_dies_again_and_again_is_waited_for_longer_each_time(stage: Stage) -> None:
    stage.start(LISTENS, DIES_SOON)
    stage.until(lambda: stage.count("restarts") >= 4)
    waits = [event["in_s"] for event in stage.events if event["event"] == "restarts"][:4]
    assert waits == [0.01, 0.02, 0.04, 0.08]


def test_one_that_never_started_ends_the_whole(stage: Stage) -> None:
    crew = stage.start(LISTENS, NEVER_STARTS)
    stage.until(lambda: crew.failure is not None)
    assert "receiving process 1 did not start (exit code 1)" in str(crew.failure)
    assert stage.count("ready") == 0


def test_what_they_say_is_told_with_who_said_it(stage: Stage, expect_log: Callable[[str], None]) -> None:
    expect_log("receiving process 0 says")
    stage.start(SAYS_MORE, LISTENS)
    stage.until(lambda: stage.count("full", worker=0) == 1)


def test_those_that_do_not_end_are_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[[str], None]
) -> None:
    for worker in range(2):
        expect_log(f"receiving process {worker} does not end")
    monkeypatch.setattr(crew_module, "STOP_S", 0.2)
    crew = stage.start("import time\n" + READY + "time.sleep(60)\n")
    stage.until(lambda: stage.count("ready") == 1)
    crew.stop()
    assert not any(is_there(pid) for pid in stage.pids())


def test_it_can_be_stopped_while_one_waits_to_be_started_again(stage: Stage) -> None:
    crew = stage.start(LISTENS, DIES_SOON)
    stage.until(lambda: stage.count("restarts") >= 5)
    thread = threading.Thread(target=crew.stop)
    thread.start()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert not any(is_there(pid) for pid in stage.pids())


def test_a_state_and_a_port_that_are_taken_are_refused_before_anything_is_started(stage: Stage, tmp_path: Path) -> None:
    other = open_udp_port(("127.0.0.1", 0))
    with pytest.raises(PortInUse):
        stage.start(LISTENS, LISTENS, listen=other.local_address)
    other.close()
    stage.start(LISTENS, LISTENS)  # the state is free again
    second = Stage(tmp_path)
    with pytest.raises(StateLocked):
        second.start(LISTENS, LISTENS)
    assert second.seats == []


@pytest.mark.parametrize("workers", [-1, 0, WORKERS_MAX + 1])
def test_a_number_that_makes_no_sense_is_refused(workers: int) -> None:
    with pytest.raises(UsageError, match=f"--workers is {workers}"):
        check_workers(workers)


def test_a_system_without_shared_ports_takes_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "can_share_ports", lambda: False)
    check_workers(1)
    with pytest.raises(UsageError, match="on Linux only"):
        check_workers(2)


def test_a_seat_comes_back_as_it_was_encoded() -> None:
    seat = SeatDescriptors(1, 3, 7, 8, ((0, 9), (2, 10)), 11, 3)
    assert decode_descriptors(seat.encode()) == seat
    assert sorted(seat.all) == [3, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"outboxes": 5}', '{"outboxes": [], "worker": "x"}', "\ud800"])
def test_what_is_no_seat_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no seat"):
        decode_descriptors(text)
