"""What both stores of the coordinator have to do, asked of each."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest

from tests.support.postgres_server import PostgresServer
from transfer_core.errors import ConfigError, StoreGone
from transfer_core.server.coordinator.base import CoordinatorStore, HappeningRecord, NodeRecord, SampleRecord
from transfer_core.server.coordinator.opening import open_store


def node(name: str, at_ns: int = 1) -> NodeRecord:
    return NodeRecord(uuid.uuid4().hex, name, "10.0.0.1", 8500, ("/data", "/läps"), ("sync",), at_ns, at_ns)


def line(text: str) -> HappeningRecord:
    return HappeningRecord("2026-11-21T08:00:00Z", "setups", "edited", "a/ü.json", text)


def test_a_node_is_kept_and_a_second_registration_renews_it(store: CoordinatorStore) -> None:
    first = node("pit1")
    assert store.register(first)
    again = NodeRecord(first.node_id, "pit one", "10.0.0.9", 1, (), ("sync", "delta_sync"), 99, 99)
    assert not store.register(again)
    (kept,) = [each for each in store.nodes() if each.node_id == first.node_id]
    assert (kept.name, kept.address, kept.capabilities) == ("pit one", "10.0.0.9", ("sync", "delta_sync"))
    assert (kept.registered_at_ns, kept.seen_at_ns) == (1, 99)


def test_nodes_come_in_the_order_in_which_they_registered(store: CoordinatorStore) -> None:
    later, earlier = node("b", 1 << 60), node("a", (1 << 60) - 1)
    store.register(later)
    store.register(earlier)
    ids = [each.node_id for each in store.nodes()]
    assert ids.index(earlier.node_id) < ids.index(later.node_id)


def test_a_forgotten_node_is_gone(store: CoordinatorStore) -> None:
    one = node("pit1")
    store.register(one)
    store.seen(one.node_id, 7)
    assert next(each for each in store.nodes() if each.node_id == one.node_id).seen_at_ns == 7
    assert store.forget(one.node_id)
    assert not store.forget(one.node_id)
    store.seen(one.node_id, 8)
    assert one.node_id not in {each.node_id for each in store.nodes()}


def test_what_happened_is_numbered_and_can_be_followed(store: CoordinatorStore) -> None:
    last = store.note([line("first")])
    end = store.note([line("second"), line("third")])
    followed = store.happenings(last, 10)
    assert [record.text for _, record in followed] == ["second", "third"]
    assert followed[-1][0] == end
    assert store.happenings(end, 10) == []
    assert [record.text for _, record in store.newest(2)] == ["second", "third"]
    assert store.happenings(last, 1)[0][1] == line("second")


def test_figures_come_back_and_the_most_that_were_online_is_known(store: CoordinatorStore) -> None:
    base_ns = 1 << 61
    samples = [SampleRecord(base_ns + i, i, i, 0, 10 * i, 5 * i, 7 * i, None if i == 0 else i / 2) for i in range(4)]
    for sample in samples:
        store.sample(sample)
    assert store.samples(base_ns, 10) == samples
    assert store.samples(base_ns + 1, 2) == samples[-2:]
    assert store.most_online() >= 3


def test_many_threads_may_note_at_once(store: CoordinatorStore) -> None:
    start = store.note([line("start")])
    threads = [threading.Thread(target=lambda: store.note([line("x")] * 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(store.happenings(start, 100)) == 40


def test_a_server_that_is_gone_is_said_and_found_again(postgres: PostgresServer, tmp_path: Path) -> None:
    store = open_store(postgres.url, tmp_path, "now")
    one = node("pit1")
    store.register(one)
    postgres.stop()
    with pytest.raises(StoreGone):
        store.nodes()
    postgres.start()
    assert one.node_id in {each.node_id for each in store.nodes()}
    store.close()


def test_another_kind_of_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_store("mysql://x/y", tmp_path, "now")
