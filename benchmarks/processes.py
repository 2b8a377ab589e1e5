"""What the kernel knows of other processes: CPU time, memory, and how many bytes they have written by when.

The bytes that a relay has written (`wchar` of /proc/PID/io) are taken as the bytes delivered: they say nothing that the
product could have made up, and a chunk is written only when all of it has arrived. Checkpoints are in there too, a few
kilobytes each, so steps below `STEP_BYTES` are not taken for progress.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

STEP_BYTES = 256 * 1024
PERIOD_S = 0.005
RESIDENT_PERIOD_S = 0.02
_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def peak_memory_bytes(pid: int) -> int:
    """The most it ever had resident (VmHWM)."""
    return _status_bytes(pid, "VmHWM:")


def resident_bytes(pid: int) -> int:
    """What it has resident now (VmRSS)."""
    return _status_bytes(pid, "VmRSS:")


def written_bytes(pid: int) -> int:
    """What it has given to write calls since it began; sockets are not counted."""
    for line in Path(f"/proc/{pid}/io").read_text(encoding="utf-8").splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    return 0


def _status_bytes(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True, slots=True)
class Trace:
    """Bytes written (rising) and when, in seconds of `time.monotonic`."""

    times_s: np.ndarray
    totals: np.ndarray

    def first_s(self, beyond_bytes: int = 65_536) -> float | None:
        """When that much more than at the start had been written."""
        past = np.flatnonzero(self.totals - self.totals[0] >= beyond_bytes)
        return float(self.times_s[past[0]]) if past.size else None

    def longest_gap_s(self, from_s: float, to_s: float) -> float:
        """The longest time between two steps of STEP_BYTES that overlaps this span; up to `to_s` if nothing follows."""
        steps = (self.totals - self.totals[0]) // STEP_BYTES
        at = self.times_s[1:][np.diff(steps) > 0]
        before = at[at <= from_s]
        begin = float(before[-1]) if before.size else from_s
        moments = np.concatenate(([begin], at[(at > from_s) & (at < to_s)], [to_s]))
        return float(np.diff(moments).max())

    def rate_bps(self, from_s: float, to_s: float) -> float:
        """Bits per second over a span."""
        first, last = np.interp([from_s, to_s], self.times_s, self.totals)
        return float((last - first) * 8 / (to_s - from_s))

    def rates_mbps(self, from_s: float, to_s: float, bin_s: float) -> tuple[Sequence[float], Sequence[float]]:
        """Middles of bins, counted from `from_s`, and Mbit/s in each."""
        edges = np.arange(from_s, to_s, bin_s)
        totals = np.interp(edges, self.times_s, self.totals)
        rates = np.diff(totals) * 8 / bin_s / 1e6
        return (edges[:-1] - from_s + bin_s / 2).tolist(), rates.tolist()


class ResidentWatch:
    """Notes every few milliseconds how much processes have resident, in a thread of its own, until `stop`."""

    def __init__(self, *pids: int) -> None:
        self._times_s: list[float] = []
        self._samples: list[list[int]] = []
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resident-watch", daemon=True)
        self._thread.start()

    def stop(self, from_s: float, to_s: float) -> list[float]:
        """End, and give each one's median over a span of `time.monotonic`."""
        self._over.set()
        self._thread.join()
        times_s = np.array(self._times_s)
        within = np.array(self._samples)[(times_s >= from_s) & (times_s <= to_s)]
        return [float(each) for each in np.median(within, axis=0)]

    def _run(self) -> None:
        while True:
            self._times_s.append(time.monotonic())
            self._samples.append([resident_bytes(pid) for pid in self._pids])
            if self._over.wait(RESIDENT_PERIOD_S):
                return


class WriteWatch:
    """Notes every few milliseconds how much a process has written, in a thread of its own, until `stop`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._samples: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="write-watch", daemon=True)
        self._note()
        self._thread.start()

    def stop(self) -> Trace:
        """End, and give what was seen."""
        self._over.set()
        self._thread.join()
        self._note()
        return self.trace()

    def trace(self) -> Trace:
        """What was seen so far."""
        samples = list(self._samples)
        return Trace(np.array([at for at, _ in samples]), np.array([total for _, total in samples], dtype=np.int64))

    def _run(self) -> None:
        while not self._over.wait(PERIOD_S):
            try:
                self._note()
            except (OSError, ProcessLookupError):  # it has ended
                return

    def _note(self) -> None:
        total = written_bytes(self._pid)
        if not self._samples or total != self._samples[-1][1] or time.monotonic() - self._samples[-1][0] > 1:
            self._samples.append((time.monotonic(), total))
