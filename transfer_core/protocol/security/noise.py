"""Noise_IK_25519_AESGCM_SHA256, after the Noise Protocol Framework, revision 34 (noiseprotocol.org/noise.html).

    IK:  <- s
         ...
         -> e, es, s, ss
         <- e, ee, se

The initiator knows the responder's static key beforehand and sends its own, sealed, in the first message. Names and
order follow the specification: CipherState (section 5.1), SymmetricState (5.2), HandshakeState (5.3). The pattern is
the table `IK`; `HandshakeState` walks it and knows nothing else of the pattern.

A message that does not open leaves the handshake as it was, so that a forged answer can't spoil the true one.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transfer_core.entropy import Entropy
from transfer_core.errors import LocalProtocolError, SecurityError

PROTOCOL_NAME = b"Noise_IK_25519_AESGCM_SHA256"
KEY_BYTES = 32
TAG_BYTES = 16
MESSAGE_1_OVERHEAD = KEY_BYTES + (KEY_BYTES + TAG_BYTES) + TAG_BYTES
MESSAGE_2_OVERHEAD = KEY_BYTES + TAG_BYTES
MESSAGE_BYTES_MAX = 65535  # section 3


class Token(Enum):
    """What a message pattern is made of (section 7.1). Of two letters, the first is the initiator's key."""

    E = "e"
    S = "s"
    EE = "ee"
    ES = "es"
    SE = "se"
    SS = "ss"


IK: tuple[tuple[Token, ...], ...] = (
    (Token.E, Token.ES, Token.S, Token.SS),
    (Token.E, Token.EE, Token.SE),
)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair as raw bytes."""

    private: bytes
    public: bytes

    @classmethod
    def from_private(cls, private: bytes) -> KeyPair:
        """The pair that a 32-byte private key belongs to."""
        public = X25519PrivateKey.from_private_bytes(private).public_key()
        return cls(private, public.public_bytes_raw())

    @classmethod
    def generate(cls, entropy: Entropy) -> KeyPair:
        """A fresh pair."""
        return cls.from_private(entropy.token_bytes(KEY_BYTES))

    def __repr__(self) -> str:
        """Without the private key, so that no log shows it."""
        return f"KeyPair(public={self.public.hex()})"


def diffie_hellman(private: bytes, public: bytes) -> bytes:
    """DH() (section 4.1). SecurityError for a public key of low order: it would make the secret known to all."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise SecurityError("a public key in the handshake is no good") from error


def is_sound_public_key(public: bytes) -> bool:
    """Whether secrets can be agreed upon with that key: 32 bytes, and not of low order (RFC 7748 section 6.1)."""
    try:
        diffie_hellman(bytes(KEY_BYTES), public)
    except SecurityError:
        return False
    return True


def _hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """HKDF() with two outputs (section 4.3)."""
    temporary = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(temporary, b"\x01", "sha256")
    return first, hmac.digest(temporary, first + b"\x02", "sha256")


class CipherState:
    """A key and the number of messages that it has sealed or opened (section 5.1)."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._count = 0

    def _next_nonce(self) -> bytes:
        nonce = bytes(4) + self._count.to_bytes(8, "big")  # section 12.4: big-endian for AESGCM
        self._count += 1
        return nonce

    def encrypt_with_ad(self, ad: bytes, plain: bytes) -> bytes:
        """EncryptWithAd()."""
        return AESGCM(self.key).encrypt(self._next_nonce(), plain, ad)

    def decrypt_with_ad(self, ad: bytes, sealed: bytes) -> bytes:
        """DecryptWithAd(). SecurityError if it does not open."""
        try:
            return AESGCM(self.key).decrypt(self._next_nonce(), sealed, ad)
        except InvalidTag as error:
            raise SecurityError("a handshake message does not open") from error


class SymmetricState:
    """Chaining key, transcript hash and the cipher in use (section 5.2)."""

    def __init__(self) -> None:
        self.hash = PROTOCOL_NAME.ljust(hashlib.sha256().digest_size, b"\0")
        self._chaining_key = self.hash
        self._cipher: CipherState | None = None

    def mix_hash(self, data: bytes) -> None:
        """MixHash()."""
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        """MixKey()."""
        self._chaining_key, key = _hkdf(self._chaining_key, material)
        self._cipher = CipherState(key)

    def encrypt_and_hash(self, plain: bytes) -> bytes:
        """EncryptAndHash()."""
        assert self._cipher is not None, "IK mixes a key before it seals anything"
        sealed = self._cipher.encrypt_with_ad(self.hash, plain)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        """DecryptAndHash(). SecurityError if it does not open."""
        assert self._cipher is not None, "IK mixes a key before it opens anything"
        plain = self._cipher.decrypt_with_ad(self.hash, sealed)
        self.mix_hash(sealed)
        return plain

    def split(self) -> tuple[bytes, bytes]:
        """Split(): the keys of the two directions, initiator to responder first."""
        return _hkdf(self._chaining_key, b"")


@dataclass(slots=True)
class _Progress:
    """What a message changes; a copy is tried first, and kept only if the message opens."""

    symmetric: SymmetricState
    remote_static: bytes
    remote_ephemeral: bytes = b""
    ephemeral: KeyPair | None = None
    messages_done: int = 0


class HandshakeState:
    """One side of an IK handshake (section 5.3). The initiator names the responder's static key, the responder none."""

    def __init__(self, static: KeyPair, prologue: bytes, responder_static: bytes | None = None) -> None:
        self._static = static
        self._is_initiator = responder_static is not None
        symmetric = SymmetricState()
        symmetric.mix_hash(prologue)
        symmetric.mix_hash(static.public if responder_static is None else responder_static)  # the pre-message "<- s"
        self._progress = _Progress(symmetric, responder_static or b"")

    @property
    def remote_static(self) -> bytes:
        """The other side's static key; empty for a responder that has opened nothing yet."""
        return self._progress.remote_static

    @property
    def remote_ephemeral(self) -> bytes:
        """The other side's ephemeral key; empty before its first message."""
        return self._progress.remote_ephemeral

    @property
    def handshake_hash(self) -> bytes:
        """GetHandshakeHash(): the same on both sides once the handshake is over (section 11.2)."""
        return self._progress.symmetric.hash

    def write_message(self, payload: bytes, entropy: Entropy) -> bytes:
        """The next message. LocalProtocolError if it is not this side's turn."""
        pattern = self._pattern_of_turn(writing=True)
        progress = self._progress
        message = b""
        for token in pattern:
            if token is Token.E:
                progress.ephemeral = KeyPair.generate(entropy)
                progress.symmetric.mix_hash(progress.ephemeral.public)
                message += progress.ephemeral.public
            elif token is Token.S:
                message += progress.symmetric.encrypt_and_hash(self._static.public)
            else:
                self._mix_shared_secret(progress, token)
        message += progress.symmetric.encrypt_and_hash(payload)
        progress.messages_done += 1
        return message

    def read_message(self, message: bytes) -> bytes:
        """The payload of the next message. SecurityError if it does not open; then nothing has changed."""
        pattern = self._pattern_of_turn(writing=False)
        if len(message) > MESSAGE_BYTES_MAX:
            raise SecurityError("a handshake message is too long")
        progress = copy.deepcopy(self._progress)
        rest = message
        for token in pattern:
            if token is Token.E:
                progress.remote_ephemeral, rest = _cut(rest, KEY_BYTES)
                progress.symmetric.mix_hash(progress.remote_ephemeral)
            elif token is Token.S:
                sealed, rest = _cut(rest, KEY_BYTES + TAG_BYTES)
                progress.remote_static = progress.symmetric.decrypt_and_hash(sealed)
            else:
                self._mix_shared_secret(progress, token)
        payload = progress.symmetric.decrypt_and_hash(rest)
        progress.messages_done += 1
        self._progress = progress
        return payload

    def split(self) -> tuple[bytes, bytes]:
        """The keys to send and to receive with, after the last message."""
        if self._progress.messages_done < len(IK):
            raise LocalProtocolError("the handshake is not over")
        to_responder, to_initiator = self._progress.symmetric.split()
        return (to_responder, to_initiator) if self._is_initiator else (to_initiator, to_responder)

    def _pattern_of_turn(self, *, writing: bool) -> tuple[Token, ...]:
        turn = self._progress.messages_done
        initiator_writes = turn % 2 == 0
        if turn >= len(IK) or writing != (initiator_writes == self._is_initiator):
            raise LocalProtocolError(f"handshake message {turn + 1} is not this side's to {_VERBS[writing]}")
        return IK[turn]

    def _mix_shared_secret(self, progress: _Progress, token: Token) -> None:
        initiators, responders = token.value[0], token.value[1]
        mine, theirs = (initiators, responders) if self._is_initiator else (responders, initiators)
        local = progress.ephemeral if mine == "e" else self._static
        remote = progress.remote_ephemeral if theirs == "e" else progress.remote_static
        assert local is not None, "a pattern names no key before it has come"
        progress.symmetric.mix_key(diffie_hellman(local.private, remote))


_VERBS = {True: "write", False: "read"}


def _cut(message: bytes, count: int) -> tuple[bytes, bytes]:
    if len(message) < count:
        raise SecurityError("a handshake message is cut short")
    return message[:count], message[count:]
