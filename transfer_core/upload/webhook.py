"""Standard Webhooks 1.0 (standardwebhooks.com): what is signed and sent, and what an answer means for the message.

webhook-id          the message; the same however often it is sent
webhook-timestamp   seconds since 1970 of this attempt
webhook-signature   `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`
secret              `whsec_` and the base64 of 24 to 64 bytes
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from enum import Enum

from transfer_core.entropy import Entropy
from transfer_core.errors import UsageError
from transfer_core.upload.door import Answer, Step

PREFIX = "whsec_"
SECRET_BYTES = 32
REFUSALS_MAX = 5
_PASSING = frozenset({408, 409, 423, 425, 429})


class Fate(Enum):
    """What becomes of a message after an attempt."""

    TOLD = "told"
    AGAIN = "again"
    DROP = "drop"  # this message will never be taken
    SWITCH_OFF = "switch off"  # the address wants no message any more


def new_secret(entropy: Entropy) -> str:
    """A secret nobody has."""
    return PREFIX + base64.b64encode(entropy.token_bytes(SECRET_BYTES)).decode("ascii")


def check_secret(secret: str) -> str:
    """The secret as it is used. UsageError if it is none."""
    hint = "Leave it out to have one made, or give whsec_ and 24 to 64 bytes in base64."
    try:
        raw = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("that is no secret of a webhook", hint=hint) from error
    if not 24 <= len(raw) <= 64:
        raise UsageError(f"a secret of a webhook has 24 to 64 bytes, not {len(raw)}", hint=hint)
    return PREFIX + base64.b64encode(raw).decode("ascii")


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of webhook-signature."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def message_step(url: str, secret: str, message_id: str, timestamp_s: int, body: bytes) -> Step:
    """The request that tells it."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, message_id, timestamp_s, body),
    }
    return Step("a webhook", "POST", url, headers, head=body, patience_s=20)


def fate_of(answer: Answer, attempts: int) -> Fate:
    """What the answer to attempt number `attempts`, from 0, means."""
    if 200 <= answer.status < 300:
        return Fate.TOLD
    if answer.status == 410:
        return Fate.SWITCH_OFF
    if 400 <= answer.status < 500 and answer.status not in _PASSING and attempts + 1 >= REFUSALS_MAX:
        return Fate.DROP
    return Fate.AGAIN
