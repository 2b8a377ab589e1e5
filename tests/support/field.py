"""A relay and an agent as a person runs them: commands in processes of their own, on scratch states, over loopback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.ports import free_port
from transfer_core.cli.__main__ import run

ROOT = Path(__file__).parent.parent.parent
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
COMMAND_S = 180.0
EVENT_S = 120.0


def data_of(size: int, seed: int = 1) -> bytes:
    """Bytes that do not repeat."""
    return np.random.default_rng(seed).bytes(size)


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output."""
        return json.loads(self.out)


class Running:
    """A process that writes one JSON object a line."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self.events: list[dict[str, Any]] = []
        self.err = ""
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_out, self._read_err)]
        for thread in self._threads:
            thread.start()

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        self.err = self.process.stderr.read()

    def wait_for(self, name: str, /, timeout_s: float = EVENT_S, **facts: object) -> dict[str, Any]:
        """The first event of that name with those facts."""
        end = time.monotonic() + timeout_s
        has_ended = False
        while time.monotonic() < end and not has_ended:
            has_ended = not any(thread.is_alive() for thread in self._threads)  # asked first: what it said last counts
            for event in tuple(self.events):
                if event["event"] == name and facts.items() <= event.items():
                    return event
            time.sleep(0.02)
        raise AssertionError(f"no {name} {facts}: {self.events[-5:]} {self.err[-2000:]}")

    def wait(self, timeout_s: float = COMMAND_S) -> int:
        """Its exit code."""
        code = self.process.wait(timeout_s)
        self._finish()
        return code

    def stop(self) -> int:
        """End it as Ctrl+C would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()
        self._finish()

    def _finish(self) -> None:
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Field:
    """A folder with an agent's state `a`, a relay's state `r` and what it receives, `in`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "in"
        self.links = folder / "links.toml"
        self.links.write_text(LINKS)
        self._running: list[Running] = []
        self.listen = f"127.0.0.1:{free_port()}"

    def words(self, *words: object) -> list[str]:
        """A command line."""
        return [sys.executable, "-m", "transfer_core.cli", *map(str, words)]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}

    def say(self, *words: object, state: str = "a") -> Answer:
        """Run a short command within this process, which is ten times as quick."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*map(str, words), "--state", str(self.folder / state)])
        return Answer(code, out.getvalue(), err.getvalue())

    def run(self, *words: object, state: str = "a") -> Answer:
        """Run a command to its end in a process of its own."""
        done = subprocess.run(
            [*self.words(*words), "--state", str(self.folder / state)],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            cwd=ROOT,
            env=self._environment(),
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words: object, state: str = "a", prefix: Sequence[str] = ()) -> Running:
        """Run a command beside this test, perhaps by another one."""
        whole = [*prefix, *self.words(*words), "--state", str(self.folder / state), "--json"]
        running = Running(whole, self._environment())
        self._running.append(running)
        return running

    def start_relay(self, *more: object, state: str = "r", prefix: Sequence[str] = ()) -> Running:
        """A relay that listens; again on the same port if it did before."""
        relay = self.start("relay", "--dir", self.inbox, "--listen", self.listen, *more, state=state, prefix=prefix)
        self.listen = relay.wait_for("ready")["listen"]
        return relay

    def start_agent(self, *more: object) -> Running:
        """An agent over the simulated links."""
        return self.start("agent", "--simulate", self.links, *more)

    def pair(self, address: str | None = None) -> None:
        """Pair the agent with the relay, as `pit`; it may be reached by another address than its own."""
        token = self.say("relay", "pair", "--address", address or self.listen, state="r").out.split()[0]
        answer = self.say("pair", token, "--name", "pit")
        assert answer.code == 0, answer.err

    def upload(self, *paths: object) -> list[dict[str, Any]]:
        """Queue files; the jobs as `upload --json` gives them."""
        answer = self.say("upload", *paths, "--to", "pit", "--json")
        assert answer.code == 0, answer.err
        return list(answer.json["added"])

    def jobs(self) -> list[dict[str, Any]]:
        """As `status --json` gives them."""
        answer = self.say("status", "--json")
        assert answer.code == 0, answer.err
        return list(answer.json)

    def wait_job(self, is_so: Callable[[dict[str, Any]], bool], timeout_s: float = EVENT_S) -> dict[str, Any]:
        """The first job of which that holds."""
        end = time.monotonic() + timeout_s
        jobs: list[dict[str, Any]] = []
        while time.monotonic() < end:
            jobs = self.jobs()
            for job in jobs:
                if is_so(job):
                    return job
            time.sleep(0.1)
        raise AssertionError(f"no job is so: {jobs}")

    def arrived(self) -> dict[str, bytes]:
        """What is whole at the relay, by its path below the agent's folder."""
        files = [path for path in self.inbox.rglob("*") if path.is_file() and path.suffix != ".part"]
        return {"/".join(path.relative_to(self.inbox).parts[1:]): path.read_bytes() for path in files}

    def close(self) -> None:
        """End what still runs."""
        for running in self._running:
            if running.process.poll() is None:
                running.kill()
