"""The events of an engine in a process of its own: a subscription that outlives the process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from transfer_core.clock import Clock
from transfer_core.engine.apart.asking import Pending
from transfer_core.engine.apart.verbs import DRAIN, SUBSCRIBE, UNSUBSCRIBE
from transfer_core.engine.event_bus import ROWS_FIRST
from transfer_core.errors import EngineGone
from transfer_core.events import EngineFound, EngineLost, EngineSilent, Event, JobsChanged
from transfer_core.units import NS_PER_S

DRAIN_WAIT_S = 1.0  # how long a drain waits, so that its thread does other things too
SILENT_S = 10.0  # a process that gives no events for so long is told of
EVENTS_KEPT = 100


class Asked(Protocol):
    """Whoever answers verbs."""

    def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """See `Asker.ask`."""
        ...

    def begin(self, verb: str, *args: Any, **kwargs: Any) -> Pending:
        """See `Asker.begin`."""
        ...


class RemoteSubscription:
    """See `service.Subscription`. Merged in the process that answers; what is told of that process comes first."""

    def __init__(
        self,
        answering: Callable[[], Asked | None],
        missing: Callable[[], tuple[str, ...]],
        on_close: Callable[[RemoteSubscription], None],
        clock: Clock,
    ) -> None:
        self._answering, self._missing, self._on_close, self._clock = answering, missing, on_close, clock
        self._told: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._process: Asked | None = None  # that is listened to
        self._number: int | None = None  # of the subscription there, once it is known
        self._pending: Pending | None = None
        self._asked_ns = 0
        self._was_lost = self._is_silent = False

    def put(self, event: Event) -> None:
        """Something about the process itself. Any thread."""
        self._told.append(event)

    def drain(self) -> list[Event]:
        """See `Subscription`. Waits for the process's answer, a second at most, and not at all while there is none."""
        process = self._answering()
        events: list[Event] = []
        while self._told:
            events.append(self._told.popleft())
        self._was_lost |= any(isinstance(event, EngineLost) for event in events)
        if process is None:
            return events
        if process is not self._process:
            self._process, self._number, self._pending = process, None, None
        try:
            return events + self._answered(process)
        except EngineGone:
            self._pending = None
            return events  # an EngineLost is about to say so

    def _answered(self, process: Asked) -> list[Event]:
        """What has come; nothing while an answer is waited for. One question at a time."""
        if self._pending is None:
            self._asked_ns = self._clock.monotonic_ns()
            verb = (SUBSCRIBE,) if self._number is None else (DRAIN, self._number)
            self._pending = process.begin(*verb)
        try:
            answer = self._pending.result(DRAIN_WAIT_S)
        except TimeoutError:
            silent_ns = self._clock.monotonic_ns() - self._asked_ns
            if self._is_silent or silent_ns < SILENT_S * NS_PER_S:
                return []
            self._is_silent = True
            return [EngineSilent(True)]
        self._pending = None
        if self._number is None:
            self._number = answer
            return self._answered(process)
        if any(isinstance(event, JobsChanged) and len(event.jobs) >= ROWS_FIRST for event in answer):
            self._asked_ns = self._clock.monotonic_ns()  # of a long queue more follows: it is made while this is shown
            self._pending = process.begin(DRAIN, self._number)
        told: list[Event] = [EngineSilent(False)] if self._is_silent else []
        if self._was_lost:
            told.append(EngineFound(self._missing()))  # what follows it is the whole picture
        self._was_lost = self._is_silent = False
        return told + list(answer)

    def close(self) -> None:
        """Stop listening."""
        self._on_close(self)
        process = self._answering()
        if process is not None and process is self._process and self._number is not None and self._pending is None:
            try:
                process.begin(UNSUBSCRIBE, self._number).result(DRAIN_WAIT_S)
            except (EngineGone, TimeoutError):
                return
