"""A desk over a real folder and a real database, and somebody who sends what it queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.engine.watches.desk import WatchDesk
from transfer_core.engine.watches.verbs import WatchVerbs
from transfer_core.errors import DrsError
from transfer_core.events import JobState, Severity
from transfer_core.events.watches import WatchSpec, WatchView
from transfer_core.jobs.model import Job
from transfer_core.jobs.store import Destination, JobStore

PATIENCE_S = 60.0


def until(holds: Callable[[], object], what: str = "") -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.005)


class Agent:
    """What runs in an agent for watched folders, from the folder to the queue; `send` stands for all the rest."""

    def __init__(self, state: Path) -> None:
        state.mkdir(exist_ok=True)
        self.clock, self.entropy = SystemClock(), SystemEntropy()
        self.store = JobStore(state, self.clock)
        self.store.keep_destination(Destination("pit", "relay", ("127.0.0.1:1",), b"k" * 32))
        self.notices: list[str] = []
        self.queued = threading.Event()
        self.runs_elsewhere = False
        self.verbs = WatchVerbs(self.store, self.clock, self.entropy, state, lambda: "", lambda: self.runs_elsewhere)
        self.desk: WatchDesk

    def start(self) -> None:
        def notify(_severity: Severity, _topic: str, text: str, _error: str) -> None:
            self.notices.append(text)

        self.desk = WatchDesk(
            store=self.store,
            clock=self.clock,
            entropy=self.entropy,
            bus=EventBus(),
            notify=notify,
            queued=self.queued.set,
            online=lambda: {"pit": True},
        )
        self.desk.start()
        self.verbs.desk = self.desk

    def stop(self) -> None:
        self.desk.stop()
        assert self.desk.failure is None
        self.store.close()

    def add(self, folder: Path, **wishes: Any) -> WatchView:
        name = wishes.pop("name", folder.name)
        return self.verbs.add(WatchSpec(name, str(folder), "pit", **wishes))

    def through(self) -> list[Job]:
        """The queue, once everything that is there is in it."""
        until(lambda: self.desk.is_through, "all queued")
        return self.store.jobs()

    def names(self) -> list[str]:
        return [job.dest_path for job in self.store.jobs()]

    def send(self) -> list[str]:
        """All jobs arrive; the names under which they do."""
        jobs = self.store.claim("agent", 100_000, ["pit"])
        ids = [job.file_id for job in jobs]
        self.store.complete([(file_id, "blake3:00", file_id, {}, 0) for file_id in ids])
        self.arrived(ids)
        return [job.dest_path for job in jobs]

    def arrived(self, file_ids: Sequence[str]) -> None:
        self.desk.on_arrived(dict.fromkeys(file_ids, self.clock.monotonic_ns()))

    def fail(self, job: Job, error: DrsError) -> None:
        self.store.claim("agent", 1, ["pit"])
        self.store.fail(job.file_id, error.code, error.message)
        self.desk.on_failed(job.file_id, error)

    def view(self, name: str) -> WatchView:
        return next(view for view in self.verbs.views() if view.spec.name == name)

    def states(self) -> list[JobState]:
        return [job.status for job in self.store.jobs()]
