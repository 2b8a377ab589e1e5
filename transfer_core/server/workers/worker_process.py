"""One receiving process as its parent sees it: started, listened to, started again when it dies, ended in order.

It says what happens as JSON on stdout, one object a line, and ends when its stdin does: that happens however the parent
ends. It has a session of its own, so that Ctrl+C in a terminal, and the terminal's end, are for the parent alone.
"""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from transfer_core.errors import DrsError
from transfer_core.server.restart_waits import WRONG_USAGE, RestartWaits, how_it_ended

_LOG = logging.getLogger(__name__)
END_S = 3.0
STARTED = "worker"  # what is told when it receives, and when it does again
BEAT = "beat"  # what it says once a second or more often, as long as its loop goes round

Event = dict[str, Any]


class WorkerProcess:
    """See the module. `on_event` is called from its thread, which runs from `start` to `stop`."""

    def __init__(
        self,
        worker: int,
        words: Sequence[str],
        inherited: Sequence[int],
        on_event: Callable[[int, Event], None],
        first_wait_s: float,
    ) -> None:
        self.worker = worker
        self._words, self._inherited, self._on_event = list(words), tuple(inherited), on_event
        self._waits = RestartWaits(first_wait_s)
        self._wish = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # of starting it, and of wishing that it ends
        self._was_ready = False
        self._thread = threading.Thread(target=self._keep, name=f"relay-worker-{worker}", daemon=True)
        self.failure: DrsError | None = None  # why it is not started again

    def start(self) -> None:
        """Start it, and again whenever it dies."""
        self._thread.start()

    def wish_end(self) -> None:
        """Have it end in order; `stop` waits for that."""
        with self._lock:
            self._wish.set()
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()

    @property
    def pid(self) -> int | None:
        """Its number while it runs and is to go on."""
        process = self._process
        return None if process is None or self._wish.is_set() else process.pid

    def end_hung(self, pid: int) -> None:
        """End that process without mercy, if it is still the one; the next is started when it is gone, not before."""
        with self._lock:
            if self._process is not None and self._process.pid == pid and not self._wish.is_set():
                self._process.kill()

    def stop(self, deadline_s: float) -> None:
        """End it; without mercy if it has not ended by then."""
        self.wish_end()
        if not self._thread.is_alive():
            return
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        process = self._process
        if self._thread.is_alive() and process is not None:
            _LOG.error("receiving process %d does not end", self.worker)
            process.kill()
            self._thread.join(END_S)

    # --- its thread

    def _keep(self) -> None:
        while not self._wish.is_set():
            began_s = time.monotonic()
            try:
                code = self._run()
            except OSError as error:
                self.failure = DrsError(f"a receiving process can't be started: {error.strerror or error}")
                return
            if self._wish.is_set():
                return
            if code == WRONG_USAGE or not self._was_ready:
                self.failure = DrsError(f"receiving process {self.worker} did not start ({how_it_ended(code)})")
                return
            wait_s = self._waits.after(time.monotonic() - began_s)
            self._say("restarts", code=code, times=self._waits.times, in_s=wait_s)
            self._wish.wait(wait_s)

    def _run(self) -> int:
        """From its start to its end; its exit code."""
        with self._lock:
            if self._wish.is_set():
                return 0
            process = self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=self._inherited,
                start_new_session=True,
            )
        assert process.stdout is not None
        with process.stdout as said:
            self._listen(said, process.pid)
        code = process.wait()
        with self._lock:
            self._process = None
            if process.stdin is not None:
                process.stdin.close()
        return code

    def _listen(self, said: IO[bytes], pid: int) -> None:
        for raw in said:
            try:
                event = json.loads(raw)
                name = event["event"]
            except (ValueError, TypeError, KeyError):
                _LOG.warning("receiving process %d says %r", self.worker, raw[:200])
                continue
            if name == BEAT:
                event = {"event": BEAT, "pid": pid}
            elif name == "ready":
                self._was_ready = True
                event = {"event": STARTED, "at": event.get("at", ""), "pid": pid}
            self._on_event(self.worker, event)

    def _say(self, name: str, **facts: object) -> None:
        self._on_event(self.worker, {"event": name, **facts})
