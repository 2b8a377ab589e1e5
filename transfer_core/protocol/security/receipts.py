"""Receipts: what a relay has verified and keeps, when it came and under which hash, signed.

    receipt    a JSON object {file, size, blake3, received_at, relay, key, signature}
    signed     the object without `signature`, as JSON with sorted keys, no blanks, UTF-8
    key        Ed25519 (RFC 8032), raw, base64; its seed is HKDF-SHA256(relay's private key, info "drs-sync receipt")
    relay      the fingerprint of the relay's public key, as a pairing shows it

Who keeps a receipt keeps the proof: it can be checked without the relay, against the key of an earlier receipt.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from transfer_core.errors import SecurityError
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import fingerprint

INFO = b"drs-sync receipt"
FIELDS = ("file", "size", "blake3", "received_at", "relay", "key", "signature")


class ReceiptSigner:
    """Signs for one relay."""

    def __init__(self, relay: KeyPair) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(HKDF(SHA256(), 32, None, INFO).derive(relay.private))
        self._relay = fingerprint(relay.public)
        self.public = base64.b64encode(self._key.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, *, file: str, size: int, blake3: str, received_at: str) -> dict[str, str | int]:
        """The receipt of a file: its name at the relay, its size, its hash and the time, as ISO 8601 in UTC."""
        receipt: dict[str, str | int] = {
            "file": file,
            "size": size,
            "blake3": blake3,
            "received_at": received_at,
            "relay": self._relay,
            "key": self.public,
        }
        receipt["signature"] = base64.b64encode(self._key.sign(_signed(receipt))).decode("ascii")
        return receipt


def verify_receipt(receipt: Mapping[str, object], *, key: str | None = None) -> None:
    """SecurityError unless it is signed by its key; and, with `key`, unless that is the one expected."""
    if set(receipt) != set(FIELDS):
        raise SecurityError("this is no receipt", hint=f"A receipt has {', '.join(FIELDS)}, and nothing else.")
    if key is not None and receipt["key"] != key:
        raise SecurityError("the receipt is signed by another relay", hint="Compare it with an earlier receipt.")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(str(receipt["key"]), validate=True))
        public.verify(base64.b64decode(str(receipt["signature"]), validate=True), _signed(receipt))
    except (InvalidSignature, ValueError, binascii.Error) as error:
        hint = "It was changed, or was not made by that relay."
        raise SecurityError("the receipt's signature does not fit", hint=hint) from error


def _signed(receipt: Mapping[str, object]) -> bytes:
    body = {name: value for name, value in receipt.items() if name != "signature"}
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
