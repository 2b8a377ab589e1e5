"""A relay: one UDP port, many agents and files at once.

    datagram -> session (opened, acknowledged) -> chunk -> write thread -> sync thread -> FILE_STORED, FILE_DONE

A datagram that names no session and is no hello of a known agent gets no answer and leaves nothing behind.
"""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transfer_core.clock import Clock
from transfer_core.config import RelayConfig
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.identity import load_identity
from transfer_core.engine.parcels import RelayMail
from transfer_core.engine.qlog import QlogTrace
from transfer_core.engine.state_lock import StateLock
from transfer_core.engine.system import SystemClock, SystemEntropy, raise_open_files_limit
from transfer_core.errors import DrsError, LinkError
from transfer_core.events import IncomingView
from transfer_core.net.base import UdpPort
from transfer_core.net.udp import open_udp_port
from transfer_core.protocol.endpoint import Address, Received, Transmit
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.server.admission import Admission
from transfer_core.server.companion import Companion, RelayGround
from transfer_core.server.incoming_views import list_incoming
from transfer_core.server.intake import Intake
from transfer_core.server.pairing import make_token
from transfer_core.server.relay_files import RelayFiles
from transfer_core.server.relay_live import RelayLive
from transfer_core.server.relay_session import AgentNow, agent_now
from transfer_core.server.workers.hand_over import HandOver
from transfer_core.server.workers.seat import Seat
from transfer_core.service import Token
from transfer_core.storage.free_space import Room
from transfer_core.storage.relay_store import AGED_AT_ONCE, KnownAgent, RelayStore
from transfer_core.units import NS_PER_S, utc_iso

_LOG = logging.getLogger(__name__)
ROOM_CHECK_NS = NS_PER_S
AGE_NS = 600 * NS_PER_S


class Relay:
    """Receives files. `on_event` is called from its threads with a JSON-able dict whose first key is `event`."""

    def __init__(
        self,
        state_dir: Path,
        directory: Path,
        listen: Address,
        config: RelayConfig | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        clock: Clock | None = None,
        name: str = "relay",
        companions: Sequence[Companion] = (),
        trace: Path | None = None,
        seat: Seat | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """`seat` makes it one of several on a port that they share, on a state that their parent has locked.

        `on_failure` is called in the loop's thread when that ended unasked; `failure` says why.
        """
        self._companions = tuple(companions)
        self._clock = clock or SystemClock()
        self._entropy = SystemEntropy()
        self._config = config or RelayConfig()
        self._on_event, self._on_failure = on_event or _ignore, on_failure
        self._state_dir, self._directory, self._listen, self._name = state_dir, directory, listen, name
        self._lock = StateLock(state_dir, "relay")
        self._seat = seat
        self._trace_file = trace
        self._trace: QlogTrace | None = None
        self._room_due_ns = 0
        self._age_due_ns = 0
        self._stopped = threading.Event()
        self.address: Address = listen
        self.mail: RelayMail | None = None  # set before `start`
        self.live: RelayLive | None = None  # set before `start`
        self._agents_now: tuple[AgentNow, ...] = ()
        self.turns = 0  # of its loop: while it runs, it goes round once a second at least

    # --- from any thread

    def start(self) -> None:
        """Listen. StateLocked, PortInUse, WriteFailed."""
        raise_open_files_limit()  # each file on its way takes one
        seat = self._seat
        if seat is None:
            self._lock.acquire(utc_iso(self._clock.wall_ns()))
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._identity = load_identity(self._state_dir)
            self._store = RelayStore(self._state_dir, self._clock, is_one_of_several=seat is not None)
            if self._trace_file is not None:
                self._trace = QlogTrace(self._trace_file, self._clock, vantage="server", name=self._name)
            self._port = open_udp_port(self._listen) if seat is None else seat.port
        except BaseException:
            self._lock.release()
            raise
        self.address = self._port.local_address
        root = self._directory.resolve()
        self._room = Room(root, self._config.keep_free_bytes, None if seat is None else seat.ledger)
        self._intake = Intake(root, self._store, self._config, self._room)
        self._loop = EventLoop("relay", self._clock, self._on_failure)
        self._files = RelayFiles(
            loop=self._loop,
            intake=self._intake,
            config=self._config,
            clock=self._clock,
            tell=self._tell,
            mail=self.mail,
            live=self.live,
            ended=lambda index: self._admission.guests.end(index),  # noqa: PLW0108 - made below
        )
        self._admission = Admission(
            identity=self._identity,
            name=self._name,
            store=self._store,
            loop=self._loop,
            port=self._port,
            disk=self._files.sync_thread,
            clock=self._clock,
            entropy=self._entropy,
            trace=self._trace,
            mail=self.mail,
            free_bytes=self._intake.free_bytes,
            tell=self._tell,
            left=self._files.leave,
            hand_over=HandOver() if seat is None else seat.hand_over,
        )
        self._loop.add_port(self._port)
        if seat is not None:
            self._loop.add_port(seat.inbox)
        self._loop.start(self)
        beside: dict[str, object] = {}
        try:
            for companion in self._companions:
                beside |= companion.start(self._ground())
        except BaseException:
            self.stop()
            raise
        self._tell("ready", listen=f"{self.address[0]}:{self.address[1]}", directory=str(self._directory), **beside)

    def _ground(self) -> RelayGround:
        return RelayGround(
            state_dir=self._state_dir,
            directory=self._intake.root,
            store=self._store,
            identity=self._identity,
            config=self._config,
            clock=self._clock,
            room=self._room,
            tell=self._tell,
        )

    def stop(self) -> None:
        """Stop receiving; everything that was said to be stored is."""
        for companion in self._companions:
            companion.stop()
        self._loop.stop()
        if self._trace is not None:
            self._trace.close()
        self._files.stop()
        self._intake.close()
        self._store.close()
        if self._seat is not None:
            self._seat.close()
        self._lock.release()
        self._stopped.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is stopped."""
        return self._stopped.wait(timeout_s)

    @property
    def failure(self) -> BaseException | None:
        """What ended the loop, if it did not end on request."""
        return self._loop.failure

    def make_token(self, addresses: tuple[str, ...], expires_s: float) -> Token:
        """A new pairing token."""
        return make_token(self._state_dir, self._clock, addresses, expires_s)

    def agents(self) -> list[KnownAgent]:
        """Agents that have paired."""
        return self._store.agents()

    def post(self, agent: bytes, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Bring something to an agent that is online; without a session it is dropped, see `RelayMail`."""

        self._loop.post(lambda: self._admission.guests.post(agent, data, urgent=urgent, delivered=delivered))

    @property
    def directory(self) -> Path:
        """Where files are put."""
        return self._directory

    @property
    def files_done(self) -> int:
        """Files that have come whole since the start."""
        return self._files.files_done

    @property
    def bytes_received(self) -> int:
        """Bytes of files written since the start."""
        return self._files.bytes_received

    def agents_online(self) -> int:
        """Sessions that are open."""
        return len(self._admission.guests.proven())

    def agents_now(self) -> tuple[AgentNow, ...]:
        """Who is connected, over which paths, as of a second ago."""
        return self._agents_now

    def free_bytes(self) -> int:
        """Room left."""
        return self._intake.free_bytes()

    def incoming(self) -> list[IncomingView]:
        """What has arrived and is arriving, newest first."""
        return list_incoming(self._store)

    def _tell(self, event: str, /, **facts: object) -> None:
        self._on_event({"event": event, "at": utc_iso(self._clock.wall_ns()), **facts})

    # --- the loop: datagrams

    def on_received(self, port: UdpPort, received: Received, now_ns: int) -> None:
        """Hand datagrams to their session."""
        payload = received.payload
        if payload[0] == Kind.HELLO:
            self._admission.on_hello(bytes(payload[: received.segment_bytes]), received.address)
        elif len(payload) >= 6:
            session = self._admission.guests.sessions.get(struct.unpack_from(">I", payload, 2)[0])
            if session is not None:
                session.protocol.receive_datagrams(payload[1], received, now_ns)
                if not session.is_proven and session.protocol.is_heard:
                    self._admission.begin(session, received.address)
                self._files.drain(session)

    # --- the loop: turns

    def on_turn(self, now_ns: int) -> None:
        """Deadlines, checkpoints, room."""
        self.turns += 1
        for session in tuple(self._admission.guests.sessions.values()):
            session.protocol.handle_timeout(now_ns)
            if session.protocol.feeds:
                self._files.drain(session)  # live datagrams that wait for a missing one no longer
        self._admission.end_idle(now_ns)
        self._files.flush(now_ns)
        self._files.sync_if_due(now_ns)
        if now_ns >= self._room_due_ns:
            self._room_due_ns = now_ns + ROOM_CHECK_NS
            self._agents_now = tuple(agent_now(session, now_ns) for session in self._admission.guests.proven())
            self._files.held.look(self._admission.guests.sessions.values(), now_ns)
            self._files.note_silence(self._admission.guests.proven(), now_ns)
            if self._admission.guests.sessions:
                self._files.sync_thread.post(self._admission.look_for_revoked)

        if now_ns >= self._age_due_ns:
            self._age_due_ns = now_ns + AGE_NS
            if self._seat is None or self._seat.place.worker == 0:  # one is enough, and two would count it twice
                self._files.sync_thread.post(self._let_age)

    def _let_age(self) -> None:
        """In the sync thread: rows of what came long ago go, a few thousand at a time between other work."""
        try:
            aged = self._store.let_age(self._config.rows_kept, self._config.rows_kept_s)
        except DrsError as error:
            _LOG.info("old rows stay for now: %s", error.one_line())
            return
        if aged >= AGED_AT_ONCE:
            self._files.sync_thread.post(self._let_age)

    def next_timeout_ns(self) -> int | None:
        """The sessions' earliest deadline, and the next checkpoint while files arrive."""
        deadlines = [session.protocol.next_timeout_ns() for session in self._admission.guests.sessions.values()]
        return min((at for at in (*deadlines, self._files.due_ns) if at is not None), default=None)

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        """Acknowledgements and messages."""
        if self._loop.is_blocked(self._port):
            return None
        for session in self._admission.guests.sessions.values():
            transmit = session.protocol.poll_transmit(now_ns)
            if transmit is not None:
                return self._port, transmit
        return None

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        """The relay's own port does not hang on one interface; what fails now may go later."""
        _LOG.warning("%s", error.one_line())


def _ignore(*_: object) -> None:
    """Nobody listens."""
