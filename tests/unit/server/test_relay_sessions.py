from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.field import data_of
from tests.support.loop_stage import LoopStage, job_of
from tests.support.step_agent import WAIT_S, Agent
from transfer_core.engine.parcels import BUNDLE_PREFIX
from transfer_core.engine.system import SystemClock
from transfer_core.errors import UnknownPeer, WriteFailed
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.protocol.outgoing_file import FileState
from transfer_core.protocol.wire.chunk_record import CHUNK_BYTES_MIN, new_record, seal_record
from transfer_core.server.arriving import Arriving
from transfer_core.server.relay import Relay
from transfer_core.server.relay_live import Answer
from transfer_core.sim.conditions import LinkConditions
from transfer_core.storage.incoming import IncomingFile
from transfer_core.storage.relay_store import RelayStore


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


def test_a_stranger_who_knows_the_relays_key_and_no_secret_hears_nothing(relay: Relay, agent: Agent) -> None:
    agent.next_hello()  # the one with the token's secret is never said
    for _ in range(3):
        agent.say(agent.next_hello().datagram)
    assert agent.hears_nothing(1.0)
    assert relay.agents_online() == 0


def test_an_agent_that_is_revoked_and_does_not_heed_it_is_answered_no_more(
    relay: Relay, agent: Agent, events: list[dict[str, Any]], tmp_path: Path
) -> None:
    session = agent.hello()
    agent.ping(session)
    assert agent.is_answered(session, WAIT_S)
    store = RelayStore(tmp_path / "state", SystemClock())
    assert store.revoke("car 4") == 1
    store.close()
    end = time.monotonic() + WAIT_S
    while not any(event["event"] == "revoked" for event in events):
        assert time.monotonic() < end, events
        time.sleep(0.05)
    while agent.is_answered(session, 0.3):
        pass  # it is told so
    agent.ping(session)
    assert agent.hears_nothing(0.5)
    assert relay.agents_online() == 0
    with pytest.raises(UnknownPeer):
        agent.hello()


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
            while silences.told[: len(told)] != told:  # it is missed again soon
                assert time.monotonic() < end, silences.told
                if told[-1] is False:
                    agent.ping(session)
                agent.is_answered(session, 0.05)
        assert silences.taken == [7]
        assert relay.agents_online() == 1
    finally:
        agent.close()
        relay.stop()


def test_a_bundle_that_is_stopped_in_the_breath_that_ends_it_harms_nobody(relay: Relay, agent: Agent) -> None:
    session = agent.hello()
    number = session.open_file(
        file_id="bundle-1",
        path=f"{BUNDLE_PREFIX}bundle-1",
        size=100,
        chunk_bytes=CHUNK_BYTES_MIN,
        mtime_ns=0,
        fingerprint=1,
        priority=5,
        position=0.0,
        resumed=False,
    )
    record, data = new_record("bundle-1", 100)
    data[:] = bytes(100)
    seal_record(record, "bundle-1", 0, 0, 100)
    session.provide_chunks(number, 0, [record])
    file, end = session.files[number], time.monotonic() + WAIT_S
    while file.slots or file.state is FileState.OPENING:
        assert time.monotonic() < end
        agent.ping(session)
        agent.is_answered(session, 0.05)
    session.provide_digest(number, "blake3:00")
    session.stop_file(number, discard=True)
    agent.ping(session)  # both in one datagram
    for _ in range(3):
        agent.ping(session)
        assert agent.is_answered(session, WAIT_S)
    assert relay.failure is None


def test_a_file_that_is_hashed_only_once_it_is_whole_is_hashed_piece_by_piece_and_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Arriving, "follow", lambda *_: None)  # as if the front had never been reached
    turns: list[int] = []
    hash_on = Arriving.hash_on

    def counted(arriving: Arriving) -> bool:
        turns.append(arriving.offer.size)
        return hash_on(arriving)

    monkeypatch.setattr(Arriving, "hash_on", counted)
    stage = LoopStage(tmp_path)
    try:
        stage.plug("wifi", LinkConditions(rate_mbps=400, delay_ms=1))
        stage.wait(lambda: stage.sessions() == 1)
        source = tmp_path / "lap.bin"
        source.write_bytes(data_of(9_000_000))
        out = job_of("id-1", source, "lap.bin")
        stage.agent.loop.post(lambda: stage.agent.begin("pit", [out]))
        stage.wait(lambda: bool(stage.arrived()))
    finally:
        stage.close()
    assert turns.count(9_000_000) >= 3
    assert (tmp_path / "in" / "car" / "lap.bin").read_bytes() == source.read_bytes()


def test_a_file_that_can_not_be_synced_is_closed_by_whoever_writes_to_it_and_arrives_when_it_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_by: list[str] = []
    sync, close = IncomingFile.sync, Arriving.close

    def failing_once(file: IncomingFile) -> None:
        monkeypatch.setattr(IncomingFile, "sync", sync)
        raise WriteFailed("the disk does not take it")

    def noted(arriving: Arriving, *, delete: bool) -> None:
        closed_by.append(threading.current_thread().name)
        close(arriving, delete=delete)

    monkeypatch.setattr(IncomingFile, "sync", failing_once)
    monkeypatch.setattr(Arriving, "close", noted)
    stage = LoopStage(tmp_path, sync_interval_s=0.02)
    try:
        stage.plug("wifi", LinkConditions(rate_mbps=80, delay_ms=1))
        stage.wait(lambda: stage.sessions() == 1)
        source = tmp_path / "lap.bin"
        source.write_bytes(data_of(9_000_000))

        def send() -> None:
            stage.agent.begin("pit", [job_of("id-1", source, "lap.bin")])

        stage.agent.loop.post(send)
        stage.wait(lambda: any(name == "on_failed" for name, _ in stage.told))
        stage.agent.loop.post(send)
        stage.wait(lambda: bool(stage.arrived()))
        assert closed_by == ["relay-write"]
    finally:
        stage.close()
    assert (tmp_path / "in" / "car" / "lap.bin").read_bytes() == source.read_bytes()
