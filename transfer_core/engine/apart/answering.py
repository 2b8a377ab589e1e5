"""The answering side of the pipes: reads calls in one thread and runs them in a few, so that none waits for a slow one.

Who asks waits for the answer before it asks again from the same thread, so calls of one thread keep their order.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Any, BinaryIO

from transfer_core.engine.apart.verbs import DRAIN, OPEN, PING, SUBSCRIBE, UNSUBSCRIBE, VERBS
from transfer_core.engine.apart.wire import Call, Frame, FrameWriter, Kind, failure_of, pack, read_frame
from transfer_core.errors import ConflictError, DrsError, EngineGone, LocalProtocolError
from transfer_core.events import Event
from transfer_core.service import Subscription, TransferService

HANDS = 6  # two lanes, the pump, who starts it anew, and two to spare

_log = logging.getLogger(__name__)


class Answerer:
    """Answers from `run`'s begin to the end of the calls. `make` is given what `open` was asked with."""

    def __init__(self, calls: BinaryIO, answers: FrameWriter, make: Callable[..., TransferService]) -> None:
        self._calls, self._answers, self._make = calls, answers, make
        self._todo: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._service: TransferService | None = None
        self._opening = threading.Lock()
        self._numbers = itertools.count(1)
        self._subscriptions: dict[int, Subscription] = {}
        self._own: dict[str, Callable[..., object]] = {
            OPEN: self._open,
            PING: _here,
            SUBSCRIBE: self._subscribe,
            DRAIN: self._drain,
            UNSUBSCRIBE: self._unsubscribe,
        }

    def run(self, on_end: Callable[[], None]) -> None:
        """Answer until the calls end, tell that, then stop the service."""
        hands = [threading.Thread(target=self._work, name=f"verbs-{n}", daemon=True) for n in range(HANDS)]
        for hand in hands:
            hand.start()
        try:
            while (frame := read_frame(self._calls)) is not None:
                self._todo.put(frame)
        finally:
            on_end()
            for _ in hands:
                self._todo.put(None)
            with self._opening:
                service, self._service = self._service, None
            if service is not None:
                service.stop()

    def _work(self) -> None:
        while (frame := self._todo.get()) is not None:
            kind, body = self._answer(frame)
            try:
                self._answers.write(kind, frame.number, body)
            except EngineGone:
                return  # nobody waits for it

    def _answer(self, frame: Frame) -> tuple[Kind, bytes]:
        verb = "?"
        try:
            call: Call = frame.open()
            verb = call.verb
            return Kind.RESULT, pack(self._run(call))
        except DrsError as error:
            return Kind.FAILURE, pack(failure_of(error))
        except Exception as error:  # noqa: BLE001 - logged, and handed to who asked
            _log.exception("a verb of the service failed: %s", verb)
            return Kind.FAILURE, pack(failure_of(error))

    def _run(self, call: Call) -> object:
        own = self._own.get(call.verb)
        if own is not None:
            return own(*call.args, **call.kwargs)
        if call.verb not in VERBS:
            raise LocalProtocolError(f"there is no verb {call.verb!r}")
        result: object = attrgetter(call.verb)(self._opened())(*call.args, **call.kwargs)
        return result

    def _opened(self) -> TransferService:
        if self._service is None:
            raise ConflictError("the engine's process has no state open", hint="It is ending.")
        return self._service

    def _open(self, *args: Any, **kwargs: Any) -> None:
        with self._opening:
            self._service = self._make(*args, **kwargs)

    def _subscribe(self) -> int:
        number = next(self._numbers)
        self._subscriptions[number] = self._opened().subscribe()
        return number

    def _drain(self, number: int) -> list[Event]:
        return self._subscriptions[number].drain()

    def _unsubscribe(self, number: int) -> None:
        self._subscriptions.pop(number).close()


def _here() -> None:
    """Who asks wants to know whether anybody answers."""
