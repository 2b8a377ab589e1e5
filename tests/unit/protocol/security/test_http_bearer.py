"""The credential for HTTP is the same on both sides, and another one for every pair."""

from __future__ import annotations

import pytest

from transfer_core.engine.system import SystemEntropy
from transfer_core.errors import SecurityError
from transfer_core.protocol.security.http_bearer import agent_of_bearer, bearer_for_agent, bearer_of_agent
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import fingerprint

AGENT, RELAY, OTHER = (KeyPair.generate(SystemEntropy()) for _ in range(3))


def test_agent_and_relay_compute_the_same_credential() -> None:
    assert bearer_of_agent(AGENT, RELAY.public) == bearer_for_agent(RELAY, AGENT.public)


def test_it_names_the_agent_and_fits_into_a_header() -> None:
    bearer = bearer_of_agent(AGENT, RELAY.public)
    assert agent_of_bearer(bearer) == fingerprint(AGENT.public)
    assert all(sign.isascii() and (sign.isalnum() or sign in "-._~+/") for sign in bearer)


def test_another_agent_or_relay_has_another_one() -> None:
    bearers = {
        bearer_of_agent(AGENT, RELAY.public),
        bearer_of_agent(AGENT, OTHER.public),
        bearer_of_agent(OTHER, RELAY.public),
    }
    assert len({bearer.partition(".")[2] for bearer in bearers}) == 3


@pytest.mark.parametrize("text", ["", "secret", "a-b-c-d", ".x", "a-b.x", "a-b-c-d."])
def test_what_names_no_agent_is_told_apart(text: str) -> None:
    assert agent_of_bearer(text) is None


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(SecurityError, match="no public key"):
        bearer_for_agent(RELAY, bytes(32))
