"""Noise IK against the published vectors, an independent implementation, and whatever bytes there may be."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import LocalProtocolError, SecurityError
from transfer_core.protocol.security.noise import (
    MESSAGE_1_OVERHEAD,
    MESSAGE_2_OVERHEAD,
    PROTOCOL_NAME,
    CipherState,
    HandshakeState,
    KeyPair,
    diffie_hellman,
    is_sound_public_key,
)
from transfer_core.sim.seeded_entropy import SeededEntropy

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "noise_ik.json").read_text(encoding="utf-8")
)["vectors"]
# RFC 7748 section 6.1 asks to look for these; the list is the one that libsodium and WireGuard's paper go by
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]
AGENT = KeyPair.generate(SeededEntropy(1))
RELAY = KeyPair.generate(SeededEntropy(2))


class FixedEntropy:
    """Gives the bytes of a vector, once."""

    def __init__(self, given: bytes) -> None:
        self._given = [given]

    def token_bytes(self, count: int) -> bytes:
        found = self._given.pop()
        assert len(found) == count
        return found

    def uniform(self) -> float:
        raise AssertionError("Noise draws no numbers")


def pair(prologue: bytes = b"", other_prologue: bytes | None = None) -> tuple[HandshakeState, HandshakeState]:
    theirs = prologue if other_prologue is None else other_prologue
    return HandshakeState(AGENT, prologue, RELAY.public), HandshakeState(RELAY, theirs)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["origin"].partition(",")[0])
def test_it_says_byte_for_byte_what_the_published_vectors_say(vector: dict[str, Any]) -> None:
    raw = {key: bytes.fromhex(value) for key, value in vector.items() if key.startswith(("init", "resp"))}
    assert vector["protocol_name"].encode() == PROTOCOL_NAME
    initiator = HandshakeState(
        KeyPair.from_private(raw["init_static"]), raw["init_prologue"], raw["init_remote_static"]
    )
    responder = HandshakeState(KeyPair.from_private(raw["resp_static"]), raw["resp_prologue"])
    messages = [(bytes.fromhex(m["payload"]), bytes.fromhex(m["ciphertext"])) for m in vector["messages"]]

    payload, sealed = messages[0]
    assert initiator.write_message(payload, FixedEntropy(raw["init_ephemeral"])) == sealed
    assert responder.read_message(sealed) == payload
    assert responder.remote_static == KeyPair.from_private(raw["init_static"]).public
    payload, sealed = messages[1]
    assert responder.write_message(payload, FixedEntropy(raw["resp_ephemeral"])) == sealed
    assert initiator.read_message(sealed) == payload
    assert initiator.handshake_hash == responder.handshake_hash

    send, receive = initiator.split()
    assert responder.split() == (receive, send)
    directions = (CipherState(send), CipherState(receive))
    assert len(messages) > 3
    for number, (payload, sealed) in enumerate(messages[2:]):
        assert directions[number % 2].encrypt_with_ad(b"", payload) == sealed


def independent(*, initiator: bool, prologue: bytes) -> Any:
    """The `noiseprotocol` package in one of the roles. Its old style of imports warns; nothing else is let pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from noise.connection import Keypair, NoiseConnection

        noise = NoiseConnection.from_name(PROTOCOL_NAME)
        noise.set_prologue(prologue)
        own = AGENT if initiator else RELAY
        noise.set_keypair_from_private_bytes(Keypair.STATIC, own.private)
        if initiator:
            noise.set_as_initiator()
            noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, RELAY.public)
        else:
            noise.set_as_responder()
        noise.start_handshake()
    return noise


@given(prologue=st.binary(max_size=80), hello=st.binary(max_size=600), answer=st.binary(max_size=600))
def test_an_independent_responder_understands_this_initiator(prologue: bytes, hello: bytes, answer: bytes) -> None:
    mine = HandshakeState(AGENT, prologue, RELAY.public)
    theirs = independent(initiator=False, prologue=prologue)
    assert bytes(theirs.read_message(mine.write_message(hello, SeededEntropy(3)))) == hello
    assert mine.read_message(bytes(theirs.write_message(answer))) == answer
    assert theirs.handshake_finished
    assert theirs.get_handshake_hash() == mine.handshake_hash
    send, receive = (CipherState(key) for key in mine.split())
    assert bytes(theirs.decrypt(send.encrypt_with_ad(b"", hello))) == hello
    assert receive.decrypt_with_ad(b"", bytes(theirs.encrypt(answer))) == answer


@given(prologue=st.binary(max_size=80), hello=st.binary(max_size=600), answer=st.binary(max_size=600))
def test_an_independent_initiator_understands_this_responder(prologue: bytes, hello: bytes, answer: bytes) -> None:
    mine = HandshakeState(RELAY, prologue)
    theirs = independent(initiator=True, prologue=prologue)
    assert mine.read_message(bytes(theirs.write_message(hello))) == hello
    assert mine.remote_static == AGENT.public
    assert bytes(theirs.read_message(mine.write_message(answer, SeededEntropy(4)))) == answer
    assert theirs.get_handshake_hash() == mine.handshake_hash
    send, receive = (CipherState(key) for key in mine.split())
    assert bytes(theirs.decrypt(send.encrypt_with_ad(b"", answer))) == answer
    assert receive.decrypt_with_ad(b"", bytes(theirs.encrypt(hello))) == hello


@pytest.mark.parametrize("public", LOW_ORDER, ids=bytes.hex)
def test_a_public_key_of_low_order_is_refused(public: bytes) -> None:
    assert not is_sound_public_key(public)
    with pytest.raises(SecurityError):
        diffie_hellman(AGENT.private, public)
    with pytest.raises(SecurityError):
        HandshakeState(AGENT, b"", public).write_message(b"", SeededEntropy(5))
    _, responder = pair()
    with pytest.raises(SecurityError):
        responder.read_message(public + bytes(MESSAGE_1_OVERHEAD))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_public_key_has_32_bytes(length: int) -> None:
    assert not is_sound_public_key(bytes(range(1, length + 1)))
    assert is_sound_public_key(RELAY.public)


@given(message=st.binary(max_size=300))
def test_any_bytes_as_message_1_raise_a_security_error(message: bytes) -> None:
    _, responder = pair()
    with pytest.raises(SecurityError):
        responder.read_message(message)


@given(message=st.binary(max_size=300))
def test_any_bytes_as_message_2_raise_a_security_error_and_the_true_answer_still_opens(message: bytes) -> None:
    initiator, responder = pair()
    responder.read_message(initiator.write_message(b"hello", SeededEntropy(6)))
    answer = responder.write_message(b"welcome", SeededEntropy(7))
    with pytest.raises(SecurityError):
        initiator.read_message(message)
    with pytest.raises(SecurityError):
        initiator.read_message(answer[:32] + message)
    assert initiator.read_message(answer) == b"welcome"


@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused_and_leaves_no_trace(data: st.DataObject) -> None:
    initiator, responder = pair(b"prologue")
    for reader, writer, overhead in (
        (responder, initiator, MESSAGE_1_OVERHEAD),
        (initiator, responder, MESSAGE_2_OVERHEAD),
    ):
        message = writer.write_message(b"some payload", SeededEntropy(8))
        assert len(message) == overhead + len(b"some payload")
        bit = data.draw(st.integers(0, 8 * len(message) - 1))
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        before = reader.handshake_hash
        with pytest.raises(SecurityError):
            reader.read_message(bytes(flipped))
        assert reader.handshake_hash == before
        assert reader.read_message(message) == b"some payload"


def test_another_prologue_is_another_handshake() -> None:
    initiator, responder = pair(b"drs-sync 1", b"drs-sync 2")
    with pytest.raises(SecurityError):
        responder.read_message(initiator.write_message(b"", SeededEntropy(9)))


def test_a_message_for_another_relay_does_not_open() -> None:
    initiator = HandshakeState(AGENT, b"", KeyPair.generate(SeededEntropy(10)).public)
    _, responder = pair()
    with pytest.raises(SecurityError):
        responder.read_message(initiator.write_message(b"", SeededEntropy(11)))


def test_one_who_lacks_the_relays_key_can_not_open_message_1_let_alone_answer_it() -> None:
    initiator, _ = pair()
    message = initiator.write_message(b"", SeededEntropy(12))
    impostor = HandshakeState(KeyPair.generate(SeededEntropy(13)), b"")
    with pytest.raises(SecurityError):
        impostor.read_message(message)


def test_the_longest_message_is_65535_bytes() -> None:
    _, responder = pair()
    with pytest.raises(SecurityError, match="too long"):
        responder.read_message(bytes(65536))


def test_speaking_out_of_turn_is_this_programs_fault() -> None:
    initiator, responder = pair()
    with pytest.raises(LocalProtocolError):
        responder.write_message(b"", SeededEntropy(14))
    with pytest.raises(LocalProtocolError):
        initiator.read_message(bytes(200))
    with pytest.raises(LocalProtocolError):
        initiator.split()
    responder.read_message(initiator.write_message(b"", SeededEntropy(15)))
    initiator.read_message(responder.write_message(b"", SeededEntropy(16)))
    for side in (initiator, responder):
        with pytest.raises(LocalProtocolError):
            side.write_message(b"", SeededEntropy(17))
        with pytest.raises(LocalProtocolError):
            side.read_message(bytes(200))


def test_a_key_pair_shows_no_private_key() -> None:
    assert AGENT.private.hex() not in repr(AGENT)
    assert AGENT.public.hex() in repr(AGENT)
