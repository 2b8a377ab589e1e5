"""The asking side of the pipes: any thread asks and waits for its own answer; one thread reads."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from transfer_core.engine.apart.wire import Call, Frame, FrameWriter, Kind, error_of, pack, read_frame
from transfer_core.errors import EngineGone

GONE = "the engine's process ended"


class Pending:
    """An answer that is on its way. `answer` is None once woken: none will come."""

    __slots__ = ("_verb", "answer", "woken")

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self.answer: Frame | None = None
        self.woken = threading.Event()

    def result(self, timeout_s: float | None = None) -> Any:
        """What the verb gave, or its error, opened in this thread. EngineGone if none will come; TimeoutError."""
        if not self.woken.wait(timeout_s):
            raise TimeoutError(self._verb)
        if self.answer is None:
            raise EngineGone(f"{GONE} before it answered `{self._verb}`")
        content = self.answer.open()
        if self.answer.kind is Kind.FAILURE:
            raise error_of(content)
        return content


class Asker:
    """Asks over a pair of streams, from `start` until the other side's end is read, which `on_end` tells once."""

    def __init__(self, answers: BinaryIO, calls: BinaryIO, on_end: Callable[[], None]) -> None:
        self._answers, self._writer, self._on_end = answers, FrameWriter(calls), on_end
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Pending] = {}
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="engine-answers", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._reader.start()

    def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """What the verb gives, or its error. EngineGone if no answer will come."""
        return self.begin(verb, *args, **kwargs).result()

    def begin(self, verb: str, *args: Any, **kwargs: Any) -> Pending:
        """Ask, and let it be waited for later. EngineGone, DrsError for what can't be sent."""
        body = pack(Call(verb, args, kwargs))
        pending = Pending(verb)
        with self._lock:
            if self._ended:
                raise EngineGone(GONE)
            number = next(self._numbers)
            self._waiting[number] = pending
        try:
            self._writer.write(Kind.CALL, number, body)
        except EngineGone:
            with self._lock:
                self._waiting.pop(number, None)
            raise
        return pending

    def hang_up(self, timeout_s: float) -> bool:
        """Ask nothing more: the other side reads the end and ends. False if it reads nothing for so long."""
        return self._writer.close(timeout_s)

    def give_up(self) -> None:
        """No answer is waited for any longer: who does gets EngineGone."""
        with self._lock:
            self._ended = True
            left, self._waiting = list(self._waiting.values()), {}
        for waiting in left:
            waiting.woken.set()

    def join(self, timeout_s: float) -> None:
        """Wait until all that the other side wrote is read."""
        self._reader.join(timeout_s)

    def _read(self) -> None:
        while (frame := read_frame(self._answers)) is not None:
            if frame.kind is Kind.LOG:
                line = frame.open()
                logging.getLogger(line.logger).log(line.level, "%s", line.text)
                continue
            with self._lock:
                waiting = self._waiting.pop(frame.number, None)
            if waiting is not None:
                waiting.answer = frame
                waiting.woken.set()
        self.give_up()
        self._answers.close()
        self._on_end()
