"""An agent that does one step at a time: says hello, pings, and tells whether it is answered."""

from __future__ import annotations

import socket
import time

from transfer_core.engine.system import SystemEntropy
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.security.handshake import Hello, Initiator
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import parse_token
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.server.relay import Relay
from transfer_core.service import Token

WAIT_S = 60.0


class Agent:
    """One that says hello and pings, step by step."""

    def __init__(self, relay: Relay, token: Token | None = None, keys: KeyPair | None = None) -> None:
        found = parse_token((token or relay.make_token(("127.0.0.1:1",), 60)).text)
        self._relay, self._public, self._secret = relay, found.relay_public, found.secret
        self.keys = keys or KeyPair.generate(SystemEntropy())
        self._counter = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(WAIT_S)

    def close(self) -> None:
        self._socket.close()

    def next_hello(self) -> Initiator:
        """What is said next; not sent. Its number, and its session's, are 1, 2 and so on."""
        self._counter += 1
        hello = Hello(self._counter, time.time_ns(), "car 4", self._secret if self._counter == 1 else None)
        return Initiator(self.keys, self._public, self._counter, hello, SystemEntropy())

    def say(self, datagram: bytes) -> None:
        """Send it as it is."""
        self._socket.sendto(datagram, self._relay.address)

    def answer(self) -> bytes:
        """The next welcome that comes."""
        self._socket.settimeout(WAIT_S)
        while (answer := self._socket.recv(2048))[0] != Kind.WELCOME:
            pass  # of a session that is open
        return answer

    def hears_nothing(self, wait_s: float) -> bool:
        """Whether nothing comes for so long."""
        self._socket.settimeout(wait_s)
        try:
            self._socket.recv(2048)
        except TimeoutError:
            return True
        return False

    def hello(self) -> SenderSession:
        """A session that the relay has agreed to; nothing has been sent in it. Errors as the relay refuses."""
        initiator = self.next_hello()
        index = self._counter
        self.say(initiator.datagram)
        accepted = initiator.finish(self.answer())
        session = SenderSession(
            my_index=index,
            peer_index=accepted.relay_index,
            send_keys=accepted.send_keys,
            receive_keys=accepted.receive_keys,
            window_chunks=accepted.welcome.window_chunks,
        )
        session.add_path(0, self._relay.address, 0)
        return session

    def ping(self, session: SenderSession) -> None:
        """Send what asks for an answer, and before it what does not, if that is due."""
        end = time.monotonic() + WAIT_S
        while True:
            now_ns = time.monotonic_ns()
            session.handle_timeout(now_ns)
            session.paths[0].last_sent_ns = 0
            transmit = session.poll_transmit(now_ns)
            if transmit is None:  # as many are on their way as may be
                assert time.monotonic() < end
                self.is_answered(session, 0.01)
                continue
            for at in range(0, len(transmit.payload), transmit.segment_bytes):
                self.say(bytes(transmit.payload[at : at + transmit.segment_bytes]))
            if transmit.payload[0] != Kind.ACK:
                return

    def is_answered(self, session: SenderSession, wait_s: float) -> bool:
        """Whether something comes that opens in this session."""
        end = time.monotonic() + wait_s
        heard = session.paths[0].heard_datagrams
        while (left_s := end - time.monotonic()) > 0 and session.paths[0].heard_datagrams == heard:
            self._socket.settimeout(left_s)
            try:
                payload = self._socket.recv(2048)
            except TimeoutError:
                break
            received = Received(self._relay.address, memoryview(payload), len(payload))
            session.receive_datagrams(0, received, time.monotonic_ns())
        return session.paths[0].heard_datagrams > heard
