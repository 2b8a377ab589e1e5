"""Two network namespaces of this run, and commands within them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

PREFIX = "drs-bench-"
AHEAD = ("chrt", "--rr", "1")
"""What is measured must not wait for a processor that another program has; nor must the links."""


def why_not() -> str | None:
    """Why there can be no lab here."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need `ip` (apt-get install iproute2)"
    if shutil.which("chrt") is None:
        return "what is measured is run ahead of the rest by `chrt` (apt-get install util-linux)"
    if not os.path.exists("/dev/net/tun"):  # noqa: PTH110 - a device, not a file to read
        return "the links need /dev/net/tun"
    return None


def ip(*words: str) -> str:
    """Run `ip`; RuntimeError with its words and its complaint if it refuses."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Side:
    """One namespace."""

    name: str

    @property
    def prefix(self) -> Sequence[str]:
        """What comes before a command that is to run within, ahead of whatever else this machine does."""
        return ("ip", "netns", "exec", self.name, *AHEAD)

    def ip(self, *words: str) -> str:
        """`ip` within."""
        return ip("-n", self.name, *words)

    def sysctl(self, key: str, value: str) -> None:
        """Set one of the namespace's own kernel settings."""
        path = "/proc/sys/" + key.replace(".", "/")
        subprocess.run([*self.prefix, "sh", "-c", f"echo '{value}' > {path}"], check=True, capture_output=True)


@contextmanager
def two_sides() -> Iterator[tuple[Side, Side]]:
    """Make `near` and `far`; removed at the end, with every process's device that is still in them.

    What a run left that was killed is removed first, so that no lab stays for longer than until the next one.
    """
    _remove_what_the_dead_left()
    sides = Side(f"{PREFIX}near-{os.getpid()}"), Side(f"{PREFIX}far-{os.getpid()}")
    try:
        for side in sides:
            ip("netns", "add", side.name)
            side.ip("link", "set", "lo", "up")
        yield sides
    finally:
        for side in sides:
            _remove(side.name)


def _remove_what_the_dead_left() -> None:
    for line in ip("netns", "list").splitlines():
        name = line.split()[0]
        owner = name.rpartition("-")[2]
        if name.startswith(PREFIX) and owner.isdigit() and not psutil.pid_exists(int(owner)):
            for pid in ip("netns", "pids", name).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            _remove(name)


def _remove(name: str) -> None:
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
