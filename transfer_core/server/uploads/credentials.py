"""Who may upload: agents that have paired, by the bearer that pairing gave them, and owners of tokens made here.

An agent's bearer is kept nowhere: it follows from both sides' keys (`protocol.security.http_bearer`). Of a token, which
other programs use, a hash is kept. Both are looked up with each request, so that one that is revoked ends at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

from transfer_core.errors import CredentialRefused, UnknownPeer
from transfer_core.protocol.security.http_bearer import agent_of_bearer, bearer_for_agent
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import fingerprint
from transfer_core.server.uploads.model import ANYBODY, TOKEN_KEY, Client
from transfer_core.server.uploads.records import HttpToken, UploadDatabase
from transfer_core.storage.relay_store import KnownAgent, RelayStore
from transfer_core.storage.safe_path import safe_name

TOKEN_PREFIX = "drsh_"
_TOKEN_BYTES = 32


class Credentials:
    """Checks them. Its method blocks, and may be called from any thread."""

    def __init__(self, identity: KeyPair, store: RelayStore, database: UploadDatabase, *, required: bool) -> None:
        self._identity = identity
        self._store = store
        self._database = database
        self._required = required
        self._bearers: dict[bytes, str] = {}

    def client(self, authorization: str | None) -> Client:
        """Whose request it is, by its `Authorization`. CredentialRefused, UnknownPeer."""
        if authorization is None:
            if self._required:
                raise CredentialRefused("the request comes without a credential")
            return ANYBODY
        scheme, _, bearer = authorization.partition(" ")
        bearer = bearer.strip()
        if scheme.lower() != "bearer" or not bearer or not bearer.isascii():
            raise CredentialRefused("the credential is no bearer token")
        name = agent_of_bearer(bearer)
        return self._token_owner(bearer) if name is None else self._agent(name, bearer)

    def _agent(self, name: str, bearer: str) -> Client:
        for agent in self._store.agents():
            if fingerprint(agent.public_key) == name and hmac.compare_digest(self._bearer_of(agent), bearer):
                if agent.revoked:
                    raise UnknownPeer("the relay has revoked this agent")
                return Client(agent.public_key.hex(), agent.folder, agent.public_key)
        raise CredentialRefused("the relay does not know this agent")

    def _bearer_of(self, agent: KnownAgent) -> str:
        known = self._bearers.get(agent.public_key)
        if known is None:
            known = self._bearers[agent.public_key] = bearer_for_agent(self._identity, agent.public_key)
        return known

    def _token_owner(self, bearer: str) -> Client:
        found = self._database.find_token(hash_of_token(bearer))
        if found is None:
            raise CredentialRefused("the relay does not know this token, or has revoked it")
        return Client(f"{TOKEN_KEY}{found.name}", found.folder)


def hash_of_token(token: str) -> bytes:
    """What is kept of a token; it is random and long, so that a plain hash can't be turned back."""
    return hashlib.sha256(b"drs-sync http token\0" + token.encode("utf-8", "replace")).digest()


def make_http_token(database: UploadDatabase, name: str, random_bytes: Callable[[int], bytes]) -> str:
    """A new token of that name, in place of an older one; it is shown once and kept nowhere. NameRefused."""
    token = TOKEN_PREFIX + base64.urlsafe_b64encode(random_bytes(_TOKEN_BYTES)).decode("ascii").rstrip("=")
    folder = safe_name("".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)[:60] or "token")
    database.keep_token(HttpToken(name, folder, hash_of_token(token)))
    return token
