"""Other programs that keep two folders the same, from Debian: Unison and Syncthing, with what they send counted.

Unison talks to its other end through a command that counts bytes both ways, where ssh would be. Syncthing runs twice,
each on loopback alone with all that calls home turned off, and counts itself what its connections carry, without TLS's
own bytes. It is told when to look at a folder, since it waits ten seconds by itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UP_S = 60.0
DONE_S = 900.0
QUIET_S = 1.0  # nothing more is said after the last file for so long
FOLDER = "bench"
_COUNTER = """
import os, subprocess, sys, threading
words = " ".join(sys.argv[1:]).split()
inner = subprocess.Popen(words[words.index("unison"):], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
counts = [0, 0]
def pump(number, source, target):
    while data := os.read(source, 1 << 16):
        counts[number] += len(data)
        while data:
            data = data[os.write(target, data):]
    os.close(target)
there = threading.Thread(target=pump, args=(0, 0, inner.stdin.fileno()), daemon=True)
there.start()
pump(1, inner.stdout.fileno(), 1)
with open(os.environ["DRS_COUNTS"], "a") as file:
    print(sum(counts), file=file)
"""


class Unison:
    """Two folders `a` and `b`; `sync` gives the bytes that crossed."""

    name = "Unison"

    def __init__(self, folder: Path) -> None:
        self.a, self.b = folder / "a", folder / "b"
        self.a.mkdir(exist_ok=True)
        self.b.mkdir(exist_ok=True)
        self._counts = folder / "counts"
        counter = folder / "counter.py"
        counter.write_text(_COUNTER)
        ssh = folder / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {sys.executable} {counter} "$@"\n')
        ssh.chmod(0o755)
        self._words = ["unison", str(self.a), f"ssh://peer/{self.b}", "-sshcmd", str(ssh), "-servercmd", "unison"]
        self._words += [
            "-batch",
            "-auto",
            "-silent",
            "-confirmbigdel=false",
            "-times",
            "-ui",
            "text",
            "-fastcheck",
            "false",
        ]
        self._env = {**os.environ, "UNISON": str(folder / "state"), "DRS_COUNTS": str(self._counts)}

    def sync(self) -> int:
        """Bring them together once."""
        self._counts.unlink(missing_ok=True)
        done = subprocess.run(self._words, env=self._env, capture_output=True, text=True, timeout=DONE_S, check=False)
        if done.returncode > 1:
            raise RuntimeError(f"unison: {done.stderr[-800:]}")
        return sum(map(int, self._counts.read_text().split()))

    def close(self) -> None:
        """Nothing runs between two syncs."""


class _Node:
    """One Syncthing."""

    def __init__(self, home: Path, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.gui, self.port = _free_port(), _free_port()
        subprocess.run(
            ["syncthing", "generate", f"--home={home}", "--no-default-folder", "--skip-port-probing"],
            capture_output=True,
            check=True,
            timeout=UP_S,
        )
        config = home / "config.xml"
        config.write_text(_quiet(config.read_text(), self.port))
        words = ["syncthing", f"--home={home}", f"--gui-address=127.0.0.1:{self.gui}", "--gui-apikey=bench"]
        words += ["--no-browser", "--no-restart", "--no-upgrade"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _until(self._is_up, UP_S, "syncthing answers")
        self.id = str(self.ask("system/status")["myID"])

    def _is_up(self) -> bool:
        try:
            return bool(self.ask("system/status"))
        except (urllib.error.URLError, OSError):
            return False

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Its REST interface."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.gui}/rest/{path}", data, method=method)
        request.add_header("X-API-Key", "bench")
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def meet(self, other: _Node) -> None:
        """Know the other, and share the folder with it."""
        device = {"deviceID": other.id, "addresses": [f"tcp://127.0.0.1:{other.port}"], "compression": "always"}
        self.ask("config/devices", "POST", device)
        folder = {"id": FOLDER, "path": str(self.root), "devices": [{"deviceID": self.id}, {"deviceID": other.id}]}
        self.ask("config/folders", "POST", folder | {"fsWatcherEnabled": False, "rescanIntervalS": 0})

    def scan(self) -> None:
        """Look at the folder now; returns when it has."""
        self.ask(f"db/scan?folder={FOLDER}", "POST")

    def carried(self) -> int:
        """Bytes of its connections, both ways."""
        total = self.ask("system/connections")["total"]
        return int(total["inBytesTotal"]) + int(total["outBytesTotal"])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Syncthing:
    """Two nodes with one folder; `sync` gives the bytes that crossed."""

    name = "Syncthing"

    def __init__(self, folder: Path) -> None:
        self.a, self.b = folder / "a", folder / "b"
        self._one = _Node(folder / "home-a", self.a)
        self._two = _Node(folder / "home-b", self.b)
        self._one.meet(self._two)
        self._two.meet(self._one)
        _until(lambda: self._one.ask("system/connections")["connections"][self._two.id]["connected"], UP_S, "they meet")
        _until(self._is_done, UP_S, "they are alike")

    def sync(self) -> int:
        """Look at the first folder and bring the other to the same; with what is said until it is quiet."""
        before = self._one.carried()
        self.bring()
        said, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            now = self._one.carried()
            if now != said:
                said, since = now, time.monotonic()
            time.sleep(0.1)
        return said - before

    def bring(self) -> None:
        """Look at the first folder, and wait until the other has all of it."""
        self._one.scan()
        _until(self._is_done, DONE_S, "the other has everything")

    def _is_done(self) -> bool:
        here = self._one.ask(f"db/status?folder={FOLDER}")
        there = self._two.ask(f"db/status?folder={FOLDER}")
        same = all(here[each] == there[each] for each in ("localFiles", "localBytes", "localDeleted", "globalFiles"))
        same = same and here["localFiles"] == here["globalFiles"] and there["sequence"] >= here["sequence"]
        return bool(same and there["needTotalItems"] == 0 and there["state"] == here["state"] == "idle")

    def close(self) -> None:
        """End both."""
        self._one.stop()
        self._two.stop()


Peer = Unison | Syncthing
PEERS: dict[str, Callable[[Path], Peer]] = {"unison": Unison, "syncthing": Syncthing}


def installed() -> dict[str, Callable[[Path], Peer]]:
    """Those that are on this machine."""
    return {program: make for program, make in PEERS.items() if shutil.which(program) is not None}


@contextmanager
def running(make: Callable[[Path], Peer], folder: Path) -> Iterator[Peer]:
    """One of them at work."""
    peer = make(folder)
    try:
        yield peer
    finally:
        peer.close()


def _quiet(config: str, port: int) -> str:
    """A configuration that listens on loopback and calls nobody."""
    for name in ("globalAnnounce", "localAnnounce", "relays", "nat", "crashReporting"):
        config = re.sub(rf"<{name}Enabled>\w+</{name}Enabled>", f"<{name}Enabled>false</{name}Enabled>", config)
    here = f"<listenAddress>tcp://127.0.0.1:{port}</listenAddress>"
    config = re.sub(r"<listenAddress>[^<]*</listenAddress>", here, config)
    return re.sub(r"<urAccepted>-?\d+</urAccepted>", "<urAccepted>-1</urAccepted>", config)


def _until(happened: Callable[[], bool], limit_s: float, what: str) -> None:
    end = time.monotonic() + limit_s
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not in {limit_s:.0f} s")
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
