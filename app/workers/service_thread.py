"""Runs the service off the GUI thread: makes it, starts it, calls its verbs, drains its events, and stops it.

What is made is mostly the engine in a process of its own (`RemoteService`), or any other `TransferService`.

Three threads. The *pump* makes and starts the service and drains its subscription twenty times a second; it drains
again only when the GUI has taken the last batch, so that a slow GUI gets fewer and larger batches instead of a growing
backlog. Two *lanes* run verbs in the order of the calls: one for what takes milliseconds, so that a kill is at once,
one for what may take seconds (pairing, walking through folders, reading the history). Results come back by signal to
this object, which lives in the GUI thread and calls `on_result` or `on_error` there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot
from shiboken6 import isValid

from transfer_core.errors import DrsError
from transfer_core.service import Subscription, TransferService
from transfer_core.service.pace import SLOW_VERBS

DRAIN_MS = 50
STOP_WAIT_MS = 15_000
LANES_MS = 500  # what runs has mostly ended by then
HANGING_MS = 3_000  # what still runs then hangs, or takes minutes: the service is stopped under it
OnResult = Callable[[Any], None]
OnError = Callable[[DrsError], None]

_log = logging.getLogger(__name__)
_left_running: list[QThread] = []  # a QThread object must outlive its thread


@dataclass(frozen=True, slots=True)
class _Call:
    """A verb on its way to a lane."""

    number: int
    function: Callable[[], Any]


def _as_error(error: Exception) -> DrsError:
    return error if isinstance(error, DrsError) else DrsError(f"{type(error).__name__}: {error}")


class _Pump(QObject):
    """In its own thread: the service's life, and its events."""

    made = Signal(object)  # TransferService
    start_failed = Signal(object)  # DrsError
    started = Signal()
    events = Signal(object)  # list[Event]
    crashed = Signal(object)  # DrsError

    def __init__(self, make: Callable[[], TransferService], taken: threading.Event) -> None:
        super().__init__()
        self._make = make
        self._taken = taken
        self._service: TransferService | None = None
        self._subscription: Subscription | None = None
        self._timer: QTimer | None = None
        self.has_begun = threading.Event()

    @Slot()
    def begin(self) -> None:
        """Make the service, listen, and start it. What fails is told; what was made stays usable."""
        try:
            self._begin()
        finally:
            self.has_begun.set()

    def _begin(self) -> None:
        try:
            self._service = self._make()
        except Exception as error:  # noqa: BLE001 - whatever it is, the window shows it and stays open
            self._tell_failure(error)
            return
        self.made.emit(self._service)
        try:
            self._service.start()
        except Exception as error:  # noqa: BLE001 - as above
            self._tell_failure(error)
        else:
            self.started.emit()
        try:
            self._subscription = self._service.subscribe()
        except Exception as error:  # noqa: BLE001 - as above
            self._tell_failure(error)
            return
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self.drain)
        self._timer.start()

    def _tell_failure(self, error: Exception) -> None:
        if not isinstance(error, DrsError):
            _log.error("the service did not start", exc_info=error)
        self.start_failed.emit(_as_error(error))

    @Slot()
    def drain(self) -> None:
        """Hand over what has come, unless the GUI still has the last batch."""
        if self._subscription is None or not self._taken.is_set():
            return
        try:
            batch = self._subscription.drain()
        except Exception as error:  # noqa: BLE001 - logged, and shown as a banner
            _log.exception("the service's events can't be read")
            if self._timer is not None:
                self._timer.stop()
            self.crashed.emit(_as_error(error))
            return
        if batch:
            self._taken.clear()
            self.events.emit(batch)

    @Slot()
    def finish(self) -> None:
        """Stop the service, and this thread."""
        if self._timer is not None:
            self._timer.stop()
        try:
            if self._subscription is not None:
                self._subscription.close()
            if self._service is not None:
                self._service.stop()
        except Exception:  # noqa: BLE001 - logged; the threads end all the same
            _log.exception("the service did not stop cleanly")
        QThread.currentThread().quit()


class _Lane(QObject):
    """In its own thread: runs calls one after the other."""

    done = Signal(int, object)
    failed = Signal(int, object)

    @Slot(object)
    def run(self, call: _Call) -> None:
        """Run one call and tell what came of it."""
        try:
            result = call.function()
        except DrsError as error:
            self.failed.emit(call.number, error)
        except Exception as error:  # noqa: BLE001 - logged, and handed to the caller
            _log.exception("a verb of the service failed")
            self.failed.emit(call.number, _as_error(error))
        else:
            self.done.emit(call.number, result)


class ServiceThread(QObject):
    """The GUI's way to the service. Lives in the GUI thread; every signal is delivered there."""

    started = Signal()
    start_failed = Signal(object)  # DrsError
    crashed = Signal(object)  # DrsError
    events_arrived = Signal(object)  # list[Event], merged
    went_wrong = Signal(object)  # DrsError of a call that gave no `on_error`

    _begin = Signal()
    _finish = Signal()
    _run_fast = Signal(object)
    _run_slow = Signal(object)

    def __init__(self, make: Callable[[], TransferService], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._service: TransferService | None = None
        self._taken = threading.Event()
        self._taken.set()
        self._number = 0
        self._waiting: dict[int, tuple[OnResult | None, OnError | None]] = {}
        self._early: list[tuple[str, tuple[Any, ...], dict[str, Any], OnResult | None, OnError | None]] = []
        self._stopped = False
        self._failure: DrsError | None = None
        self._pump = _Pump(make, self._taken)
        self._fast, self._slow = _Lane(), _Lane()
        self._threads = [self._thread_for(self._pump, "pump")]
        self._threads += [self._thread_for(lane, name) for lane, name in ((self._fast, "fast"), (self._slow, "slow"))]
        self._connect()

    def _thread_for(self, worker: QObject, name: str) -> QThread:
        thread = QThread()
        thread.setObjectName(f"service {name}")
        worker.moveToThread(thread)
        return thread

    def _connect(self) -> None:
        self._begin.connect(self._pump.begin)
        self._finish.connect(self._pump.finish)
        self._run_fast.connect(self._fast.run)
        self._run_slow.connect(self._slow.run)
        self._pump.made.connect(self._keep_service)
        self._pump.started.connect(self.started)
        self._pump.start_failed.connect(self._note_failure)
        self._pump.crashed.connect(self.crashed)
        self._pump.events.connect(self._take)
        for lane in (self._fast, self._slow):
            lane.done.connect(self._deliver)
            lane.failed.connect(self._deliver_error)

    @property
    def failure(self) -> DrsError | None:
        """Why the service did not start, if it did not."""
        return self._failure

    def start(self) -> None:
        """Begin in the background. Calls made before the service is there wait for it."""
        for thread in self._threads:
            thread.start()
        self._begin.emit()

    def call(
        self,
        verb: str,
        *args: Any,
        on_result: OnResult | None = None,
        on_error: OnError | None = None,
        **kwargs: Any,
    ) -> None:
        """Run `service.verb(*args, **kwargs)` in a lane; exactly one of the two is called, in the GUI thread.

        A verb of one of the service's parts has a dot: `watches.add`.

        Without `on_error`, `went_wrong` tells the error. Nothing is called when it is a method of a Qt object that is
        gone by then, nor after `stop`.
        """
        if self._stopped:
            return
        if self._service is None:
            if self._failure is not None:
                self._tell_error(on_error, self._failure)
                return
            self._early.append((verb, args, kwargs, on_result, on_error))
            return
        self._number += 1
        self._waiting[self._number] = (on_result, on_error)
        method = attrgetter(verb)(self._service)
        call = _Call(self._number, lambda: method(*args, **kwargs))
        (self._run_slow if verb in SLOW_VERBS else self._run_fast).emit(call)

    def run(self, function: Callable[[TransferService], Any], on_error: OnError | None = None) -> None:
        """Run `function(service)` in the slow lane once the service is there; for what is more than one verb."""
        service = self._service
        if service is None or self._stopped:
            return
        self._number += 1
        self._waiting[self._number] = (None, on_error)
        self._run_slow.emit(_Call(self._number, lambda: function(service)))

    def stop(self) -> bool:
        """Finish what runs, stop the service, end the threads. False if one of them did not end in time."""
        if self._stopped:
            return True
        self._stopped = True
        self._waiting.clear()
        pump, *lanes = self._threads
        ended = True
        for thread in lanes:
            thread.quit()
        _wait_for(lanes, LANES_MS)
        self._stop_what_hangs(lanes)
        ended &= _wait_for(lanes, STOP_WAIT_MS)
        if pump.isRunning():
            self._finish.emit()
            ended &= pump.wait(STOP_WAIT_MS)
        if not ended:
            _left_running.extend(thread for thread in self._threads if thread.isRunning())
            _log.error("a thread of the service did not end within %d s", STOP_WAIT_MS // 1000)
        return ended

    def _stop_what_hangs(self, lanes: Sequence[QThread]) -> None:
        """An engine in another process may never answer, or hang as it starts; once it is stopped, nobody waits for it
        any more."""
        answers: Callable[[], bool] | None = getattr(self._service, "answers", None)
        if self._service is None or answers is None:
            return
        if not answers() or not _wait_for(lanes, HANGING_MS) or not self._pump.has_begun.wait(HANGING_MS / 1000):
            self._service.stop()

    # --- in the GUI thread

    @Slot(object)
    def _keep_service(self, service: TransferService) -> None:
        self._service = service
        early, self._early = self._early, []
        for verb, args, kwargs, on_result, on_error in early:
            self.call(verb, *args, on_result=on_result, on_error=on_error, **kwargs)

    @Slot(object)
    def _note_failure(self, error: DrsError) -> None:
        self._failure = error
        self.start_failed.emit(error)
        if self._service is None:
            early, self._early = self._early, []
            for *_, on_error in early:
                self._tell_error(on_error, error)

    @Slot(object)
    def _take(self, batch: list[Any]) -> None:
        try:
            if not self._stopped:
                self.events_arrived.emit(batch)
        finally:
            self._taken.set()

    @Slot(int, object)
    def _deliver(self, number: int, result: object) -> None:
        on_result, _ = self._waiting.pop(number, (None, None))
        if on_result is not None and _is_there(on_result):
            on_result(result)

    @Slot(int, object)
    def _deliver_error(self, number: int, error: DrsError) -> None:
        if number in self._waiting:
            self._tell_error(self._waiting.pop(number)[1], error)

    def _tell_error(self, on_error: OnError | None, error: DrsError) -> None:
        if on_error is None:
            self.went_wrong.emit(error)
        elif _is_there(on_error):
            on_error(error)


def _is_there(function: Callable[..., None]) -> bool:
    """False for a method of a Qt object whose C++ part is deleted."""
    owner = getattr(function, "__self__", None)
    return not isinstance(owner, QObject) or isValid(owner)


def _wait_for(threads: Sequence[QThread], wait_ms: int) -> bool:
    """Whether all of them have ended in that time."""
    end = time.monotonic() + wait_ms / 1000
    return all(
        thread.wait(max(0, round(1000 * (end - time.monotonic())))) or not thread.isRunning() for thread in threads
    )
