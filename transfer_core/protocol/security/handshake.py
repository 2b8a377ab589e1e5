"""The handshake's two datagrams.

HELLO, agent to relay, 640 bytes, so that the answer is always shorter:

    0    1    kind 0x01
    1    1    version
    2    4    the agent's session index
    6    ..   Noise message 1; payload: Hello, padded with zeros
    -16  16   mac: keyed BLAKE2s of all before, key = BLAKE2s("drs-sync mac" || relay's public key)

WELCOME, relay to agent: the same with kind 0x02, the agent's index, Noise message 2 with a Welcome as payload, and a
mac under the agent's public key. The mac lets a relay drop what strangers send after one cheap hash. A relay answers
only an agent that it has paired, or one that shows a secret that it once issued; to anybody else it is silent.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum

from transfer_core.entropy import Entropy
from transfer_core.errors import SecurityError, TokenExpired, TokenUsed, UnknownPeer
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.security.noise import (
    MESSAGE_1_OVERHEAD,
    InitiatorHandshake,
    KeyPair,
    ResponderHandshake,
)
from transfer_core.protocol.wire.datagram import Kind

VERSION = 1
PROLOGUE = b"drs-sync 1"
HELLO_BYTES = 640
SECRET_BYTES = 16
NAME_BYTES_MAX = 64
_MAC_BYTES = 16
_OUTER = struct.Struct(">BBI")
_HELLO = struct.Struct(">QQIB16sB")
_WELCOME = struct.Struct(">BIHIQB")
_HELLO_PAYLOAD_BYTES = HELLO_BYTES - _OUTER.size - MESSAGE_1_OVERHEAD - _MAC_BYTES


class Status(IntEnum):
    """What the relay makes of a hello."""

    ACCEPTED = 0
    TOKEN_EXPIRED = 1
    TOKEN_USED = 2
    REVOKED = 3


_REFUSALS = {
    Status.TOKEN_EXPIRED: TokenExpired("the pairing token has expired"),
    Status.TOKEN_USED: TokenUsed("the pairing token has been used already"),
    Status.REVOKED: UnknownPeer("the relay has revoked this agent"),
}


@dataclass(frozen=True, slots=True)
class Hello:
    """What an agent says of itself. `counter` only grows, so that an old hello can't be played again."""

    counter: int
    wall_ns: int
    name: str
    secret: bytes | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the relay answers."""

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


def _mac(public: bytes, datagram: bytes) -> bytes:
    key = hashlib.blake2s(b"drs-sync mac" + public).digest()
    return hashlib.blake2s(datagram, key=key, digest_size=_MAC_BYTES).digest()


def _checked(datagram: bytes, kind: Kind, public: bytes) -> tuple[int, bytes]:
    """Session index and Noise message of a handshake datagram. SecurityError."""
    if len(datagram) < _OUTER.size + _MAC_BYTES:
        raise SecurityError("a handshake datagram is cut short")
    body, mac = datagram[:-_MAC_BYTES], datagram[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(public, body)):
        raise SecurityError("a handshake datagram is not meant for this key")
    got_kind, version, index = _OUTER.unpack_from(body)
    if got_kind != kind or version != VERSION:
        raise SecurityError(f"a handshake datagram of kind {got_kind}, version {version}")
    return index, body[_OUTER.size :]


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


class Initiator:
    """The agent's side. One for each attempt; its datagram may be sent many times, over every link."""

    def __init__(self, static: KeyPair, relay_public: bytes, index: int, hello: Hello, entropy: Entropy) -> None:
        self._static, self._index = static, index
        self._noise = InitiatorHandshake(static, relay_public, entropy.token_bytes(32), PROLOGUE)
        name = hello.name.encode()[:NAME_BYTES_MAX]
        secret = hello.secret or bytes(SECRET_BYTES)
        payload = _HELLO.pack(hello.counter, hello.wall_ns, 0, hello.secret is not None, secret, len(name)) + name
        message = self._noise.write(payload.ljust(_HELLO_PAYLOAD_BYTES, b"\0"))
        body = _OUTER.pack(Kind.HELLO, VERSION, index) + message
        self.datagram = body + _mac(relay_public, body)

    def finish(self, datagram: bytes) -> Accepted:
        """Take the answer. SecurityError if it is none; TokenExpired, TokenUsed, UnknownPeer if it is a refusal."""
        index, message = _checked(datagram, Kind.WELCOME, self._static.public)
        if index != self._index:
            raise SecurityError("an answer to another handshake")
        payload, send, receive = self._noise.read(message)
        try:
            status, relay_index, window, chunk_bytes, wall_ns, length = _WELCOME.unpack_from(payload)
            welcome = Welcome(
                Status(status),
                relay_index,
                window,
                chunk_bytes,
                wall_ns,
                _name(payload[_WELCOME.size : _WELCOME.size + length]),
            )
        except (struct.error, ValueError) as error:
            raise SecurityError("a handshake answer makes no sense") from error
        if welcome.status in _REFUSALS:
            raise _REFUSALS[welcome.status]
        return Accepted(relay_index, welcome, PathKeys(send), PathKeys(receive))


@dataclass(frozen=True, slots=True)
class Opened:
    """A hello that opened; not yet answered. `ephemeral` is the same for each copy of one hello."""

    agent_index: int
    agent_public: bytes
    ephemeral: bytes
    hello: Hello
    noise: ResponderHandshake


def open_hello(static: KeyPair, datagram: bytes) -> Opened:
    """Open a HELLO. SecurityError if it is none: then say nothing."""
    index, message = _checked(datagram, Kind.HELLO, static.public)
    noise = ResponderHandshake(static, PROLOGUE)
    payload = noise.read(message)
    try:
        counter, wall_ns, _, has_secret, secret, length = _HELLO.unpack_from(payload)
    except struct.error as error:
        raise SecurityError("a hello makes no sense") from error
    name = _name(payload[_HELLO.size : _HELLO.size + min(length, NAME_BYTES_MAX)])
    hello = Hello(counter, wall_ns, name, secret if has_secret else None)
    return Opened(index, noise.initiator_public, message[:32], hello, noise)


def answer_hello(opened: Opened, welcome: Welcome, entropy: Entropy) -> tuple[bytes, PathKeys, PathKeys]:
    """The WELCOME datagram, and the keys to send and to receive with."""
    name = welcome.name.encode()[:NAME_BYTES_MAX]
    payload = (
        _WELCOME.pack(
            welcome.status,
            welcome.relay_index,
            welcome.window_chunks,
            welcome.chunk_bytes_max,
            welcome.wall_ns,
            len(name),
        )
        + name
    )
    message, send, receive = opened.noise.write(payload, entropy.token_bytes(32))
    body = _OUTER.pack(Kind.WELCOME, VERSION, opened.agent_index) + message
    return body + _mac(opened.agent_public, body), PathKeys(send), PathKeys(receive)
