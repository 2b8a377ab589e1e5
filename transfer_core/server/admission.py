"""Who may send to a relay: hellos are judged, sessions begun and ended.

A hello of an agent that is not known gets no answer and leaves nothing behind. One agent has one session that is
proven, and at most one more that nothing has come by yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from transfer_core.clock import Clock
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.parcels import RelayMail
from transfer_core.engine.qlog import QlogTrace
from transfer_core.entropy import Entropy
from transfer_core.errors import SecurityError, UnknownPeer
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.receiver import ReceiverSession
from transfer_core.protocol.security.handshake import Opened, Status, Welcome, answer_hello, open_hello
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MAX
from transfer_core.server.relay_session import RelaySession
from transfer_core.storage.relay_store import RelayStore, Verdict
from transfer_core.units import NS_PER_S

_LOG = logging.getLogger(__name__)
WINDOW_CHUNKS = 768
SESSIONS_MAX = 256
IDLE_NS = 120 * NS_PER_S
CLOSE_BURSTS = 8
WELCOMES_MAX = 64  # to copies of one hello, until something comes back that only its sender can have sealed
_STATUS = {
    Verdict.ACCEPT: Status.ACCEPTED,
    Verdict.EXPIRED: Status.TOKEN_EXPIRED,
    Verdict.USED: Status.TOKEN_USED,
    Verdict.REVOKED: Status.REVOKED,
}


class Admission:
    """See the module. Methods are for the loop's thread, unless they say otherwise."""

    def __init__(
        self,
        *,
        identity: KeyPair,
        name: str,
        store: RelayStore,
        loop: EventLoop,
        port: UdpPort,
        disk: DiskThread,
        clock: Clock,
        entropy: Entropy,
        trace: QlogTrace | None,
        mail: RelayMail | None,
        free_bytes: Callable[[], int],
        tell: Callable[..., None],
        left: Callable[[RelaySession], None],
    ) -> None:
        self._identity, self._name, self._store = identity, name, store
        self._loop, self._port, self._disk = loop, port, disk
        self._clock, self._entropy, self._trace, self._mail = clock, entropy, trace, mail
        self._free_bytes, self._tell, self._left = free_bytes, tell, left
        self.sessions: dict[int, RelaySession] = {}
        self._hellos: dict[bytes, RelaySession | None] = {}

    def proven(self) -> list[RelaySession]:
        """Sessions that are in use. Any thread."""
        return [session for session in list(self.sessions.values()) if session.is_proven]

    def on_hello(self, datagram: bytes, address: Address) -> None:
        """Somebody says hello."""
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
        self._disk.post(lambda: self._judge(datagram, opened, address))

    def _judge(self, asked: bytes, opened: Opened, address: Address) -> None:
        hello = opened.hello
        verdict = self._store.judge(opened.agent_public, hello.counter, hello.name, hello.secret)
        self._loop.post(lambda: self._answer(asked, opened, address, verdict))

    def _answer(self, asked: bytes, opened: Opened, address: Address, verdict: Verdict) -> None:
        if verdict is Verdict.SILENCE:
            return
        index = int.from_bytes(self._entropy.token_bytes(4), "big")
        while index in self.sessions:
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
            self.sessions[index] = self._hellos[asked] = session
            session.protocol.report_room(self._free_bytes())
        self._send_raw(datagram, address)

    def begin(self, session: RelaySession, address: Address) -> None:
        """The agent uses its new session, so it has given up the one before. A welcome alone proves nothing: it may
        be lost, or come when the agent hears from its former session again."""
        self._end_others(session.agent, proven=True)
        session.is_proven = True
        self._tell("agent", name=session.name, address=f"{address[0]}:{address[1]}")
        if self._mail is not None:
            self._mail.on_session(session.agent, session.name)

    def _send_raw(self, datagram: bytes, address: Address) -> None:
        self._port.send(address, memoryview(datagram), len(datagram))

    def _end_others(self, agent: bytes, *, proven: bool) -> None:
        """End this agent's sessions that are proven, or those that are not: there is one of each at most."""
        for index, session in list(self.sessions.items()):
            if session.agent == agent and session.is_proven is proven:
                self.end(index)

    def end(self, index: int) -> None:
        """A session is over."""
        session = self.sessions.pop(index)
        session.is_ended = True
        if not session.is_proven:
            return
        if self._mail is not None:
            self._mail.on_session_ended(session.agent)
        self._left(session)

    def look_for_revoked(self) -> None:
        """In the sync thread: `relay revoke` may run in another process."""
        revoked = {agent.public_key for agent in self._store.agents() if agent.revoked}
        if revoked:
            self._loop.post(lambda: self._turn_out(revoked))

    def _turn_out(self, revoked: set[bytes]) -> None:
        """End the sessions of agents that are not trusted any more. One that misses it is told when it says hello."""
        now_ns = self._clock.monotonic_ns()
        for index, session in list(self.sessions.items()):
            if session.agent not in revoked:
                continue
            error = UnknownPeer("the relay has revoked this agent")
            session.protocol.close(error.code, error.message)
            for _ in range(CLOSE_BURSTS):
                transmit = session.protocol.poll_transmit(now_ns)
                if transmit is not None:
                    self._port.send(transmit.address, transmit.payload, transmit.segment_bytes)
            self.end(index)
            self._tell("revoked", name=session.name)

    def end_idle(self, now_ns: int) -> None:
        """Sessions by which nothing has come for long are over."""
        for index, session in list(self.sessions.items()):
            heard = [path.last_heard_ns for path in session.protocol.paths.values() if path.last_heard_ns is not None]
            if now_ns - max(heard, default=session.born_ns) > IDLE_NS:
                self.end(index)
