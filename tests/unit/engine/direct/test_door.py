"""Who is let in by the door of direct ways, and what for."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from transfer_core.engine.direct.door import Door
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import DrsError
from transfer_core.net.udp import open_udp_port
from transfer_core.protocol.security.handshake import Hello, Initiator
from transfer_core.protocol.security.noise import KeyPair

QUIET_S, ANSWER_S = 0.3, 60.0


class Mail:
    """Nobody gets this far without sealing something."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_session(self, agent: bytes, name: str) -> None:
        self.said.append("session")

    def on_session_ended(self, agent: bytes) -> None:
        self.said.append("ended")

    def on_parcel(self, agent: bytes, data: bytes, done: Callable[[DrsError | None], None]) -> None:
        self.said.append("parcel")


class Stage:
    def __init__(self) -> None:
        self.own, self.caller = KeyPair.generate(SystemEntropy()), KeyPair.generate(SystemEntropy())
        self.mail = Mail()
        port = open_udp_port(("127.0.0.1", 0))
        self.address = port.local_address
        self.door = Door(port, self.own, "pit0", SystemClock(), SystemEntropy(), self.mail)
        self.door.start()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def hello(self, number: int = 1) -> Initiator:
        said = Hello(number, 1, "pit1")
        made = Initiator(self.caller, self.own.public, number, said, SystemEntropy())
        self.socket.sendto(made.datagram, self.address)
        return made

    def answer(self, limit_s: float) -> bytes | None:
        self.socket.settimeout(limit_s)
        try:
            return self.socket.recv(2048)
        except TimeoutError:
            return None

    def answered(self, asked: Initiator) -> bytes:
        """Say it until there is an answer."""
        for _ in range(int(ANSWER_S / QUIET_S)):
            answer = self.answer(QUIET_S)
            if answer is not None:
                return answer
            self.socket.sendto(asked.datagram, self.address)
        raise AssertionError("no answer")


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.socket.close()
    made.door.stop()


def test_a_key_that_is_not_known_gets_no_answer_and_a_known_one_does(stage: Stage) -> None:
    stage.hello()
    stage.socket.sendto(b"\x01" + b"x" * 639, stage.address)
    assert stage.answer(QUIET_S) is None
    asked = stage.hello(2)
    assert stage.answer(QUIET_S) is None
    stage.door.set_known(frozenset({stage.caller.public}))
    assert asked.finish(stage.answered(asked)).welcome.name == "pit0"  # it says the same hello again and again


def test_a_hello_that_is_played_again_begins_nothing_that_counts(stage: Stage) -> None:
    stage.door.set_known(frozenset({stage.caller.public}))
    asked = stage.hello()
    first = stage.answered(asked)
    stage.socket.sendto(asked.datagram, stage.address)  # by whoever has heard it
    assert stage.answer(ANSWER_S) == first  # the same welcome, for the same hello
    assert stage.mail.said == []
