"""Receipts: signed, checkable without the relay, and worth nothing once changed."""

from __future__ import annotations

import base64
import json

import pytest

from transfer_core.errors import SecurityError
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.receipts import FIELDS, ReceiptSigner, verify_receipt
from transfer_core.protocol.security.tokens import fingerprint
from transfer_core.sim.seeded_entropy import SeededEntropy

RELAY = KeyPair.generate(SeededEntropy(1))
OTHER = KeyPair.generate(SeededEntropy(2))
FACTS = {"file": "car-7/länge\ud800.bin", "size": 1 << 40, "blake3": "ab" * 32, "received_at": "2027-01-15T08:00:00Z"}


def receipt(relay: KeyPair = RELAY) -> dict[str, str | int]:
    return ReceiptSigner(relay).sign(**FACTS)  # type: ignore[arg-type]


def test_a_receipt_holds_and_says_who_signed_it() -> None:
    made = receipt()
    assert tuple(made) == FIELDS
    assert made["relay"] == fingerprint(RELAY.public)
    verify_receipt(json.loads(json.dumps(made)))
    verify_receipt(made, key=ReceiptSigner(RELAY).public)


@pytest.mark.parametrize("name", FIELDS)
def test_a_receipt_that_was_changed_does_not_hold(name: str) -> None:
    made = receipt()
    old = made[name]
    made[name] = old + 1 if isinstance(old, int) else old[:-3] + ("aaa" if not old.endswith("aaa") else "bbb")
    with pytest.raises(SecurityError):
        verify_receipt(made)


def test_a_receipt_of_another_relay_is_told_apart() -> None:
    with pytest.raises(SecurityError, match="another relay"):
        verify_receipt(receipt(OTHER), key=ReceiptSigner(RELAY).public)
    swapped = {**receipt(OTHER), "key": ReceiptSigner(RELAY).public}
    with pytest.raises(SecurityError, match="does not fit"):
        verify_receipt(swapped)


@pytest.mark.parametrize(
    "made",
    [
        {},
        {**receipt(), "more": 1},
        {**receipt(), "key": "?"},
        {**receipt(), "key": base64.b64encode(b"short").decode()},
        {**receipt(), "signature": ""},
    ],
)
def test_what_is_no_receipt_is_refused(made: dict[str, object]) -> None:
    with pytest.raises(SecurityError):
        verify_receipt(made)


def test_the_signature_can_be_checked_with_a_plain_library() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    made = receipt()
    signature = base64.b64decode(str(made.pop("signature")))
    text = json.dumps(made, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(str(made["key"])))
    key.verify(signature, text.encode("utf-8", "surrogatepass"))
