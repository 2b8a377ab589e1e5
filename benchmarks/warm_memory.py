"""Memory that costs what memory costs: pages that were in use a moment ago, for whoever asks next.

A virtual machine's host may take back what has been free for a few seconds (Linux: free page reporting). The next
touch of such a page is a fault that the host has to serve, seconds of CPU per GB on some, and no laptop pays it. So a
process of its own holds pages that it has touched, and gives them up as fast as the machine's free memory falls.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.page import ROOT

STEP_BYTES = 2 * 1024 * 1024
AHEAD_BYTES = 96 * 1024 * 1024
"""How much more is free than at the start: what is written in some 50 ms at most."""
ROOM_BYTES = 300_000_000
"""What agent and relay take beside what they carry."""
PERIOD_S = 0.005
LEFT_SHARE = 0.25
"""Of the memory that is available, what is never held."""


@contextmanager
def warm_memory(total_bytes: int) -> Iterator[None]:
    """While it lasts, the next `total_bytes` that programs take were in use a moment before.

    Fewer where memory is small. Does nothing where the kernel doesn't tell what is free.
    """
    wanted = min(total_bytes, warm_most_bytes())
    if not sys.platform.startswith("linux") or wanted < STEP_BYTES:
        yield
        return
    words = [sys.executable, "-m", "benchmarks.warm_memory", str(wanted)]
    holder = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout is not None
    try:
        holder.stdout.readline()
        yield
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def warm_most_bytes() -> int:
    """So much can be made warm at most."""
    return int(psutil.virtual_memory().available * (1 - LEFT_SHARE))


def bytes_to_release(free_bytes: int, wanted_free_bytes: int, held_bytes: int) -> int:
    """How many of the bytes held to give up now, in whole steps."""
    steps = -(-max(wanted_free_bytes - free_bytes, 0) // STEP_BYTES)
    return min(steps * STEP_BYTES, held_bytes)


def _hold(total_bytes: int) -> None:
    total_bytes -= total_bytes % STEP_BYTES
    memory = mmap.mmap(-1, total_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, total_bytes, mmap.PAGESIZE):
        memory[at] = 1
    wanted_free = _free_bytes() + AHEAD_BYTES
    print("warm", flush=True)
    released, parent = 0, os.getppid()
    while os.getppid() == parent:
        if count := bytes_to_release(_free_bytes(), wanted_free, total_bytes - released):
            memory.madvise(mmap.MADV_DONTNEED, released, count)
            released += count
        time.sleep(PERIOD_S)


def _free_bytes() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemFree:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/meminfo says nothing of free memory")


if __name__ == "__main__":
    _hold(int(sys.argv[1]))
