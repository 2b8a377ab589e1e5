"""Answers triggers over ZeroMQ, in a thread of its own. Needs pyzmq (the extra `zmq`).

A ROUTER socket takes what REQ and DEALER clients send, and answers each by name, so that a client that dies between
question and answer blocks nobody, as it would with REP. Nothing is copied before the answer: `answer` only notes what
is to be done. Messages are small, few and untrusted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from transfer_core.errors import DrsError, PortInUse, UsageError
from transfer_core.events.watches import TriggerRun
from transfer_core.ingest.trigger import accepted_reply, error_reply, parse_trigger

if TYPE_CHECKING:
    from zmq import Context, Socket

_LOG = logging.getLogger(__name__)
POLL_MS = 200
SOCKET_BYTES_MAX = 1 << 20  # far more than a trigger may have, so that one that is too long is told so
JOIN_S = 5.0


class TriggerServer:
    """`answer(frame_id, ball_id)` does what is asked, and raises what it can't do. UsageError without pyzmq."""

    def __init__(self, address: str, answer: Callable[[str, str], TriggerRun]) -> None:
        self._answer = answer
        self._stopping = threading.Event()
        self._context, self._socket = _bind(address)
        self.address: str = self._socket.getsockopt_string(_zmq().LAST_ENDPOINT)
        self._thread = threading.Thread(target=self._run, name="triggers", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the socket. May be called twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        self._socket.close(0)
        self._context.term()

    def _run(self) -> None:
        zmq = _zmq()
        while not self._stopping.is_set():
            try:
                if not self._socket.poll(POLL_MS):
                    continue
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
                self._reply(frames)
            except zmq.Again:  # the client went away, or does not read: it gets no answer
                continue
            except zmq.ZMQError as error:
                _LOG.info("a trigger was not answered: %s", error)

    def _reply(self, frames: list[bytes]) -> None:
        """REQ puts an empty frame before its message, DEALER need not; what it sent is what it gets back."""
        head, body = frames[:-1], frames[-1]
        if not head:
            return
        self._socket.send_multipart([*head, self.reply_to(body)], _zmq().NOBLOCK)

    def reply_to(self, message: bytes) -> bytes:
        """The answer to one message. Whatever is wrong, there is one."""
        try:
            trigger = parse_trigger(message)
            return accepted_reply(self._answer(trigger.frame_id, trigger.ball_id))
        except DrsError as error:
            return error_reply(error)
        except Exception as error:  # noqa: BLE001 - the client is told, and the next one served
            _LOG.exception("a trigger failed in an unforeseen way")
            return error_reply(DrsError(f"{type(error).__name__}: {error}"))


def _bind(address: str) -> tuple[Context[Socket[bytes]], Socket[bytes]]:
    zmq = _zmq()
    context: Context[Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, SOCKET_BYTES_MAX)
    socket.setsockopt(zmq.SNDHWM, 1000)
    if ":" in address.rpartition("://")[2].rpartition(":")[0]:
        socket.setsockopt(zmq.IPV6, 1)
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        socket.close(0)
        context.term()
        if error.errno == zmq.EADDRINUSE:
            raise PortInUse(f"another program listens on {address}", hint="Choose another port with --zmq.") from error
        hint = "Write tcp://127.0.0.1:5555, or ipc:///run/user/1000/triggers."
        raise UsageError(f"{address!r} can't be listened on: {error.strerror}", hint=hint) from error
    return context, socket


def _zmq() -> ModuleType:
    try:
        import zmq  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError("triggers need pyzmq", hint='Get it with `pip install "drs-sync[zmq]"`.') from error
    return zmq
