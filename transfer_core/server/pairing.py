"""Pairing tokens of a relay, whether it runs or not."""

from __future__ import annotations

from pathlib import Path

from transfer_core.clock import Clock
from transfer_core.engine.identity import load_identity
from transfer_core.engine.system import SystemEntropy
from transfer_core.protocol.security.tokens import HttpSideFacts, HttpTrust, PairingToken, encode_token, parse_address
from transfer_core.server.http_facts import kept_http
from transfer_core.server.loopback import is_loopback
from transfer_core.service import Token
from transfer_core.storage.relay_store import RelayStore
from transfer_core.units import NS_PER_S, utc_iso


def make_token(state_dir: Path, clock: Clock, addresses: tuple[str, ...], expires_s: float) -> Token:
    """A new pairing token of the relay of that state directory, whether it runs or not."""
    state_dir.mkdir(parents=True, exist_ok=True)
    identity = load_identity(state_dir)
    secret = SystemEntropy().token_bytes(16)
    expires = int(clock.wall_ns() / NS_PER_S + expires_s)
    text = encode_token(PairingToken(identity.public, secret, expires, addresses, _http_for(state_dir, addresses)))
    store = RelayStore(state_dir, clock)
    try:
        store.keep_token(secret, expires)
    finally:
        store.close()
    return Token(text, utc_iso(expires * NS_PER_S), addresses)


def _http_for(state_dir: Path, addresses: tuple[str, ...]) -> HttpSideFacts | None:
    """What a token says of the HTTP side; nothing of one without TLS to agents on other machines."""
    facts = kept_http(state_dir)
    is_here = all(is_loopback(parse_address(address)[0]) for address in addresses)
    return None if facts is None or (facts.trust is HttpTrust.PLAIN and not is_here) else facts
