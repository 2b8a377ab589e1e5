"""Runs a started service in the foreground until it is told to stop, or until there is nothing left to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from transfer_core.cli.reporting import Reporter
from transfer_core.cli.watch import Watch
from transfer_core.errors import ConflictError, DrsError, error_from_code
from transfer_core.events import JobState

if TYPE_CHECKING:
    from transfer_core.service import TransferService

TURN_S = 0.2
PAUSED_HINT = "Let it go on with `drs-sync resume --all`."


def follow(
    service: TransferService,
    reporter: Reporter,
    stop: threading.Event,
    finished: Callable[[Watch], bool] | None,
    *,
    began_at: str = "",
) -> Watch:
    """Report what happens until `stop` is set or `finished`, asked five times a second, holds. None: run on.

    While somebody waits for the end: ConflictError if the queue as a whole is paused, and the relays' own error if
    all that is left is for relays that refuse this agent.
    """
    watch = Watch(began_at)
    subscription = service.subscribe()
    try:
        with reporter:
            reporter.report(watch, watch.take(subscription.drain()))
            while not stop.is_set():
                if finished is not None:
                    if finished(watch):
                        break
                    if watch.engine is not None and watch.engine.paused:
                        raise ConflictError("the queue as a whole is paused", hint=PAUSED_HINT)
                    refusal = _refusal(watch)
                    if refusal is not None:
                        raise refusal
                stop.wait(TURN_S)
                reporter.report(watch, watch.take(subscription.drain()))
    finally:
        subscription.close()
    return watch


def _refusal(watch: Watch) -> DrsError | None:
    """Why nothing of what is left can go, if that will not change by itself."""
    wanted = {job.destination for job in watch.left()}
    whys = [watch.destinations[name].why for name in wanted if name in watch.destinations]
    if not wanted or len(whys) < len(wanted) or not all(why.startswith("E_") for why in whys):
        return None
    code, _, text = whys[0].partition(": ")
    known = error_from_code(code, "")
    hint = known.hint if text.endswith(known.hint) else ""  # it may bring another one with it
    return type(known)(text.removesuffix(hint).strip(), hint=hint)


def drained(service: TransferService) -> Callable[[Watch], bool]:
    """Whether no job goes on by itself any more, and every complete file of the watched folders is one.

    Asked of the events first, and of the queue itself to be sure.
    """

    def over(watch: Watch) -> bool:
        if watch.left() or not service.watches.is_through():
            return False
        return not any(job.status in (JobState.PENDING, JobState.UPLOADING) for job in service.jobs())

    return over


def ended(file_ids: set[str]) -> Callable[[Watch], bool]:
    """Whether these jobs have ended, are paused, or were taken off the list."""

    def over(watch: Watch) -> bool:
        return not any(job.file_id in file_ids for job in watch.left())

    return over
