"""The loop's calls: those that are posted, and those that are made with others soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from transfer_core.engine.event_loop import SOON_NS, EventLoop
from transfer_core.engine.system import SystemClock
from transfer_core.errors import LinkError
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Received, Transmit


@contextmanager
def _unheard() -> Iterator[None]:
    """A thread's end by an error is not the test's."""
    before, threading.excepthook = threading.excepthook, lambda _: None
    try:
        yield
    finally:
        threading.excepthook = before


class Idle:
    """A driven that has nothing to do, and counts its turns."""

    def __init__(self) -> None:
        self.turns = 0

    def on_received(self, port: UdpPort, received: Received, now_ns: int) -> None:
        raise AssertionError("it has no port")

    def on_turn(self, now_ns: int) -> None:
        self.turns += 1

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        return None

    def next_timeout_ns(self) -> int | None:
        return None

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        raise AssertionError("it has no port")


@pytest.fixture
def loop() -> Iterator[tuple[EventLoop, Idle]]:
    made, driven = EventLoop("test", SystemClock()), Idle()
    made.start(driven)
    yield made, driven
    made.stop()


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60.0
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_calls_that_may_wait_are_made_in_order_though_nothing_else_wakes_the_loop(
    loop: tuple[EventLoop, Idle],
) -> None:
    made: list[int] = []
    for number in range(200):
        loop[0].post_soon(lambda number=number: made.append(number))  # type: ignore[misc]
        if number % 40 == 0:
            until(lambda number=number: len(made) == number + 1)  # type: ignore[misc]
    until(lambda: len(made) == 200)
    assert made == list(range(200))


def test_calls_that_come_in_a_stream_cost_a_turn_every_few_milliseconds_and_not_one_each(
    loop: tuple[EventLoop, Idle],
) -> None:
    made: list[int] = []
    began_s, before = time.monotonic(), loop[1].turns
    posted = 0
    while posted <= 100 or time.monotonic() < began_s + 0.2:
        posted += 1
        loop[0].post_soon(lambda: made.append(threading.get_ident()))
        time.sleep(0.0001)
    turns = loop[1].turns - before
    assert turns <= 2 + 2 * (time.monotonic() - began_s) / (SOON_NS / 1e9)
    until(lambda: len(made) == posted)
    assert threading.get_ident() not in made


def test_a_call_that_is_posted_does_not_wait_for_those_that_may(loop: tuple[EventLoop, Idle]) -> None:
    made: list[str] = []
    loop[0].post_soon(lambda: made.append("first"))
    until(lambda: made)
    loop[0].post_soon(lambda: made.append("soon"))
    loop[0].post(lambda: made.append("now"))
    until(lambda: len(made) == 3)
    assert made[0] == "first"


def test_what_is_posted_before_the_end_is_still_done_though_the_loop_is_asleep() -> None:
    for _ in range(20):
        done: list[int] = []
        loop = EventLoop("test", SystemClock())
        loop.start(Idle())
        for number in range(3):
            loop.post(partial(done.append, number))
        loop.stop()
        assert done == [0, 1, 2]
        assert not loop.is_running


def test_a_loop_that_fails_tells_when_its_ports_are_closed_and_one_that_is_stopped_does_not(
    expect_log: Callable[[str], None],
) -> None:
    expect_log("the broken loop ended")
    told: list[str] = []

    class Broken(Idle):
        def on_turn(self, now_ns: int) -> None:
            raise ZeroDivisionError("what no test foresaw")

    for name, driven in (("whole", Idle()), ("broken", Broken())):
        loop = EventLoop(name, SystemClock(), partial(told.append, name))
        with _unheard():
            loop.start(driven)
            until(lambda driven=driven, loop=loop: driven.turns or not loop.is_running)  # type: ignore[misc]
            loop.stop()
    assert told == ["broken"]
