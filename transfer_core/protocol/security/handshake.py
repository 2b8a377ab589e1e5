"""The handshake's two datagrams, HELLO from the agent and WELCOME from the relay. docs/protocol.md shows every byte.

    HELLO    kind 0x01 | version | agent's index u32 | Noise message 1 (Hello, padded) | mac      640 bytes
    WELCOME  kind 0x02 | version | agent's index u32 | Noise message 2 (Welcome)       | mac      at most 154 bytes

Strangers cost little. The mac is a keyed hash under the receiver's public key, as in WireGuard (section 5.4.4 of its
paper): what was sent without knowing that key is dropped after one cheap hash, and no state is kept for it. A HELLO
is longer than any WELCOME, so the relay amplifies nothing.

Nothing is left to forge. The prologue of the Noise handshake holds the HELLO's first six bytes, so that the index
can't be changed on the way even by one who can make the mac; a WELCOME has to repeat them.

Whom to answer is for the relay to decide, from `Opened`: it answers an agent that it has paired, or one that shows a
secret that it once issued, and is silent to everybody else. A HELLO whose counter is not greater than the last one
accepted from that key is a replay. A copy of a HELLO that was just answered has the same `Opened.ephemeral`: it gets
the same WELCOME again, so that loss of the first one costs only a resend.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from transfer_core.entropy import Entropy
from transfer_core.errors import SecurityError, TokenExpired, TokenUsed, UnknownPeer, VersionRefused
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.security.noise import MESSAGE_1_OVERHEAD, MESSAGE_2_OVERHEAD, HandshakeState, KeyPair
from transfer_core.protocol.wire.datagram import Kind

VERSION = 1
HELLO_BYTES = 640
SECRET_BYTES = 16
NAME_BYTES_MAX = 64
COUNTER_MAX = 2**63 - 1  # what SQLite holds

_PROLOGUE = b"drs-sync 1"
_MAC_LABEL = b"drs-sync mac1"
_MAC_BYTES = 16
_OUTER = struct.Struct(">BBI")  # kind, version, the agent's session index
_HELLO = struct.Struct(">QQIB16sB")  # counter, wall_ns, features, has secret, secret, length of the name
_WELCOME = struct.Struct(">BIHIQB")  # status, relay's index, window_chunks, chunk_bytes_max, wall_ns, name's length
_HELLO_PAYLOAD_BYTES = HELLO_BYTES - _OUTER.size - MESSAGE_1_OVERHEAD - _MAC_BYTES
WELCOME_BYTES_MAX = _OUTER.size + MESSAGE_2_OVERHEAD + _WELCOME.size + NAME_BYTES_MAX + _MAC_BYTES


class Status(IntEnum):
    """What the relay makes of a hello. An agent takes a number that it does not know for `VERSION_REFUSED`."""

    ACCEPTED = 0
    TOKEN_EXPIRED = 1
    TOKEN_USED = 2
    REVOKED = 3
    VERSION_REFUSED = 4


_STATUSES = frozenset(Status)
REFUSALS: Mapping[Status, tuple[type[SecurityError], str]] = {
    Status.TOKEN_EXPIRED: (TokenExpired, "the pairing token has expired"),
    Status.TOKEN_USED: (TokenUsed, "the pairing token has been used already"),
    Status.REVOKED: (UnknownPeer, "the relay has revoked this agent"),
    Status.VERSION_REFUSED: (VersionRefused, "the relay does not take agents of this version"),
}


@dataclass(frozen=True, slots=True)
class Hello:
    """What an agent says of itself. `counter` only grows, also over restarts, so that an old hello can't be played
    again; `wall_ns` counts from 1970."""

    counter: int
    wall_ns: int
    name: str
    secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the relay answers. The limits count only if `status` is ACCEPTED."""

    status: Status
    relay_index: int
    window_chunks: int
    chunk_bytes_max: int
    wall_ns: int
    name: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A session is agreed upon."""

    relay_index: int
    welcome: Welcome
    send_keys: PathKeys
    receive_keys: PathKeys


class Initiator:
    """The agent's side. One for each attempt; its datagram may be sent many times, over every link."""

    def __init__(self, static: KeyPair, relay_public: bytes, index: int, hello: Hello, entropy: Entropy) -> None:
        self._static = static
        self._outer = _OUTER.pack(Kind.HELLO, VERSION, index)
        self._noise = HandshakeState(static, _PROLOGUE + self._outer, relay_public)
        message = self._noise.write_message(_encode_hello(hello), entropy)
        self.datagram = _with_mac(self._outer + message, relay_public)

    def finish(self, datagram: bytes) -> Accepted:
        """Take the answer. A refusal is raised as one of `REFUSALS`; SecurityError if this is no answer at all, after
        which the true one may still be taken."""
        outer, message = _without_mac(datagram, self._static.public)
        if outer != bytes((Kind.WELCOME,)) + self._outer[1:]:
            raise SecurityError("an answer to another handshake")
        welcome = _decode_welcome(self._noise.read_message(message))
        if welcome.status in REFUSALS:
            refusal, text = REFUSALS[welcome.status]
            raise refusal(text)
        send, receive = self._noise.split()
        return Accepted(welcome.relay_index, welcome, PathKeys(send), PathKeys(receive))


@dataclass(frozen=True, slots=True)
class Opened:
    """A hello that opened; not yet answered. `ephemeral` is the same for each copy of one hello."""

    agent_index: int
    agent_public: bytes
    ephemeral: bytes
    hello: Hello
    outer: bytes
    noise: HandshakeState


def open_hello(static: KeyPair, datagram: bytes) -> Opened:
    """Open a HELLO. SecurityError if it is none: then say nothing."""
    if len(datagram) != HELLO_BYTES:
        raise SecurityError(f"a hello of {len(datagram)} bytes")
    outer, message = _without_mac(datagram, static.public)
    kind, version, index = _OUTER.unpack(outer)
    if kind != Kind.HELLO or version != VERSION:
        raise SecurityError(f"a handshake datagram of kind {kind}, version {version}")
    noise = HandshakeState(static, _PROLOGUE + outer)
    hello = _decode_hello(noise.read_message(message))
    return Opened(index, noise.remote_static, noise.remote_ephemeral, hello, outer, noise)


def answer_hello(opened: Opened, welcome: Welcome, entropy: Entropy) -> tuple[bytes, PathKeys, PathKeys]:
    """The WELCOME datagram, and the keys to send and to receive with. To be called once."""
    message = opened.noise.write_message(_encode_welcome(welcome), entropy)
    send, receive = opened.noise.split()
    datagram = _with_mac(bytes((Kind.WELCOME,)) + opened.outer[1:] + message, opened.agent_public)
    return datagram, PathKeys(send), PathKeys(receive)


# --- the mac


def _mac(public: bytes, body: bytes) -> bytes:
    key = hashlib.blake2s(_MAC_LABEL + public).digest()
    return hashlib.blake2s(body, key=key, digest_size=_MAC_BYTES).digest()


def _with_mac(body: bytes, public: bytes) -> bytes:
    return body + _mac(public, body)


def _without_mac(datagram: bytes, public: bytes) -> tuple[bytes, bytes]:
    """First six bytes and Noise message of a handshake datagram. SecurityError if its mac is not for this key."""
    if len(datagram) < _OUTER.size + _MAC_BYTES:
        raise SecurityError("a handshake datagram is cut short")
    body, mac = datagram[:-_MAC_BYTES], datagram[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(public, body)):
        raise SecurityError("a handshake datagram is not meant for this key")
    return body[: _OUTER.size], body[_OUTER.size :]


# --- the payloads


def _encode_hello(hello: Hello) -> bytes:
    name = _encode_name(hello.name)
    secret = hello.secret or bytes(SECRET_BYTES)
    head = _HELLO.pack(hello.counter, hello.wall_ns, 0, hello.secret is not None, secret, len(name))
    return (head + name).ljust(_HELLO_PAYLOAD_BYTES, b"\0")


def _decode_hello(payload: bytes) -> Hello:
    # a HELLO's length is fixed, so the head is there; features are reserved, and padding is not looked at
    counter, wall_ns, _, has_secret, secret, length = _HELLO.unpack_from(payload)
    if counter > COUNTER_MAX or wall_ns > COUNTER_MAX or has_secret > 1 or length > NAME_BYTES_MAX:
        raise SecurityError("a hello makes no sense")
    name = _decode_name(payload[_HELLO.size : _HELLO.size + length])
    return Hello(counter, wall_ns, name, secret if has_secret else None)


def _encode_welcome(welcome: Welcome) -> bytes:
    name = _encode_name(welcome.name)
    limits = (welcome.relay_index, welcome.window_chunks, welcome.chunk_bytes_max)
    return _WELCOME.pack(welcome.status, *limits, welcome.wall_ns, len(name)) + name


def _decode_welcome(payload: bytes) -> Welcome:
    if len(payload) < _WELCOME.size:
        raise SecurityError("a handshake answer is cut short")
    number, relay_index, window_chunks, chunk_bytes_max, wall_ns, length = _WELCOME.unpack_from(payload)
    if len(payload) < _WELCOME.size + length:
        raise SecurityError("a handshake answer is cut short")
    status = Status(number) if number in _STATUSES else Status.VERSION_REFUSED
    name = _decode_name(payload[_WELCOME.size : _WELCOME.size + length])
    return Welcome(status, relay_index, window_chunks, chunk_bytes_max, wall_ns, name)


def _encode_name(name: str) -> bytes:
    """At most 64 bytes of UTF-8, cut between two signs."""
    return name.encode("utf-8", "replace")[:NAME_BYTES_MAX].decode("utf-8", "ignore").encode()


def _decode_name(raw: bytes) -> str:
    """A name as it may be shown: what could move a cursor, or turn the direction of writing, is replaced."""
    text = raw.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


assert WELCOME_BYTES_MAX < HELLO_BYTES
