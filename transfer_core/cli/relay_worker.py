"""`drs-sync relay worker`, which `relay --workers N` starts: one of several processes that receive on one port."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from transfer_core.cli import output
from transfer_core.cli.compose_workers import open_relay_worker
from transfer_core.cli.options import State, Trace
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.engine.system import keep_what_is_made
from transfer_core.errors import UsageError
from transfer_core.server.workers.worker_process import BEAT

TURN_S = 0.5  # from beat to beat; the loop goes round once a second at least
PARENT_S = 2.0  # for the parent to wish the same, if a signal was for both: else it would start another one


def worker(
    context: typer.Context,
    seat: Annotated[str, typer.Argument(metavar="SEAT", help="What it has inherited.")],
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where files are put.")],
    keep_free_bytes: Annotated[int, typer.Option("--keep-free-bytes", metavar="N", help="Left free on the disk.")],
    quota_bytes: Annotated[
        int | None, typer.Option("--quota-bytes", metavar="N", help="What each agent may store.")
    ] = None,
    trace: Trace = None,
    state: State = None,
) -> None:
    """Receive until stdin ends."""
    parent_wishes = threading.Event()
    with stop_on_signals() as stop:
        try:
            receiver = open_relay_worker(
                state or context.obj,
                directory,
                seat,
                _say,
                quota_bytes=quota_bytes,
                keep_free_bytes=keep_free_bytes,
                trace=trace,
            )
        except OSError as error:
            hint = "It is started by `drs-sync relay --workers N`."
            raise UsageError("this process has inherited no port to receive on", hint=hint) from error
        receiver.start()
        keep_what_is_made()
        try:
            threading.Thread(target=_until_stdin_ends, args=(parent_wishes,), name="relay-parent", daemon=True).start()
            turns = 0
            while not stop.is_set() and not parent_wishes.wait(TURN_S):
                if receiver.failure is not None:
                    raise receiver.failure
                if receiver.turns != turns:
                    turns = receiver.turns
                    _say({"event": BEAT})
        finally:
            receiver.stop()
        parent_wishes.wait(PARENT_S)


def _say(event: dict[str, Any]) -> None:
    """To the parent, if there is one: without it, this process ends by itself."""
    with contextlib.suppress(BrokenPipeError):
        output.json_event(str(event.pop("event")), event)


def _until_stdin_ends(parent_wishes: threading.Event) -> None:
    """It does when the parent wishes so, and when there is none any more."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    parent_wishes.set()
