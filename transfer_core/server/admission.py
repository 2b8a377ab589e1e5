"""Who may send to a relay: hellos are judged, sessions begun and ended.

A hello of an agent that is not known gets no answer and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable

from transfer_core.clock import Clock
from transfer_core.engine.disk_thread import DiskThread
from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.guests import Guests
from transfer_core.engine.parcels import RelayMail
from transfer_core.engine.qlog import QlogTrace
from transfer_core.entropy import Entropy
from transfer_core.errors import UnknownPeer
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.security.handshake import Opened, Status
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.server.relay_session import RelaySession
from transfer_core.server.workers.hand_over import HandOver
from transfer_core.storage.relay_store import RelayStore, Verdict
from transfer_core.units import NS_PER_S

WINDOW_CHUNKS = 768
SESSIONS_MAX = 256
IDLE_NS = 120 * NS_PER_S
CLOSE_BURSTS = 8
STATUS_OF = {
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
        hand_over: HandOver,
    ) -> None:
        self._store, self._loop, self._port, self._disk = store, loop, port, disk
        self._clock, self._trace, self._mail = clock, trace, mail
        self._free_bytes, self._tell, self._left = free_bytes, tell, left
        self._hand_over = hand_over
        self.guests = Guests(
            RelaySession,
            self._on_end,
            identity=identity,
            name=name,
            window_chunks=WINDOW_CHUNKS,
            hellos_kept=4 * SESSIONS_MAX,
            clock=clock,
            entropy=entropy,
            place=hand_over.place,
        )

    def on_hello(self, datagram: bytes, address: Address) -> None:
        """Somebody says hello."""
        now_ns = self._clock.monotonic_ns()
        if self._hand_over.pass_on_copy(datagram, address, now_ns):
            return
        heard = self.guests.hear(datagram)
        if isinstance(heard, bytes):
            self._send_raw(heard, address)
        elif heard is not None and not self._hand_over.pass_on(datagram, heard.agent_public, address, now_ns):
            self._disk.post(lambda: self._judge(datagram, heard, address))

    def _judge(self, asked: bytes, opened: Opened, address: Address) -> None:
        hello = opened.hello
        verdict = self._store.judge(opened.agent_public, hello.counter, hello.name, hello.secret)
        self._loop.post(lambda: self._answer(asked, opened, address, verdict))

    def _answer(self, asked: bytes, opened: Opened, address: Address, verdict: Verdict) -> None:
        if verdict is Verdict.SILENCE:
            return
        datagram, session = self.guests.answer(asked, opened, STATUS_OF[verdict])
        if session is not None:
            if self._trace is not None:
                session.protocol.observer = self._trace.session(f"{session.name} {session.protocol.my_index:08x}")
            session.protocol.report_room(self._free_bytes())
        self._send_raw(datagram, address)

    def begin(self, session: RelaySession, address: Address) -> None:
        """The agent uses its new session."""
        self.guests.prove(session)
        self._tell("agent", name=session.name, address=f"{address[0]}:{address[1]}")
        if self._mail is not None:
            self._mail.on_session(session.agent, session.name)

    def _send_raw(self, datagram: bytes, address: Address) -> None:
        self._port.send(address, memoryview(datagram), len(datagram))

    def _on_end(self, session: RelaySession) -> None:
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
        for index, session in list(self.guests.sessions.items()):
            if session.agent not in revoked:
                continue
            error = UnknownPeer("the relay has revoked this agent")
            session.protocol.close(error.code, error.message)
            for _ in range(CLOSE_BURSTS):
                transmit = session.protocol.poll_transmit(now_ns)
                if transmit is not None:
                    self._port.send(transmit.address, transmit.payload, transmit.segment_bytes)
            self.guests.end(index)
            self._tell("revoked", name=session.name)

    def end_idle(self, now_ns: int) -> None:
        """Sessions by which nothing has come for long are over."""
        self.guests.end_silent(now_ns, IDLE_NS)
