"""Noise_IK_25519_AESGCM_SHA256, after the Noise Protocol Framework, revision 34.

    IK:  <- s
         ...
         -> e, es, s, ss
         <- e, ee, se

The initiator knows the responder's static key beforehand and sends its own, sealed, in the first message. The names
follow the specification: CipherState (section 5.1), SymmetricState (5.2), HandshakeState (5.3).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from transfer_core.errors import SecurityError

NAME = b"Noise_IK_25519_AESGCM_SHA256"
KEY_BYTES = 32
TAG_BYTES = 16
MESSAGE_1_OVERHEAD = KEY_BYTES + KEY_BYTES + TAG_BYTES + TAG_BYTES
MESSAGE_2_OVERHEAD = KEY_BYTES + TAG_BYTES


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair as raw bytes."""

    private: bytes
    public: bytes

    @classmethod
    def from_private(cls, private: bytes) -> KeyPair:
        """The pair that a 32-byte private key belongs to."""
        public = X25519PrivateKey.from_private_bytes(private).public_key()
        return cls(private, public.public_bytes(Encoding.Raw, PublicFormat.Raw))

    @classmethod
    def generate(cls) -> KeyPair:
        """A fresh pair, from the system's randomness."""
        key = X25519PrivateKey.generate()
        return cls.from_private(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))


def diffie_hellman(private: bytes, public: bytes) -> bytes:
    """DH(); SecurityError for a public key of low order."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise SecurityError("a public key in the handshake is no good") from error


def _hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    temporary = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(temporary, b"\x01", "sha256")
    return first, hmac.digest(temporary, first + b"\x02", "sha256")


class SymmetricState:
    """Chaining key, transcript hash and the cipher in use (section 5.2)."""

    def __init__(self, prologue: bytes) -> None:
        self.transcript = NAME.ljust(32, b"\0") if len(NAME) <= 32 else hashlib.sha256(NAME).digest()
        self._chaining_key = self.transcript
        self._key: bytes | None = None
        self._nonce = 0
        self.mix_hash(prologue)

    def mix_hash(self, data: bytes) -> None:
        """h = HASH(h || data)."""
        self.transcript = hashlib.sha256(self.transcript + data).digest()

    def mix_key(self, material: bytes) -> None:
        """ck, k = HKDF(ck, material)."""
        self._chaining_key, self._key = _hkdf(self._chaining_key, material)
        self._nonce = 0

    def _next_nonce(self) -> bytes:
        nonce = bytes(4) + self._nonce.to_bytes(8, "big")
        self._nonce += 1
        return nonce

    def seal(self, plain: bytes) -> bytes:
        """EncryptAndHash."""
        assert self._key is not None
        sealed = AESGCM(self._key).encrypt(self._next_nonce(), plain, self.transcript)
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        """DecryptAndHash. SecurityError if it does not open."""
        assert self._key is not None
        try:
            plain = AESGCM(self._key).decrypt(self._next_nonce(), sealed, self.transcript)
        except (InvalidTag, ValueError) as error:
            raise SecurityError("a handshake message does not open") from error
        self.mix_hash(sealed)
        return plain

    def split(self) -> tuple[bytes, bytes]:
        """The two directions' keys, initiator to responder first."""
        return _hkdf(self._chaining_key, b"")


class InitiatorHandshake:
    """The side that speaks first. `ephemeral_private` must be fresh."""

    def __init__(self, static: KeyPair, responder_public: bytes, ephemeral_private: bytes, prologue: bytes) -> None:
        self._static = static
        self._responder = responder_public
        self._ephemeral = KeyPair.from_private(ephemeral_private)
        self._state = SymmetricState(prologue)
        self._state.mix_hash(responder_public)

    def write(self, payload: bytes) -> bytes:
        """Message 1."""
        state = self._state
        state.mix_hash(self._ephemeral.public)
        state.mix_key(diffie_hellman(self._ephemeral.private, self._responder))
        sealed_static = state.seal(self._static.public)
        state.mix_key(diffie_hellman(self._static.private, self._responder))
        return self._ephemeral.public + sealed_static + state.seal(payload)

    def read(self, message: bytes) -> tuple[bytes, bytes, bytes]:
        """Message 2: its payload, and the keys to send and to receive with. SecurityError."""
        if len(message) < MESSAGE_2_OVERHEAD:
            raise SecurityError("a handshake answer is cut short")
        state, ephemeral = self._state, message[:KEY_BYTES]
        state.mix_hash(ephemeral)
        state.mix_key(diffie_hellman(self._ephemeral.private, ephemeral))
        state.mix_key(diffie_hellman(self._static.private, ephemeral))
        payload = state.open(message[KEY_BYTES:])
        to_responder, to_initiator = state.split()
        return payload, to_responder, to_initiator

    @property
    def transcript(self) -> bytes:
        """The handshake hash."""
        return self._state.transcript


class ResponderHandshake:
    """The side that answers."""

    def __init__(self, static: KeyPair, prologue: bytes) -> None:
        self._static = static
        self._state = SymmetricState(prologue)
        self._state.mix_hash(static.public)
        self._ephemeral = b""
        self.initiator_public = b""

    def read(self, message: bytes) -> bytes:
        """Message 1: its payload; `initiator_public` is known then. SecurityError."""
        if len(message) < MESSAGE_1_OVERHEAD:
            raise SecurityError("a handshake message is cut short")
        state, self._ephemeral = self._state, message[:KEY_BYTES]
        state.mix_hash(self._ephemeral)
        state.mix_key(diffie_hellman(self._static.private, self._ephemeral))
        rest = message[KEY_BYTES:]
        public = state.open(rest[: KEY_BYTES + TAG_BYTES])
        state.mix_key(diffie_hellman(self._static.private, public))
        payload = state.open(rest[KEY_BYTES + TAG_BYTES :])
        self.initiator_public = public
        return payload

    def write(self, payload: bytes, ephemeral_private: bytes) -> tuple[bytes, bytes, bytes]:
        """Message 2, and the keys to send and to receive with."""
        state, ephemeral = self._state, KeyPair.from_private(ephemeral_private)
        state.mix_hash(ephemeral.public)
        state.mix_key(diffie_hellman(ephemeral.private, self._ephemeral))
        state.mix_key(diffie_hellman(ephemeral.private, self.initiator_public))
        sealed = state.seal(payload)
        to_responder, to_initiator = state.split()
        return ephemeral.public + sealed, to_initiator, to_responder

    @property
    def transcript(self) -> bytes:
        """The handshake hash."""
        return self._state.transcript
