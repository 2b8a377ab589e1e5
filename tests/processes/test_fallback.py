"""A relay whose UDP is cut off is sent to over its HTTP side by itself, and over UDP again when it is back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.ports import free_port

MB = 1_000_000
LIMIT_S = 150.0


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "transfer_core.cli", *map(str, words)]


def run(*words: object) -> str:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class UdpGate:
    """Passes datagrams between agents and a relay on, until it is shut. A process of its own, as a firewall is."""

    PROGRAM = """
import select, socket, sys
front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); front.bind(("127.0.0.1", int(sys.argv[1])))
behind = ("127.0.0.1", int(sys.argv[2])); ways = {}
while True:
    for ready in select.select([front, *ways.values()], [], [])[0]:
        data, sender = ready.recvfrom(65535)
        if ready is front:
            if sender not in ways:
                ways[sender] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ways[sender].sendto(data, behind)
        else:
            front.sendto(data, next(each for each, way in ways.items() if way is ready))
"""

    def __init__(self, port: int, behind: int) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", self.PROGRAM, str(port), str(behind)])

    def shut(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def open(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def wait_for(question: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + LIMIT_S
    while True:
        found = question()
        if found:
            return found
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_relay_is_sent_to_over_http_while_udp_is_cut_off(tmp_path: Path) -> None:
    port, behind = free_port(), free_port()
    gate = UdpGate(port, behind)
    state, log = tmp_path / "a", (tmp_path / "relay.log").open("w+b")
    words = command("relay", "--dir", tmp_path / "in", "--listen", f"127.0.0.1:{behind}", "--json")
    relay = subprocess.Popen([*words, "--http", "127.0.0.1:0", "--tls", "--state", str(tmp_path / "r")], stdout=log)
    agent: subprocess.Popen[bytes] | None = None

    def ready() -> Any:
        lines = (tmp_path / "relay.log").read_text().splitlines()
        return json.loads(lines[0]) if lines else None

    def queue(name: str) -> Callable[[], Any]:
        source = tmp_path / name
        source.write_bytes(np.random.default_rng(len(name)).bytes(3 * MB))
        run("upload", source, "--to", "pit", "--state", state)

        def arrived() -> Any:
            jobs = json.loads(run("status", "--json", "--state", state))
            return next((job for job in jobs if job["path"] == str(source) and job["status"] == "completed"), None)

        return arrived

    try:
        assert wait_for(ready, "the ready line")["http"].startswith("https://")
        token = run("relay", "pair", "--address", f"127.0.0.1:{port}", "--state", tmp_path / "r").split()[0]
        run("pair", token, "--name", "pit", "--state", state)
        agent = subprocess.Popen(command("agent", "--links", "lo", "--state", state), stdout=subprocess.DEVNULL)
        first = wait_for(queue("first.bin"), "the first file, over UDP")
        gate.shut()
        second = wait_for(queue("second.bin"), "the second file, over HTTP")
        gate.open()
        assert run("receipt", second["file_id"], "--state", state).rstrip().endswith("The signature fits.")
        third = wait_for(queue("third.bin"), "the third file, over UDP or HTTP")
        for job in (first, second, third):
            (arrived,) = (tmp_path / "in").rglob(Path(job["path"]).name)
            assert arrived.read_bytes() == Path(job["path"]).read_bytes()
        failed = subprocess.run(
            command("receipt", first["file_id"], "--state", state), capture_output=True, check=False
        )
        assert failed.returncode == 1  # what came over UDP has none
        wait_for(lambda: over_udp_again(queue, tmp_path, state), "a file over UDP again")
    finally:
        for process in (agent, relay):
            if process is not None:
                process.kill()
                process.wait()
        gate.close()
        log.close()


def over_udp_again(queue: Callable[[str], Callable[[], Any]], folder: Path, state: Path) -> bool:
    name = f"again-{len(list(folder.iterdir()))}.bin"
    return not came_over_http(wait_for(queue(name), name), state)


def came_over_http(job: Any, state: Path) -> bool:
    """Relays sign what they got over HTTP alone."""
    asked = subprocess.run(command("receipt", job["file_id"], "--state", state), capture_output=True, check=False)
    return asked.returncode == 0
