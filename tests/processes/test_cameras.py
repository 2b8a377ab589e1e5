"""Cameras, an agent and a relay as real processes: whatever is killed in a burst, what the cameras finished arrives."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port

CAMERAS, FRAMES, FPS = 3, 60, 15
SMALL_FRAMES = 3000
LIMIT_S = 150.0


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "transfer_core.cli", *map(str, words)]


def run(*words: object) -> str:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Stage:
    """A relay, an agent that watches cameras, and a generator."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cameras = folder, folder / "cameras"
        self.listen = f"127.0.0.1:{free_port()}"
        self.log = (folder / "log").open("ab")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.relay = self.start_relay()
        token = run("relay", "pair", "--address", self.listen, "--state", folder / "r").split()[0]
        run("pair", token, "--name", "pit", "--state", folder / "a")

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command(*words), stdout=self.log, stderr=self.log)
        self.processes.append(process)
        return process

    def start_relay(self) -> subprocess.Popen[bytes]:
        return self.start("relay", "--dir", self.folder / "in", "--listen", self.listen, "--state", self.folder / "r")

    def start_agent(self) -> subprocess.Popen[bytes]:
        return self.start("agent", "--state", self.folder / "a")

    def watch(self, *options: object) -> None:
        names = [f"camera{number:02d}" for number in range(1, CAMERAS + 1)]
        config = {name: {"src": str(self.cameras / name), "dest_path": "race"} for name in names}
        for name in names:
            (self.cameras / name).mkdir(parents=True)
        (self.folder / "camera_config.json").write_text(json.dumps(config))
        words = ("--to", "pit", "--pattern", "*.jpg", *options, "--state", self.folder / "a")
        run("watch", "import", self.folder / "camera_config.json", *words)

    def generate(self) -> subprocess.Popen[bytes]:
        return self.start("sample-frames", "--cameras", CAMERAS, "--count", FRAMES, "--min-mb", 0.05, "--max-mb", 0.2,
                          "--fps", FPS, self.cameras)  # fmt: skip

    def sent(self) -> dict[str, str]:
        return hashes(self.cameras)

    def arrived(self) -> dict[str, str]:
        """In the folder of the race, below the agent's own at the relay."""
        places = (self.folder / "in").glob("*/race")
        return {name: digest for place in places for name, digest in hashes(place).items()}

    def until_arrived(self, wanted: dict[str, str]) -> None:
        end = time.monotonic() + LIMIT_S
        while self.arrived() != wanted:
            if time.monotonic() > end:
                arrived = self.arrived()
                missing = sorted(set(wanted) - set(arrived))[:5]
                more = sorted(set(arrived) - set(wanted))[:5]
                pytest.fail(f"missing {missing}, too many {more}\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.2)

    def until_told(self) -> None:
        """Until the agent knows of all its files that they have arrived."""
        end = time.monotonic() + LIMIT_S
        while open_jobs := [job for job in self.jobs() if job["status"] != "completed"]:
            assert time.monotonic() < end, open_jobs[:3]
            time.sleep(0.2)
        assert [job for job in self.jobs() if job["error"]] == []

    def jobs(self) -> list[dict[str, Any]]:
        return list(json.loads(run("status", "--json", "--state", self.folder / "a")))

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.log.close()


def hashes(place: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in place.rglob("*"):
        if path.is_file() and not path.name.endswith(".part"):
            with contextlib.suppress(FileNotFoundError):  # it has left meanwhile
                found[path.relative_to(place).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


Process = subprocess.Popen[bytes]


def kill_one(stage: Stage, number: int, agent: Process, relay: Process) -> tuple[Process, Process]:
    """Kill one of them, each in turn, and start it again; both as they are then."""
    if number % 2 == 0:
        kill(agent)
        return stage.start_agent(), relay
    kill(relay)
    return agent, stage.start_relay()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(int(os.environ.get("DRS_CAMERA_SEEDS", "1"))))
def test_kill_9_on_both_sides_in_a_burst_loses_no_frame_and_sends_none_half(stage: Stage, seed: int) -> None:
    rng = random.Random(seed)
    stage.watch()
    agent, relay = stage.start_agent(), stage.relay
    generator = stage.generate()
    kills = 0
    while generator.poll() is None or kills < 2:
        time.sleep(rng.uniform(0.3, 1.2))
        agent, relay = kill_one(stage, kills, agent, relay)
        kills += 1
    wanted = stage.sent()
    assert len(wanted) == CAMERAS * FRAMES
    stage.until_arrived(wanted)
    stage.until_told()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_on_both_sides_among_many_small_frames_loses_none_and_brings_none_twice(stage: Stage) -> None:
    rng = random.Random(3)
    stage.watch()
    for number in range(SMALL_FRAMES):
        name = stage.cameras / f"camera{1 + number % CAMERAS:02d}" / f"frame_{number:09d}.jpg"
        name.write_bytes(rng.randbytes(rng.randrange(1, 12_000)))
    wanted = stage.sent()
    agent, relay = stage.start_agent(), stage.relay
    kills = 0
    while kills < 6:
        before = len(stage.arrived())
        end = time.monotonic() + 60.0
        while len(stage.arrived()) < min(before + SMALL_FRAMES // 12, SMALL_FRAMES) and time.monotonic() < end:
            time.sleep(0.02)
        agent, relay = kill_one(stage, kills, agent, relay)
        kills += 1
    stage.until_arrived(wanted)
    stage.until_told()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sources_leave_when_they_have_arrived_also_when_the_agent_is_killed(stage: Stage) -> None:
    stage.watch("--delete-after", "verified")
    generator = stage.generate()
    generator.wait(60)
    wanted = stage.sent()
    assert len(wanted) == CAMERAS * FRAMES
    agent = stage.start_agent()
    for _ in range(2):
        time.sleep(1.2)
        kill(agent)
        agent = stage.start_agent()
    stage.until_arrived(wanted)
    end = time.monotonic() + 60.0
    while stage.sent():
        assert time.monotonic() < end, f"left: {sorted(stage.sent())[:5]}"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_trigger_over_zeromq_brings_the_frames_of_all_cameras_to_the_ball(stage: Stage) -> None:
    zmq = pytest.importorskip("zmq")
    stage.watch("--on-trigger", "--max-files", 10)
    stage.generate().wait(60)
    server = subprocess.Popen(
        command("watch", "serve", "--zmq", "tcp://127.0.0.1:*", "--json", "--state", stage.folder / "a"),
        stdout=subprocess.PIPE, stderr=stage.log,
    )  # fmt: skip
    stage.processes.append(server)
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.setsockopt(zmq.RCVTIMEO, 60_000)
        client.connect(ready["zmq"])
        replies = []
        for message in ("{", '{"frame_id": "frame_camera02_000000045.jpg", "ball_id": "ball_001"}'):
            client.send_string(message)
            replies.append(json.loads(client.recv()))
    assert [reply["status"] for reply in replies] == ["error", "accepted"]
    assert replies[1]["dest_path"] == "race/ball_001/camera02"
    names = [f"camera{camera:02d}/frame_camera{camera:02d}_{number:09d}.jpg" for camera in range(1, CAMERAS + 1)
             for number in range(45, 55)]  # fmt: skip
    sent = stage.sent()
    stage.until_arrived({f"ball_001/{name}": sent[name] for name in names})
    server.stdout.close()
