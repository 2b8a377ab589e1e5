"""Pairing over HTTP: the UDP handshake's hello and welcome in a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.http_relay import HttpRelay, http_config
from transfer_core.errors import TokenExpired, TokenUsed, UnknownPeer
from transfer_core.protocol.security.handshake import HELLO_BYTES, Hello, Initiator
from transfer_core.protocol.security.http_bearer import bearer_of_agent
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.sim.seeded_entropy import SeededEntropy

AGENT = KeyPair.generate(SeededEntropy(11))
OTHER = KeyPair.generate(SeededEntropy(12))
SECRET = b"sixteen bytes ok"
FAR_S = 1 << 40


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[HttpRelay]:
    with HttpRelay(tmp_path, http_config(), {"behind_proxy": True}) as started:
        yield started


def hello(relay: HttpRelay, agent: KeyPair = AGENT, counter: int = 1, secret: bytes | None = SECRET) -> Initiator:
    words = Hello(counter, relay.clock.wall_ns(), "car-7", secret)
    return Initiator(agent, relay.identity.public, 7, words, SeededEntropy(counter))


def say(relay: HttpRelay, body: bytes) -> httpx.Response:
    return httpx.post(
        f"{relay.url}/pair", content=body, headers={"Content-Type": "application/octet-stream"}, timeout=60
    )


def may_upload(relay: HttpRelay, agent: KeyPair = AGENT) -> int:
    bearer = bearer_of_agent(agent, relay.identity.public)
    return httpx.get(f"{relay.url}/uploads", headers={"Authorization": f"Bearer {bearer}"}, timeout=60).status_code


def test_an_agent_with_a_token_is_known_from_then_on(relay: HttpRelay) -> None:
    relay.store.keep_token(SECRET, FAR_S)
    assert may_upload(relay) == 401
    initiator = hello(relay)
    answer = say(relay, initiator.datagram)
    assert answer.status_code == 200
    assert initiator.finish(answer.content).welcome.name
    assert may_upload(relay) == 200
    assert [(agent.name, agent.public_key) for agent in relay.store.agents()] == [("car-7", AGENT.public)]


def test_a_hello_counts_once_and_a_newer_one_is_answered_without_a_token(relay: HttpRelay) -> None:
    relay.store.keep_token(SECRET, FAR_S)
    first = hello(relay)
    assert say(relay, first.datagram).status_code == 200
    assert say(relay, first.datagram).status_code == 401
    again = hello(relay, counter=2, secret=None)
    again.finish(say(relay, again.datagram).content)


def test_a_token_pairs_one_agent_until_it_expires(relay: HttpRelay) -> None:
    relay.store.keep_token(SECRET, FAR_S)
    relay.store.keep_token(b"another sixteen.", 1)
    assert say(relay, hello(relay).datagram).status_code == 200
    late = hello(relay, OTHER)
    with pytest.raises(TokenUsed):
        late.finish(say(relay, late.datagram).content)
    old = hello(relay, OTHER, 2, b"another sixteen.")
    with pytest.raises(TokenExpired):
        old.finish(say(relay, old.datagram).content)
    assert may_upload(relay, OTHER) == 401


def test_one_that_is_revoked_hears_so(relay: HttpRelay) -> None:
    relay.store.keep_token(SECRET, FAR_S)
    assert say(relay, hello(relay).datagram).status_code == 200
    relay.store.revoke("car-7")
    again = hello(relay, counter=2, secret=None)
    with pytest.raises(UnknownPeer):
        again.finish(say(relay, again.datagram).content)


def test_strangers_and_odd_bytes_get_nothing(relay: HttpRelay) -> None:
    good = hello(relay).datagram
    spoiled = good[:-1] + bytes((good[-1] ^ 1,))
    elsewhere = Initiator(AGENT, OTHER.public, 7, Hello(1, 1, "x", SECRET), SeededEntropy(1)).datagram
    for body in (b"", b"x", bytes(HELLO_BYTES), good[:100], spoiled, elsewhere, good):
        answer = say(relay, body)
        assert (answer.status_code, answer.json()["code"]) == (401, "E_CREDENTIAL")
    assert say(relay, bytes(HELLO_BYTES + 1)).status_code == 413
    assert relay.store.agents() == []
