"""The console with its engine in a process of its own, as people run it: each of the two killed, and ended in order."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.application import Console
from tests.support.field import Field, data_of
from tests.support.ports import free_port
from tests.support.telemetry_world import pilots, wait_until
from transfer_core.engine.apart.remote import remote_service
from transfer_core.engine.state_lock import StateLock
from transfer_core.errors import StateLocked
from transfer_core.events import JobState, RelayView
from transfer_core.events.telemetry import RaceState

SIZE = 32_000_000
WAIT_MS = 60_000


def engine_of(state: Path) -> psutil.Process | None:
    """The process that works on a state, by the note in its lock; None if none does."""
    try:
        pid = json.loads((state / "agent.lock").read_bytes()[1:])["pid"]
        return psutil.Process(pid)
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return None


@pytest.fixture
def state(field: Field) -> Path:
    return field.folder / "a"


@pytest.fixture
def paired(field: Field) -> None:
    field.start_relay()
    field.pair()


@pytest.fixture
def console(qtbot: QtBot, field: Field, state: Path) -> Iterator[Console]:
    made = Console(partial(remote_service, state, field.links))
    qtbot.addWidget(made.window)
    made.window.show()
    with qtbot.waitSignal(made.service.started, timeout=WAIT_MS):
        made.start()
    qtbot.waitUntil(lambda: bool(made.state.links), timeout=WAIT_MS)
    yield made
    made.window.close()
    assert made.stop()
    assert engine_of(state) is None
    for page in made.window.pages:
        page.on_hidden()


def test_a_file_arrives_though_its_engine_is_killed_on_the_way(
    paired: None, console: Console, field: Field, state: Path, qtbot: QtBot, expect_log: Any
) -> None:
    expect_log(r"the engine's process is gone: it was ended by signal 9 \(SIGKILL\)")
    source = field.folder / "stint.bin"
    source.write_bytes(data_of(SIZE))
    console.service.call("add_paths", [str(source)], destination="pit", on_result=lambda _: None)

    def job_is(holds: Callable[[Any], bool]) -> Callable[[], bool]:
        return lambda: any(holds(job) for job in console.state.jobs)

    qtbot.waitUntil(job_is(lambda job: job.bytes_done > SIZE / 10), timeout=WAIT_MS)
    first = engine_of(state)
    assert first is not None
    assert first.pid != os.getpid()
    assert not job_is(lambda job: job.status is JobState.COMPLETED)()
    first.kill()
    # a window that comes to it late sees both at once, and the last is what stays
    qtbot.waitUntil(lambda: "started again" in console.window.banner.text.text(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "was started again" in console.window.banner.text.text(), timeout=WAIT_MS)
    second = engine_of(state)
    assert second is not None
    assert second.pid != first.pid
    assert len(console.state.jobs) == 1
    qtbot.waitUntil(job_is(lambda job: job.status is JobState.COMPLETED), timeout=WAIT_MS)
    assert field.arrived()["stint.bin"] == source.read_bytes()


def test_a_link_that_was_killed_stays_killed_with_another_engine(
    console: Console, state: Path, qtbot: QtBot, expect_log: Any
) -> None:
    expect_log("the engine's process is gone")
    console.service.call("kill_link", "lte")
    qtbot.waitUntil(lambda: "killed" in str(console.state.link("lte")), timeout=WAIT_MS)
    engine = engine_of(state)
    assert engine is not None
    engine.kill()
    qtbot.waitUntil(lambda: "was started again" in console.window.banner.text.text(), timeout=WAIT_MS)
    came: dict[str, str] = {}

    def is_killed() -> bool:
        console.service.call("links", on_result=lambda links: came.update({link.name: link.state for link in links}))
        return came.get("lte") == "killed"

    qtbot.waitUntil(is_killed, timeout=WAIT_MS)
    assert came["wifi"] != "killed"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_the_engine_ends_with_its_console_and_leaves_the_state_free(
    field: Field, qtbot: QtBot, number: signal.Signals
) -> None:
    state = field.folder / "a"
    console = field.start("console")
    qtbot.waitUntil(lambda: engine_of(state) is not None, timeout=WAIT_MS)
    engine = engine_of(state)
    assert engine is not None
    assert engine.ppid() == console.process.pid
    console.process.send_signal(number)
    assert console.wait() == (-number if number is signal.SIGKILL else 0)
    engine.wait(60.0)
    lock = StateLock(state, "agent")
    lock.acquire("now")
    lock.release()
    assert "Traceback" not in console.err


def test_a_console_ends_soon_though_its_engine_stands_still(field: Field, qtbot: QtBot) -> None:
    state = field.folder / "a"
    console = field.start("console")
    lock = StateLock(state, "agent")
    qtbot.waitUntil(lock.is_held, timeout=WAIT_MS)
    engine = engine_of(state)
    assert engine is not None
    engine.suspend()
    console.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert console.wait() == 0
    assert time.monotonic() - began < 20.0  # 3 s on an idle machine; all waits together would be 27 s
    engine.wait(60.0)
    lock.acquire("now")
    lock.release()


def test_an_engine_that_stands_still_is_told_of_until_it_goes_on(
    console: Console, state: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.engine.apart.subscription.SILENT_S", 1.0)
    engine = engine_of(state)
    assert engine is not None
    engine.suspend()
    try:
        qtbot.waitUntil(lambda: "does not answer" in console.window.banner.text.text(), timeout=WAIT_MS)
    finally:
        engine.resume()
    qtbot.waitUntil(lambda: not console.window.banner.isVisible(), timeout=WAIT_MS)


def test_a_race_and_a_relay_go_on_in_the_next_engine(tmp_path: Path, expect_log: Any) -> None:
    expect_log("the engine's process is gone")
    service = remote_service(tmp_path)
    try:
        service.start()
        race = service.telemetry.create_race("heat", free_port(), owner="pit wall")
        relay = service.start_relay(str(tmp_path / "in"), f"127.0.0.1:{free_port()}")
        engine = engine_of(tmp_path)
        assert engine is not None
        engine.kill()
        engine.wait(60.0)
        cut_off, goes_on = sorted(service.telemetry.races(), key=lambda each: each.race_id != race.race_id)
        assert service.relay().listen == relay.listen
    finally:
        service.stop()
    assert (cut_off.state, goes_on.state) == (RaceState.ENDED, RaceState.WAITING)
    assert (goes_on.name, goes_on.udp_port, goes_on.owner) == ("heat", race.udp_port, "pit wall")


def test_a_pilot_stays_in_the_race_and_a_replay_where_it_was_in_the_next_engine(
    tmp_path: Path, expect_log: Any
) -> None:
    expect_log("the engine's process is gone")
    service = remote_service(tmp_path)
    try:
        service.start()
        telemetry = service.telemetry
        over = telemetry.create_race("over", 0)
        with pilots(over.udp_port) as (pilot,):
            pilot.fly(300)
            wait_until(lambda: telemetry.race(over.race_id).datagrams == 300)
        telemetry.save_race(over.race_id)
        replay = telemetry.open_replay(over.race_id)
        telemetry.set_speed(replay.replay_id, 0.5)
        replay = telemetry.seek(replay.replay_id, replay.duration_ns // 2)
        race = telemetry.create_race("heat", free_port())
        telemetry.join_race(race.race_id, "Ada", source_id="127.0.0.1:5001")
        engine = engine_of(tmp_path)
        assert engine is not None
        engine.kill()
        engine.wait(60.0)
        goes_on = next(each for each in telemetry.races() if each.state is RaceState.WAITING)
        assert goes_on.race_id != race.race_id
        assert [(each.name, each.source_id) for each in goes_on.members] == [("Ada", "127.0.0.1:5001")]
        assert telemetry.replays() == [replay]
        assert telemetry.sources(replay.replay_id)[0].samples
    finally:
        service.stop()


def test_what_every_reading_verb_gives_can_cross_and_a_second_engine_is_refused(tmp_path: Path) -> None:
    asked = (
        *(
            "jobs",
            "links",
            "link_marks",
            "destinations",
            "relay",
            "incoming",
            "engine",
            "notices",
            "settings",
            "history",
        ),
        *("sync.status", "sync.history", "sync.savings", "sync.conflicts", "watches.views", "watches.is_through"),
        *("telemetry.listeners", "telemetry.sources", "telemetry.races", "telemetry.replays"),
        *("uploads.limits", "uploads.webhooks"),
    )
    service = remote_service(tmp_path)
    try:
        service.start()
        answers = {verb: attrgetter(verb)(service)() for verb in asked}
        assert service.link_samples(0) is not None
        layout = service.telemetry.layout('{"EndPoint": "127.0.0.1:9001", "StreamFormat": ["Timestamp", "Position"]}')
        assert service.telemetry.listen(0, settings=layout).layout == ("Timestamp", "Position")
        service.change_settings(answers["settings"])
        other = remote_service(tmp_path)
        try:
            with pytest.raises(StateLocked, match="another agent works in"):
                other.start()
            assert other.jobs() == []
        finally:
            other.stop()
        assert engine_of(tmp_path) is not None
    finally:
        service.stop()
    assert answers["relay"] == RelayView(running=False)
    assert answers["jobs"] == []
