"""`drs-sync relay supervise`: run a relay in a process of its own, and start it again whenever it dies."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence

import typer

from transfer_core.cli import output
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.engine.own_program import own_command
from transfer_core.errors import DrsError
from transfer_core.server.restart_waits import WAIT_FIRST_S, WRONG_USAGE, RestartWaits, how_it_ended

TURN_S = 0.1
STOP_WAIT_S = 20.0


def supervise(context: typer.Context) -> None:
    """Run `drs-sync relay` with these options until Ctrl+C, and start it again whenever it dies.

    All options are those of `drs-sync relay`. Wrong usage ends it at once.
    """
    words = own_command("relay", *context.args)
    as_json = "--json" in context.args
    with stop_on_signals() as stop:
        code = run_again_and_again(words, stop, as_json=as_json)
    raise typer.Exit(code)


def run_again_and_again(words: Sequence[str], stop: threading.Event, *, as_json: bool) -> int:
    """Keep a child running until `stop` is set, or until it ends by itself or by wrong usage; its exit code."""
    waits = RestartWaits(WAIT_FIRST_S)
    while True:
        began_s = time.monotonic()
        try:
            child = subprocess.Popen(list(words))
        except OSError as error:
            raise DrsError(f"the relay can't be started: {error.strerror or error}") from error
        code = _follow(child, stop)
        if stop.is_set() or code in (0, WRONG_USAGE):
            return code
        wait_s = waits.after(time.monotonic() - began_s)
        _say(code, waits.times, wait_s, as_json=as_json)
        if stop.wait(wait_s):
            return 0


def _follow(child: subprocess.Popen[bytes], stop: threading.Event) -> int:
    """Wait for its end, and end it when that is wished."""
    while child.poll() is None:
        if stop.wait(TURN_S):
            child.terminate()  # SIGINT may be ignored in what a shell has put into the background
            try:
                return child.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                child.kill()
    return child.wait()


def _say(code: int, times: int, wait_s: float, *, as_json: bool) -> None:
    if as_json:
        output.json_event("restarts", {"code": code, "times": times, "in_s": wait_s})
    output.note(f"the relay died ({how_it_ended(code)}); it is started again in {wait_s:g} s, for the {times}. time")
