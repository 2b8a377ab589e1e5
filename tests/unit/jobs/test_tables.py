from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.jobs.support import START_NS, fill
from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.sim.manual_clock import ManualClock

PIT = Destination("pit", "relay", ("192.0.2.1:9000", "[2001:db8::1]:9000"), b"\x01" * 32, b"\x02" * 16, 1_900_000_000)


def test_a_destination_is_kept_with_all_it_takes(store: JobStore) -> None:
    store.keep_destination(PIT)
    assert store.destinations() == [PIT]
    store.mark_paired("pit")
    assert store.destinations() == [replace(PIT, secret=None)]


def test_the_hello_counter_only_grows_also_when_the_clock_goes_back_or_the_destination_is_replaced(
    store: JobStore, clock: ManualClock
) -> None:
    store.keep_destination(PIT)
    first = store.next_hello_counter("pit")
    assert first >= START_NS
    clock.jump_wall(-(10**18))
    store.keep_destination(replace(PIT, addresses=("192.0.2.9:9000",)))
    counters = [store.next_hello_counter("pit") for _ in range(3)]
    assert counters == sorted({first, *counters})[1:]
    with pytest.raises(NotFoundError):
        store.next_hello_counter("nowhere")


def test_a_destination_is_forgotten_only_when_nothing_waits_for_it(store: JobStore) -> None:
    store.keep_destination(PIT)
    fill(store, "a5")
    with pytest.raises(ConflictError, match="1 jobs"):
        store.forget_destination("pit")
    store.cancel(["a"])
    store.forget_destination("pit")
    assert store.destinations() == []
    with pytest.raises(NotFoundError):
        store.forget_destination("pit")


def test_settings_hold_any_json(store: JobStore) -> None:
    assert store.setting("x") is None
    store.set_setting("x", {"a": [1, None, "🏁"]})
    store.set_setting("x", {"a": [2]})
    assert store.setting("x") == {"a": [2]}


def test_commands_are_answered_once_and_in_order(store: JobStore) -> None:
    one, two = store.ask("kill", "wifi"), store.ask("restore", "wifi")
    assert [(c.number, c.verb, c.argument) for c in store.commands()] == [
        (one, "kill", "wifi"),
        (two, "restore", "wifi"),
    ]
    assert store.answer_to(one) is None
    store.answer(one, "ok")
    assert store.answer_to(one) == "ok"
    assert [c.number for c in store.commands()] == [two]
