"""Answers triggers over ZeroMQ, in a thread of its own. Needs pyzmq (the extra `zmq`).

A ROUTER socket takes what REQ and DEALER clients send, and answers each by name, so that a client that dies between
question and answer blocks nobody, as it would with REP. Nothing is copied before the answer: `answer` only notes what
is to be done. Messages are small, few and untrusted.

A message starts with an envelope, which the answer gets back: the parts up to the first empty one, as REQ and what
passes its messages on lay them, or none. A trigger is the one part after it. One that is too long, a frame's picture
say, is received all the same, since ZeroMQ closes the connection of whoever sends more than it is to take, and that
client would wait for ever; few such are taken from a client at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from transfer_core.errors import DrsError, PortInUse, UsageError
from transfer_core.events.watches import TriggerRun
from transfer_core.ingest.trigger import EXAMPLE, accepted_reply, error_reply, parse_trigger

if TYPE_CHECKING:
    from zmq import Context, Socket

_LOG = logging.getLogger(__name__)
POLL_MS = 200
PART_BYTES_MAX = 64 << 20  # of what is told that it is too long; who sends more is cut off
WAITING_MAX = 2  # messages of one client that wait in memory; what is more, waits with the client
ENVELOPE_PARTS_MAX, ENVELOPE_BYTES_MAX = 16, 4096
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
        """Answer what a client sent; its name, which ROUTER puts in front, is where the answer goes."""
        if len(frames) < 2:
            return
        envelope, parts = part_envelope(frames[1:])
        self._socket.send_multipart([frames[0], *envelope, self.reply_to(parts)], _zmq().NOBLOCK)

    def reply_to(self, parts: list[bytes]) -> bytes:
        """The answer to one message. Whatever is wrong, there is one."""
        try:
            if len(parts) != 1:
                raise UsageError(f"a trigger is one part, and this message has {len(parts)}", hint=EXAMPLE)
            trigger = parse_trigger(parts[0])
            return accepted_reply(self._answer(trigger.frame_id, trigger.ball_id))
        except DrsError as error:
            return error_reply(error)
        except Exception as error:  # noqa: BLE001 - the client is told, and the next one served
            _LOG.exception("a trigger failed in an unforeseen way")
            return error_reply(DrsError(f"{type(error).__name__}: {error}"))


def part_envelope(parts: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """What an answer starts with, and the parts that follow. An envelope that nobody needs is not sent back."""
    head = parts[: ENVELOPE_PARTS_MAX + 1]
    if len(parts) == 1 or b"" not in head:
        return [], parts
    after = head.index(b"") + 1
    envelope = parts[:after]
    return (envelope if sum(map(len, envelope)) <= ENVELOPE_BYTES_MAX else []), parts[after:]


def _bind(address: str) -> tuple[Context[Socket[bytes]], Socket[bytes]]:
    zmq = _zmq()
    context: Context[Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, PART_BYTES_MAX)
    socket.setsockopt(zmq.RCVHWM, WAITING_MAX)
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
