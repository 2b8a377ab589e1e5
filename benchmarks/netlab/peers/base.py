"""What every peer has in common: how it is told to send, how long it may take, and how what it brought is counted."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.netlab.lab import RELAY_HOST, Lab
from benchmarks.page import ROOT
from benchmarks.processes import Trace

PORT = 7100
READY_S = 20.0
GRACE_S = 15.0
NOTE_S = 0.005


@dataclass(frozen=True, slots=True)
class Brought:
    """What arrived, from the start of the sending program to the last byte or the time limit."""

    file_bytes: int
    seconds: float
    began_s: float = 0.0  # of `time.monotonic`
    trace: Trace | None = None  # bytes that the receiving program had by when, of peers that tell

    @property
    def bps(self) -> float:
        """File bits per second."""
        return self.file_bytes * 8 / self.seconds


class Peer(Protocol):
    """One program, in one mode."""

    @property
    def name(self) -> str:
        """As the table shows it."""
        ...

    @property
    def command(self) -> str:
        """How it is run, as the table shows it."""
        ...

    def version(self) -> str | None:
        """Its version; None if it is not here."""
        ...

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """Send the file from near to far; what had arrived after `limit_s` counts, if it is not all there before."""
        ...


def pair(made: Lab, module: str, words: Sequence[str], source: Path, limit_s: float) -> Brought:
    """A receiver and a sender that are modules of this package: `module receive HOST PORT SIZE LIMIT WORD...`
    prints "ready", then how many bytes it has by when; `module send HOST PORT FILE LIMIT WORD...` sends."""
    program = [sys.executable, "-m", f"benchmarks.netlab.peers.{module}"]
    size = source.stat().st_size
    receive = [*made.far.prefix, *program, "receive", RELAY_HOST, str(PORT), str(size), str(limit_s), *words]
    send = [*made.near.prefix, *program, "send", RELAY_HOST, str(PORT), str(source), str(limit_s), *words]
    receiver = subprocess.Popen(receive, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert receiver.stdout is not None
    sender: subprocess.Popen[bytes] | None = None
    watchdog = threading.Timer(limit_s + GRACE_S, receiver.kill)
    watchdog.start()
    try:
        if receiver.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{module}: the receiver did not start")
        began_s = time.monotonic()
        sender = subprocess.Popen(send, cwd=ROOT)
        said = json.loads(receiver.stdout.readline() or "{}")
    finally:
        watchdog.cancel()
        for process in (sender, receiver):
            if process is not None:
                process.kill()
                process.wait()
        receiver.stdout.close()
    if not said:
        raise RuntimeError(f"{module}: the receiver said nothing")
    trace = Trace(np.array(said["times_s"]), np.array(said["totals"])) if said["times_s"] else None
    return Brought(said["bytes"], max(said["at_s"] - began_s, 1e-3), began_s, trace)


def say_ready() -> None:
    """The receiver listens."""
    print("ready", flush=True)


class Tally:
    """What the receiver has by when, noted every few milliseconds."""

    def __init__(self) -> None:
        self.count = 0
        self._times_s = [time.monotonic()]
        self._totals = [0]

    def add(self, count: int) -> None:
        """So many bytes more."""
        self.count += count
        now_s = time.monotonic()
        if now_s - self._times_s[-1] >= NOTE_S:
            self._times_s.append(now_s)
            self._totals.append(self.count)

    def say(self) -> None:
        """The receiver has all, or its time is over."""
        told = {"bytes": self.count, "at_s": time.monotonic(), "times_s": self._times_s, "totals": self._totals}
        print(json.dumps(told), flush=True)


def output_of(*words: str) -> str | None:
    """What a command prints, both ways; None if there is no such command."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return None
    return done.stdout + done.stderr
