"""What this machine is, without its name: cores, system, Python; how busy it is; how fast its disk takes data."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import psutil

QUIET_LOAD = 0.25
"""Load average over one minute below which the machine counts as quiet."""
BLOCK_BYTES = 64 * 1024
SYNC_BYTES = 64 * 1024 * 1024
PROBE_S = 0.25


def describe() -> str:
    """One sentence; no name, no path."""
    memory_gb = psutil.virtual_memory().total / 1e9
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory_gb:.0f} GB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}."
    )


def busy() -> str:
    """Load average and what other programs take of the CPU just now."""
    return f"load average {os.getloadavg()[0]:.2f}, {psutil.cpu_percent(PROBE_S):.0f} % of the CPU in use beforehand"


def wait_until_quiet(limit_s: float) -> bool:
    """Wait until the load average is low and nothing takes more than a tenth of the CPU; False if it never was."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if os.getloadavg()[0] < QUIET_LOAD * (os.cpu_count() or 1) and psutil.cpu_percent(1.0) < 10:
            return True
        time.sleep(5)
    return False


def disk_rate(folder: Path, total_bytes: int) -> float:
    """Bytes per second written and synced into a new file there, synced every 64 MiB as the relay does."""
    block = memoryview(os.urandom(BLOCK_BYTES))
    path = folder / "disk-rate.bin"
    began = time.perf_counter()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for at in range(0, total_bytes, BLOCK_BYTES):
            os.pwrite(fd, block, at)
            if (at + BLOCK_BYTES) % SYNC_BYTES == 0:
                os.fsync(fd)
        os.fsync(fd)
    finally:
        os.close(fd)
        path.unlink()
    return total_bytes / (time.perf_counter() - began)


def sync_delay_s(folder: Path) -> float:
    """Seconds that a write of 4 KiB and its fsync take, the middle of 21."""
    path = folder / "sync-delay.bin"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        taken = []
        for turn in range(21):
            began = time.perf_counter()
            os.pwrite(fd, bytes(4096), turn * 4096)
            os.fsync(fd)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(fd)
        path.unlink()
    return sorted(taken)[10]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return " ".join(names[0].split()) if names else platform.machine()
