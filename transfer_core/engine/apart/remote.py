"""The service's verbs, answered by an engine in a process of its own, which is started again if it ends unasked.

While no process answers, a verb waits a little for the next one and then fails with EngineGone; `drain` never waits.
One of milliseconds has its answer, EngineGone or NoAnswer within `pace.ANSWER_S`, whatever the process does meanwhile.
A verb that was under way when the process ended is asked again where that does no harm (`ASKED_AGAIN`).
The queue goes on from where the disk says, as after any crash; what was switched on in the old process alone is
switched on again (`standing`). After a few failures in a row it is left alone until `restart_engine`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from transfer_core.clock import Clock
from transfer_core.engine.apart.asking import GONE, Pending
from transfer_core.engine.apart.process import EngineProcess
from transfer_core.engine.apart.restarts import Restarts
from transfer_core.engine.apart.standing import Standing
from transfer_core.engine.apart.subscription import Asked, RemoteSubscription
from transfer_core.engine.apart.verbs import ASKED_AGAIN, PARTS, VERBS
from transfer_core.engine.apart.wire import Call
from transfer_core.engine.system import SystemClock
from transfer_core.errors import DrsError, EngineGone, NoAnswer, UsageError
from transfer_core.events import EngineLost, Notice, Severity
from transfer_core.service.pace import ANSWER_S, answer_within_s
from transfer_core.units import NS_PER_S, utc_iso

TRIES = 3

_log = logging.getLogger(__name__)


class Process(Asked, Protocol):
    """What is needed of an `EngineProcess`."""

    @property
    def why(self) -> str:
        """See `EngineProcess.why`."""
        ...

    @property
    def last_words(self) -> str:
        """See `EngineProcess.last_words`."""
        ...

    def open(self, state_dir: Path, simulation: Path | None) -> None:
        """See `EngineProcess.open`."""
        ...

    def answers(self) -> bool:
        """See `EngineProcess.answers`."""
        ...

    def close(self) -> None:
        """See `EngineProcess.close`."""
        ...


class _Verbs:
    """A part of the service: each of its verbs as a method."""

    def __init__(self, ask: Callable[..., Any], prefix: str = "") -> None:
        self._ask_verb, self._prefix = ask, prefix

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = self._prefix + name
        if verb not in VERBS:
            raise AttributeError(verb)

        def ask(*args: Any, **kwargs: Any) -> Any:
            return self._ask_verb(verb, *args, **kwargs)

        return ask


class RemoteService(_Verbs):
    """See `TransferService`; the verbs that are not written out here are made from its Protocol.

    Making one starts the process and has it open the state; errors of that are raised, and end it. A process that
    breaks at its start is started again as a later one would be.
    """

    def __init__(
        self,
        state_dir: Path,
        simulation: Path | None = None,
        *,
        clock: Clock | None = None,
        make_process: Callable[[Callable[[Any], None]], Process] = EngineProcess,
    ) -> None:
        super().__init__(self._ask)
        self._place = state_dir, simulation
        self._clock, self._make_process = clock or SystemClock(), make_process
        self._changed = threading.Condition()  # with a lock that may be taken again
        self._restarts, self._standing = Restarts(), Standing()
        self._subscriptions: list[RemoteSubscription] = []
        self._process: Process | None = None  # that answers
        self._coming: Process | None = None  # that does not answer yet
        self._keeper: threading.Thread | None = None
        self._is_started = self._is_stopping = False
        self._began_ns = 0
        self._missing: tuple[str, ...] = ()
        for part in PARTS:
            setattr(self, part, _Verbs(self._ask, f"{part}."))
        self._last_loss: EngineLost | None = None
        try:
            self._adopt(self._launch())
        except EngineGone as error:
            with self._changed:
                self._lost(error.message, error.one_line(), self._restarts.wait_s(0))

    # --- what is asked

    def start(self) -> None:
        """See `TransferService`. A process that comes after this one is started too."""
        try:
            self._ask("start")
        except EngineGone:
            self._is_started = True
            raise
        self._is_started = True

    def subscribe(self) -> RemoteSubscription:
        """See `TransferService`. Outlives the process: after an `EngineFound` everything is told anew."""
        subscription = RemoteSubscription(self._answering, lambda: self._missing, self._forget, self._clock)
        with self._changed:
            self._subscriptions.append(subscription)
            if self._process is None and self._last_loss is not None:
                subscription.put(self._last_loss)
        return subscription

    def restart_engine(self) -> None:
        """See `TransferService`."""
        with self._changed:
            if self._process is not None or self._is_stopping or self._keeper is not None:
                return
            self._restarts.forgive()
            self._begin_keeper(0.0)

    def stop(self) -> None:
        """See `TransferService`. The process has ended afterwards, unless it stands still."""
        with self._changed:
            self._is_stopping = True
            closing = [each for each in (self._process, self._coming) if each is not None]
            self._process, keeper = None, self._keeper
            self._changed.notify_all()
        for process in closing:
            process.close()
        if keeper is not None:
            keeper.join()

    def answers(self) -> bool:
        """Whether the process does; false if there is none. Takes a second or two where it stands still."""
        process = self._process
        return process is not None and process.answers()

    def _ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        wait_s = answer_within_s(verb)
        until_ns = self._clock.monotonic_ns() + round(ANSWER_S * NS_PER_S)
        for left in reversed(range(TRIES if verb in ASKED_AGAIN else 1)):
            pending = self._sent(until_ns, verb, *args, **kwargs)
            try:
                result = pending.result(None if wait_s is None else self._left_s(until_ns))
                break
            except TimeoutError:
                raise NoAnswer(f"the engine has not got through with `{verb}` in {wait_s:.0f} s") from None
            except EngineGone:
                if not left or self._is_stopping:
                    raise
        self._standing.note(Call(verb, args, kwargs), result)
        return result

    def _left_s(self, until_ns: int) -> float:
        return max(0.0, (until_ns - self._clock.monotonic_ns()) / NS_PER_S)

    def _sent(self, until_ns: int, verb: str, *args: Any, **kwargs: Any) -> Pending:
        """Under way. A process that is found dead has not taken it, so that the next one is asked."""
        for _ in range(TRIES):
            process = self._awaited(until_ns)
            try:
                return process.begin(verb, *args, **kwargs)
            except EngineGone:
                with self._changed:
                    self._changed.wait_for(partial(self._is_not, process), self._left_s(until_ns))
        raise EngineGone(GONE)

    def _is_not(self, process: Process) -> bool:
        return self._process is not process

    def _answering(self) -> Process | None:
        return self._process

    def _awaited(self, until_ns: int) -> Process:
        """The process that answers; one that is on its way, which takes some two seconds, is waited for."""
        with self._changed:
            self._changed.wait_for(lambda: self._process is not None or self._keeper is None, self._left_s(until_ns))
            if self._process is None:
                raise EngineGone(GONE, hint="Wait until it is there again, or restart it from the message on top.")
            return self._process

    def _forget(self, subscription: RemoteSubscription) -> None:
        with self._changed:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

    # --- the process

    def _launch(self) -> Process:
        process = self._make_process(self._ended)
        with self._changed:
            self._coming = process
        try:
            process.open(*self._place)
        except DrsError:
            process.close()
            raise
        finally:
            with self._changed:
                self._coming = None
        return process

    def _adopt(self, process: Process) -> None:
        """Have this one answer from now on, unless it has ended by now."""
        with self._changed:
            self._keeper = None
            if not self._is_stopping:
                self._process, self._began_ns = process, self._clock.monotonic_ns()
                self._changed.notify_all()
                if process.why:
                    self._ended(process)
                return
        process.close()

    def _ended(self, process: Process) -> None:
        """In a thread of the process that has ended unasked."""
        with self._changed:
            if process is not self._process or self._is_stopping:
                return  # one that was on its way: who launches it notices
            self._process = None
            self._changed.notify_all()
            lived_ns = self._clock.monotonic_ns() - self._began_ns
            self._lost(process.why or "it ended", process.last_words, self._restarts.wait_s(lived_ns))

    def _lost(self, why: str, detail: str, wait_s: float | None) -> None:
        """Tell it, and try again if it is to be tried. Under the lock."""
        _log.warning("the engine's process is gone: %s", why)
        at = utc_iso(self._clock.wall_ns())
        self._last_loss = EngineLost(why, wait_s, detail)
        for subscription in self._subscriptions:
            subscription.put(self._last_loss)
            subscription.put(Notice(at, Severity.SERIOUS, "engine", f"The engine's process is gone: {why}", detail))
        if wait_s is None:
            self._keeper = None
            self._changed.notify_all()
        else:
            self._begin_keeper(wait_s)

    def _begin_keeper(self, wait_s: float) -> None:
        self._keeper = threading.Thread(target=self._bring_back, args=(wait_s,), name="engine-keeper", daemon=True)
        self._keeper.start()

    def _bring_back(self, wait_s: float) -> None:
        """In a thread of its own: after a while, another process, with what the last one had."""
        with self._changed:
            if self._changed.wait_for(lambda: self._is_stopping, wait_s):
                return
        began_ns = self._clock.monotonic_ns()
        try:
            process = self._launch()
            try:
                if self._is_started:
                    process.ask("start")
                missing = self._standing.ask_again(process.ask)
            except DrsError:
                process.close()
                raise
        except DrsError as error:
            with self._changed:
                if not self._is_stopping:
                    lived_ns = self._clock.monotonic_ns() - began_ns
                    self._lost(error.message, error.one_line(), self._restarts.wait_s(lived_ns))
            return
        self._missing = missing
        self._adopt(process)


def remote_service(state_dir: Path, simulation: Path | None = None) -> Any:
    """A `TransferService` in a process of its own. UsageError if the simulation file isn't there."""
    if simulation is not None and not simulation.is_file():
        raise UsageError(f"{simulation} is no file", hint="Name a simulation file with --simulate.")
    return RemoteService(state_dir.absolute(), None if simulation is None else simulation.absolute())
