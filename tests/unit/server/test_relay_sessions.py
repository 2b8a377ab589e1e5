from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.security.handshake import Hello, Initiator
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import parse_token
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.wire.datagram import Kind
from transfer_core.server.relay import Relay
from transfer_core.server.relay_live import Answer

WAIT_S = 10.0


class Agent:
    """One that says hello and pings, step by step."""

    def __init__(self, relay: Relay) -> None:
        token = parse_token(relay.make_token(("127.0.0.1:1",), 60).text)
        self._relay, self._public, self._secret = relay, token.relay_public, token.secret
        self._keys = KeyPair.generate(SystemEntropy())
        self._counter = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(WAIT_S)

    def close(self) -> None:
        self._socket.close()

    def hello(self) -> SenderSession:
        """A session that the relay has agreed to; nothing has been sent in it."""
        self._counter += 1
        index = self._counter
        hello = Hello(self._counter, time.time_ns(), "car 4", self._secret if index == 1 else None)
        initiator = Initiator(self._keys, self._public, index, hello, SystemEntropy())
        self._socket.sendto(initiator.datagram, self._relay.address)
        self._socket.settimeout(WAIT_S)
        while (answer := self._socket.recv(2048))[0] != Kind.WELCOME:
            pass  # of a session that is open
        accepted = initiator.finish(answer)
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
        now_ns = time.monotonic_ns()
        session.paths[0].last_sent_ns = 0
        transmit = session.poll_transmit(now_ns)
        assert transmit is not None
        self._socket.sendto(transmit.payload, self._relay.address)

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


@pytest.fixture
def events() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def relay(tmp_path: Path, events: list[dict[str, Any]]) -> Iterator[Relay]:
    made = Relay(tmp_path / "state", tmp_path / "in", ("127.0.0.1", 0), None, events.append, SystemClock())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def agent(relay: Relay) -> Iterator[Agent]:
    made = Agent(relay)
    yield made
    made.close()


def test_a_session_goes_on_when_its_agent_does_not_follow_up_a_hello(
    relay: Relay, agent: Agent, events: list[dict[str, Any]]
) -> None:
    session = agent.hello()
    agent.ping(session)
    assert agent.is_answered(session, WAIT_S)
    agent.hello()  # said in an outage; when the welcome came, the former session answered again
    agent.ping(session)
    assert agent.is_answered(session, WAIT_S)
    assert relay.agents_online() == 1
    assert [event["event"] for event in events].count("agent") == 1


def test_the_first_datagram_of_a_new_session_ends_the_former_one(
    relay: Relay, agent: Agent, events: list[dict[str, Any]]
) -> None:
    former = agent.hello()
    agent.ping(former)
    assert agent.is_answered(former, WAIT_S)
    session = agent.hello()
    agent.ping(session)
    assert agent.is_answered(session, WAIT_S)
    agent.ping(former)
    assert not agent.is_answered(former, 0.3)
    assert relay.agents_online() == 1
    assert [event["event"] for event in events].count("agent") == 2


def test_an_agent_that_only_says_hello_is_not_online(relay: Relay, agent: Agent, events: list[dict[str, Any]]) -> None:
    for _ in range(5):
        agent.hello()
    assert relay.agents_online() == 0
    assert [event["event"] for event in events] == ["ready"]


class Silences:
    """Takes every feed, and notes of which agent nothing comes any more."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.told: list[bool] = []

    def on_feed(self, agent: bytes, name: str, feed: int, about: bytes, answer: Answer) -> None:
        self.taken.append(feed)
        answer(None)

    def on_live(self, agent: bytes, feed: int, datagrams: Sequence[LiveDatagram], missing: int) -> None:
        raise AssertionError("nothing live is sent here")

    def on_feed_ended(self, agent: bytes, feed: int) -> None:
        raise AssertionError("no feed ends here")

    def on_silence(self, agent: bytes, *, silent: bool) -> None:
        self.told.append(silent)

    def on_gone(self, agent: bytes) -> None:
        """With the relay, at the end."""


def test_an_agent_with_live_feeds_is_missed_before_its_session_ends_and_heard_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.server.relay_files.SILENT_NS", 500_000_000)
    silences = Silences()
    relay = Relay(tmp_path / "state", tmp_path / "in", ("127.0.0.1", 0), None, None, SystemClock())
    relay.live = silences
    relay.start()
    agent = Agent(relay)
    try:
        session = agent.hello()
        agent.ping(session)
        assert agent.is_answered(session, WAIT_S)
        time.sleep(1.5)  # without a feed nobody minds
        assert silences.told == []
        session.open_feed(7, b"{}")
        agent.ping(session)
        for told in ([True], [True, False], [True, False, True]):
            end = time.monotonic() + WAIT_S
            while silences.told != told:
                assert time.monotonic() < end, silences.told
                if told[-1] is False:
                    agent.ping(session)
                agent.is_answered(session, 0.05)
        assert silences.taken == [7]
        assert relay.agents_online() == 1
    finally:
        agent.close()
        relay.stop()
