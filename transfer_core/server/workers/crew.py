"""A relay of several processes, as their parent runs it: it receives nothing itself.

It looks at the state once for all of them, locks it, makes what they share (`shared_means`), and keeps each of them
running (`worker_process`), also if one hangs without dying (`heartbeats`). The lock is inherited, so that the state is
free only when the last of them is gone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transfer_core.clock import Clock
from transfer_core.engine.identity import load_identity
from transfer_core.engine.state_lock import StateLock
from transfer_core.engine.system import SystemClock, raise_open_files_limit
from transfer_core.errors import DrsError, UsageError
from transfer_core.net.shared_port import can_share_ports
from transfer_core.protocol.endpoint import Address
from transfer_core.server.restart_waits import WAIT_FIRST_S
from transfer_core.server.workers.heartbeats import Heartbeats, Patience
from transfer_core.server.workers.seat import SeatDescriptors
from transfer_core.server.workers.shared_means import SharedMeans, make_means
from transfer_core.server.workers.worker_process import BEAT, STARTED, WorkerProcess
from transfer_core.storage.relay_store import RelayStore
from transfer_core.units import NS_PER_S, utc_iso

_LOG = logging.getLogger(__name__)
WORKERS_MAX = 64
STOP_S = 12.0  # for all of them to make everything durable
JOIN_S = 2.0


def check_workers(workers: int) -> None:
    """UsageError if there can't be so many here."""
    if not 1 <= workers <= WORKERS_MAX:
        raise UsageError(f"--workers is {workers}", hint=f"Give it 1 to {WORKERS_MAX}; as many as there are cores do.")
    if workers > 1 and not can_share_ports():
        hint = "Leave it out, or run several relays on several ports, each with its own --state."
        raise UsageError("several processes can share a relay's port on Linux only", hint=hint)


class Crew:
    """See the module. `words` gives a process's command line; `on_event` is called from several threads."""

    def __init__(
        self,
        state_dir: Path,
        directory: Path,
        listen: Address,
        workers: int,
        words: Callable[[SeatDescriptors], Sequence[str]],
        on_event: Callable[[dict[str, Any]], None],
        clock: Clock | None = None,
        first_wait_s: float = WAIT_FIRST_S,
        patience: Patience | None = None,
    ) -> None:
        self._state_dir, self._directory, self._listen, self._workers = state_dir, directory, listen, workers
        self._words, self._on_event, self._first_wait_s = words, on_event, first_wait_s
        self._clock = clock or SystemClock()
        self._lock = StateLock(state_dir, "relay")
        self._means: SharedMeans | None = None
        self._processes: list[WorkerProcess] = []
        self._ready: set[int] = set()
        self._telling = threading.Lock()
        self._heartbeats, self._judging = Heartbeats(workers, patience), threading.Lock()
        self._ending = threading.Event()
        self._watch = threading.Thread(target=self._watch_over, name="relay-crew", daemon=True)
        self.address: Address = listen

    def start(self) -> None:
        """Listen, and start them; `ready` is told when all of them receive. StateLocked, PortInUse, WriteFailed."""
        raise_open_files_limit()
        self._lock.acquire(utc_iso(self._clock.wall_ns()))
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            load_identity(self._state_dir)
            RelayStore(self._state_dir, self._clock).close()  # looked at once, and made if there is none
            self._means = make_means(self._listen, self._workers, self._lock.fileno())
        except BaseException:
            self._lock.release()
            raise
        self.address = self._means.address
        for worker in range(self._workers):
            seat = self._means.descriptors(worker)
            process = WorkerProcess(worker, self._words(seat), seat.all, self._take, self._first_wait_s)
            self._processes.append(process)
            process.start()
        self._watch.start()

    def stop(self) -> None:
        """End them all in order; everything that was said to be stored is. May be called twice."""
        self._ending.set()
        for process in self._processes:
            process.wish_end()
        deadline_s = time.monotonic() + STOP_S
        for process in self._processes:
            process.stop(deadline_s)
        if self._watch.is_alive():
            self._watch.join(JOIN_S)
        if self._means is not None:
            self._means.close()
            self._means = None
        self._lock.release()

    @property
    def failure(self) -> DrsError | None:
        """Why one of them is not started again, if so: then all are to be ended."""
        return next((process.failure for process in self._processes if process.failure is not None), None)

    def _take(self, worker: int, event: dict[str, Any]) -> None:
        """Something was said by, or of, one of them."""
        if event["event"] == BEAT:
            with self._judging:
                self._heartbeats.beat(worker, event["pid"])
            return
        with self._telling:
            name, at = event.pop("event"), event.pop("at", "") or self._now()
            self._on_event({"event": name, "at": at, "worker": worker, **event})
            if name == STARTED and worker not in self._ready:
                self._ready.add(worker)
                if len(self._ready) == self._workers:
                    self._say_ready()

    def _watch_over(self) -> None:
        """In a thread of its own: replace whichever hangs."""
        look_s = self._heartbeats.patience.look_ns / NS_PER_S
        while not self._ending.wait(look_s):
            can_hear = self._telling.acquire(timeout=look_s)
            if can_hear:
                self._telling.release()
            self._look(can_hear=can_hear)

    def _look(self, *, can_hear: bool) -> None:
        """Whoever reads what this relay says may not read on: then nobody is heard, and nobody judged."""
        with self._judging:
            if not can_hear:
                self._heartbeats.excuse()
            pids = [process.pid for process in self._processes]
            hung = self._heartbeats.look(self._clock.monotonic_ns(), pids)
        if hung is None:
            return
        silent_s = hung.silent_ns // NS_PER_S
        what = "receiving process %d (pid %d) has not answered for %d s: it is ended, and started again"
        _LOG.error(what, hung.worker, hung.pid, silent_s)
        self._take(hung.worker, {"event": "hung", "pid": hung.pid, "silent_s": silent_s})
        self._processes[hung.worker].end_hung(hung.pid)

    def _say_ready(self) -> None:
        host, port = self.address
        listen, directory = f"{host}:{port}", str(self._directory)
        self._on_event(
            {"event": "ready", "at": self._now(), "listen": listen, "directory": directory, "workers": self._workers}
        )

    def _now(self) -> str:
        return utc_iso(self._clock.wall_ns())
