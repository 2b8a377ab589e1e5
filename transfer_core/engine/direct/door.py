"""The door: lets in sessions of machines that share a folder with this one. They bring parcels and get posts, no more.

It is to them what a relay is, with the same handshake and the same `ReceiverSession`, but it takes no files, keeps no
state and knows its callers before they come: a hello of any other key gets no answer and leaves nothing behind. A hello
that is played again opens a session that nobody can use, and costs the one that is in use nothing.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from transfer_core.clock import Clock
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.parcels import PARCEL_PREFIX, Parcels, RelayMail
from transfer_core.entropy import Entropy
from transfer_core.errors import DrsError, FileHashMismatch, LinkError, NameRefused, SecurityError, TooMany
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.protocol.receiver import (
    ChunkReady,
    FileOffered,
    FileStopped,
    PostDelivered,
    ReceiverEvent,
    ReceiverSession,
    SessionEnded,
    VerifyFile,
)
from transfer_core.protocol.security.handshake import Status, Welcome, answer_hello, open_hello
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.units import NS_PER_S

_LOG = logging.getLogger(__name__)
WINDOW_CHUNKS = 256
SILENT_NS = 4 * NS_PER_S  # the other pings every second; silent for longer, it is looked for elsewhere
HELLOS_KEPT = 64
WELCOMES_MAX = 64  # to copies of one hello


@dataclass(slots=True, eq=False)
class _Caller:
    """A session that came in. Touched by the loop's thread."""

    protocol: ReceiverSession
    key: bytes
    name: str
    welcome: bytes
    born_ns: int
    parcels: Parcels = field(default_factory=Parcels)
    posts: dict[int, Callable[[], None]] = field(default_factory=dict)
    welcomes: int = 1
    is_proven: bool = False


class Door:
    """See the module. What comes is told to `mail`, in the loop's thread."""

    def __init__(
        self, port: UdpPort, identity: KeyPair, name: str, clock: Clock, entropy: Entropy, mail: RelayMail
    ) -> None:
        self._port, self._identity, self._name = port, identity, name
        self._clock, self._entropy, self._mail = clock, entropy, mail
        self._known: frozenset[bytes] = frozenset()
        self._callers: dict[int, _Caller] = {}
        self._hellos: dict[bytes, _Caller | None] = {}
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
            for datagram in [each for each, caller in self._hellos.items() if caller is None]:
                del self._hellos[datagram]  # who was not known before says the same hello again
            for index, caller in list(self._callers.items()):
                if caller.key not in keys:
                    self._end(index)

        self._loop.post(take)

    def post(self, key: bytes, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Bring something to a caller; without its session it is dropped."""

        def say() -> None:
            caller = next((each for each in self._callers.values() if each.is_proven and each.key == key), None)
            if caller is not None:
                number = caller.protocol.post(data, urgent=urgent)
                if delivered is not None:
                    caller.posts[number] = delivered

        self._loop.post(say)

    # --- the loop: see `Driven`

    def on_received(self, port: UdpPort, received: Received, now_ns: int) -> None:
        """Hand datagrams to their session."""
        payload = received.payload
        if payload[0] == Kind.HELLO:
            self._on_hello(bytes(payload[: received.segment_bytes]), received.address, now_ns)
        elif len(payload) >= 6:
            caller = self._callers.get(struct.unpack_from(">I", payload, 2)[0])
            if caller is not None:
                caller.protocol.receive_datagrams(payload[1], received, now_ns)
                if not caller.is_proven and caller.protocol.is_heard:
                    self._begin(caller)
                self._drain(caller)

    def _on_hello(self, datagram: bytes, address: Address, now_ns: int) -> None:
        if datagram in self._hellos:
            known = self._hellos[datagram]
            if known is not None and not known.is_proven and known.welcomes < WELCOMES_MAX:
                known.welcomes += 1
                self._send(known.welcome, address)
            return
        try:
            opened = open_hello(self._identity, datagram)
        except SecurityError as error:
            _LOG.debug("a hello from %s was dropped: %s", address, error)
            return
        self._hellos[datagram] = None
        if len(self._hellos) > HELLOS_KEPT:
            self._hellos.pop(next(iter(self._hellos)))
        if opened.agent_public not in self._known:
            return
        index = int.from_bytes(self._entropy.token_bytes(4), "big")
        while index in self._callers:
            index = int.from_bytes(self._entropy.token_bytes(4), "big")
        welcome = Welcome(Status.ACCEPTED, index, WINDOW_CHUNKS, CHUNK_BYTES_MAX, self._clock.wall_ns(), self._name)
        answer, send_keys, receive_keys = answer_hello(opened, welcome, self._entropy)
        self._end_others(opened.agent_public, proven=False)
        self._callers[index] = self._hellos[datagram] = _Caller(
            ReceiverSession(
                my_index=index,
                peer_index=opened.agent_index,
                send_keys=send_keys,
                receive_keys=receive_keys,
                window_chunks=WINDOW_CHUNKS,
            ),
            opened.agent_public,
            opened.hello.name,
            answer,
            now_ns,
        )
        self._send(answer, address)

    def _send(self, datagram: bytes, address: Address) -> None:
        self._port.send(address, memoryview(datagram), len(datagram))

    def _begin(self, caller: _Caller) -> None:
        """Only who has the key can have sealed something: the session is the caller's, and replaces a former one."""
        self._end_others(caller.key, proven=True)
        caller.is_proven = True
        self._mail.on_session(caller.key, caller.name)

    def _end_others(self, key: bytes, *, proven: bool) -> None:
        for index, caller in list(self._callers.items()):
            if caller.key == key and caller.is_proven is proven:
                self._end(index)

    def _end(self, index: int) -> None:
        caller = self._callers.pop(index, None)
        if caller is not None and caller.is_proven:
            self._mail.on_session_ended(caller.key)

    def on_turn(self, now_ns: int) -> None:
        """Deadlines, and callers that are heard no more."""
        for index, caller in list(self._callers.items()):
            caller.protocol.handle_timeout(now_ns)
            heard = [path.last_heard_ns for path in caller.protocol.paths.values() if path.last_heard_ns is not None]
            if now_ns - max(heard, default=caller.born_ns) > SILENT_NS:
                self._end(index)

    def next_timeout_ns(self) -> int | None:
        """The sessions' earliest deadline, and once a second."""
        deadlines = [caller.protocol.next_timeout_ns() for caller in self._callers.values()]
        known = [at for at in deadlines if at is not None]
        if self._callers:
            known.append(self._clock.monotonic_ns() + NS_PER_S)
        return min(known, default=None)

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        """Acknowledgements and posts."""
        if self._loop.is_blocked(self._port):
            return None
        for caller in self._callers.values():
            transmit = caller.protocol.poll_transmit(now_ns)
            if transmit is not None:
                return self._port, transmit
        return None

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        """The port does not hang on one interface; what fails now may go later."""
        _LOG.info("%s", error.one_line())

    # --- the loop: parcels

    def _drain(self, caller: _Caller) -> None:
        while (event := caller.protocol.poll_event()) is not None:
            self._on_event(caller, event)

    def _on_event(self, caller: _Caller, event: ReceiverEvent) -> None:
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
                self._end(caller.protocol.my_index)

    def _offered(self, caller: _Caller, number: int) -> None:
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

    def _whole(self, caller: _Caller, number: int, digest: str) -> None:
        data = caller.parcels.close(number, digest)
        if data is None:
            caller.protocol.fail_file(number, FileHashMismatch.code, "the parcel is not what was sent")
            return

        def done(error: DrsError | None) -> None:
            self._loop.post(lambda: _answer(caller, number, digest, error))

        self._mail.on_parcel(caller.key, data, done)


def _answer(caller: _Caller, number: int, digest: str, error: DrsError | None) -> None:
    if error is None:
        caller.protocol.finish_file(number, digest, "")
    else:
        caller.protocol.fail_file(number, error.code, error.message)
