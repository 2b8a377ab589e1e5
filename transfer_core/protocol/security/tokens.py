"""The pairing token: a relay's public key, its addresses, and a secret that pairs one agent once.

drs1.<base64url without padding of the body>
body: version u8 = 1 | public key 32 | secret 16 | expires u64 (seconds since 1970) | count u8
      | per address: length u8, "host:port" | checksum 4 (BLAKE2s of all before)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from transfer_core.errors import TokenInvalid

PREFIX = "drs1."
ADDRESSES_MAX = 8
_HEAD = struct.Struct(">B32s16sQB")
_CHECK_BYTES = 4


@dataclass(frozen=True, slots=True)
class PairingToken:
    """What a token says."""

    relay_public: bytes
    secret: bytes
    expires_s: int
    addresses: tuple[str, ...]


def parse_address(text: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port`. TokenInvalid if it is neither."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise TokenInvalid(f"{text!r} is no address", hint="Write HOST:PORT, such as 192.0.2.7:9000.")
    return host, int(port)


def encode_token(token: PairingToken) -> str:
    """The token as text."""
    if not 1 <= len(token.addresses) <= ADDRESSES_MAX:
        raise TokenInvalid(f"a token holds 1 to {ADDRESSES_MAX} addresses", hint="Give it fewer addresses.")
    body = _HEAD.pack(1, token.relay_public, token.secret, token.expires_s, len(token.addresses))
    for address in token.addresses:
        parse_address(address)
        raw = address.encode()
        body += bytes((len(raw),)) + raw
    body += hashlib.blake2s(body, digest_size=_CHECK_BYTES).digest()
    return PREFIX + base64.urlsafe_b64encode(body).decode().rstrip("=")


def parse_token(text: str) -> PairingToken:
    """What a token says; blanks and line breaks inside are ignored. TokenInvalid."""
    squeezed = "".join(text.split())
    if not squeezed.startswith(PREFIX):
        raise TokenInvalid("this text is no pairing token", hint=f"A token begins with {PREFIX}")
    encoded = squeezed[len(PREFIX) :]
    try:
        body = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenInvalid("this token is damaged") from error
    if len(body) < _HEAD.size + _CHECK_BYTES:
        raise TokenInvalid("this token is cut short")
    body, check = body[:-_CHECK_BYTES], body[-_CHECK_BYTES:]
    if hashlib.blake2s(body, digest_size=_CHECK_BYTES).digest() != check:
        raise TokenInvalid("this token is damaged or cut short")
    version, public, secret, expires_s, count = _HEAD.unpack_from(body)
    if version != 1:
        raise TokenInvalid(f"this token is of version {version}", hint="Update this program.")
    return PairingToken(public, secret, expires_s, _addresses(body, count))


def _addresses(body: bytes, count: int) -> tuple[str, ...]:
    found: list[str] = []
    at = _HEAD.size
    for _ in range(count):
        length = body[at] if at < len(body) else 0
        raw = body[at + 1 : at + 1 + length]
        try:
            found.append(raw.decode())
        except UnicodeDecodeError as error:
            raise TokenInvalid("this token is damaged") from error
        parse_address(found[-1])
        at += 1 + length
    if not found:
        raise TokenInvalid("this token names no address")
    return tuple(found)


def fingerprint(public: bytes) -> str:
    """A public key as people compare it: `k3fd-9xqa-h2mm-w7pe`."""
    text = base64.b32encode(hashlib.blake2s(public, digest_size=10).digest()).decode().lower()
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))
