"""The engine's process, from its first line to its last: `python -m transfer_core.engine.apart`.

Calls come in by stdin and answers go out by stdout; whatever else writes to stdout lands on stderr. It ends when stdin
does, which happens also when the program that started it is killed, and puts everything in order before. What it logs
goes to that program's log.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from transfer_core.engine.apart.answering import Answerer
from transfer_core.engine.apart.wire import FrameWriter, Kind, LogLine, pack
from transfer_core.engine.system import collect_less_often, compute_in_one_thread
from transfer_core.errors import EngineGone
from transfer_core.service import TransferService

ORDER_S = 20.0  # to put everything in order; then it ends anyway

_IN, _OUT, _ERR = 0, 1, 2


def make_service(state_dir: Path, simulation: Path | None = None) -> TransferService:
    """What this process is for. Imported here, so that who asks gets the errors of that too."""
    from transfer_core.engine.local_service import LocalService  # noqa: PLC0415

    service = LocalService(state_dir, simulation=simulation)
    service.in_portions = True
    return service


class _LogToParent(logging.Handler):
    """Sends records, with their tracebacks, as frames."""

    def __init__(self, writer: FrameWriter) -> None:
        super().__init__(logging.WARNING)
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(Kind.LOG, 0, pack(LogLine(record.name, record.levelno, self.format(record))))
        except EngineGone:
            return  # nobody is there to read it


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes, out of reach of anything that prints or reads."""
    calls, answers = os.dup(_IN), os.dup(_OUT)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - not on every system

        for fd in (calls, answers):
            msvcrt.setmode(fd, os.O_BINARY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _IN)
    os.close(nothing)
    os.dup2(_ERR, _OUT)
    return os.fdopen(calls, "rb"), os.fdopen(answers, "wb")


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _end_in_any_case() -> None:
    """For a thread that can't be stopped, such as one that waits for a dead disk."""
    os._exit(1)


def main(make: Callable[..., TransferService] = make_service) -> None:
    """Answer until nobody asks any more, by the service that `make` gives for a state."""
    faulthandler.enable()
    collect_less_often()
    compute_in_one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the window, which ends this one in order
    calls, answers = _take_pipes()
    writer = FrameWriter(answers)
    logging.getLogger().addHandler(_LogToParent(writer))
    answerer = Answerer(calls, writer, make)
    last = threading.Timer(ORDER_S, _end_in_any_case)
    last.daemon = True
    signal.signal(signal.SIGTERM, _end)
    try:
        answerer.run(last.start)
    except Exception:
        logging.getLogger(__name__).exception("the engine's process did not end cleanly")
        sys.exit(1)
