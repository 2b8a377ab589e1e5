"""What the clerk writes together, and what it does not wait with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from transfer_core.config import EngineConfig
from transfer_core.engine import clerk as clerk_module
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.clerk import Clerk
from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.identity import load_identity
from transfer_core.engine.reports import Reports
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.engine.under_way import RunningJob
from transfer_core.events import EngineChanged, Event, JobState
from transfer_core.jobs.model import Job
from transfer_core.jobs.store import Destination, JobStore, NewJob
from transfer_core.units import NS_PER_S

PATIENCE_S = 60.0
Row = tuple[str, str, str, Mapping[str, int], int]


class CountedStore(JobStore):
    """Keeps which jobs were completed together, and how many turns have taken all that there was to take."""

    together: list[list[str]]
    turns = 0

    def newest_change(self) -> int:
        self.turns += 1
        return super().newest_change()

    def complete(self, rows: Sequence[Row]) -> list[str]:
        self.together.append([row[0] for row in rows])
        return super().complete(rows)


class Bus(EventBus):
    """Knows when the clerk's first turn has ended."""

    is_first_turn_over = False

    def publish(self, event: Event) -> None:
        super().publish(event)
        self.is_first_turn_over |= isinstance(event, EngineChanged)


class Sent:
    """A job that the loop says has arrived."""

    file_hash, stored_as, resent_bytes, held = "blake3:00", "there", 0, ""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.carried: dict[str, int] = {}


class Desk:
    """A clerk with three jobs under way, and the reports that it gets."""

    def __init__(self, state: Path) -> None:
        clock, entropy = SystemClock(), SystemEntropy()
        self.store = CountedStore(state, clock)
        self.store.together = []
        self.store.add_many([NewJob(name, f"/{name}", 1, 5, "pit", name, "test") for name in "abc"])
        listener: Any = None
        self.loop = AgentLoop(identity=load_identity(state), name="me", clock=clock, entropy=entropy, listener=listener)
        bus = Bus()
        self.clerk = Clerk(
            store=self.store,
            loop=self.loop,
            clock=clock,
            entropy=entropy,
            bus=bus,
            config=EngineConfig(),
            notify=lambda *_: None,
        )
        self.reports = Reports(self.clerk)
        self.loop.start()
        self.clerk.start()
        self.until(lambda: bus.is_first_turn_over)
        self.sent: dict[str, Any] = {}

        begun_at = 0

        def claim() -> None:
            nonlocal begun_at
            begun_at = self.store.turns
            for job in self.store.claim("test", 3, ["pit"]):
                self.sent[job.file_id] = Sent(job)
                self.clerk.runner.under_way.add(RunningJob(self.sent[job.file_id], "pit", 5, 1.0))

        self.clerk.do(claim)
        self.until(lambda: len(self.sent) == 3)
        self.until(lambda: self.store.turns > begun_at)  # what comes from here on begins a turn

    def arrive(self, *names: str) -> None:
        for name in names:
            self.reports.on_arrived([self.sent[name]])
        self.until(lambda: not any(name in self.clerk.runner.under_way for name in names))

    def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end
            assert self.clerk.failure is None
            time.sleep(0.005)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(clerk_module, "GATHER_NS", 600 * NS_PER_S)
    monkeypatch.setattr(clerk_module, "FIGURES_NS", 600 * NS_PER_S)  # whose coming would end the waiting
    monkeypatch.setattr(clerk_module, "TURN_S", 600.0)
    made = Desk(tmp_path)
    yield made
    made.clerk.stop()
    made.loop.stop()
    made.store.close()


def test_arrivals_that_come_while_others_are_under_way_are_written_together(desk: Desk) -> None:
    desk.arrive("a")
    desk.arrive("b")
    assert desk.store.together == []
    desk.clerk.claim_soon()  # what does not wait takes them along
    desk.until(lambda: desk.store.together)
    assert desk.store.together == [["a", "b"]]


def test_the_last_arrival_is_written_at_once(desk: Desk) -> None:
    desk.arrive("a", "b", "c")
    desk.until(lambda: sum(map(len, desk.store.together)) == 3)
    assert {job.status for job in desk.store.jobs()} == {JobState.COMPLETED}


def test_a_relay_that_does_not_answer_is_called_the_more_often_while_a_file_waits_for_it(desk: Desk) -> None:
    desk.store.keep_destination(Destination("far", "relay", ("192.0.2.1:9000",), b"\x01" * 32))
    desk.clerk.poke()
    desk.until(lambda: "far" in desk.loop.uplinks)
    far = desk.loop.uplinks["far"]
    assert not far.is_awaited
    desk.store.add_many([NewJob("d", "/d", 1, 5, "far", "d", "test")])
    desk.clerk.poke()
    desk.until(lambda: far.is_awaited)
    desk.store.cancel(["d"])
    desk.clerk.poke()
    desk.until(lambda: not far.is_awaited)


def test_a_relay_that_is_known_only_after_its_files_is_called_like_any_other(desk: Desk) -> None:
    desk.store.add_many([NewJob("d", "/d", 1, 5, "far", "d", "test")])
    desk.store.keep_destination(Destination("far", "relay", ("192.0.2.1:9000",), b"\x01" * 32))
    desk.clerk.poke()
    desk.until(lambda: "far" in desk.loop.uplinks and desk.loop.uplinks["far"].is_awaited)
