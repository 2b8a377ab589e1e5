"""Agent and relay as real processes, killed with SIGKILL at random moments: the file arrives equal all the same."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LINKS = """
[[link]]
name = "wifi"
rate_mbps = 60
delay_ms = 5
[[link]]
name = "lte"
rate_mbps = 20
delay_ms = 15
loss = 0.01
"""
SIZE = 20_000_000
KILLS = 3
LIMIT_S = 90.0


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "transfer_core.cli", *map(str, words)]


def run(*words: object) -> str:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Stage:
    """One relay and one agent on scratch states."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.listen = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "links.toml").write_text(LINKS)
        self.source = folder / "lap.bin"
        self.source.write_bytes(np.random.default_rng(1).bytes(SIZE))
        self.log = (folder / "log").open("ab")
        self.relay = self.start_relay()
        token = run("relay", "pair", "--address", self.listen, "--state", folder / "r").split()[0]
        run("pair", token, "--name", "pit", "--state", folder / "a")
        run("upload", self.source, "--to", "pit", "--state", folder / "a")
        self.agent = self.start_agent()

    def start_relay(self) -> subprocess.Popen[bytes]:
        words = command("relay", "--dir", self.folder / "in", "--listen", self.listen, "--state", self.folder / "r")
        return subprocess.Popen(words, stdout=self.log, stderr=self.log)

    def start_agent(self) -> subprocess.Popen[bytes]:
        words = command("agent", "--once", "--simulate", self.folder / "links.toml", "--state", self.folder / "a")
        return subprocess.Popen(words, stdout=self.log, stderr=self.log)

    def status(self) -> dict[str, Any]:
        (job,) = json.loads(run("status", "--json", "--state", self.folder / "a"))
        return dict(job)

    def close(self) -> None:
        for process in (self.agent, self.relay):
            process.kill()
            process.wait()
        self.log.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", ["agent", "relay"])
def test_a_killed_process_loses_nothing(tmp_path: Path, victim: str) -> None:
    rng = random.Random(victim)
    stage = Stage(tmp_path)
    killed = 0
    end = time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < end:
            wait_s = rng.uniform(0.8, 1.6) if killed < KILLS else 0.3
            try:
                stage.agent.wait(wait_s)
                break
            except subprocess.TimeoutExpired:
                pass
            if killed < KILLS:
                process = stage.agent if victim == "agent" else stage.relay
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
                if victim == "agent":
                    stage.agent = stage.start_agent()
                else:
                    stage.relay = stage.start_relay()
        job = stage.status()
        assert job["status"] == "completed", f"{job}\n{(tmp_path / 'log').read_text()[-2000:]}"
        assert killed > 0
        (arrived,) = (tmp_path / "in").rglob("lap*.bin")
        assert arrived.read_bytes() == stage.source.read_bytes()
        assert sum(job["links"].values()) < SIZE + killed * 20_000_000  # two seconds of both links for each kill
    finally:
        stage.close()
