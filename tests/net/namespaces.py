"""Two network namespaces, joined by two virtual cables, made for one test and removed after it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
FAR_ADDRESS = "10.99.0.1"
"""An address of the peer that can be reached over both cables; the routing table says: by `cable0`."""


def why_not() -> str | None:
    """Why there can be no namespaces here."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need `ip` (apt install iproute2)"
    return None


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _why_refused(name: str) -> str | None:
    """Root in a container often may not; found out by making one and taking it away."""
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"this system makes no network namespaces: {made.stderr.strip()}"
    _ip("netns", "delete", name)
    return None


@dataclass(frozen=True)
class Namespaces:
    """`near` has devices cable0 (10.77.0.1) and cable1 (10.77.1.1), `far` their other ends (10.77.x.2)."""

    near: str
    far: str

    def ip(self, namespace: str, *words: str) -> None:
        _ip("-n", namespace, *words)

    def start(self, namespace: str, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Python code in a process of its own inside a namespace."""
        return subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, namespace: str, code: str, *arguments: str) -> Any:
        """The JSON that the code prints."""
        with self.start(namespace, code, *arguments) as process:
            out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        return json.loads(out)


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """Make them; skips the test where that can't be."""
    made = Namespaces(f"drs-near-{os.getpid()}", f"drs-far-{os.getpid()}")
    reason = why_not() or _why_refused(made.near)
    if reason is not None:
        pytest.skip(reason)
    try:
        _ip("netns", "add", made.near)
        _ip("netns", "add", made.far)
        for name in (made.near, made.far):
            _ip("-n", name, "link", "set", "lo", "up")
        for number in (0, 1):
            here, there = f"cable{number}", f"far{number}"
            _ip("-n", made.near, "link", "add", here, "type", "veth", "peer", "name", there, "netns", made.far)
            _ip("-n", made.near, "address", "add", f"10.77.{number}.1/24", "dev", here)
            _ip("-n", made.far, "address", "add", f"10.77.{number}.2/24", "dev", there)
            _ip("-n", made.near, "link", "set", here, "up")
            _ip("-n", made.far, "link", "set", there, "up")
            route = (f"{FAR_ADDRESS}/32", "via", f"10.77.{number}.2", "dev", here, "metric", str(10 + number))
            _ip("-n", made.near, "route", "add", *route)
        _ip("-n", made.far, "address", "add", f"{FAR_ADDRESS}/32", "dev", "lo")
        yield made
    finally:
        for name in (made.near, made.far):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
