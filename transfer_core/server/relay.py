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
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.identity import load_identity
from transfer_core.engine.qlog import QlogTrace
from transfer_core.engine.state_lock import StateLock
from transfer_core.engine.system import SystemClock, SystemEntropy, raise_open_files_limit
from transfer_core.errors import (
    DrsError,
    FileHashMismatch,
    LinkError,
    SecurityError,
    StorageError,
    TooMany,
    UnknownPeer,
)
from transfer_core.events import IncomingView
from transfer_core.net.base import UdpPort
from transfer_core.net.udp import open_udp_port
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
from transfer_core.protocol.security.handshake import Opened, Status, Welcome, answer_hello, open_hello
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.protocol.wire.messages import Runs
from transfer_core.server.companion import Companion, RelayGround
from transfer_core.server.incoming_views import list_incoming
from transfer_core.server.intake import Arriving, Intake, Offer, Stored
from transfer_core.server.pairing import make_token
from transfer_core.server.parcels import PARCEL_PREFIX, RelayMail
from transfer_core.server.relay_session import AgentNow, RelaySession, agent_now
from transfer_core.service import Token
from transfer_core.storage.free_space import Room
from transfer_core.storage.relay_store import KnownAgent, RelayStore, Verdict
from transfer_core.units import NS_PER_S, utc_iso

_LOG = logging.getLogger(__name__)
WINDOW_CHUNKS = 768
SESSIONS_MAX = 256
IDLE_NS = 120 * NS_PER_S
ROOM_CHECK_NS = NS_PER_S
CLOSE_BURSTS = 8
WELCOMES_MAX = 64  # to copies of one hello, until something comes back that only its sender can have sealed
PAUSE_READING_CALLS = 4 * WINDOW_CHUNKS
_STATUS = {
    Verdict.ACCEPT: Status.ACCEPTED,
    Verdict.EXPIRED: Status.TOKEN_EXPIRED,
    Verdict.USED: Status.TOKEN_USED,
    Verdict.REVOKED: Status.REVOKED,
}


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
    ) -> None:
        self._companions = tuple(companions)
        self._clock = clock or SystemClock()
        self._entropy = SystemEntropy()
        self._config = config or RelayConfig()
        self._on_event = on_event or _ignore
        self._state_dir, self._directory, self._listen, self._name = state_dir, directory, listen, name
        self._lock = StateLock(state_dir, "relay")
        self._trace_file = trace
        self._trace: QlogTrace | None = None
        self._sessions: dict[int, RelaySession] = {}
        self._hellos: dict[bytes, RelaySession | None] = {}
        self._by_file: dict[Arriving, tuple[RelaySession, int]] = {}
        self._whole: list[tuple[Arriving, str]] = []
        self._whole_lock = threading.Lock()
        self._sync_due_ns = 0
        self._sync_running = False
        self._room_due_ns = 0
        self._stopped = threading.Event()
        self.files_done = 0
        self.bytes_received = 0
        self.address: Address = listen
        self.mail: RelayMail | None = None  # set before `start`
        self._agents_now: tuple[AgentNow, ...] = ()

    # --- from any thread

    def start(self) -> None:
        """Listen. StateLocked, PortInUse, WriteFailed."""
        raise_open_files_limit()  # each file on its way takes one
        self._lock.acquire(utc_iso(self._clock.wall_ns()))
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._identity = load_identity(self._state_dir)
            self._store = RelayStore(self._state_dir, self._clock)
            if self._trace_file is not None:
                self._trace = QlogTrace(self._trace_file, self._clock, vantage="server", name=self._name)
            self._port = open_udp_port(self._listen)
        except BaseException:
            self._lock.release()
            raise
        self.address = self._port.local_address
        root = self._directory.resolve()
        self._room = Room(root, self._config.keep_free_bytes)
        self._intake = Intake(root, self._store, self._config, self._room)
        self._write = DiskThread("relay-write")
        self._sync = DiskThread("relay-sync")
        self._loop = EventLoop("relay", self._clock)
        self._loop.add_port(self._port)
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
        self._write.stop()
        self._sync.post(lambda: self._intake.sync(_ignore, _ignore))
        self._sync.stop()
        self._intake.close()
        self._store.close()
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

        def say() -> None:
            session = next((each for each in self._proven() if each.agent == agent), None)
            if session is not None:
                number = session.protocol.post(data, urgent=urgent)
                if delivered is not None:
                    session.posts[number] = delivered

        self._loop.post(say)

    @property
    def directory(self) -> Path:
        """Where files are put."""
        return self._directory

    def agents_online(self) -> int:
        """Sessions that are open."""
        return len(self._proven())

    def _proven(self) -> list[RelaySession]:
        return [session for session in list(self._sessions.values()) if session.is_proven]

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
            self._on_hello(bytes(payload[: received.segment_bytes]), received.address, now_ns)
        elif len(payload) >= 6:
            session = self._sessions.get(struct.unpack_from(">I", payload, 2)[0])
            if session is not None:
                session.protocol.receive_datagrams(payload[1], received, now_ns)
                if not session.is_proven and session.protocol.is_heard:
                    self._begin(session, received.address)
                self._drain(session, now_ns)

    def _on_hello(self, datagram: bytes, address: Address, now_ns: int) -> None:
        if datagram in self._hellos:  # a copy: by another link, sent again since no answer came, or by an eavesdropper
            known = self._hellos[datagram]
            if known is not None and not known.protocol.paths and known.welcomes < WELCOMES_MAX:
                known.welcomes += 1
                self._send_raw(known.welcome, address)
            return
        try:
            opened = open_hello(self._identity, datagram)
        except SecurityError as error:
            _LOG.debug("a hello from %s was dropped: %s", address, error)
            return
        self._hellos[datagram] = None
        if len(self._hellos) > 4 * SESSIONS_MAX:
            self._hellos.pop(next(iter(self._hellos)))
        self._sync.post(lambda: self._judge(datagram, opened, address))

    def _judge(self, asked: bytes, opened: Opened, address: Address) -> None:
        hello = opened.hello
        verdict = self._store.judge(opened.agent_public, hello.counter, hello.name, hello.secret)
        self._loop.post(lambda: self._answer(asked, opened, address, verdict))

    def _answer(self, asked: bytes, opened: Opened, address: Address, verdict: Verdict) -> None:
        if verdict is Verdict.SILENCE:
            return
        index = int.from_bytes(self._entropy.token_bytes(4), "big")
        while index in self._sessions:
            index = int.from_bytes(self._entropy.token_bytes(4), "big")
        welcome = Welcome(_STATUS[verdict], index, WINDOW_CHUNKS, CHUNK_BYTES_MAX, self._clock.wall_ns(), self._name)
        datagram, send_keys, receive_keys = answer_hello(opened, welcome, self._entropy)
        if verdict is Verdict.ACCEPT:
            self._end_others(opened.agent_public, proven=False)
            session = RelaySession(
                ReceiverSession(
                    my_index=index,
                    peer_index=opened.agent_index,
                    send_keys=send_keys,
                    receive_keys=receive_keys,
                    window_chunks=WINDOW_CHUNKS,
                ),
                opened.agent_public,
                opened.hello.name,
                datagram,
                self._clock.monotonic_ns(),
            )
            if self._trace is not None:
                session.protocol.observer = self._trace.session(f"{opened.hello.name} {index:08x}")
            self._sessions[index] = self._hellos[asked] = session
            session.protocol.report_room(self._intake.free_bytes())
        self._send_raw(datagram, address)

    def _begin(self, session: RelaySession, address: Address) -> None:
        """The agent uses its new session, so it has given up the one before. A welcome alone proves nothing: it may
        be lost, or come when the agent hears from its former session again."""
        self._end_others(session.agent, proven=True)
        session.is_proven = True
        self._tell("agent", name=session.name, address=f"{address[0]}:{address[1]}")
        if self.mail is not None:
            self.mail.on_session(session.agent, session.name)

    def _send_raw(self, datagram: bytes, address: Address) -> None:
        self._port.send(address, memoryview(datagram), len(datagram))

    def _end_others(self, agent: bytes, *, proven: bool) -> None:
        """End this agent's sessions that are proven, or those that are not: there is one of each at most."""
        for index, session in list(self._sessions.items()):
            if session.agent == agent and session.is_proven is proven:
                self._end(index)

    def _end(self, index: int) -> None:
        session = self._sessions.pop(index)
        if not session.is_proven:
            return
        if self.mail is not None:
            self.mail.on_session_ended(session.agent)
        for arriving in session.arriving.values():
            self._by_file.pop(arriving, None)

        def leave() -> None:  # after the writes that were asked for, which then have to be synced
            opened = self._intake.opened(session.agent)
            self._sync.post(self._sync_now)
            self._sync.post(lambda: self._intake.leave(opened))

        self._write.post(leave)

    def _look_for_revoked(self) -> None:
        """In the sync thread: `relay revoke` may run in another process."""
        revoked = {agent.public_key for agent in self._store.agents() if agent.revoked}
        if revoked:
            self._loop.post(lambda: self._turn_out(revoked))

    def _turn_out(self, revoked: set[bytes]) -> None:
        """End the sessions of agents that are not trusted any more. One that misses it is told when it says hello."""
        now_ns = self._clock.monotonic_ns()
        for index, session in list(self._sessions.items()):
            if session.agent not in revoked:
                continue
            error = UnknownPeer("the relay has revoked this agent")
            session.protocol.close(error.code, error.message)
            for _ in range(CLOSE_BURSTS):
                transmit = session.protocol.poll_transmit(now_ns)
                if transmit is not None:
                    self._port.send(transmit.address, transmit.payload, transmit.segment_bytes)
            self._end(index)
            self._tell("revoked", name=session.name)

    # --- the loop: turns

    def on_turn(self, now_ns: int) -> None:
        """Deadlines, checkpoints, room."""
        for index, session in list(self._sessions.items()):
            session.protocol.handle_timeout(now_ns)
            heard = [path.last_heard_ns for path in session.protocol.paths.values() if path.last_heard_ns is not None]
            if now_ns - max(heard, default=session.born_ns) > IDLE_NS:
                self._end(index)
        if now_ns >= self._sync_due_ns and not self._sync_running:
            self._sync_due_ns = now_ns + int(self._config.sync_interval_s * NS_PER_S)
            if self._by_file:
                self._sync_running = True
                self._sync.post(self._sync_now)
        if now_ns >= self._room_due_ns:
            self._room_due_ns = now_ns + ROOM_CHECK_NS
            self._agents_now = tuple(agent_now(session, now_ns) for session in self._proven())
            self._look_for_room()
            if self._sessions:
                self._sync.post(self._look_for_revoked)

    def next_timeout_ns(self) -> int | None:
        """The sessions' earliest deadline, and the next checkpoint while files arrive."""
        deadlines = [session.protocol.next_timeout_ns() for session in self._sessions.values()]
        known = [at for at in deadlines if at is not None]
        if self._by_file:
            known.append(self._sync_due_ns)
        return min(known, default=None)

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        """Acknowledgements and messages."""
        if self._loop.is_blocked(self._port):
            return None
        for session in self._sessions.values():
            transmit = session.protocol.poll_transmit(now_ns)
            if transmit is not None:
                return self._port, transmit
        return None

    def on_port_failed(self, port: UdpPort, error: LinkError) -> None:
        """The relay's own port does not hang on one interface; what fails now may go later."""
        _LOG.warning("%s", error.one_line())

    # --- the loop: files

    def _drain(self, session: RelaySession, now_ns: int) -> None:
        while (event := session.protocol.poll_event()) is not None:
            self._on_session_event(session, event, now_ns)

    def _on_session_event(self, session: RelaySession, event: ReceiverEvent, now_ns: int) -> None:
        match event:
            case FileOffered(number):
                self._offer(session, number)
            case ChunkReady(number, chunk, offset, data) if number in session.parcels.buffers:
                session.parcels.write(number, offset, data)
                session.protocol.chunk_written(number, chunk)
            case VerifyFile(number, digest) if number in session.parcels.buffers:
                self._take_parcel(session, number, digest)
            case ChunkReady(number, chunk, offset, data):
                arriving = session.arriving[number]
                self._write.post(lambda: self._write_chunk(session, number, arriving, chunk, offset, data))
            case VerifyFile(number, digest):
                arriving = session.arriving[number]
                self._write.post(lambda: self._finish_later(arriving, digest))
            case PostDelivered(post):
                delivered = session.posts.pop(post, None)
                if delivered is not None:
                    delivered()
            case FileStopped(number, _, _) if session.parcels.buffers.pop(number, None) is not None:
                pass
            case FileStopped(number, file_id, discard):
                arriving_or_none = session.arriving.pop(number, None)
                if arriving_or_none is not None:
                    self._by_file.pop(arriving_or_none, None)
                self._write.post(lambda: self._intake.stop(session.agent, file_id, discard=discard))
            case SessionEnded():
                self._end(session.protocol.my_index)

    def _offer(self, session: RelaySession, number: int) -> None:
        file = session.protocol.files.get(number)
        if file is None:
            return
        if file.path.startswith(PARCEL_PREFIX):
            self._offer_parcel(session, number, file.size)
            return
        offer = Offer(
            session.agent, file.file_id, file.path, file.size, file.chunk_bytes, file.mtime_ns, file.fingerprint
        )

        def work() -> None:
            try:
                taken: Arriving | Stored | DrsError = self._intake.open(offer)
            except DrsError as error:
                taken = error
            self._loop.post(lambda: self._offered(session, number, taken))

        self._write.post(work)

    def _offer_parcel(self, session: RelaySession, number: int, size: int) -> None:
        why = "this relay keeps no shared folders" if self.mail is None else session.parcels.open(number, size)
        if why:
            session.protocol.fail_file(number, TooMany.code, why)
        else:
            session.protocol.accept_file(number)

    def _take_parcel(self, session: RelaySession, number: int, digest: str) -> None:
        data = session.parcels.close(number, digest)
        if data is None or self.mail is None:
            session.protocol.fail_file(number, FileHashMismatch.code, "the parcel is not what was sent")
            return

        def done(error: DrsError | None) -> None:
            self._loop.post(lambda: self._parcel_done(session, number, digest, error))

        self.mail.on_parcel(session.agent, data, done)

    def _parcel_done(self, session: RelaySession, number: int, digest: str, error: DrsError | None) -> None:
        if error is None:
            session.protocol.finish_file(number, digest, "")
        else:
            session.protocol.fail_file(number, error.code, error.message)

    def _offered(self, session: RelaySession, number: int, taken: Arriving | Stored | DrsError) -> None:
        if session.protocol.my_index not in self._sessions or number not in session.protocol.files:
            return
        if isinstance(taken, Arriving):
            session.held.pop(number, None)
            session.arriving[number] = taken
            self._by_file[taken] = (session, number)
            session.protocol.accept_file(number, taken.written.copy(), taken.durable.copy())
        elif isinstance(taken, Stored):
            session.protocol.finish_file(number, taken.digest, taken.stored_as)
        elif isinstance(taken, StorageError) and taken.retryable:
            if session.held.get(number) != taken.code:
                self._hold(session, number, taken)
        else:
            session.protocol.fail_file(number, taken.code, taken.message)
        self._drain(session, self._clock.monotonic_ns())

    def _write_chunk(
        self, session: RelaySession, number: int, arriving: Arriving, chunk: int, offset: int, data: memoryview
    ) -> None:
        error: DrsError | None = None
        try:
            self._intake.write(arriving, chunk, offset, data)
        except DrsError as caught:
            error = caught
        self._loop.post(lambda: self._written(session, number, chunk, len(data), error))

    def _written(self, session: RelaySession, number: int, chunk: int, size: int, error: DrsError | None) -> None:
        session.protocol.chunk_written(number, chunk, ok=error is None)
        if error is None:
            self.bytes_received += size
        elif number not in session.held:
            self._hold(session, number, error)
        self._drain(session, self._clock.monotonic_ns())

    def _hold(self, session: RelaySession, number: int, error: DrsError) -> None:
        """Ask the agent to wait with a file; `_look_for_room` ends it."""
        _LOG.info("%s", error.one_line())
        session.protocol.hold_file(number, error.code, error.message)
        if error.code not in session.held.values():
            self._tell("full", code=error.code, text=error.message)
        session.held[number] = error.code

    def _look_for_room(self) -> None:
        for session in self._sessions.values():
            if not session.held:
                continue
            free = self._intake.free_bytes()
            for number in list(session.held):
                if number in session.arriving:
                    if free > 4 * CHUNK_BYTES_MAX or free > session.arriving[number].offer.size:
                        del session.held[number]
                        session.protocol.release_file(number)
                else:
                    self._offer(session, number)

    # --- the sync thread

    def _sync_now(self) -> None:
        try:
            self._intake.sync(
                lambda arriving, runs: self._loop.post(lambda: self._durable(arriving, runs)),
                lambda arriving, error: self._loop.post(lambda: self._finished(arriving, error)),
            )
        except DrsError as error:
            _LOG.warning("a checkpoint could not be saved: %s", error.one_line())
        finally:
            self._sync_running = False

    def _durable(self, arriving: Arriving, runs: Runs) -> None:
        place = self._by_file.get(arriving)
        if place is not None:
            place[0].protocol.chunks_durable(place[1], runs)

    def _finish_later(self, arriving: Arriving, digest: str) -> None:
        with self._whole_lock:
            self._whole.append((arriving, digest))
        self._sync.post(self._finish_whole)

    def _finish_whole(self) -> None:
        with self._whole_lock:
            whole, self._whole = self._whole, []
        if whole:
            results = self._intake.finish(whole)
            self._loop.post(lambda: self._all_finished(results))

    def _all_finished(self, results: list[tuple[Arriving, Stored | DrsError]]) -> None:
        for arriving, result in results:
            self._finished(arriving, result)

    def _finished(self, arriving: Arriving, result: Stored | DrsError) -> None:
        place = self._by_file.pop(arriving, None)
        if isinstance(result, Stored):
            self.files_done += 1
            self._tell(
                "received",
                path=arriving.offer.path,
                file_id=arriving.offer.file_id,
                size=arriving.offer.size,
                hash=result.digest,
                stored_as=result.stored_as,
            )
        if place is None:
            return
        session, number = place
        session.arriving.pop(number, None)
        if isinstance(result, Stored):
            session.protocol.finish_file(number, result.digest, result.stored_as)
        else:
            session.protocol.fail_file(number, result.code, result.message)


def _ignore(*_: object) -> None:
    """Nobody listens."""
