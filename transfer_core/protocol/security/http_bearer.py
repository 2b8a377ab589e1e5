"""The credential by which an agent that has paired is known to its relay's HTTP side.

    secret = HKDF-SHA256(X25519(own private key, the other's public key), info = "drs-sync http", 32 bytes)
    bearer = fingerprint of the agent's public key || "." || base64url(secret), without padding

Both sides compute it from the keys that pairing left with them, so that no message carries it before it is used. It
goes over TLS or within one machine only: whoever reads it can use it until the agent is revoked.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from transfer_core.errors import SecurityError
from transfer_core.protocol.security.noise import KeyPair, is_sound_public_key
from transfer_core.protocol.security.tokens import fingerprint

INFO = b"drs-sync http"


def bearer_of_agent(agent: KeyPair, relay_public: bytes) -> str:
    """What an agent sends as `Authorization: Bearer`. SecurityError if that is no relay's key."""
    return _bearer(agent.private, relay_public, agent.public)


def bearer_for_agent(relay: KeyPair, agent_public: bytes) -> str:
    """What a relay expects from that agent. SecurityError if that is no agent's key."""
    return _bearer(relay.private, agent_public, agent_public)


def agent_of_bearer(bearer: str) -> str | None:
    """The fingerprint of the agent that a bearer names; None if it is none of an agent."""
    name, dot, secret = bearer.partition(".")
    return name if dot and secret and name.count("-") == 3 else None


def _bearer(private: bytes, other_public: bytes, agent_public: bytes) -> str:
    if not is_sound_public_key(other_public):
        raise SecurityError("that is no public key", hint="Pair again.")
    shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(other_public))
    secret = HKDF(SHA256(), 32, None, INFO).derive(shared)
    return f"{fingerprint(agent_public)}.{base64.urlsafe_b64encode(secret).decode('ascii').rstrip('=')}"
