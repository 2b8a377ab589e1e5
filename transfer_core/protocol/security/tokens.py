"""The pairing token: a relay's public key, its addresses, and a secret that pairs one agent once.

    text  "drs1." base64url(body), without padding
    body  version u8 | public key 32 | secret 16 | expires u64, seconds since 1970 | count u8
          | per address: length u8, "host:port" in UTF-8 | in version 2 the HTTP side
          | checksum: 4 bytes of BLAKE2s of all before
    HTTP side  trust u8: 1 no TLS, 2 TLS with the certificate of that pin, 3 TLS with one that the system trusts
          | port u16, on the hosts of the addresses | pin 32: the certificate's SHA-256; zeros unless trust is 2

A token is of version 1 when its relay has no HTTP side.

The checksum tells a damaged copy from a foreign text. It keeps nobody from making tokens: what a token is worth is
that the relay knows its secret. Whether it has expired is judged by the caller, who knows the time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv6Address

from transfer_core.errors import TokenInvalid
from transfer_core.protocol.security.noise import KEY_BYTES, is_sound_public_key

PREFIX = "drs1."
VERSION = 1
VERSION_HTTP = 2
PIN_BYTES = 32
SECRET_BYTES = 16
ADDRESSES_MAX = 8
ADDRESS_BYTES_MAX = 255
EXPIRES_MAX_S = 253_402_300_799  # the end of the year 9999, the last that can be shown
_HEAD = struct.Struct(f">B{KEY_BYTES}s{SECRET_BYTES}sQB")
_HTTP = struct.Struct(f">BH{PIN_BYTES}s")
_CHECK_BYTES = 4
_BYTES_MAX = _HEAD.size + ADDRESSES_MAX * (1 + ADDRESS_BYTES_MAX) + _HTTP.size + _CHECK_BYTES


class HttpTrust(IntEnum):
    """How a relay's HTTP side proves who it is."""

    PLAIN = 1  # no TLS: within one machine
    PINNED = 2  # TLS with one certificate, its own
    SYSTEM = 3  # TLS with a certificate that the system trusts


@dataclass(frozen=True, slots=True)
class HttpSideFacts:
    """Where a relay's HTTP side is, on the hosts of its addresses, and by what it is known."""

    port: int
    trust: HttpTrust
    pin: bytes = b""  # SHA-256 of the certificate; empty unless it is pinned

    def url(self, host: str) -> str:
        """Its base address on one of the relay's hosts."""
        scheme = "http" if self.trust is HttpTrust.PLAIN else "https"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PairingToken:
    """What a token says."""

    relay_public: bytes
    secret: bytes = field(repr=False)
    expires_s: int
    addresses: tuple[str, ...]
    http: HttpSideFacts | None = None


def parse_address(text: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port`. TokenInvalid if it is neither."""
    host, _, port = text.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else None
    if is_port and (_is_name(host) if bare is None else _is_ipv6(bare)):
        return bare or host, int(port)
    hint = "Write HOST:PORT, such as 192.0.2.7:9000 or [2001:db8::7]:9000."
    raise TokenInvalid(f"{text!r} is no address", hint=hint)


def _is_name(host: str) -> bool:
    """Whether it can be looked up: a host name, or an IPv4 address."""
    if not host or not host.isprintable() or any(sign in "[]:/ " for sign in host):
        return False
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def encode_token(token: PairingToken) -> str:
    """The token as text. TokenInvalid if there is no such token."""
    if len(token.relay_public) != KEY_BYTES or len(token.secret) != SECRET_BYTES:
        raise TokenInvalid("a token holds a public key of 32 bytes and a secret of 16")
    if not 0 <= token.expires_s <= EXPIRES_MAX_S:
        raise TokenInvalid("a token can't expire at that time", hint="Let it expire within a few days.")
    if not 1 <= len(token.addresses) <= ADDRESSES_MAX:
        raise TokenInvalid(f"a token holds 1 to {ADDRESSES_MAX} addresses", hint="Name some of them with --address.")
    version = VERSION if token.http is None else VERSION_HTTP
    body = _HEAD.pack(version, token.relay_public, token.secret, token.expires_s, len(token.addresses))
    for address in token.addresses:
        parse_address(address)
        raw = address.encode("utf-8", "replace")
        if len(raw) > ADDRESS_BYTES_MAX:
            raise TokenInvalid(f"the address {address[:40]}... is too long", hint="Use a shorter host name.")
        body += bytes((len(raw),)) + raw
    if token.http is not None:
        body += _encode_http(token.http)
    encoded = base64.urlsafe_b64encode(body + _checksum(body)).decode("ascii")
    return PREFIX + encoded.rstrip("=")


def parse_token(text: str) -> PairingToken:
    """What a token says; blanks and invisible signs are ignored. TokenInvalid says what is wrong with it."""
    squeezed = "".join(sign for sign in text if sign.isprintable() and not sign.isspace())
    if not squeezed.startswith(PREFIX):
        raise TokenInvalid("this text is no pairing token", hint=f"A token begins with {PREFIX}")
    body = _body(squeezed[len(PREFIX) :])
    version, public, secret, expires_s, count = _HEAD.unpack_from(body)
    if version not in (VERSION, VERSION_HTTP):
        raise TokenInvalid(f"this token is of version {version}", hint="Update this program.")
    if not is_sound_public_key(public) or expires_s > EXPIRES_MAX_S:
        raise TokenInvalid("this token was not made by a relay")
    addresses, rest = _addresses(body[_HEAD.size :], count)
    http = None if version == VERSION else _decode_http(rest)
    if rest and version == VERSION:
        raise TokenInvalid("this token's list of addresses makes no sense")
    return PairingToken(public, secret, expires_s, addresses, http)


def _encode_http(http: HttpSideFacts) -> bytes:
    if not 0 < http.port < 65536 or len(http.pin) != (PIN_BYTES if http.trust is HttpTrust.PINNED else 0):
        raise TokenInvalid("a token holds a port and, for a pinned certificate, its SHA-256")
    return _HTTP.pack(http.trust, http.port, http.pin.ljust(PIN_BYTES, b"\0"))


def _decode_http(raw: bytes) -> HttpSideFacts:
    if len(raw) != _HTTP.size:
        raise TokenInvalid("this token says of its relay's HTTP side what makes no sense")
    trust, port, pin = _HTTP.unpack(raw)
    if trust not in list(HttpTrust) or not port or (any(pin) and trust != HttpTrust.PINNED):
        raise TokenInvalid("this token says of its relay's HTTP side what makes no sense")
    return HttpSideFacts(port, HttpTrust(trust), pin if trust == HttpTrust.PINNED else b"")


def _body(encoded: str) -> bytes:
    """The bytes before the checksum, which fits."""
    try:
        body = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenInvalid("this token is damaged or cut short") from error
    body, checksum = body[:-_CHECK_BYTES], body[-_CHECK_BYTES:]
    if not _HEAD.size <= len(body) <= _BYTES_MAX or checksum != _checksum(body):
        raise TokenInvalid("this token is damaged or cut short")
    return body


def _addresses(raw: bytes, count: int) -> tuple[tuple[str, ...], bytes]:
    """The addresses, and what follows them."""
    found: list[str] = []
    is_whole = True
    while raw and len(found) < count:
        end = 1 + raw[0]
        is_whole = len(raw) >= end
        try:
            found.append(raw[1:end].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise TokenInvalid("this token holds an address that is no text") from error
        parse_address(found[-1])
        raw = raw[end:]
    if not is_whole or len(found) != count or not 1 <= count <= ADDRESSES_MAX:
        raise TokenInvalid("this token's list of addresses makes no sense")
    return tuple(found), raw


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2s(body, digest_size=_CHECK_BYTES).digest()


def fingerprint(public: bytes) -> str:
    """A public key as people compare it: `k3fd-9xqa-h2mm-w7pe`, 80 bits of its BLAKE2s in base32."""
    text = base64.b32encode(hashlib.blake2s(public, digest_size=10).digest()).decode("ascii").lower()
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))
