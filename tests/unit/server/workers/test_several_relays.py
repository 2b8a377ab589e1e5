"""Relays that share a port, in one process here: what they tell each other goes the same ways as between processes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.step_agent import WAIT_S, Agent
from transfer_core.engine.system import SystemClock, SystemEntropy
from transfer_core.errors import DiskFull, TokenUsed
from transfer_core.protocol.place import home_of
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.server.companion import RelayGround
from transfer_core.server.relay import Relay
from transfer_core.server.workers.seat import SeatDescriptors, take_seat
from transfer_core.server.workers.shared_means import SharedMeans, make_means
from transfer_core.storage.free_space import Room
from transfer_core.storage.relay_store import RelayStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes share a port on Linux only")
WORKERS = 3


class Look:
    """A companion that only sees what the relay stands on."""

    def __init__(self) -> None:
        self.room: Room | None = None

    def start(self, ground: RelayGround) -> dict[str, object]:
        self.room = ground.room
        return {}

    def stop(self) -> None:
        """Nothing was begun."""


class Group:
    """Relays on one port and one state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = os.open(folder, os.O_RDONLY)
        self.means: SharedMeans = make_means(("127.0.0.1", 0), WORKERS, self.lock)
        self.events: list[list[dict[str, Any]]] = [[] for _ in range(WORKERS)]
        self.looks = [Look() for _ in range(WORKERS)]
        self.relays = [self._start(worker) for worker in range(WORKERS)]

    def _start(self, worker: int) -> Relay:
        seat = take_seat(self._inherited(worker), self.folder)
        told = self.events[worker].append
        look = [self.looks[worker]]
        relay = Relay(self.folder, self.folder / "in", ("", 0), None, told, companions=look, seat=seat)
        relay.start()
        return relay

    def _inherited(self, worker: int) -> SeatDescriptors:
        """Descriptors of its own, as a process gets them."""
        seat = self.means.descriptors(worker)
        outboxes = tuple((other, os.dup(fd)) for other, fd in seat.outboxes)
        return replace(seat, port=os.dup(seat.port), inbox=os.dup(seat.inbox), outboxes=outboxes)

    def restart(self, worker: int) -> None:
        self.relays[worker].stop()
        self.relays[worker] = self._start(worker)

    def agent(self, home: int, **more: Any) -> Agent:
        """One that is at home there."""
        while True:
            keys = KeyPair.generate(SystemEntropy())
            if home_of(keys.public, WORKERS) == home:
                return Agent(self.relays[0], keys=keys, **more)

    def online(self) -> list[int]:
        return [relay.agents_online() for relay in self.relays]

    def close(self) -> None:
        for relay in self.relays:
            relay.stop()
        self.means.close()
        os.close(self.lock)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    RelayStore(tmp_path, SystemClock()).close()
    made = Group(tmp_path)
    yield made
    made.close()


@pytest.fixture
def agent_at(group: Group) -> Iterator[Callable[..., Agent]]:
    made: list[Agent] = []

    def make(home: int, **more: Any) -> Agent:
        made.append(group.agent(home, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("home", range(WORKERS))
def test_an_agent_s_sessions_are_all_at_its_home_wherever_its_hellos_come_to(
    group: Group, agent_at: Callable[..., Agent], home: int
) -> None:
    agent = agent_at(home)
    for _ in range(WORKERS + 1):  # hellos numbered 1, 2, 3, 4 come to each of them in turn
        session = agent.hello()
        assert session.peer_index % WORKERS == home
        agent.ping(session)
        assert agent.is_answered(session, WAIT_S)
    assert group.online() == [int(worker == home) for worker in range(WORKERS)]


def test_a_token_pairs_one_agent_also_when_the_other_is_at_home_elsewhere(
    group: Group, agent_at: Callable[..., Agent]
) -> None:
    token = group.relays[0].make_token(("127.0.0.1:1",), 60)
    first, second = agent_at(0, token=token), agent_at(1, token=token)
    first.hello()
    with pytest.raises(TokenUsed):
        second.hello()


def test_a_copy_of_a_hello_that_was_handed_over_gets_the_same_answer_again(
    group: Group, agent_at: Callable[..., Agent]
) -> None:
    agent = agent_at(2)
    hello = agent.next_hello().datagram  # number 1, so it comes to the second
    answers = set()
    for _ in range(3):
        agent.say(hello)
        answers.add(agent.answer())
    assert len(answers) == 1


def test_an_old_hello_is_answered_by_none_of_them_also_after_a_restart(
    group: Group, agent_at: Callable[..., Agent]
) -> None:
    agent = agent_at(2)
    old = agent.next_hello().datagram
    agent.say(old)
    agent.answer()
    agent.hello()
    for worker in range(WORKERS):
        group.restart(worker)
    agent.say(old)
    assert agent.hears_nothing(0.5)
    assert group.online() == [0] * WORKERS


def test_what_came_while_a_process_was_dead_waits_for_the_next_one(
    group: Group, agent_at: Callable[..., Agent]
) -> None:
    agent = agent_at(2)
    agent.hello()
    group.relays[2].stop()
    hello = agent.next_hello()  # number 2, so it comes to the dead one itself
    agent.say(hello.datagram)
    handed = agent.next_hello()  # number 3 comes to the first, which hands it over
    agent.say(handed.datagram)
    assert agent.hears_nothing(0.3)
    group.restart(2)
    answers = [agent.answer(), agent.answer()]
    assert handed.finish(answers[-1]).relay_index % WORKERS == 2


def test_room_that_one_has_promised_is_not_there_for_the_others(group: Group) -> None:
    first, _, third = (look.room for look in group.looks)
    assert first is not None
    assert third is not None
    free_bytes = first.free_bytes()
    first.claim("a", free_bytes // 2, "a.bin")
    with pytest.raises(DiskFull):
        third.claim("b", free_bytes * 3 // 4, "b.bin")
    assert third.claimed_bytes == free_bytes // 2
    group.restart(0)
    assert third.claimed_bytes == 0


def test_a_stranger_hears_nothing_wherever_it_asks(group: Group, agent_at: Callable[..., Agent]) -> None:
    agent = agent_at(1)
    agent.next_hello()  # the only one with the token
    for _ in range(WORKERS):
        agent.say(agent.next_hello().datagram)
    assert agent.hears_nothing(0.5)


def test_an_agent_that_is_revoked_is_turned_out_of_its_home(
    group: Group, agent_at: Callable[..., Agent], tmp_path: Path
) -> None:
    agent = agent_at(1)
    session = agent.hello()
    agent.ping(session)
    assert agent.is_answered(session, WAIT_S)
    store = RelayStore(tmp_path, SystemClock())
    assert store.revoke("car 4") == 1
    store.close()
    end = time.monotonic() + WAIT_S
    while not any(event["event"] == "revoked" for event in group.events[1]):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert group.online() == [0] * WORKERS
