"""Two machines on one network find each other by multicast DNS, and keep a folder the same with no relay there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.net.namespaces import FAR_ADDRESS, Namespaces, namespaces

pytestmark = [pytest.mark.netns, pytest.mark.slow]
LIMIT_S = 60.0


class TwoMachines:
    """An agent in each namespace, and the relay that paired them in `far`."""

    def __init__(self, spaces: Namespaces, folder: Path) -> None:
        self.spaces, self.folder = spaces, folder
        self.where = {"relay": spaces.far, "near": spaces.near, "far": spaces.far}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.log = (folder / "log").open("ab")
        self.start("relay", "relay", "--dir", folder / "in", "--listen", "0.0.0.0:9000")
        for name, host in (("near", FAR_ADDRESS), ("far", "127.0.0.1")):
            token = self.say("relay", "relay", "pair", "--address", f"{host}:9000").split()[0]
            self.say(name, "pair", token, "--name", "factory")
        self.root("near").mkdir()
        self.say("near", "sync", "share", self.root("near"), "--name", "setups", "--to", "factory")
        self.start("near", "agent")
        self.until((folder / "in" / "sync" / "setups").is_dir)
        self.say("far", "sync", "accept", "setups", self.root("far"))
        self.start("far", "agent")

    def command(self, name: str, *words: object) -> list[str]:
        inside = ["ip", "netns", "exec", self.where[name]]
        state = ["--state", str(self.folder / f"{name}-state")]
        return [*inside, sys.executable, "-m", "transfer_core.cli", *map(str, words), *state]

    def say(self, name: str, *words: object) -> str:
        done = subprocess.run(self.command(name, *words), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str, *words: object) -> None:
        self.running[name] = subprocess.Popen(self.command(name, *words), stdout=self.log, stderr=self.log)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def root(self, name: str) -> Path:
        return self.folder / f"{name}-setups"

    def ways(self, name: str) -> list[str]:
        (found,) = json.loads(self.say(name, "sync", "status", "--json"))
        return [peer["way"] for peer in found["peers"] if peer["way"]]

    def until(self, happened: Callable[[], Any]) -> None:
        end = time.monotonic() + LIMIT_S
        while not happened():
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.1)

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)
        self.log.close()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[TwoMachines]:
    with namespaces() as spaces:
        made = TwoMachines(spaces, tmp_path)
        yield made
        made.close()


@pytest.mark.timeout(600)
def test_machines_of_one_network_go_direct_and_need_no_relay(machines: TwoMachines) -> None:
    machines.until(lambda: machines.ways("near") == ["direct"] and machines.ways("far") == ["direct"])
    machines.kill("relay")
    for source, target in (("near", "far"), ("far", "near")):
        content = f"from {source}".encode() * 1000
        (machines.root(source) / f"{source}.log").write_bytes(content)
        there = machines.root(target) / f"{source}.log"
        machines.until(lambda there=there, content=content: there.is_file() and there.read_bytes() == content)
    machines.kill("far")
    machines.start("far", "agent")  # who takes part is kept: it needs no relay to find the other again
    machines.until(lambda: machines.ways("far") == ["direct"])
    machines.say("far", "sync", "direct", "off")
    machines.until(lambda: machines.ways("near") == ["through factory"])
