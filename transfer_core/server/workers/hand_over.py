"""Hands hellos over between the processes of one port: to the one that whoever says it is at home with.

They come to any process. A hello goes on as it came, with the address that it came from; there it is judged as if it
had come by that process's own port. Nothing else is handed over. The way is a local datagram socket for each process,
which holds a few hellos and drops what is more, as the network may: an agent repeats its hello until it is answered.
What comes by it is believed no more than what comes from the network. Copies of one hello pass at a rate that an agent
over many links does not reach, so that one that is played again and again leaves room for those of others.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from transfer_core.net.base import Capabilities
from transfer_core.protocol.endpoint import Address, Received
from transfer_core.protocol.place import ALONE, Place, home_of
from transfer_core.protocol.security.handshake import HELLO_BYTES
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.units import NS_PER_MS

_LOG = logging.getLogger(__name__)
COPIES_AT_ONCE, COPY_NS = 16, 25 * NS_PER_MS  # of one hello, and one more after each such time
HOMES_KEPT = 1024  # of hellos whose copies may come, over other links or again
_HEAD = struct.Struct(">HB")  # the sender's port, length of its host
_BUFFER_BYTES = _HEAD.size + 255 + HELLO_BYTES + 1
_MALFORMED_AT_ONCE = 64


def make_inbox() -> tuple[socket.socket, socket.socket]:
    """A way for hellos: the end to read from, and the one to write to."""
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    reading.setblocking(False)
    writing.setblocking(False)
    return reading, writing


@dataclass(slots=True)
class _Handed:
    """A hello that was handed over, and how many copies of it have passed."""

    home: int
    free_ns: int  # until then copies have used up what they may

    def may_pass(self, now_ns: int) -> bool:
        """Whether one more copy may."""
        if self.free_ns - now_ns > (COPIES_AT_ONCE - 1) * COPY_NS:
            return False
        self.free_ns = max(self.free_ns, now_ns) + COPY_NS
        return True


class HandOver:
    """Knows whose hello is whose, and the ways to the other processes. For the loop's thread."""

    def __init__(self, place: Place = ALONE, outboxes: Mapping[int, socket.socket] | None = None) -> None:
        self.place = place
        self._outboxes = dict(outboxes or {})
        self._handed: dict[bytes, _Handed] = {}

    def pass_on_copy(self, datagram: bytes, address: Address, now_ns: int) -> bool:
        """Hand over the copy of a hello that was handed over before; False if it is none."""
        handed = self._handed.get(datagram)
        if handed is None:
            return False
        if handed.may_pass(now_ns):
            self._send(handed.home, datagram, address)
        return True

    def pass_on(self, datagram: bytes, public_key: bytes, address: Address, now_ns: int) -> bool:
        """Hand over a hello of that agent; False if it is at home here."""
        if self.place.is_home_of(public_key):
            return False
        handed = self._handed[datagram] = _Handed(home_of(public_key, self.place.workers), now_ns)
        if len(self._handed) > HOMES_KEPT:
            self._handed.pop(next(iter(self._handed)))
        self._send(handed.home, datagram, address)
        return True

    def _send(self, home: int, datagram: bytes, address: Address) -> None:
        host = address[0].encode()
        try:
            self._outboxes[home].send(_HEAD.pack(address[1], len(host)) + host + datagram)
        except BlockingIOError:
            _LOG.info("process %d takes no more hellos just now", home)
        except OSError as error:
            _LOG.warning("a hello did not get to process %d: %s", home, error.strerror or error)

    def close(self) -> None:
        """Close the ways."""
        for outbox in self._outboxes.values():
            outbox.close()


class InboxPort:
    """Hellos that others hand over, as if they came by a port; nothing leaves by it. See `net.base.UdpPort`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._view = memoryview(bytearray(_BUFFER_BYTES))

    @property
    def local_address(self) -> Address:
        """None that anybody could send to."""
        return "", 0

    @property
    def capabilities(self) -> Capabilities:
        """One hello a call."""
        return Capabilities(
            segmentation=False, coalescing=False, send_buffer_bytes=0, receive_buffer_bytes=0, bound_to_device=None
        )

    def fileno(self) -> int:
        """The socket's."""
        return self._sock.fileno()

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> int:
        """Answers leave by the UDP port."""
        raise AssertionError("nothing is sent by an inbox")

    def receive(self, now_ns: int) -> Received | None:
        """The next hello, from who said it."""
        for _ in range(_MALFORMED_AT_ONCE):
            try:
                size = self._sock.recv_into(self._view)
            except BlockingIOError:
                return None
            received = _unpack(self._view[:size])
            if received is not None:
                return received
            _LOG.info("what was handed over is no hello")
        return None

    def next_release_ns(self) -> int | None:
        """Nothing is held back."""
        return None

    def pump(self, now_ns: int) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def _unpack(handed: memoryview) -> Received | None:
    """The hello and who said it; None if it is none."""
    if len(handed) < _HEAD.size:
        return None
    port, length = _HEAD.unpack_from(handed)
    datagram = handed[_HEAD.size + length :]
    if len(datagram) != HELLO_BYTES or datagram[0] != Kind.HELLO:
        return None
    with contextlib.suppress(UnicodeDecodeError):
        return Received((str(handed[_HEAD.size : _HEAD.size + length], "utf-8"), port), datagram, len(datagram))
    return None
