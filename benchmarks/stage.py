"""One relay and one agent as two processes of the product's own commands, on scratch states, and what they say."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.page import ROOT
from benchmarks.processes import Trace, WriteWatch, cpu_seconds, peak_memory_bytes
from transfer_core.engine.settings_verbs import SETTINGS_KEY
from transfer_core.engine.side_rooms import SYNC_FOLDER
from transfer_core.engine.system import SystemClock
from transfer_core.jobs.store import JobStore
from transfer_core.sync.verbs import FolderVerbs

READY_S = 30.0
ONLINE_S = 120.0  # at 70 % loss each way, one hello in eleven is answered
BLOCK_BYTES = 1 << 22


def write_random(path: Path, size: int, *, seed: int = 1) -> Path:
    """A file that can't be compressed and is the same each time."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        for at in range(0, size, BLOCK_BYTES):
            file.write(rng.bytes(min(BLOCK_BYTES, size - at)))
    return path


def write_sparse(path: Path, size: int, *, head_bytes: int = 1 << 20) -> Path:
    """A file of that size with data at its start only."""
    write_random(path, min(head_bytes, size))
    os.truncate(path, size)
    return path


def monotonic_of(text: str) -> float:
    """A moment in ISO 8601, as seconds of `time.monotonic`."""
    return datetime.fromisoformat(text).timestamp() + time.monotonic() - time.time()


@dataclass(frozen=True, slots=True)
class Said:
    """One line of `--json`, and when it was read."""

    at_s: float
    event: str
    fields: dict[str, Any]


class Speaker:
    """A command of the product with `--json`, and what it has said so far."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        environment = {**_environment(), "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                list(words), stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, env=environment
            )
        self.log = log
        self.marks: list[Said] = []  # what happened to links
        self._lines: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()  # each with when it was read
        threading.Thread(target=self._read, name="speaker", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process itself: `ip netns exec` becomes what it runs."""
        return self.process.pid

    def wait_for(self, wanted: Callable[[Said], bool], limit_s: float) -> Said:
        """The next line that is wanted; those before it are dropped. RuntimeError if it does not come."""
        end = time.monotonic() + limit_s
        while (left_s := end - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left_s)
            except queue.Empty:
                break
            if line is None:
                raise RuntimeError(f"it ended: {self.log.read_text(encoding='utf-8')[-1500:]}")
            if wanted(said := _said(*line)):
                return said
        raise TimeoutError(f"nothing like it was said in {limit_s:.0f} s")

    def stop(self) -> None:
        """End it, by force if it takes long."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # taken apart once somebody asks: that costs more than some of what it says
            read_s = time.monotonic()
            if '"link_mark"' in line and (said := _said(read_s, line)).event == "link_mark":
                self.marks.append(said)
            self._lines.put((read_s, line))
        self._lines.put(None)


def _said(read_s: float, line: str) -> Said:
    fields = json.loads(line)
    return Said(read_s, str(fields.pop("event")), fields)


@dataclass(slots=True)
class Transfer:
    """What one transfer took. Seconds of `time.monotonic`."""

    size: int
    queued_s: float  # when `upload` had written the rows
    done_s: float  # when the last file was verified and renamed; when it was given up, if `whole` is False
    trace: Trace
    agent_cpu_s: float
    relay_cpu_s: float
    whole: bool = True
    jobs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def first_byte_s(self) -> float | None:
        """Seconds from the queue to the first chunk that the relay wrote."""
        first = self.trace.first_s()
        return None if first is None else first - self.queued_s

    @property
    def whole_bps(self) -> float:
        """File bits per second, from the queue to the last file in its place."""
        return self.size * 8 / (self.done_s - self.queued_s)

    @property
    def moving_bps(self) -> float:
        """File bits per second between a tenth and nine tenths of the bytes."""
        total = int(self.trace.totals[-1] - self.trace.totals[0])
        first, last = self.trace.first_s(total // 10), self.trace.first_s(total * 9 // 10)
        return self.trace.rate_bps(first, last) if first is not None and last is not None and last > first else 0.0

    @property
    def link_bytes(self) -> dict[str, int]:
        """Bytes that each link carried."""
        carried: dict[str, int] = {}
        for job in self.jobs:
            for link, count in job["links"].items():
                carried[link] = carried.get(link, 0) + count
        return carried


@dataclass(frozen=True, slots=True)
class Setting:
    """Where relay and agent run, and how. `agent_prefix` and `relay_prefix` are commands to run theirs within."""

    folder: Path
    received: Path
    listen: str = "127.0.0.1:0"
    address: str | None = None  # where the agent reaches the relay, if not where it listens
    simulation: str | None = None
    agent_words: Sequence[str] = ()
    packet_bytes_max: int | None = None  # IP packets larger than this are not tried
    agent_prefix: Sequence[str] = ()
    relay_prefix: Sequence[str] = ()


class Stage:
    """A relay that listens and an agent that is paired with it and online."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        folder = setting.folder
        folder.mkdir(parents=True, exist_ok=True)
        setting.received.mkdir(parents=True, exist_ok=True)
        relay_words = ("relay", "--dir", str(setting.received), "--listen", setting.listen, "--json")
        self.relay = Speaker(
            [*setting.relay_prefix, *_command(*relay_words, "--state", str(folder / "relay"))], folder / "relay.log"
        )
        try:
            self._pair()
            self._set_packet_bytes()
            self.agent = self.start_agent()
        except BaseException:
            self.relay.stop()
            raise

    def _pair(self) -> None:
        folder = self.setting.folder
        ready = self.relay.wait_for(lambda said: said.event == "ready", READY_S)
        address = self.setting.address or str(ready.fields["listen"])
        token = self._run("relay", "pair", "--address", address, "--state", str(folder / "relay")).split()[0]
        self._run("pair", token, "--name", "pit", "--state", str(folder / "agent"))

    def _set_packet_bytes(self) -> None:
        if self.setting.packet_bytes_max is not None:
            store = JobStore(self.setting.folder / "agent", SystemClock())
            store.set_setting(SETTINGS_KEY, {"packet_bytes_max": self.setting.packet_bytes_max})
            store.close()

    def _agent_command(self) -> list[str]:
        setting = self.setting
        words = ["agent", "--json", *setting.agent_words, "--state", str(setting.folder / "agent")]
        if setting.simulation is not None:
            script = setting.folder / "links.toml"
            script.write_text(setting.simulation, encoding="utf-8")
            words += ["--simulate", str(script)]
        return [*setting.agent_prefix, *_command(*words)]

    def start_agent(self) -> Speaker:
        """Start an agent on the same state; when this returns it is online."""
        agent = Speaker(self._agent_command(), self.setting.folder / "agent.log")
        try:
            agent.wait_for(lambda said: said.event == "destination" and said.fields.get("online") is True, ONLINE_S)
        except BaseException:
            agent.stop()
            raise
        return agent

    def kill_agent(self) -> float:
        """End the agent with SIGKILL; when, in seconds of `time.monotonic`."""
        self.agent.process.kill()
        at_s = time.monotonic()
        self.agent.process.wait()
        return at_s

    def start_agent_again(self) -> float:
        """Start one on the same state, and wait for nothing; when."""
        at_s = time.monotonic()
        self.agent = Speaker(self._agent_command(), self.setting.folder / "agent.log")
        return at_s

    def queue_file(self, source: Path) -> None:
        """Put a file into the queue, and wait for nothing."""
        self._run("upload", str(source), "--to", "pit", "--json", "--state", str(self.setting.folder / "agent"))

    def link(self, verb: str, name: str) -> None:
        """`kill` or `restore` a link of the running agent."""
        self._run("link", verb, name, "--state", str(self.setting.folder / "agent"))

    def mark_s(self, what: str, link: str) -> float:
        """When a link was last killed or restored, in seconds of `time.monotonic`."""
        found = [said for said in self.agent.marks if (said.fields["what"], said.fields["link"]) == (what, link)]
        if not found:
            raise RuntimeError(f"{link} was not marked {what}")
        return monotonic_of(str(found[-1].fields["at"]))

    def send(self, source: Path, files: int = 1, *, limit_s: float) -> Transfer:
        """Queue a file or a folder, and wait until all of it is there or the time is over."""
        watch = WriteWatch(self.relay.pid)
        agent_cpu_s, relay_cpu_s = cpu_seconds(self.agent.pid), cpu_seconds(self.relay.pid)
        text = self._run("upload", str(source), "--to", "pit", "--json", "--state", str(self.setting.folder / "agent"))
        added = json.loads(text)["added"]
        if len(added) != files:
            raise RuntimeError(f"{len(added)} files were queued instead of {files}")
        queued_s = max(monotonic_of(job["created_at"]) for job in added)
        jobs, whole = self._wait_for_jobs({job["file_id"] for job in added}, limit_s)
        done_s = max(self._placed_s(jobs), queued_s + 1e-3) if whole else time.monotonic()
        return Transfer(
            size=sum(job["size"] for job in added),
            queued_s=queued_s,
            done_s=done_s,
            trace=watch.stop(),
            agent_cpu_s=cpu_seconds(self.agent.pid) - agent_cpu_s,
            relay_cpu_s=cpu_seconds(self.relay.pid) - relay_cpu_s,
            whole=whole,
            jobs=jobs,
        )

    def share(self, folder: Path, name: str) -> Path:
        """Share a folder through the relay; where the relay's copy will be. The agent begins within a quarter of a
        second."""
        verbs = FolderVerbs(self.setting.folder / "agent" / SYNC_FOLDER, SystemClock(), lambda: ["pit"], lambda: True)
        try:
            verbs.share(str(folder), name, "pit")
        finally:
            verbs.close()
        return self.setting.received / "sync" / name

    def memory_bytes(self) -> tuple[int, int]:
        """The most that agent and relay had resident since they began."""
        return peak_memory_bytes(self.agent.pid), peak_memory_bytes(self.relay.pid)

    def close(self) -> None:
        """End both."""
        self.agent.stop()
        self.relay.stop()

    def _wait_for_jobs(self, file_ids: set[str], limit_s: float) -> tuple[list[dict[str, Any]], bool]:
        """The jobs as they ended, and whether all were completed in time."""
        ended: dict[str, dict[str, Any]] = {}
        end = time.monotonic() + limit_s
        while len(ended) < len(file_ids):
            try:
                said = self.agent.wait_for(lambda said: said.event == "job", max(end - time.monotonic(), 0.001))
            except TimeoutError:
                break
            job = said.fields
            if job["file_id"] in file_ids and job["status"] in ("completed", "failed", "cancelled"):
                if job["status"] != "completed":
                    raise RuntimeError(f"{job['path']}: {job['error']} {job['reason']}")
                ended[job["file_id"]] = job
        return list(ended.values()), len(ended) == len(file_ids)

    def _placed_s(self, jobs: Sequence[dict[str, Any]]) -> float:
        """When the last file got its name at the relay: the time of change that the rename left on its inode."""
        names = {Path(job["stored_as"]).name for job in jobs}
        changed = [path.stat().st_ctime for path in self.setting.received.rglob("*") if path.name in names]
        if len(changed) < len(names):
            raise RuntimeError(f"{len(names) - len(changed)} files are not where the relay said")
        return max(changed) + time.monotonic() - time.time()

    def _run(self, *words: str) -> str:
        environment = _environment()
        done = subprocess.run(
            _command(*words), capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env=environment
        )
        if done.returncode:
            raise RuntimeError(f"{words[0]}: {done.stderr.strip()}")
        return done.stdout


@contextmanager
def stage(setting: Setting) -> Iterator[Stage]:
    """A stage that is taken down at the end."""
    made = Stage(setting)
    try:
        yield made
    finally:
        made.close()


def _environment() -> dict[str, str]:
    """An installed program's: modules are compiled once, not at each start, also where a shell forbids to keep them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT)}


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "transfer_core.cli", *words]
