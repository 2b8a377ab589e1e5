"""Writes what arrives into a race's log, and has it on the disk within half a second.

Two threads: one appends as datagrams are handed over, one syncs, so that a slow disk never holds up the receiver. When
the disk does not take a write, the datagrams wait in memory and the write is tried again; only beyond `WAITING_MAX`
are they lost, and counted. A process that is killed loses what was not yet appended, some 20 ms.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from transfer_core.errors import DrsError
from transfer_core.telemetry.arrivals import Arrivals, Sender
from transfer_core.telemetry.log import LogWriter
from transfer_core.units import NS_PER_S

SYNC_S = 0.4
RETRY_S = 0.5
WAITING_MAX = 1_000_000  # datagrams in memory while the disk does not take them
CLOSE_S = 10.0  # how long closing waits for a disk that does not


class Recorder:
    """One log being written. Counters may be read from any thread."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self._ready = threading.Condition()
        self._waiting: deque[Arrivals] = deque()
        self._waiting_count = 0
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._dirty_since_ns: int | None = None
        self.appended = threading.Event()  # set when there is more in the log; whoever waits for it clears it
        self.senders: set[Sender] = set()
        self.datagrams = 0
        self.lost = 0
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self.error = ""
        self._threads = [
            threading.Thread(target=self._write_all, name="telemetry-write", daemon=True),
            threading.Thread(target=self._sync_often, name="telemetry-sync", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def size_bytes(self) -> int:
        """Of the log."""
        return self._writer.size_bytes

    @property
    def unsynced_s(self) -> float:
        """How much a loss of power would take now."""
        since = self._dirty_since_ns
        return 0.0 if since is None else (time.monotonic_ns() - since) / NS_PER_S

    def take(self, arrivals: Arrivals) -> None:
        """Record these. Never blocks."""
        with self._ready:
            if self._waiting_count + len(arrivals) > WAITING_MAX:
                self.lost += len(arrivals)
                return
            self._waiting.append(arrivals)
            self._waiting_count += len(arrivals)
            self._ready.notify()

    def close(self) -> None:
        """Return when all that was taken is on the disk, or the disk did not take it for `CLOSE_S`."""
        self._give_up_at = time.monotonic() + CLOSE_S
        self._closing.set()
        with self._ready:
            self._ready.notify()
        for thread in self._threads:
            thread.join()
        self._sync()
        self._writer.close()
        self.appended.set()

    def _write_all(self) -> None:
        while True:
            with self._ready:
                while not self._waiting and not self._closing.is_set():
                    self._ready.wait()
                if not self._waiting:
                    return
                arrivals = self._waiting[0]
            if self._append(arrivals):
                with self._ready:
                    self._waiting.popleft()
                    self._waiting_count -= len(arrivals)
            elif time.monotonic() > self._give_up_at:
                with self._ready:
                    self.lost += self._waiting_count
                return

    def _append(self, arrivals: Arrivals) -> bool:
        try:
            self._writer.append(arrivals)
        except DrsError as error:
            self.error = error.one_line()
            self._closing.wait(RETRY_S) if not self._closing.is_set() else time.sleep(RETRY_S / 5)
            return False
        if self._dirty_since_ns is None:
            self._dirty_since_ns = time.monotonic_ns()
        self.error = ""
        self.datagrams += len(arrivals)
        self.senders.update(arrivals.senders)
        if self.start_ns is None:
            self.start_ns = arrivals.time_ns[0]
        self.end_ns = arrivals.time_ns[-1]
        self.appended.set()
        return True

    def _sync_often(self) -> None:
        while not self._closing.wait(SYNC_S):
            self._sync()

    def _sync(self) -> None:
        if self._dirty_since_ns is None:
            return
        began_ns, size = time.monotonic_ns(), self._writer.size_bytes
        try:
            self._writer.sync()
        except DrsError as error:
            self.error = error.one_line()
        else:
            self._dirty_since_ns = None if self._writer.size_bytes == size else began_ns
