"""Messages for webhooks: kept with the change that they tell of, until they are told."""

from __future__ import annotations

import json

import pytest

from tests.unit.jobs.support import fill
from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.jobs.outbox import TOLD_FOR_NS
from transfer_core.jobs.store import JobStore
from transfer_core.sim.manual_clock import ManualClock

URL, OTHER = "http://one/hook", "http://two/hook"


def test_completing_and_failing_is_told_to_each_webhook_in_its_order(store: JobStore) -> None:
    store.keep_webhook(URL, "whsec_a")
    store.keep_webhook(OTHER, "whsec_b")
    fill(store, "a5 b5")
    store.claim("me", 2, ["pit"])
    store.complete([("a", "blake3:00", "in/a.bin", {}, 0)])
    store.fail("b", "E_WRITE", "the disk broke")
    first = store.messages_due(10)
    assert {(each.url, each.secret) for each in first} == {(URL, "whsec_a"), (OTHER, "whsec_b")}
    body = json.loads(first[0].body)
    assert (body["type"], body["data"]["file_id"], body["data"]["stored_as"]) == ("upload.completed", "a", "in/a.bin")
    for message in first:
        store.told(message.number)
    second = [json.loads(each.body) for each in store.messages_due(10)]
    assert [(each["type"], each["data"]["error"]) for each in second] == [("upload.failed", "E_WRITE")] * 2


def test_nothing_is_kept_for_nobody_nor_for_what_is_no_news(store: JobStore) -> None:
    fill(store, "a5 b5")
    store.claim("me", 2, ["pit"])
    store.complete([("a", "", "", {}, 0)])
    store.keep_webhook(URL, "whsec_a")
    store.complete([("a", "", "", {}, 0)])
    assert store.messages_due(10) == []
    assert [each.waiting for each in store.webhooks()] == [0]


def test_a_message_that_could_not_be_told_waits_and_keeps_its_id(store: JobStore, clock: ManualClock) -> None:
    store.keep_webhook(URL, "whsec_a")
    store.announce_test(URL)
    (message,) = store.messages_due(10)
    store.tell_later(message.number, 10**9, "no answer")
    assert store.messages_due(10) == []
    clock.advance(2 * 10**9)
    (again,) = store.messages_due(10)
    assert (again.message_id, again.body, again.attempts) == (message.message_id, message.body, 1)
    clock.advance(TOLD_FOR_NS)
    store.tell_later(message.number, 0, "no answer")
    assert store.messages_due(10) == []
    assert store.webhooks()[0].waiting == 0


def test_a_webhook_that_is_gone_is_told_nothing_more(store: JobStore) -> None:
    store.keep_webhook(URL, "whsec_a")
    store.announce_test(URL)
    store.switch_off(URL, "it answered 410")
    assert store.messages_due(10) == []
    with pytest.raises(ConflictError, match="410"):
        store.announce_test(URL)
    store.forget_webhook(URL)
    with pytest.raises(NotFoundError):
        store.forget_webhook(URL)
    with pytest.raises(NotFoundError):
        store.announce_test(URL)
    store.keep_webhook(URL, "whsec_a")
    with pytest.raises(ConflictError):
        store.keep_webhook(URL, "whsec_b")
