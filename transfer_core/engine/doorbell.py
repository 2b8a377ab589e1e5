"""Another process has changed the state: it rings, and the agent looks at once, not at its next beat.

A local datagram socket in the state directory, which reaches across network namespaces, and which only those can use
who may write there. What comes is not read: a ring says no more than that the database is worth a look, and the agent
takes one some times a second anyway, at watched folders once. So nothing depends on it: where there are no such sockets
(Windows), or the name of the directory is too long for one, a change is noticed a beat later.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_LOG = logging.getLogger(__name__)
NAME = "agent.bell"
REST_S = 0.002  # between two answers, however often it rings
_RINGS_MAX = 64  # taken for one


class Doorbell:
    """Calls `on_ring` in a thread of its own for each ring, or once for several. Hung up by whoever holds the state."""

    def __init__(self, state_dir: Path, on_ring: Callable[[], None]) -> None:
        self._path, self._on_ring = state_dir / NAME, on_ring
        self._stopping = threading.Event()
        self._socket = _bound(self._path)
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)

    def start(self) -> None:
        """Begin to listen, where that can be done."""
        if self._socket is not None:
            self._thread.start()

    def stop(self) -> None:
        """Take it down."""
        if self._socket is None or self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            ring(self._path.parent)
            self._thread.join(1.0)
        self._path.unlink(missing_ok=True)
        self._socket.close()

    def _run(self) -> None:
        assert self._socket is not None
        while not self._stopping.is_set():
            try:
                self._socket.settimeout(1.0)  # whoever ends us may find the bell torn off
                self._socket.recv(1)
                self._socket.setblocking(False)
                for _ in range(_RINGS_MAX):
                    self._socket.recv(1)
            except TimeoutError:
                continue
            except BlockingIOError:
                pass  # that was the last of those that came together
            except OSError as error:
                if not self._stopping.is_set():
                    _LOG.info("changes by other processes are noticed at the next beat from now on: %s", error)
                return
            if not self._stopping.is_set():
                self._on_ring()
                self._stopping.wait(REST_S)


def ring(state_dir: Path) -> None:
    """Tell the agent of that state, if there is one, that something is new. Never waits, never fails."""
    if sys.platform == "win32":
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        try:
            bell.sendto(b"\0", str(state_dir / NAME))
        except OSError:
            return  # nobody is there, or so many have rung that it is about to look


def _bound(path: Path) -> socket.socket | None:
    if sys.platform == "win32":
        return None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        path.unlink(missing_ok=True)  # an agent that was killed left it
        made.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        made.close()
        _LOG.info("changes by other processes are noticed at the next beat: %s can't be made: %s", path, error)
        return None
    return made
