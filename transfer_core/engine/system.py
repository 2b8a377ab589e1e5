"""The real clock, the real randomness, and what this process asks of its system and its interpreter, in one place."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import sys
import time

OPEN_FILES_WANTED = 16_384
MADE_BETWEEN = 50_000  # objects between two looks of the collector
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
FREE_KEPT_BYTES = 64 * 1024 * 1024
ON_HEAP_BYTES_MAX = 4 * 1024 * 1024  # larger pieces go back as soon as they are free


class SystemClock:
    """See `clock.Clock`."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only go forward."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()


class SystemEntropy:
    """See `entropy.Entropy`."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def token_bytes(self, count: int) -> bytes:
        """From the operating system."""
        return os.urandom(count)

    def uniform(self) -> float:
        """From 0 up to, not including, 1."""
        return self._random.random()


def compute_in_one_thread() -> None:
    """Before numpy is imported: let it start no threads for algebra, which we have none of.

    They spin when they start, 25 ms of a core that whoever else starts with us could use.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def collect_less_often() -> None:
    """Let the garbage collector look more rarely: what imports and a long queue make stays, so it finds nothing."""
    gc.set_threshold(MADE_BETWEEN)


def keep_what_is_made() -> None:
    """Let the garbage collector pass over all that there is by now, which stays to the end.

    A look at everything takes tens of milliseconds, in which no thread of this process goes on.
    """
    gc.freeze()


def keep_freed_memory() -> None:
    """Let the allocator keep what is freed for the next chunk, some of it, where it is the GNU C library's.

    Else the memory of chunks goes back to the system all the time, and is taken again page by page: 8 % of what an
    agent takes of the processor while it sends frames of 1.5 MB, 3 % of what the relay takes.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if tune is not None:
        tune(_M_TRIM_THRESHOLD, FREE_KEPT_BYTES)
        tune(_M_MMAP_THRESHOLD, ON_HEAP_BYTES_MAX)


def raise_open_files_limit() -> int:
    """Let this process open as many files as the system allows, within reason; gives how many that are.

    Many systems allow 1,024 or 256 at first, and far more to those that ask.
    """
    if sys.platform == "win32":
        return 2048
    import resource  # noqa: PLC0415 - not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):
            return soft
        return most
    return OPEN_FILES_WANTED if soft == resource.RLIM_INFINITY else soft
