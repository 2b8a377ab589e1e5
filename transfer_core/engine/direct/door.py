"""The door: lets in sessions of machines that share a folder with this one. They bring parcels and get posts, no more.

It is to them what a relay is, with the same handshake and the same `ReceiverSession`, but it takes no files, keeps no
state and knows its callers before they come: a hello of any other key gets no answer and leaves nothing behind. A hello
that is played again opens a session that nobody can use, and costs the one that is in use nothing.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable

from transfer_core.clock import Clock
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.guests import Guest, Guests
from transfer_core.engine.parcels import PARCEL_PREFIX, RelayMail
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError, FileHashMismatch, LinkError, NameRefused, TooMany
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.protocol.receiver_events import (
    ChunkReady,
    FileOffered,
    FileStopped,
    PostDelivered,
    ReceiverEvent,
    SessionEnded,
    VerifyFile,
)
from transfer_core.protocol.security.handshake import Status
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.units import NS_PER_S

_LOG = logging.getLogger(__name__)
WINDOW_CHUNKS = 256
SILENT_NS = 4 * NS_PER_S  # the other pings every second; silent for longer, it is looked for elsewhere
HELLOS_KEPT = 64


class Door:
    """See the module. What comes is told to `mail`, in the loop's thread."""

    def __init__(
        self, port: UdpPort, identity: KeyPair, name: str, clock: Clock, entropy: Entropy, mail: RelayMail
    ) -> None:
        self._port, self._clock, self._mail = port, clock, mail
        self._known: frozenset[bytes] = frozenset()
        self._callers = Guests(
            Guest,
            lambda caller: mail.on_session_ended(caller.agent),
            identity=identity,
            name=name,
            window_chunks=WINDOW_CHUNKS,
            hellos_kept=HELLOS_KEPT,
            clock=clock,
            entropy=entropy,
        )
        self._loop = EventLoop("sync-door", clock)
        self._loop.add_port(port)

    # --- any thread

    def start(self) -> None:
        """Begin to listen."""
        self._loop.start(self)

    def stop(self) -> None:
        """End; the port is closed."""
        self._loop.stop()

    def set_known(self, keys: frozenset[bytes]) -> None:
        """Let these in from now on; sessions of others end."""

        def take() -> None:
            self._known = keys
            self._callers.forget_unanswered()
            for index, caller in list(self._callers.sessions.items()):
                if caller.agent not in keys:
                    self._callers.end(index)

        self._loop.post(take)

    def post(self, key: bytes, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Bring something to a caller; without its session it is dropped."""
        self._loop.post(lambda: self._callers.post(key, data, urgent=urgent, delivered=delivered))

    # --- the loop: see `Driven`

    def on_received(self, port: UdpPort, received: Received, now_ns: int) -> None:
        """Hand datagrams to their session."""
        payload = received.payload
        if payload[0] == Kind.HELLO:
            self._on_hello(bytes(payload[: received.segment_bytes]), received.address)
        elif len(payload) >= 6:
            caller = self._callers.sessions.get(struct.unpack_from(">I", payload, 2)[0])
            if caller is not None:
                caller.protocol.receive_datagrams(payload[1], received, now_ns)
                if not caller.is_proven and caller.protocol.is_heard:
                    self._begin(caller)
                self._drain(caller)

    def _on_hello(self, datagram: bytes, address: Address) -> None:
        heard = self._callers.hear(datagram)
        if isinstance(heard, bytes):
            self._send(heard, address)
        elif heard is not None and heard.agent_public in self._known:
            self._send(self._callers.answer(datagram, heard, Status.ACCEPTED)[0], address)

    def _send(self, datagram: bytes, address: Address) -> None:
        self._port.send(address, memoryview(datagram), len(datagram))

    def _begin(self, caller: Guest) -> None:
        self._callers.prove(caller)
        self._mail.on_session(caller.agent, caller.name)

    def on_turn(self, now_ns: int) -> None:
        """Deadlines, and callers that are heard no more."""
        for caller in self._callers.sessions.values():
            caller.protocol.handle_timeout(now_ns)
        self._callers.end_silent(now_ns, SILENT_NS)

    def next_timeout_ns(self) -> int | None:
        """The sessions' earliest deadline, and once a second."""
        deadlines = [caller.protocol.next_timeout_ns() for caller in self._callers.sessions.values()]
        known = [at for at in deadlines if at is not None]
        if self._callers.sessions:
            known.append(self._clock.monotonic_ns() + NS_PER_S)
        return min(known, default=None)

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        """Acknowledgements and posts."""
        if self._loop.is_blocked(self._port):
            return None
        for caller in self._callers.sessions.values():
            transmit = caller.protocol.poll_transmit(now_ns)
            if transmit is not None:
                return self._port, transmit
        return None

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        """The port does not hang on one interface; what fails now may go later."""
        _LOG.info("%s", error.one_line())

    # --- the loop: parcels

    def _drain(self, caller: Guest) -> None:
        while (event := caller.protocol.poll_event()) is not None:
            self._on_event(caller, event)

    def _on_event(self, caller: Guest, event: ReceiverEvent) -> None:
        match event:
            case FileOffered(number):
                self._offered(caller, number)
            case ChunkReady(number, chunk, offset, data):
                if number in caller.parcels.buffers:
                    caller.parcels.write(number, offset, data)
                caller.protocol.chunk_written(number, chunk)
            case VerifyFile(number, digest) if number in caller.parcels.buffers:
                self._whole(caller, number, digest)
            case FileStopped(number, _, _):
                caller.parcels.buffers.pop(number, None)
            case PostDelivered(post):
                delivered = caller.posts.pop(post, None)
                if delivered is not None:
                    delivered()
            case SessionEnded():
                self._callers.end(caller.protocol.my_index)

    def _offered(self, caller: Guest, number: int) -> None:
        file = caller.protocol.files.get(number)
        if file is None:
            return
        if not file.path.startswith(PARCEL_PREFIX):
            caller.protocol.fail_file(number, NameRefused.code, "files go to a relay")
            return
        why = caller.parcels.open(number, file.size)
        if why:
            caller.protocol.fail_file(number, TooMany.code, why)
        else:
            caller.protocol.accept_file(number)

    def _whole(self, caller: Guest, number: int, digest: str) -> None:
        data = caller.parcels.close(number, digest)
        if data is None:
            caller.protocol.fail_file(number, FileHashMismatch.code, "the parcel is not what was sent")
            return

        def done(error: DrsError | None) -> None:
            self._loop.post(lambda: _answer(caller, number, digest, error))

        self._mail.on_parcel(caller.agent, data, done)


def _answer(caller: Guest, number: int, digest: str, error: DrsError | None) -> None:
    if error is None:
        caller.protocol.finish_file(number, digest, "")
    else:
        caller.protocol.fail_file(number, error.code, error.message)
