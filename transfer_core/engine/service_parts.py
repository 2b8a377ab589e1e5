"""What every verb of the service works on: the state, the bus, and the agent while it runs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from transfer_core.clock import Clock
from transfer_core.config import EngineConfig
from transfer_core.engine.agent_loop import AgentLoop
from transfer_core.engine.clerk import Clerk
from transfer_core.engine.doorbell import Doorbell, ring
from transfer_core.engine.event_bus import EventBus
from transfer_core.engine.link_desk import LinkDesk
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.state_lock import StateLock
from transfer_core.engine.system import SystemEntropy
from transfer_core.events import JobsChanged, JobsRemoved, LinkMarked, Notice, Severity
from transfer_core.jobs.model import to_view
from transfer_core.jobs.store import JobStore
from transfer_core.units import utc_iso

if TYPE_CHECKING:
    from transfer_core.engine.sync_desk import SyncDesk

NOTICES_KEPT = 5_000
MARKS_TOLD = 200
_T = TypeVar("_T")


class ServiceParts:
    """The parts, and how a verb tells the others what it changed. `_loop`, `_clerk`, `_desk` are there once it runs."""

    def __init__(self, state_dir: Path, clock: Clock, config: EngineConfig) -> None:
        self._state_dir, self._clock, self._config = state_dir, clock, config
        self._entropy = SystemEntropy()
        self._bus = EventBus()
        self._notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self._marked: deque[LinkMarked] = deque(maxlen=MARKS_TOLD)  # to those who begin to listen
        self._lock = threading.RLock()
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._store = JobStore(state_dir, clock)
        self._state_lock = StateLock(state_dir, "agent")
        self._cap_bps: float | None = None  # of everything, at this hour
        self._relay_caps_bps: Mapping[str, float] = {}
        self._loop: AgentLoop | None = None
        self._clerk: Clerk | None = None
        self._bell: Doorbell | None = None
        self._desk: LinkDesk | None = None
        self._usage: LinkUsage | None = None
        self._sync_desk: SyncDesk | None = None
        self._say_what_was_set_aside()

    def _say_what_was_set_aside(self) -> None:
        if self._store.quarantined is not None:
            kept = self._store.quarantined
            text = f"The queue's database was damaged; it is kept as {kept.kept_as.name}"
            self._say(Severity.SERIOUS, "state", text, kept.why)

    def _say(self, severity: Severity, topic: str, text: str, error: str) -> None:
        line = Notice(utc_iso(self._clock.wall_ns()), severity, topic, text, error)
        self._notices.append(line)
        self._bus.publish(line)

    def _changed(self, file_ids: Sequence[str] = ()) -> None:
        """Somebody changed the queue: the clerk notices; without one the listeners are told here."""
        if self._clerk is not None:
            self._clerk.poke()
            return
        self._tell_agent()
        listed = {job.file_id: to_view(job) for job in self._store.jobs()}
        gone = tuple(file_id for file_id in file_ids if file_id not in listed)
        if gone:
            self._bus.publish(JobsRemoved(gone))
        self._bus.publish(JobsChanged(tuple(listed[file_id] for file_id in file_ids if file_id in listed)))

    def _tell_agent(self) -> None:
        """The agent of another process, if one runs, is to look at the state now."""
        ring(self._state_dir)

    def _ask_loop(self, question: Callable[[AgentLoop], _T]) -> _T | None:
        """Have the loop's thread look something up; None without a loop."""
        loop = self._loop
        if loop is None or not loop.loop.is_running:
            return None
        answer: list[_T] = []
        done = threading.Event()

        def ask() -> None:
            try:
                answer.append(question(loop))
            finally:
                done.set()

        loop.loop.post(ask)
        done.wait(2.0)
        return answer[0] if answer else None
