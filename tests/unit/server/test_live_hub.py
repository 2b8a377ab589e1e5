"""Feeds of agents at a telemetry desk, without a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from tests.support.telemetry_world import desk_in, wait_until
from transfer_core.config import RelayConfig
from transfer_core.errors import DrsError
from transfer_core.events.telemetry import RaceState
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.server import live_hub
from transfer_core.server.live_hub import LiveHub
from transfer_core.telemetry.desk import TelemetryDesk
from transfer_core.telemetry.flight import Flight, Stream
from transfer_core.telemetry.log import LogReader
from transfer_core.telemetry.relayed import About, encode_about
from transfer_core.units import NS_PER_S

ADA, GRACE = b"a" * 32, b"g" * 32
SENDER = ("192.168.1.7", 5001)
SETTINGS = {
    "decoder": "liftoff",
    "StreamFormat": ["Timestamp", "Position", "Attitude", "Velocity", "Gyro", "Input", "Battery", "MotorRPM"],
}


def ground(folder: Path, told: list[str]) -> Any:
    """What a relay shares, as far as it is asked for."""
    config = RelayConfig(keep_free_bytes=0)
    return SimpleNamespace(state_dir=folder, config=config, tell=lambda _, **facts: told.append(str(facts["text"])))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[TelemetryDesk]:
    with desk_in(tmp_path / "telemetry") as opened:
        yield opened


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def hub(desk: TelemetryDesk, told: list[str], tmp_path: Path) -> Iterator[LiveHub]:
    served = LiveHub(lambda: desk, linger_s=0.2)
    served.start(ground(tmp_path, told))
    yield served
    served.stop()


class HandTimer:
    """Goes off when a test says so, even if it was cancelled: as one that is late with it."""

    made: ClassVar[list[HandTimer]] = []

    def __init__(self, _seconds: float, go_off: Callable[[], None]) -> None:
        self.go_off = go_off
        self.daemon = self.is_cancelled = False

    def start(self) -> None:
        self.made.append(self)

    def cancel(self) -> None:
        self.is_cancelled = True


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[HandTimer]:
    monkeypatch.setattr(HandTimer, "made", [])
    monkeypatch.setattr(live_hub, "threading", SimpleNamespace(Timer=HandTimer))
    return HandTimer.made


def offer(hub: LiveHub, agent: bytes = ADA, name: str = "track", port: int = 9001, **about: Any) -> DrsError | None:
    answers: list[DrsError | None] = []
    answered = threading.Event()

    def answer(error: DrsError | None) -> None:
        answers.append(error)
        answered.set()

    pilots = about.get("pilots", {})
    said = encode_about(About(about.get("feed", "heat 1"), port, about.get("settings", SETTINGS), pilots))
    hub.on_feed(agent, name, port, about.get("raw", said), answer)
    assert answered.wait(60.0)
    return answers[0]


def fly(hub: LiveHub, agent: bytes = ADA, port: int = 9001, count: int = 100, at_ns: int = 5 * NS_PER_S) -> list[bytes]:
    data = Stream(Flight(1)).next(count)
    hub.on_live(agent, port, [LiveDatagram(SENDER, at_ns + n * 10**7, each) for n, each in enumerate(data)], 3)
    return data


def test_a_feed_becomes_a_port_with_sources_and_a_race_that_ends_with_it(hub, desk, told, tmp_path) -> None:
    assert offer(hub, pilots={"192.168.1.7:5001": "Ada"}) is None
    (race,) = desk.races()
    assert (race.name, race.udp_port) == ("heat 1 (track, live)", 9001)
    sent = fly(hub)
    wait_until(lambda: desk.sources() and desk.sources()[0].samples == 100)
    (source,) = desk.sources()
    assert (source.source_id, source.name, source.port) == ("track/192.168.1.7:5001", "Ada", 9001)
    assert source.rate_hz == pytest.approx(100, rel=0.01)
    (listener,) = desk.listeners()
    assert (listener.origin, listener.missing, listener.kernel_drops, listener.datagrams) == ("track", 3, None, 100)
    wait_until(lambda: desk.race(race.race_id).datagrams == 100)
    hub.on_feed_ended(ADA, 9001)
    wait_until(lambda: desk.race(race.race_id).state is RaceState.SAVED)
    assert desk.listeners() == []
    with LogReader(tmp_path / "telemetry" / "races" / race.race_id / "race.drslog") as reader:
        kept = [each for record in reader.records() if record.arrivals for each in record.arrivals.datagrams]
    assert kept == sent
    assert "track" in told[0]


def test_an_agent_that_comes_back_in_time_goes_on_in_its_race(timers, hub, desk) -> None:
    assert offer(hub) is None
    (race,) = desk.races()
    fly(hub)
    hub.on_gone(ADA)
    assert offer(hub) is None
    fly(hub, at_ns=9 * NS_PER_S)
    wait_until(lambda: desk.race(race.race_id).datagrams == 200)
    (timer,) = timers
    assert timer.is_cancelled
    assert len(desk.races()) == 1
    hub.on_gone(ADA)
    wait_until(lambda: len(timers) == 2)
    timers[1].go_off()
    wait_until(lambda: desk.race(race.race_id).state is RaceState.SAVED)


def test_the_race_of_an_agent_that_falls_silent_ends_and_another_begins_when_it_is_heard_again(hub, desk) -> None:
    assert offer(hub) is None
    (race,) = desk.races()
    fly(hub)
    wait_until(lambda: desk.race(race.race_id).datagrams == 100)
    hub.on_silence(ADA, silent=True)
    wait_until(lambda: desk.race(race.race_id).state is RaceState.SAVED)
    assert desk.listeners() == []
    hub.on_silence(ADA, silent=False)  # in the same session, so it offers nothing anew
    fly(hub, at_ns=9 * NS_PER_S)
    wait_until(lambda: len(desk.races()) == 2)
    again = next(each for each in desk.races() if each.race_id != race.race_id)
    wait_until(lambda: desk.race(again.race_id).datagrams == 100)
    assert again.name == race.name


def test_a_short_silence_ends_nothing(timers, hub, desk) -> None:
    assert offer(hub) is None
    (race,) = desk.races()
    hub.on_silence(ADA, silent=True)
    hub.on_silence(ADA, silent=False)
    fly(hub)
    wait_until(lambda: desk.race(race.race_id).datagrams == 100)
    (timer,) = timers
    assert timer.is_cancelled
    timer.go_off()
    assert offer(hub, GRACE) is None  # its answer comes after that
    assert desk.race(race.race_id).state is RaceState.LIVE


def test_an_agent_that_was_silent_and_is_gone_then_gets_no_race_again(hub, desk) -> None:
    assert offer(hub) is None
    hub.on_silence(ADA, silent=True)
    wait_until(lambda: desk.listeners() == [])
    hub.on_gone(ADA)
    hub.on_silence(ADA, silent=False)
    fly(hub)
    assert offer(hub, GRACE) is None  # its answer comes after all that
    assert len(desk.listeners()) == 1


def test_two_agents_with_one_name_and_one_port_are_told_apart(hub, desk) -> None:
    assert offer(hub) is None
    assert offer(hub, GRACE) is None
    assert [listener.port for listener in desk.listeners()] == [9001, 65_536]
    fly(hub)
    fly(hub, GRACE)
    wait_until(lambda: len(desk.sources()) == 2)
    assert {source.source_id for source in desk.sources()} == {
        "track/192.168.1.7:5001",
        f"track-{GRACE.hex()[:4]}/192.168.1.7:5001",
    }


def test_a_port_that_is_listened_on_here_keeps_its_number(hub, desk) -> None:
    own = desk.listen(0).port
    assert offer(hub, port=own) is None
    assert sorted(listener.port for listener in desk.listeners()) == [own, 65_536]
    assert desk.race(desk.races()[0].race_id).udp_port == 65_536


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b'{"name":1,"port":1,"settings":{},"pilots":{}}',
        b"[" * 5000,
        b"\xff",
        b'{"name":"x","port":70000,"settings":{},"pilots":{}}',
        b'{"name":"x","port":1,"settings":{"decoder":"liftoff","StreamFormat":["Nonsense"]},"pilots":{}}',
    ],
)
def test_what_makes_no_sense_is_refused(hub, desk, raw) -> None:
    error = offer(hub, raw=raw)
    assert error is not None
    assert error.code == "E_CONFIG"
    assert desk.listeners() == []
    fly(hub)  # nobody minds


def test_without_a_desk_it_is_refused(told, tmp_path) -> None:
    hub = LiveHub(lambda: None)
    hub.start(ground(tmp_path, told))
    error = offer(hub)
    assert error is not None
    assert "no telemetry" in error.message
    hub.stop()


def test_a_wrong_clock_of_the_agent_changes_no_interval_and_makes_nobody_stale(hub, desk) -> None:
    assert offer(hub) is None
    before_ns = time.monotonic_ns()
    fly(hub, at_ns=-(10**15), count=300)
    wait_until(lambda: desk.sources() and desk.sources()[0].samples == 300)
    block = desk.samples("track/192.168.1.7:5001", ["PositionX"])
    gaps = {int(gap) for gap in block.time_ns[1:] - block.time_ns[:-1]}
    assert gaps == {10**7}
    assert before_ns <= desk.sources()[0].last_ns <= time.monotonic_ns()  # how old it looks is its true age


def test_what_others_pass_on_does_not_fill_the_disk(hub, desk, told, monkeypatch) -> None:
    monkeypatch.setattr(live_hub, "LOOK_BYTES", 5000)
    assert offer(hub) is None
    (race,) = desk.races()
    fly(hub)
    wait_until(lambda: desk.race(race.race_id).datagrams == 100)
    monkeypatch.setattr(live_hub, "usable_bytes", lambda *_: 0)
    fly(hub, at_ns=9 * NS_PER_S)
    wait_until(lambda: desk.race(race.race_id).state is RaceState.SAVED)
    wait_until(lambda: desk.sources()[0].samples == 200)
    assert "no room" in told[-1]
    assert offer(hub, port=9002) is None
    assert [each.port for each in desk.listeners()] == [9001, 9002]
    assert len(desk.races()) == 1
    assert "not recorded" in told[-1]
