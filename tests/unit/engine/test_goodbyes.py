"""Last words when an agent ends: by every link that still carries them."""

from __future__ import annotations

from typing import Any

import pytest

from transfer_core.engine.goodbyes import GOODBYES, say_goodbye
from transfer_core.engine.uplink import LinkPort, RelayTarget, Uplink
from transfer_core.errors import LinkError
from transfer_core.net.base import UdpPort
from transfer_core.protocol.endpoint import Address, Transmit
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import SenderSession

NOW_NS = 10**9
RELAY = ("192.0.2.1", 9000)


class Port:
    """Counts what goes, or has lost its interface."""

    def __init__(self, *, is_gone: bool) -> None:
        self.is_gone, self.sent = is_gone, 0

    def send(self, address: Address, payload: memoryview, segment_bytes: int) -> None:
        if self.is_gone:
            raise LinkError("the interface is gone")
        self.sent += 1


class Stage:
    def __init__(self, *are_gone: bool, online: bool = True) -> None:
        keys = PathKeys(bytes(32))
        session = SenderSession(my_index=1, peer_index=2, send_keys=keys, receive_keys=keys, window_chunks=64)
        self.uplink = Uplink(RelayTarget("pit", (RELAY,), b"", None), session=session, online=online)
        self.session = session
        self.ports: list[Any] = [Port(is_gone=is_gone) for is_gone in are_gone]
        self.links = {f"link{number}": LinkPort(f"link{number}", port) for number, port in enumerate(self.ports)}
        for number, name in enumerate(self.links):
            session.add_path(number, RELAY, NOW_NS, rtt_hint_ns=10**7)
            self.uplink.path_links[number] = name

    def next_transmit(self, now_ns: int) -> tuple[UdpPort, Transmit] | None:
        for number, path in self.session.paths.items():
            transmit = self.session.poll_path(path, now_ns, 64)
            if transmit is not None:
                return self.ports[number], transmit
        return None

    def end(self) -> None:
        say_goodbye([self.uplink], self.links, self.next_transmit, NOW_NS)


def test_the_end_is_told_by_each_link() -> None:
    stage = Stage(False, False)
    stage.end()
    assert stage.session.closed
    assert min(port.sent for port in stage.ports) >= GOODBYES


@pytest.mark.parametrize("gone", [0, 1])
def test_a_link_that_is_gone_by_then_keeps_the_others_from_nothing(gone: int) -> None:
    stage = Stage(*(number == gone for number in range(2)))
    stage.end()
    assert stage.ports[1 - gone].sent >= GOODBYES


def test_a_relay_that_does_not_answer_is_told_nothing() -> None:
    stage = Stage(False, online=False)
    for _ in range(100):  # pings of a new path, that have nothing to do with the end
        if stage.next_transmit(NOW_NS) is None:
            break
    stage.end()
    assert not stage.session.closed
    assert stage.ports[0].sent == 0
