"""The remote service over processes in memory: what it asks, what it tells, and when it starts another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from transfer_core.engine.apart import process as process_module
from transfer_core.engine.apart import remote, restarts
from transfer_core.engine.apart.process import EngineProcess
from transfer_core.engine.apart.remote import RemoteService
from transfer_core.engine.apart.subscription import SILENT_S
from transfer_core.engine.apart.verbs import ASKED_AGAIN, DRAIN, SUBSCRIBE, UNSUBSCRIBE, VERBS
from transfer_core.errors import EngineGone, NoAnswer, NotFoundError, PortInUse, StateLocked, StateNewer
from transfer_core.events import EngineFound, EngineLost, EngineSilent, Event, JobsChanged, Notice
from transfer_core.service.pace import ANSWER_S
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_S

ODD = "tests.support.odd_engine"


class FakePending:
    """Comes at once; with events only unless the world is slow."""

    def __init__(self, process: FakeProcess, *asked: Any, **kwargs: Any) -> None:
        self._process, self._asked, self._kwargs = process, asked, kwargs

    def result(self, timeout_s: float | None = None) -> Any:
        if self._process.world.is_slow and self._asked[0] in (SUBSCRIBE, DRAIN, UNSUBSCRIBE):
            raise TimeoutError
        return self._process.ask(*self._asked, **self._kwargs)


class FakeProcess:
    """Answers what the test says, until it dies."""

    def __init__(self, world: World, on_end: Callable[[FakeProcess], None]) -> None:
        self.world, self._on_end = world, on_end
        self.why = self.last_words = ""
        self.asked: list[tuple[Any, ...]] = []
        self.is_closed = False

    def open(self, state_dir: Path, simulation: Path | None) -> None:
        self.world.opened.append((state_dir, simulation))
        if self.world.fail_open:
            raise self.world.fail_open.pop(0)

    def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        if self.why:
            raise EngineGone("dead")
        self.asked.append((verb, *args, *kwargs.items()))
        answer = self.world.answers.get(verb)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def begin(self, verb: str, *args: Any, **kwargs: Any) -> FakePending:
        if self.why:
            raise EngineGone("dead")
        return FakePending(self, verb, *args, **kwargs)

    def answers(self) -> bool:
        return not self.why and not self.world.is_slow

    def close(self) -> None:
        self.is_closed = True

    def die(self, why: str = "it was ended by signal 9") -> None:
        self.why, self.last_words = why, "its last words"
        self._on_end(self)

    def verbs(self) -> list[str]:
        return [asked[0] for asked in self.asked]


class World:
    """All processes that were made."""

    def __init__(self) -> None:
        self.made: list[FakeProcess] = []
        self.opened: list[tuple[Path, Path | None]] = []
        self.fail_open: list[Exception] = []
        self.is_slow = False
        self.clock = ManualClock()
        self.answers: dict[str, Any] = {SUBSCRIBE: 1, DRAIN: [JobsChanged(())]}

    def make(self, on_end: Callable[[FakeProcess], None]) -> FakeProcess:
        self.made.append(FakeProcess(self, on_end))
        return self.made[-1]

    def service(self) -> RemoteService:
        return RemoteService(Path("state"), make_process=self.make, clock=self.clock)

    def wait_for(self, count: int) -> FakeProcess:
        """The newest process, once that many were made and it answers."""
        wait_until(lambda: len(self.made) >= count)
        return self.made[-1]


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60.0
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def told(service_events: Callable[[], list[Event]], kind: type[Event]) -> list[Event]:
    """Everything that is drained up to the first event of that kind."""
    found: list[Event] = []

    def has_come() -> bool:
        found.extend(service_events())
        return any(isinstance(event, kind) for event in found)

    wait_until(has_come)
    return found


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def service(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteService]:
    monkeypatch.setattr(restarts, "WAITS_S", (0.0, 0.0))
    made = world.service()
    yield made
    made.stop()


def test_it_opens_the_state_and_asks_by_dotted_names(world: World, service: RemoteService) -> None:
    world.answers["watches.views"] = ["a view"]
    assert world.opened == [(Path("state"), None)]
    assert service.watches.views() == ["a view"]
    service.move(["a"], before=None)
    assert world.made[0].asked == [("watches.views",), ("move", ["a"], ("before", None))]


def test_it_has_no_other_verbs(service: RemoteService) -> None:
    with pytest.raises(AttributeError):
        service.format_the_disk()
    with pytest.raises(AttributeError):
        service.watches.stop()


def test_a_state_that_can_not_be_opened_is_told_and_leaves_no_process(world: World) -> None:
    world.fail_open.append(StateNewer("made by a newer one"))
    with pytest.raises(StateNewer):
        world.service()
    assert world.made[0].is_closed


def test_a_process_that_breaks_at_its_start_is_started_again(world: World, expect_log: Any) -> None:
    expect_log("it ended with code 1")
    world.fail_open.append(EngineGone("it ended with code 1"))
    service = world.service()
    try:
        service.start()
        assert world.made[1].verbs() == ["start"]
    finally:
        service.stop()


def test_who_never_came_is_told_of_and_comes_when_a_person_asks(
    world: World, expect_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("it ended with code 1")
    monkeypatch.setattr(restarts, "WAITS_S", ())
    world.fail_open.append(EngineGone("it ended with code 1"))
    service = world.service()
    try:
        with pytest.raises(EngineGone):
            service.start()
        subscription = service.subscribe()
        (lost,) = subscription.drain()
        assert isinstance(lost, EngineLost)
        assert (lost.why, lost.again_in_s) == ("it ended with code 1", None)
        service.restart_engine()
        told(subscription.drain, EngineFound)
        assert world.made[1].verbs()[0] == "start"
    finally:
        service.stop()


def test_another_process_is_started_and_everything_told_anew(
    world: World, service: RemoteService, expect_log: Any
) -> None:
    expect_log("the engine's process is gone: it was ended by signal 9")
    service.start()
    subscription = service.subscribe()
    assert subscription.drain() == [JobsChanged(())]
    world.made[0].die()
    events = told(subscription.drain, EngineFound)
    lost, notice, found, first = events[:4]
    assert lost == EngineLost("it was ended by signal 9", 0.0, "its last words")
    assert isinstance(notice, Notice)
    assert found == EngineFound(())
    assert first == JobsChanged(())
    assert world.made[1].verbs()[:3] == ["start", SUBSCRIBE, DRAIN]


def test_what_was_never_started_is_not_started_again(world: World, service: RemoteService, expect_log: Any) -> None:
    expect_log("is gone")
    world.answers["start"] = StateLocked("another agent works there")
    with pytest.raises(StateLocked):
        service.start()
    world.made[0].die()
    process = world.wait_for(2)
    wait_until(lambda: service.jobs() is None)
    assert "start" not in process.verbs()


def test_what_was_switched_on_is_on_again_and_what_is_missing_is_told(
    world: World, service: RemoteService, expect_log: Any
) -> None:
    expect_log("is gone")
    world.answers["start_relay"] = SimpleNamespace(listen="0.0.0.0:9000")
    service.start_relay("/in", "0.0.0.0:0")
    subscription = service.subscribe()
    subscription.drain()
    world.made[0].die()
    told(subscription.drain, EngineFound)
    assert world.made[1].asked[0] == ("start_relay", "/in", "0.0.0.0:9000")
    world.answers["start_relay"] = PortInUse("port 9000 is taken")
    world.made[1].die()
    found = next(event for event in told(subscription.drain, EngineFound) if isinstance(event, EngineFound))
    assert found.missing == ("the relay that receives here: port 9000 is taken",)


def test_after_a_few_failures_it_waits_for_a_person(world: World, service: RemoteService, expect_log: Any) -> None:
    expect_log("is gone")
    expect_log("no disk")
    subscription = service.subscribe()
    subscription.drain()
    world.fail_open += [StateNewer("no disk")] * 2
    world.made[0].die()
    losses: list[EngineLost] = []

    def gave_up() -> bool:
        losses.extend(event for event in subscription.drain() if isinstance(event, EngineLost))
        return bool(losses) and losses[-1].again_in_s is None

    wait_until(gave_up)
    assert [loss.again_in_s for loss in losses] == [0.0, 0.0, None]
    began = time.monotonic()
    with pytest.raises(EngineGone):
        service.jobs()
    assert time.monotonic() - began < ANSWER_S / 2
    assert subscription.drain() == []
    count = len(world.made)
    service.restart_engine()
    told(subscription.drain, EngineFound)
    assert len(world.made) == count + 1
    service.restart_engine()
    assert len(world.made) == count + 1


def test_a_verb_waits_for_the_process_that_is_coming(
    world: World, service: RemoteService, expect_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("is gone")
    world.answers["jobs"] = ["a job"]
    may_open, opening = threading.Event(), threading.Event()
    at_once = FakeProcess.open

    def open_slowly(self: FakeProcess, *place: Any) -> None:
        opening.set()
        may_open.wait(60.0)
        at_once(self, *place)

    monkeypatch.setattr(FakeProcess, "open", open_slowly)
    world.made[0].die()
    assert opening.wait(60.0)
    came: list[Any] = []
    asking = threading.Thread(target=lambda: came.append(service.jobs()))
    asking.start()
    may_open.set()
    asking.join(60.0)
    assert came == [["a job"]]


def test_a_verb_that_finds_its_engine_dead_is_asked_of_the_next(
    world: World, service: RemoteService, expect_log: Any
) -> None:
    expect_log("is gone")
    world.answers["jobs"] = ["a job"]
    first = world.made[0]
    first.why = "it was ended by signal 9"  # though nobody has noticed yet
    notice = threading.Timer(0.05, first.die)
    notice.start()
    assert service.jobs() == ["a job"]
    notice.join()
    assert world.made[1].verbs() == ["jobs"]


def test_a_verb_that_hangs_in_an_engine_that_answers_is_an_error_in_time_and_holds_no_other_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_module, "PULSE_S", 60.0)
    monkeypatch.setattr(remote, "ANSWER_S", 2.0)
    monkeypatch.setattr(remote, "answer_within_s", lambda verb: None if verb == "history" else 2.0)
    service = RemoteService(Path("state"), make_process=lambda on_end: EngineProcess(on_end, module=ODD))
    came: list[str] = []

    def ask_history() -> None:
        try:
            service.history()
        except EngineGone as error:
            came.append(error.code)

    try:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="`notices`"):
            service.notices()
        assert 1.9 < time.monotonic() - began < 30.0  # the verb itself takes 60 s
        with monkeypatch.context() as patience:
            patience.setattr(remote, "ANSWER_S", 60.0)
            assert service.answers()
            assert service.jobs()
        slow = threading.Thread(target=ask_history)
        slow.start()
        slow.join(2.5)
        assert slow.is_alive()  # what may take minutes is waited for
    finally:
        service.stop()
    slow.join(60.0)
    assert came == [EngineGone.code]


def test_a_verb_that_was_under_way_is_not_asked_twice(world: World, service: RemoteService, expect_log: Any) -> None:
    expect_log("is gone")
    process = world.made[0]

    def die_of_it(verb: str, *args: Any, **kwargs: Any) -> Any:
        process.die()
        raise EngineGone("the engine's process ended before it answered `cancel`")

    process.ask = die_of_it  # type: ignore[method-assign]
    with pytest.raises(EngineGone, match="cancel"):
        service.cancel(["job1"])
    service.jobs()
    assert "cancel" not in world.made[1].verbs()


def test_a_verb_that_reads_is_asked_of_the_next_engine_too(
    world: World, service: RemoteService, expect_log: Any
) -> None:
    expect_log("is gone")
    world.answers["watches.views"] = ["a view"]
    process = world.made[0]

    def die_of_it(verb: str, *args: Any, **kwargs: Any) -> Any:
        process.die()
        raise EngineGone("the engine's process ended before it answered")

    process.ask = die_of_it  # type: ignore[method-assign]
    assert service.watches.views() == ["a view"]
    assert world.made[1].verbs() == ["watches.views"]


def test_what_is_asked_again_is_a_verb_and_adds_or_takes_away_nothing() -> None:
    assert ASKED_AGAIN < VERBS
    doing = ("add", "create", "delete", "end", "export", "forget", "join", "mark", "move", "open", "pair", "remove")
    assert not [verb for verb in ASKED_AGAIN if verb.rpartition(".")[2].split("_")[0] in doing]


def test_an_error_of_a_verb_that_reads_is_its_answer(world: World, service: RemoteService) -> None:
    world.answers["job"] = NotFoundError("there is no such job")
    with pytest.raises(NotFoundError):
        service.job("x")
    assert world.made[0].verbs() == ["job"]


def test_it_says_whether_the_engine_answers(world: World, service: RemoteService) -> None:
    assert service.answers()
    world.is_slow = True
    assert not service.answers()


def test_an_engine_that_does_not_answer_is_told_once_and_when_it_does_again(
    world: World, service: RemoteService
) -> None:
    subscription = service.subscribe()
    subscription.drain()
    world.is_slow = True
    assert subscription.drain() == []
    world.clock.advance(round(SILENT_S * NS_PER_S))
    assert subscription.drain() == [EngineSilent(True)]
    assert subscription.drain() == []
    asked = len(world.made[0].asked)
    world.is_slow = False
    assert subscription.drain() == [EngineSilent(False), JobsChanged(())]
    assert len(world.made[0].asked) == asked + 1


def test_nothing_is_forgotten_until_the_next_engine_has_told_everything(
    world: World, service: RemoteService, expect_log: Any
) -> None:
    expect_log("is gone")
    subscription = service.subscribe()
    subscription.drain()
    world.is_slow = True
    world.made[0].die()
    world.wait_for(2)
    wait_until(lambda: service.jobs() is None)
    events = [event for _ in range(5) for event in subscription.drain()]
    assert [type(event) for event in events] == [EngineLost, Notice]
    world.is_slow = False
    assert subscription.drain() == [EngineFound(()), JobsChanged(())]


def test_stopping_closes_the_process_and_starts_no_other(world: World, service: RemoteService) -> None:
    service.stop()
    assert world.made[0].is_closed
    world.made[0].die()
    assert len(world.made) == 1
    with pytest.raises(EngineGone):
        service.jobs()


def test_closing_a_subscription_ends_it_there_too(world: World, service: RemoteService) -> None:
    subscription = service.subscribe()
    subscription.drain()
    subscription.close()
    assert world.made[0].asked[-1] == (UNSUBSCRIBE, 1)
