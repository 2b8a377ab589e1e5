"""Agents and upload servers as real processes: the four tests of the system that this replaces, and kills at random.

DRS_KILLS says how often the agent and the server are killed, with each protocol; without it only some of that is done.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.ports import free_port

MB = 1_000_000
CHUNK = 5_300_000  # a chunk or a part with what is around it
LIMIT_S = 100.0
KILLS = int(os.environ.get("DRS_KILLS", "2"))
CASES = [(kind, victim) for kind in ("chunked", "tus", "relay-http", "s3") for victim in ("agent", "server")]
SOME_CASES = [("chunked", "server"), ("relay-http", "agent"), ("s3", "agent")]
KEY, SECRET = "AKIDEXAMPLE", "a-secret-for-tests-only"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 20 * KILLS)]


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "transfer_core.cli", *map(str, words)]


def run(*words: object, **environment: str) -> str:
    done = subprocess.run(
        command(*words), capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for(question: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    end = time.monotonic() + limit_s
    while True:
        found = question()
        if found:
            return found
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.1)


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except OSError:
        return False
    return True


class Stage:
    """A server behind a proxy that counts, an agent, and a queue on scratch states."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.state, self.store = folder / "a", folder / "server"
        self.proxy = FaultProxy(0)
        self.proxy.start()
        self.log = (folder / "log").open("ab")
        self.port = free_port()
        self.proxy.behind = self.port
        self.server = self.start_server()
        self.agent: subprocess.Popen[bytes] | None = None

    # --- the server

    def start_server(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "NANIO_ACCESS_KEY": KEY, "NANIO_SECRET_KEY": SECRET}
        server = subprocess.Popen(self._server_command(), env=environment, stdout=self.log, stderr=self.log)
        wait_for(lambda: answers(self.port), "the server")
        return server

    def _server_command(self) -> list[str]:
        if self.kind == "chunked":
            return [sys.executable, "-m", "tests.support.chunk_server", str(self.store), str(self.port)]
        if self.kind == "s3":
            (self.store / "race").mkdir(parents=True, exist_ok=True)
            where = ["--data-dir", str(self.store), "--host", "127.0.0.1", "--port", str(self.port)]
            return [sys.executable, "-m", "nanio", "serve", *where]
        where = ["--http", f"127.0.0.1:{self.port}", "--state", str(self.folder / "r")]
        return command("relay", "--dir", self.store, "--listen", "127.0.0.1:0", *where)

    def add_destination(self) -> None:
        url = {"s3": "s3://race", "tus": f"{self.proxy.url}/files"}.get(self.kind, self.proxy.url)
        options = ["--endpoint", self.proxy.url, "--key-id", KEY] if self.kind == "s3" else []
        token = SECRET if self.kind == "s3" else ""
        run(
            "destination", "add", "box", url, "--kind", self.kind, *options, "--state", self.state, DRS_SYNC_TOKEN=token
        )

    # --- the agent

    def start_agent(self, *, once: bool = True) -> None:
        words = command("agent", "--links", "lo", "--state", self.state, *(["--once"] if once else []))
        self.agent = subprocess.Popen(words, stdout=self.log, stderr=self.log)

    def stop_agent(self) -> None:
        assert self.agent is not None
        self.agent.terminate()
        self.agent.wait(60.0)

    def file(self, name: str, size: int) -> Path:
        path = self.folder / name
        path.write_bytes(np.random.default_rng(size + len(name)).bytes(size))
        return path

    def upload(self, path: Path, priority: int = 5) -> None:
        run("upload", path, "--to", "box", "--priority", priority, "--state", self.state)

    def jobs(self) -> list[dict[str, Any]]:
        return list(json.loads(run("status", "--json", "--state", self.state)))

    def arrived(self, name: str) -> Path:
        (path,) = (each for each in self.store.rglob("*") if each.is_file() and name in (each.name, each.parent.name))
        return path

    def told(self) -> str:
        return (self.folder / "log").read_text()[-3000:]

    def close(self) -> None:
        for process in (self.agent, self.server):
            if process is not None:
                process.kill()
                process.wait()
        self.proxy.stop()
        self.log.close()


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    kind = getattr(request, "param", "chunked")
    if kind == "s3":
        pytest.importorskip("boto3", reason="boto3 is not installed: uploads to buckets are NOT tested")
        pytest.importorskip("nanio", reason="nanio is not installed: uploads to buckets are NOT tested")
    made = Stage(tmp_path, kind)
    try:
        made.add_destination()
        yield made
    finally:
        made.close()


def test_1_a_recording_arrives(stage: Stage) -> None:
    source = stage.file("bag.mcap", 12 * MB)
    stage.upload(source)
    stage.start_agent()
    assert stage.agent is not None
    assert stage.agent.wait(LIMIT_S) == 0, stage.told()
    assert stage.arrived("bag.mcap").read_bytes() == source.read_bytes()


def test_2_an_upload_goes_on_where_it_was_when_its_server_was_killed(stage: Stage) -> None:
    source = stage.file("bag.mcap", 24 * MB)
    run("limit", "rate", "24mbit", "--state", stage.state)  # eight seconds
    stage.upload(source)
    stage.start_agent()
    assert stage.agent is not None
    wait_for(lambda: stage.proxy.piece_bytes_received >= 10 * MB, "the second chunk")
    stage.server.kill()
    stage.server.wait()
    (job,) = stage.jobs()
    assert 5 * MB <= job["bytes_done"] < 24 * MB
    run("limit", "rate", "none", "--state", stage.state)
    stage.server = stage.start_server()
    assert stage.agent.wait(LIMIT_S) == 0, stage.told()
    assert stage.arrived("bag.mcap").read_bytes() == source.read_bytes()
    assert stage.proxy.body_bytes_read < 24 * MB + 2 * CHUNK  # what was on its way, to the proxy and to the server


def test_3_what_is_queued_is_there_after_the_agent_was_started_again(stage: Stage) -> None:
    sources = [stage.file(f"bag{number}.mcap", 12 * MB) for number in range(3)]
    run("limit", "rate", "24mbit", "--state", stage.state)  # twelve seconds for all
    for source in sources:
        stage.upload(source)
    stage.start_agent(once=False)
    wait_for(lambda: stage.proxy.piece_bytes_received >= 5 * MB, "the first chunk")
    stage.stop_agent()
    assert {job["status"] for job in stage.jobs()} == {"pending"}
    run("limit", "rate", "none", "--state", stage.state)
    stage.start_agent()
    assert stage.agent is not None
    assert stage.agent.wait(LIMIT_S) == 0, stage.told()
    for source in sources:
        assert stage.arrived(source.name).read_bytes() == source.read_bytes()


def test_4_the_first_priority_goes_first(stage: Stage) -> None:
    run("limit", "concurrent", 1, "--state", stage.state)
    for priority in (8, 3, 1):
        stage.upload(stage.file(f"p{priority}.bin", 1000), priority)
    stage.start_agent()
    assert stage.agent is not None
    assert stage.agent.wait(LIMIT_S) == 0, stage.told()
    ended = [Path(job["path"]).name for job in json.loads(run("history", "--json", "--state", stage.state))]
    assert ended[::-1] == ["p1.bin", "p3.bin", "p8.bin"]


@pytest.mark.parametrize(("stage", "victim"), CASES if "DRS_KILLS" in os.environ else SOME_CASES, indirect=["stage"])
def test_kills_at_random_moments_lose_nothing_and_cost_a_chunk_each(stage: Stage, victim: str) -> None:
    rng = random.Random(f"{victim} {stage.kind}")
    size = (12 + 8 * KILLS) * MB
    source = stage.file("lap.bin", size)
    run("limit", "rate", "72mbit", "--state", stage.state)
    stage.proxy.answer_delay_s = 0.2  # the next chunk is on its way before the last is answered
    stage.upload(source)
    stage.start_agent()
    killed = 0
    end = time.monotonic() + LIMIT_S + 15 * KILLS
    while time.monotonic() < end:
        assert stage.agent is not None
        try:
            stage.agent.wait(rng.uniform(0.9, 2.0) if killed < KILLS else 0.3)
            break
        except subprocess.TimeoutExpired:
            pass
        if killed < KILLS:
            killed += 1
            process = stage.agent if victim == "agent" else stage.server
            process.kill()
            process.wait()
            if victim == "agent":
                stage.start_agent()
            else:
                stage.server = stage.start_server()
    (job,) = stage.jobs()
    assert job["status"] == "completed", f"{job}\n{stage.told()}"
    assert killed > 0
    assert stage.arrived("lap.bin").read_bytes() == source.read_bytes()
    again = stage.proxy.body_bytes_read - size
    sys.stdout.write(
        f"{stage.kind}: {killed} kills of the {victim}: {again / 1e6:.1f} of {size / 1e6:.0f} MB were sent again, "
        f"{again / killed / 1e6:.2f} MB for each\n"
    )
    # once, what the proxy has whole when the agent dies may get to the server after the next agent has asked for it
    assert stage.proxy.body_bytes_read < size + MB + (killed + 1) * CHUNK
