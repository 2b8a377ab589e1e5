from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.telemetry_world import wait_until
from transfer_core.errors import IntegrityError, UsageError
from transfer_core.events.telemetry import ReplayState
from transfer_core.telemetry.arrivals import Arrivals, source_name
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.flight import FULL, Flight, Stream
from transfer_core.telemetry.log import LogWriter
from transfer_core.telemetry.replay import Replay

A, B = ("10.0.0.1", 5001), ("10.0.0.2", 5002)
MS = 1_000_000
S = 1000 * MS
T0 = 1_800_000_000 * S
ROWS = 200  # two seconds of two pilots


@pytest.fixture
def log(tmp_path: Path) -> Path:
    first, second = Stream(Flight(1)).next(ROWS), Stream(Flight(1, 1)).next(ROWS)
    writer = LogWriter.create(tmp_path / "race.drslog", {})
    for at in range(0, ROWS, 5):
        times = [T0 + 10 * MS * row for row in range(at, at + 5) for _ in (A, B)]
        data = [each for pair in zip(first[at : at + 5], second[at : at + 5], strict=True) for each in pair]
        writer.append(Arrivals([A, B] * 5, times, data))
    writer.close()
    return tmp_path / "race.drslog"


@pytest.fixture
def replay(log: Path) -> Iterator[Replay]:
    opened = Replay("replay-1", "race", "heat", log, 9001, LiftoffDecoder(FULL), {})
    yield opened
    opened.close()


def clock_of(replay: Replay, sender=A) -> list[float]:
    """The sender's own times, of what is shown."""
    block = replay.feed.samples(source_name(sender), ["Timestamp"], 0, None)
    return [round(float(value), 2) for value in block.values[:, 0]]


@pytest.fixture
def ear() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(60.0)
        yield listening


def test_it_opens_paused_at_the_start(replay) -> None:
    view = replay.view()
    assert (view.state, view.position_ns, view.duration_ns) == (ReplayState.PAUSED, 0, 1990 * MS)
    assert replay.feed.sources(replay.now_ns()) == []


def test_at_its_own_speed_it_sends_the_same_bytes_in_order_at_the_same_times(replay, ear) -> None:
    replay.send_to(ear.getsockname())
    began = time.monotonic()
    replay.play()
    got, times = [], []
    for _ in range(2 * ROWS):
        got.append(ear.recv(2048))
        times.append(time.monotonic())
    first, second = Stream(Flight(1)).next(ROWS), Stream(Flight(1, 1)).next(ROWS)
    assert got == [each for pair in zip(first, second, strict=True) for each in pair]
    late = np.array(times) - began - np.repeat(np.arange(ROWS), 2) * 0.01
    assert late.min() >= -0.001  # never before its time; how late is up to the machine
    wait_until(lambda: replay.view().state is ReplayState.ENDED)
    assert replay.view().sent == 2 * ROWS
    assert clock_of(replay)[-1] == 1.99


class LateClock:
    """Time that passes only while somebody waits, and then each time some milliseconds more than was asked for."""

    LATE_NS = 4 * MS

    def __init__(self) -> None:
        self.now_ns = 0
        clock = self

        class LateCondition(threading.Condition):
            def wait(self, timeout: float | None = None) -> bool:
                if timeout is None:
                    return super().wait()
                clock.now_ns += round(timeout * S) + clock.LATE_NS
                return super().wait(0)

        self.condition = LateCondition

    def monotonic_ns(self) -> int:
        return self.now_ns


def test_no_lateness_is_carried_on(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LateClock()
    monkeypatch.setattr("transfer_core.telemetry.replay.time", clock)
    names = SimpleNamespace(Condition=clock.condition, Thread=threading.Thread)
    monkeypatch.setattr("transfer_core.telemetry.replay.threading", names)
    replay = Replay("replay-1", "race", "heat", log, 9001, LiftoffDecoder(FULL), {})
    try:
        replay.play()
        wait_until(lambda: replay.view().state is ReplayState.ENDED)
    finally:
        replay.close()
    assert 1990 * MS <= clock.now_ns <= 1990 * MS + 2 * clock.LATE_NS  # each wait was late, all together no later


def test_fifty_times_as_fast_shows_the_same(replay) -> None:
    replay.set_speed(50)
    replay.play()
    wait_until(lambda: replay.view().state is ReplayState.ENDED)
    assert clock_of(replay) == [round(0.01 * row, 2) for row in range(ROWS)]
    replay.play()
    wait_until(lambda: replay.view().state is ReplayState.ENDED)
    assert len(clock_of(replay, B)) == ROWS


def test_a_seek_shows_that_moment_at_once_and_forgets_the_rest(replay) -> None:
    replay.seek(1_005 * MS)
    assert replay.view().position_ns == 1_005 * MS
    for sender in (A, B):
        assert clock_of(replay, sender) == [1.0]
    replay.seek(500 * MS)
    assert clock_of(replay) == [0.49]
    replay.seek(99 * S)
    assert replay.view().position_ns == 1990 * MS
    replay.seek(-5)
    assert replay.view().position_ns == 0


def test_steps_go_one_datagram_on_and_back(replay) -> None:
    replay.seek(500 * MS)
    replay.step(1)
    assert clock_of(replay) == [0.49, 0.5]
    replay.step(1)
    assert clock_of(replay, B) == [0.49, 0.5]
    assert replay.view().position_ns == 500 * MS
    replay.step(-3)
    assert clock_of(replay, B) == [0.48]
    assert clock_of(replay, A) == [0.49]
    replay.step(-10_000)
    assert replay.view().position_ns == 0
    replay.step(10_000)
    assert clock_of(replay)[-1] == 1.99


def test_a_loop_comes_back_to_its_start(replay, ear) -> None:
    replay.send_to(ear.getsockname())
    replay.set_loop(500 * MS, 600 * MS)
    replay.set_speed(5)
    replay.play()
    seen = [FULL_CLOCK.named(ear.recv(2048))["Timestamp"] for _ in range(90)]
    assert min(seen) >= 0.49
    assert max(seen) <= 0.61
    assert sum(later < earlier for earlier, later in itertools.pairwise(seen)) >= 3
    replay.set_loop(None, None)
    wait_until(lambda: replay.view().state is ReplayState.ENDED)


FULL_CLOCK = LiftoffDecoder(FULL)


def test_a_pause_holds_the_position_and_steering_beyond_bounds_is_refused(replay) -> None:
    replay.set_speed(0.1)
    replay.play()
    wait_until(lambda: replay.view().position_ns > 0)
    replay.pause()
    held = replay.view()
    assert held.state is ReplayState.PAUSED
    assert replay.view().position_ns == held.position_ns
    for speed in (0.05, 51, float("nan")):
        with pytest.raises(UsageError):
            replay.set_speed(speed)
    with pytest.raises(UsageError):
        replay.set_loop(5, 5)


def test_a_recording_without_datagrams_can_not_be_replayed(tmp_path) -> None:
    LogWriter.create(tmp_path / "empty.drslog", {}).close()
    with pytest.raises(IntegrityError):
        Replay("replay-1", "race", "heat", tmp_path / "empty.drslog", 9001, FULL_CLOCK, {})


def test_a_damaged_record_pauses_and_says_so(log) -> None:
    whole = bytearray(log.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    log.write_bytes(whole)
    damaged = Replay("replay-1", "race", "heat", log, 9001, FULL_CLOCK, {})
    damaged.set_speed(50)
    damaged.play()
    wait_until(lambda: damaged.view().error)
    assert damaged.view().error.startswith("E_INTEGRITY")
    assert damaged.view().state is ReplayState.PAUSED
    damaged.close()
