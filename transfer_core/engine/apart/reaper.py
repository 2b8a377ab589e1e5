"""Ends a process that does not react, a while after the one that started it has gone.

It is killed no sooner than it would have been by its parent, so that one that was only busy puts everything in order.
What watches it is a small process of its own. It holds the process itself by a descriptor (pidfd_open(2), Linux 5.3)
and not its number, which may be another's by then.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys

from transfer_core.engine.own_program import is_packaged

_SCRIPT = (
    "import select, signal, sys; held = int(sys.argv[1]); "
    "select.select([held], [], [], float(sys.argv[2]))[0] or signal.pidfd_send_signal(held, signal.SIGKILL)"
)
_left: list[subprocess.Popen[bytes]] = []  # an object must outlive its process, or it complains


@atexit.register
def _let_go() -> None:
    """Those that still run are left on purpose: at the interpreter's end nothing is to be said of them."""
    for process in _left:
        if process.poll() is None:
            process.returncode = 0


def leave_behind(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    """Have it killed unless it ends within `patience_s`. False where the system can't; then nothing is done."""
    if sys.platform != "linux" or is_packaged():  # a package has no interpreter to run this
        return False
    try:
        held = os.pidfd_open(process.pid)
    except OSError:
        return False
    words = [sys.executable, "-I", "-S", "-c", _SCRIPT, str(held), str(patience_s)]
    nothing = subprocess.DEVNULL
    try:
        watcher = subprocess.Popen(
            words, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=(held,), start_new_session=True
        )
    except OSError:
        return False
    finally:
        os.close(held)
    _left.extend((process, watcher))
    return True
