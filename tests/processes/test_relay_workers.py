"""`relay --workers`: several real processes on one port, agents over two links each, and processes that are killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.processes.test_pairing import is_error
from tests.support.field import Field, Running, data_of
from transfer_core.engine.identity import FILE_NAME, load_identity
from transfer_core.protocol.place import home_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="processes share a port on Linux only"),
]
WORKERS = 3
BURST_S = 75.0  # until some of a burst has come, on a machine that has much else to do
HUNG_S = 90.0  # half a minute of silence there
BOTH_LINKS = {"wifi", "lte"}


def make_agent(field: Field, state: str, home: int) -> str:
    """An agent that is at home with that process, paired; its token."""
    place = field.folder / state
    while home_of(load_identity(place).public, WORKERS) != home:
        (place / FILE_NAME).unlink()
    token = field.say("relay", "pair", "--address", field.listen, state="r").out.split()[0]
    assert field.say("pair", token, "--name", "pit", state=state).code == 0
    return token


def make_files(field: Field, state: str, sizes: list[int]) -> Path:
    """A folder of that name with such files."""
    folder = field.folder / "cameras" / state
    folder.mkdir(parents=True)
    for number, size in enumerate(sizes):
        (folder / f"frame_{number:04d}.jpg").write_bytes(data_of(size, seed=size + number))
    return folder


def queue(field: Field, state: str, path: Path) -> None:
    answer = field.say("upload", path, "--to", "pit", state=state)
    assert answer.code == 0, answer.err


def agent(field: Field, state: str) -> Running:
    return field.start("agent", "--once", "--simulate", field.links, state=state)


def jobs(field: Field, state: str) -> list[dict[str, Any]]:
    return list(field.say("status", "--json", state=state).json)


def sent(field: Field) -> dict[str, bytes]:
    folder = field.folder / "cameras"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def workers_of(relay: Running, file_ids: set[str]) -> set[int]:
    """The processes that these files came to."""
    return {event["worker"] for event in relay.events if event["event"] == "received" and event["file_id"] in file_ids}


def pids(relay: Running) -> dict[int, int]:
    """Of the processes, as they were started last."""
    return {event["worker"]: event["pid"] for event in relay.events if event["event"] == "worker"}


def until_gone(numbers: set[int]) -> None:
    end = time.monotonic() + BURST_S
    while any(psutil.pid_exists(pid) for pid in numbers):
        assert time.monotonic() < end
        time.sleep(0.05)


def until_some_have_come(relay: Running, running: Running, worker: int, count: int) -> None:
    """So many files of a burst, while the rest is on its way."""
    end = time.monotonic() + BURST_S
    while sum(event["event"] == "received" and event["worker"] == worker for event in tuple(relay.events)) < count:
        assert running.process.poll() is None, running.err
        assert time.monotonic() < end
        time.sleep(0.01)


def test_six_agents_over_two_links_each_are_spread_and_stay_where_they_are(field: Field) -> None:
    relay = field.start_relay("--workers", WORKERS)
    assert sorted(pids(relay)) == [0, 1, 2]
    states = [f"cam{number}" for number in range(6)]
    for number, state in enumerate(states):
        token = make_agent(field, state, number % WORKERS)
        queue(field, state, make_files(field, state, [2_600_000] + [60_000] * 10))
    running = [agent(field, state) for state in states]
    assert [each.wait() for each in running] == [0] * 6, [each.err for each in running]
    assert field.arrived() == sent(field)
    for number, state in enumerate(states):
        done = jobs(field, state)
        assert workers_of(relay, {job["file_id"] for job in done}) == {number % WORKERS}
        assert set().union(*(job["links"] for job in done)) == BOTH_LINKS

    (field.folder / "cameras" / "cam4" / "late.jpg").write_bytes(data_of(70_000, seed=5))
    queue(field, "cam4", field.folder / "cameras" / "cam4" / "late.jpg")
    assert agent(field, "cam4").wait() == 0
    late = relay.wait_for("received", path="late.jpg")
    assert late["worker"] == 4 % WORKERS  # after a restart too

    assert field.say("pair", token, "--name", "pit", state="thief").code == 0
    answer = field.run("send", field.links, "--to", "pit", "--simulate", field.links, state="thief")
    assert is_error(answer, "E_TOKEN_USED")

    every = set(pids(relay).values())
    for pid in (*every, relay.process.pid):
        os.kill(pid, signal.SIGTERM)  # as a service manager ends all processes of a service at once
    assert (relay.wait(), relay.err) == (0, "")
    assert not [event for event in relay.events if event["event"] == "restarts"]
    assert relay.events[-1]["event"] == "stopped"
    until_gone(every)


def test_processes_that_are_killed_in_mid_burst_lose_nothing_and_get_their_agents_back(field: Field) -> None:
    relay = field.start_relay("--workers", WORKERS)
    sizes = {"big": [16_000_000], "burst": [40_000] * 300, "calm": [2_000_000]}
    for home, (state, each) in enumerate(sizes.items()):
        make_agent(field, state, home)
        queue(field, state, make_files(field, state, each))
    before = pids(relay)
    big, burst, calm = (agent(field, state) for state in sizes)
    until_some_have_come(relay, burst, 1, 60)
    os.kill(before[1], signal.SIGKILL)
    big.wait_for("job", status="uploading")
    end = time.monotonic() + BURST_S
    while jobs(field, "big")[0]["bytes_done"] < 6_000_000:
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(before[0], signal.SIGKILL)
    assert [each.wait() for each in (big, burst, calm)] == [0, 0, 0], (big.err, burst.err, calm.err)
    assert field.arrived() == sent(field)
    for home, state in enumerate(sizes):
        assert workers_of(relay, {job["file_id"] for job in jobs(field, state)}) == {home}
    assert {event["worker"]: event["code"] for event in relay.events if event["event"] == "restarts"} == {0: -9, 1: -9}
    assert pids(relay)[2] == before[2]
    carried = sum(jobs(field, "big")[0]["links"].values())
    assert carried < 16_000_000 + 6_000_000  # it went on from the disk, with less than all that came before
    assert relay.stop() == 0


def test_a_process_that_hangs_is_replaced_and_its_agents_go_on_from_the_disk(field: Field) -> None:
    relay = field.start_relay("--workers", 2)
    for home, state in enumerate(("hung", "calm")):
        make_agent(field, state, home)
        queue(field, state, make_files(field, state, [12_000_000] + [40_000] * 40))
    before = pids(relay)
    running = agent(field, "hung")
    end = time.monotonic() + BURST_S
    while max(job["bytes_done"] for job in jobs(field, "hung")) < 3_000_000:
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(before[0], signal.SIGSTOP)
    assert agent(field, "calm").wait(60) == 0  # the other process has noticed nothing
    told = relay.wait_for("hung", worker=0, timeout_s=HUNG_S)
    assert told["pid"] == before[0]
    assert told["silent_s"] >= 30
    assert running.wait() == 0, running.err
    assert field.arrived() == sent(field)
    assert {event["worker"]: event["code"] for event in relay.events if event["event"] == "restarts"} == {0: -9}
    assert pids(relay)[1] == before[1]
    assert not psutil.pid_exists(before[0])
    assert relay.stop() == 0
    assert f"has not answered for {told['silent_s']} s" in relay.err


def test_when_the_parent_is_killed_the_state_is_locked_until_its_processes_have_ended(field: Field) -> None:
    relay = field.start_relay("--workers", 2)
    make_agent(field, "a", 0)
    queue(field, "a", make_files(field, "a", [8_000_000]))
    running = agent(field, "a")
    running.wait_for("job", status="uploading")
    every = pids(relay)
    os.kill(every[1], signal.SIGSTOP)  # so that it does not end by itself
    try:
        relay.process.kill()
        relay.process.wait()
        until_gone({every[0]})
        answer = field.run("relay", "--dir", field.inbox, "--listen", "127.0.0.1:0", state="r")
    finally:
        os.kill(every[1], signal.SIGCONT)
    assert is_error(answer, "E_STATE_LOCKED")
    until_gone({every[1]})
    relay.kill()  # what its processes wrote is read to the end
    field.start_relay()  # of one process
    assert running.wait() == 0, running.err
    assert field.arrived() == sent(field)
