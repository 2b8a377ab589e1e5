"""One engine process: started, asked, and ended in order or found dead."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from transfer_core.engine.apart.asking import Asker, Pending
from transfer_core.engine.apart.reaper import leave_behind
from transfer_core.engine.apart.verbs import OPEN, PING
from transfer_core.engine.own_program import module_command
from transfer_core.errors import EngineGone

MODULE = "transfer_core.engine.apart"
SOURCES = Path(__file__).resolve().parents[3]
_INSTALLED = ("site-packages", "dist-packages")  # these every interpreter finds by itself
ORDER_S = 12.0  # for it to put everything in order when it is to end
END_S = 3.0  # for the system to say how it ended
PULSE_S = 1.5  # for it to say that it is there; an answer takes a millisecond on an idle machine
STUCK_S = 0.2  # for a pipe that is not read any more
LINES_KEPT = 40

_log = logging.getLogger(__name__)


class EngineProcess:
    """Runs from its making to `close`. `on_end` is told, from another thread, when it ends without that.

    `module` is what is run; it calls `child.main`.
    """

    def __init__(self, on_end: Callable[[EngineProcess], None], *, module: str = MODULE) -> None:
        self._on_end = on_end
        self._closing = self._stands_still = False
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        try:
            self._process = _start(module)
        except OSError as error:
            raise EngineGone(
                f"the engine's process can't be started: {error}", hint="Start the console again."
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._asker = Asker(self._process.stdout, self._process.stdin, self._ended)  # type: ignore[arg-type]
        self._listener = threading.Thread(
            target=self._listen, args=(self._process.stderr,), name="engine-stderr", daemon=True
        )
        self._listener.start()
        self._asker.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def why(self) -> str:
        """How it ended, for people; empty while it runs."""
        code = self._process.poll()
        if code is None:
            return ""
        if code < 0:
            return f"it was ended by {_signal_name(-code)}"
        return f"it ended with code {code}"

    @property
    def last_words(self) -> str:
        """What it wrote to stderr last."""
        return "\n".join(self._said)

    def open(self, state_dir: Path, simulation: Path | None) -> None:
        """Have it open a state. Errors as `LocalService` raises them; EngineGone with its last words."""
        try:
            self._asker.ask(OPEN, state_dir, simulation)
        except EngineGone as error:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it does not answer, and is slow to end
                self._process.wait(END_S)
            self._listener.join(END_S)
            last = self._said[-1] if self._said else ""
            raise EngineGone(f"the engine's process did not start: {self.why} {last}".rstrip()) from error

    def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """See `Asker.ask`."""
        return self._asker.ask(verb, *args, **kwargs)

    def begin(self, verb: str, *args: Any, **kwargs: Any) -> Pending:
        """See `Asker.begin`."""
        return self._asker.begin(verb, *args, **kwargs)

    def answers(self) -> bool:
        """Whether it does, within PULSE_S. One that does not is not waited for by `close`."""
        if not self._stands_still:
            try:
                self._asker.begin(PING).result(PULSE_S)
            except TimeoutError:
                self._stands_still = True
            except EngineGone:
                return False
        return not self._stands_still

    def close(self) -> None:
        """Have it put everything in order and end; end it if that takes too long.

        One that stands still is left behind: it gets the same time, but nobody waits for it.
        """
        self._closing = True
        if not self.answers() and not self.why and self._leave():
            return
        in_order = self._asker.hang_up(END_S)
        try:
            self._process.wait(ORDER_S if in_order and not self._stands_still else STUCK_S)
        except subprocess.TimeoutExpired:
            _log.error("the engine's process did not end within %d s", ORDER_S)
            self._process.kill()
            self._process.wait(END_S)
        self._asker.join(END_S)
        self._listener.join(END_S)

    def _leave(self) -> bool:
        self._asker.hang_up(STUCK_S)
        self._asker.give_up()
        if not leave_behind(self._process, ORDER_S):
            return False
        _log.info("the engine's process stands still; it is left to end, and ended in %d s if it does not", ORDER_S)
        return True

    def _ended(self) -> None:
        """In the reading thread: the process has closed its end."""
        self._asker.hang_up(END_S)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_S)
        if not self._closing:
            self._listener.join(END_S)
            self._on_end(self)

    def _listen(self, stream: BinaryIO) -> None:
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip()
            if line:
                self._said.append(line)
                _log.warning("the engine's process: %s", line)
        stream.close()


def _start(module: str) -> subprocess.Popen[bytes]:
    """The same interpreter with the same sources; no folder that happens to be the present one is searched."""
    environment = dict(os.environ)
    if SOURCES.name not in _INSTALLED:
        known = environment.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = os.pathsep.join([str(SOURCES), *filter(None, [known])])
    more: dict[str, Any]
    if sys.platform == "win32":
        more = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    else:
        more = {"process_group": 0}  # a terminal's Ctrl+C is for the window alone
    pipe = subprocess.PIPE
    return subprocess.Popen(module_command(module), stdin=pipe, stdout=pipe, stderr=pipe, env=environment, **more)


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
