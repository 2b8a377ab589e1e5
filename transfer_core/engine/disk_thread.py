"""A thread that does disk work in the order it was asked for, so that the loop's thread never waits for a disk."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)


class DiskThread:
    """Runs calls one after another. A call reports its own failures; one that raises ends up in the log."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.calls_begun = 0
        self.is_busy = False  # in the middle of the last of them
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, call: Callable[[], None]) -> None:
        """Have this call made soon. From any thread."""
        self._calls.put(call)

    @property
    def backlog(self) -> int:
        """About how many calls are waiting."""
        return self._calls.qsize()

    @property
    def cpu_ns(self) -> int | None:
        """What the thread has used of the processor; None where the system does not say."""
        ident = self._thread.ident
        if not hasattr(time, "pthread_getcpuclockid") or ident is None or not self._thread.is_alive():
            return None
        return time.clock_gettime_ns(time.pthread_getcpuclockid(ident))

    def stop(self, timeout_s: float = 10.0) -> None:
        """Make what was asked for so far, then end."""
        self._calls.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            self.calls_begun += 1
            self.is_busy = True
            try:
                call()
            except Exception:  # noqa: BLE001 - the thread serves all files; one may not end it
                _LOG.exception("disk work failed in an unforeseen way")
            self.is_busy = False
