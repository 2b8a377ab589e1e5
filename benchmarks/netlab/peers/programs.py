"""Peers that are programs of their own: rsync over its daemon, and UFTP at a rate that is set by hand."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.netlab.lab import RELAY_HOST, Lab
from benchmarks.netlab.peers.base import Brought, output_of

RSYNC_PORT = 8730
START_S = 1.0


@dataclass(frozen=True, slots=True)
class Rsync:
    """Whole file, no compression, no temporary copy; its TCP uses BBR, so that it is at its best."""

    name: str = "rsync daemon (BBR)"
    command: str = "rsync --whole-file --inplace FILE rsync://HOST/drop/"

    def version(self) -> str | None:
        """As it says."""
        return _version(output_of("rsync", "--version"), r"version (\S+)")

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """See `base.Peer`."""
        drop = folder / "drop"
        drop.mkdir(parents=True)
        settings = folder / "rsyncd.conf"
        settings.write_text(f"use chroot = no\nuid = 0\n[drop]\npath = {drop}\nread only = no\n", encoding="utf-8")
        for side in (made.near, made.far):
            side.sysctl("net.ipv4.tcp_congestion_control", "bbr")
        daemon = ("rsync", "--daemon", "--no-detach", f"--config={settings}", f"--port={RSYNC_PORT}")
        client = ("rsync", "--whole-file", "--inplace", str(source), f"rsync://{RELAY_HOST}:{RSYNC_PORT}/drop/")
        return _two(made, daemon, client, drop, limit_s)


@dataclass(frozen=True, slots=True)
class Uftp:
    """No congestion control at all: the rate is the link's, which it is told."""

    rate_mbps: float
    name: str = "UFTP, rate by hand"
    command: str = "uftp -R LINK_KBPS -M HOST -Y none FILE"

    def version(self) -> str | None:
        """As Debian's package says."""
        told = output_of("uftp", "-V")
        return None if told is None else (output_of("dpkg-query", "-W", "-f=${Version}", "uftp") or "?").split("-")[0]

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """See `base.Peer`."""
        drop = folder / "drop"
        drop.mkdir(parents=True)
        device = next(iter(made.links))
        daemon = ("uftpd", "-d", "-I", device, "-D", str(drop))
        rate_kbps = str(int(self.rate_mbps * 1e3))
        there = made.far_address(device)
        client = ("uftp", "-q", "-R", rate_kbps, "-I", device, "-M", there, "-Y", "none", "-r", "0.2", str(source))
        return _two(made, daemon, client, drop, limit_s)


def _quiet(words: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _two(made: Lab, daemon: Sequence[str], client: Sequence[str], drop: Path, limit_s: float) -> Brought:
    """A daemon on the far side and a client on the near one; counts what lies in the folder at the end."""
    running = _quiet([*made.far.prefix, *daemon])
    try:
        time.sleep(START_S)
        began_s = time.monotonic()
        sender = _quiet([*made.near.prefix, *client])
        try:
            sender.wait(limit_s)
        except subprocess.TimeoutExpired:
            pass  # what has come so far counts
        finally:
            sender.kill()
            sender.wait()
        seconds = time.monotonic() - began_s
        files = [path for path in drop.rglob("*") if path.is_file()]
        return Brought(sum(path.stat().st_blocks * 512 for path in files), seconds, began_s)
    finally:
        running.terminate()
        running.wait()


def _version(told: str | None, pattern: str) -> str | None:
    found = None if told is None else re.search(pattern, told)
    return None if found is None else found[1]
