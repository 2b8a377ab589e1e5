"""The two handshake datagrams: what they agree on, and that nothing else is ever believed."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transfer_core.errors import SecurityError, TokenExpired, TokenUsed, UnknownPeer, VersionRefused
from transfer_core.protocol.security.handshake import (
    COUNTER_MAX,
    HELLO_BYTES,
    NAME_BYTES_MAX,
    VERSION,
    WELCOME_BYTES_MAX,
    Accepted,
    Hello,
    Initiator,
    Opened,
    Status,
    Welcome,
    answer_hello,
    open_hello,
)
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.security.noise import HandshakeState, KeyPair
from transfer_core.sim.seeded_entropy import SeededEntropy

AGENT = KeyPair.generate(SeededEntropy(1))
RELAY = KeyPair.generate(SeededEntropy(2))
STRANGER = KeyPair.generate(SeededEntropy(3))
HELLO = Hello(counter=7, wall_ns=1_790_000_000_000_000_000, name="pit wall", secret=bytes(range(16)))
WELCOME = Welcome(Status.ACCEPTED, 0xCAFE0001, 768, 1 << 20, 1_790_000_000_000_000_001, "factory")
INDEX = 0xA1B2C3D4


def initiator(hello: Hello = HELLO, seed: int = 4) -> Initiator:
    return Initiator(AGENT, RELAY.public, INDEX, hello, SeededEntropy(seed))


def answered(start: Initiator, welcome: Welcome = WELCOME, seed: int = 5) -> tuple[bytes, PathKeys, PathKeys]:
    return answer_hello(open_hello(RELAY, start.datagram), welcome, SeededEntropy(seed))


def with_mac(body: bytes, public: bytes) -> bytes:
    """As in docs/protocol.md, written once more so that the code is not its own measure."""
    key = hashlib.blake2s(b"drs-sync mac1" + public).digest()
    return body + hashlib.blake2s(body, key=key, digest_size=16).digest()


def flip(datagram: bytes, bit: int) -> bytes:
    changed = bytearray(datagram)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# --- what is agreed upon


def test_both_sides_end_up_with_the_same_keys_and_with_what_the_other_said() -> None:
    start = initiator()
    opened = open_hello(RELAY, start.datagram)
    assert (opened.agent_public, opened.agent_index, opened.hello) == (AGENT.public, INDEX, HELLO)
    datagram, relay_sends, relay_receives = answer_hello(opened, WELCOME, SeededEntropy(5))
    accepted = start.finish(datagram)
    assert (accepted.welcome, accepted.relay_index) == (WELCOME, WELCOME.relay_index)
    nonce = bytes(12)
    for sends, receives in ((accepted.send_keys, relay_receives), (relay_sends, accepted.receive_keys)):
        sealed = sends.aead(3, 12345).encrypt(nonce, b"lap 12", b"head")
        assert receives.aead(3, 12345).decrypt(nonce, sealed, b"head") == b"lap 12"
    there = accepted.send_keys.aead(0, 0).encrypt(nonce, b"lap 12", None)
    assert there != relay_sends.aead(0, 0).encrypt(nonce, b"lap 12", None)  # each direction has its own keys


def test_the_first_bytes_are_those_of_the_protocol_document() -> None:
    start = initiator()
    assert start.datagram[:6] == bytes.fromhex("0101a1b2c3d4")
    assert with_mac(start.datagram[:-16], RELAY.public) == start.datagram
    datagram, _, _ = answered(start)
    assert datagram[:6] == bytes.fromhex("0201a1b2c3d4")
    assert with_mac(datagram[:-16], AGENT.public) == datagram


def test_a_relay_written_from_the_protocol_document_alone_understands_the_agent() -> None:
    """With the independent `noiseprotocol` package; its old style of imports warns, nothing else is let pass."""
    start = initiator(replace(HELLO, name="pit é"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from noise.connection import Keypair, NoiseConnection

        theirs = NoiseConnection.from_name(b"Noise_IK_25519_AESGCM_SHA256")
        theirs.set_as_responder()
        theirs.set_prologue(b"drs-sync 1" + bytes.fromhex("0101a1b2c3d4"))
        theirs.set_keypair_from_private_bytes(Keypair.STATIC, RELAY.private)
        theirs.start_handshake()
    payload = bytes(theirs.read_message(start.datagram[6:-16]))
    assert HELLO.secret is not None
    said = HELLO.counter.to_bytes(8, "big") + HELLO.wall_ns.to_bytes(8, "big") + bytes(4)
    said += b"\x01" + HELLO.secret + b"\x06" + "pit é".encode()
    assert payload == said + bytes(522 - len(said))

    said = b"\x00" + bytes.fromhex("cafe0001") + b"\x03\x00" + b"\x00\x10\x00\x00"
    said += WELCOME.wall_ns.to_bytes(8, "big") + b"\x07" + b"factory"
    body = bytes.fromhex("0201a1b2c3d4") + bytes(theirs.write_message(said))
    accepted = start.finish(with_mac(body, AGENT.public))
    assert accepted.welcome == WELCOME
    theirs_sends, mine = theirs.noise_protocol.cipher_state_encrypt, accepted.receive_keys
    expected = PathKeys(theirs_sends.k).aead(7, 1).encrypt(bytes(12), b"data", None)
    assert mine.aead(7, 1).encrypt(bytes(12), b"data", None) == expected


@given(
    counter=st.integers(0, COUNTER_MAX),
    wall_ns=st.integers(0, COUNTER_MAX),
    name=st.text(st.characters(codec="utf-8"), max_size=16).filter(str.isprintable),
    secret=st.none() | st.binary(min_size=16, max_size=16),
)
def test_a_hello_arrives_as_it_was_said(counter: int, wall_ns: int, name: str, secret: bytes | None) -> None:
    hello = Hello(counter, wall_ns, name, secret)
    assert open_hello(RELAY, initiator(hello).datagram).hello == hello


@given(
    relay_index=st.integers(0, 2**32 - 1),
    window_chunks=st.integers(0, 2**16 - 1),
    chunk_bytes_max=st.integers(0, 2**32 - 1),
    wall_ns=st.integers(0, 2**64 - 1),
    name=st.text(st.characters(codec="utf-8"), max_size=16).filter(str.isprintable),
)
def test_a_welcome_arrives_as_it_was_said(
    relay_index: int, window_chunks: int, chunk_bytes_max: int, wall_ns: int, name: str
) -> None:
    welcome = Welcome(Status.ACCEPTED, relay_index, window_chunks, chunk_bytes_max, wall_ns, name)
    start = initiator()
    assert start.finish(answered(start, welcome)[0]).welcome == welcome


@pytest.mark.parametrize(
    ("name", "arrives"),
    [
        ("x" * 65, "x" * 64),
        ("é" * 33, "é" * 32),
        ("x" * 63 + "é", "x" * 63),  # not half a sign
        ("half \ud800 sign", "half ? sign"),
        ("clear\x1b[2J the\nscreen", "clear�[2J the�screen"),
        ("gpj.\u202eexe", "gpj.�exe"),
        ("", ""),
    ],
)
def test_a_name_arrives_short_whole_and_harmless(name: str, arrives: str) -> None:
    start = initiator(replace(HELLO, name=name))
    assert open_hello(RELAY, start.datagram).hello.name == arrives
    assert start.finish(answered(start, replace(WELCOME, name=name))[0]).welcome.name == arrives


def test_every_session_has_other_keys_though_all_is_said_alike() -> None:
    first, second = (initiator(seed=seed) for seed in (4, 40))
    sealed = set()
    for start, seed in ((first, 5), (second, 5), (initiator(seed=4), 50)):
        datagram, _, _ = answered(start, seed=seed)
        sealed.add(start.finish(datagram).send_keys.aead(0, 0).encrypt(bytes(12), b"same", None))
    assert len(sealed) == 3


# --- sizes


def test_no_answer_is_as_long_as_the_question() -> None:
    for name in ("", "é" * 40):
        start = initiator(Hello(1, 1, name))
        assert len(start.datagram) == HELLO_BYTES == 640
        datagram, _, _ = answered(start, replace(WELCOME, name=name))
        assert len(datagram) <= WELCOME_BYTES_MAX < HELLO_BYTES
    assert len(datagram) == WELCOME_BYTES_MAX


def test_a_hello_that_was_cut_or_stretched_and_given_a_new_mac_is_refused() -> None:
    body = initiator().datagram[:-16]
    for other in (body[:200], body[:-1], body + b"\0", b""):
        with pytest.raises(SecurityError):
            open_hello(RELAY, with_mac(other, RELAY.public))


# --- refusals


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (Status.TOKEN_EXPIRED, TokenExpired),
        (Status.TOKEN_USED, TokenUsed),
        (Status.REVOKED, UnknownPeer),
        (Status.VERSION_REFUSED, VersionRefused),
    ],
)
def test_a_refusal_says_why(status: Status, error: type[SecurityError]) -> None:
    start = initiator()
    datagram, _, _ = answered(start, replace(WELCOME, status=status))
    with pytest.raises(error) as first:
        start.finish(datagram)
    again = initiator()
    datagram, _, _ = answered(again, replace(WELCOME, status=status))
    with pytest.raises(error) as second:
        again.finish(datagram)
    assert first.value is not second.value


def test_every_status_but_accepted_is_a_refusal() -> None:
    for status in set(Status) - {Status.ACCEPTED}:
        start = initiator()
        with pytest.raises(SecurityError):
            start.finish(answered(start, replace(WELCOME, status=status))[0])


def test_a_status_of_a_later_version_asks_for_an_update() -> None:
    start = initiator()
    opened = open_hello(RELAY, start.datagram)
    payload = bytes((200,)) + bytes(19)
    body = bytes((0x02,)) + start.datagram[1:6] + opened.noise.write_message(payload, SeededEntropy(5))
    with pytest.raises(VersionRefused):
        start.finish(with_mac(body, AGENT.public))


# --- what is not believed


@given(bit=st.integers(0, 8 * HELLO_BYTES - 1))
def test_a_hello_with_any_bit_flipped_is_refused_even_with_a_mac_that_fits(bit: int) -> None:
    datagram = flip(initiator().datagram, bit)
    with pytest.raises(SecurityError):
        open_hello(RELAY, datagram)
    if bit < 8 * (HELLO_BYTES - 16):
        with pytest.raises(SecurityError):
            open_hello(RELAY, with_mac(datagram[:-16], RELAY.public))


def test_each_byte_of_both_datagrams_counts() -> None:
    start = initiator()
    datagram, _, _ = answered(start)
    for at in range(len(start.datagram)):
        with pytest.raises(SecurityError):
            open_hello(RELAY, flip(start.datagram, 8 * at))
    for at in range(len(datagram)):
        with pytest.raises(SecurityError):
            start.finish(flip(datagram, 8 * at))
    assert isinstance(start.finish(datagram), Accepted)


@given(data=st.data())
def test_a_welcome_forged_with_a_mac_that_fits_is_refused_and_the_true_one_still_taken(data: st.DataObject) -> None:
    start = initiator()
    datagram, _, _ = answered(start)
    bit = data.draw(st.integers(0, 8 * (len(datagram) - 16) - 1))
    with pytest.raises(SecurityError):
        start.finish(with_mac(flip(datagram, bit)[:-16], AGENT.public))
    assert start.finish(datagram).welcome == WELCOME


@given(datagram=st.binary(max_size=700))
@example(datagram=b"")
@example(datagram=with_mac(bytes(624), RELAY.public))
@example(datagram=with_mac(bytes.fromhex("0101a1b2c3d4") + bytes(618), RELAY.public))
@example(datagram=with_mac(bytes.fromhex("0201a1b2c3d4") + bytes(48), AGENT.public))
@example(datagram=with_mac(bytes.fromhex("0201a1b2c3d4"), AGENT.public))
def test_any_bytes_raise_a_security_error_and_nothing_else(datagram: bytes) -> None:
    with pytest.raises(SecurityError):
        open_hello(RELAY, datagram)
    with pytest.raises(SecurityError):
        initiator().finish(datagram)


@given(body=st.binary(max_size=624), public=st.sampled_from((RELAY.public, AGENT.public)))
def test_any_bytes_with_a_mac_that_fits_raise_a_security_error_and_nothing_else(body: bytes, public: bytes) -> None:
    for datagram in (with_mac(body, public), with_mac(body.ljust(624, b"\0"), public)):
        with pytest.raises(SecurityError):
            open_hello(RELAY, datagram)
        with pytest.raises(SecurityError):
            initiator().finish(datagram)


@given(payload=st.binary(max_size=522))
@example(payload=b"")
@example(payload=bytes(37) + b"\x40" + b"\xff" * 64)
def test_any_payload_of_one_who_can_seal_gives_a_sensible_hello_or_a_security_error(payload: bytes) -> None:
    outer = bytes.fromhex("0101a1b2c3d4")
    noise = HandshakeState(STRANGER, b"drs-sync 1" + outer, RELAY.public)
    body = outer + noise.write_message(payload.ljust(522, b"\0"), SeededEntropy(6))
    hello = None
    with contextlib.suppress(SecurityError):
        hello = open_hello(RELAY, with_mac(body, RELAY.public)).hello
    if hello is None:
        return
    assert 0 <= hello.counter <= COUNTER_MAX
    assert hello.secret is None or len(hello.secret) == 16
    assert len(hello.name) <= NAME_BYTES_MAX
    assert hello.name.isprintable()


@given(payload=st.binary(max_size=300))
@example(payload=bytes(19))
@example(payload=bytes(19) + b"\x01")
def test_any_payload_of_the_relay_gives_a_welcome_or_a_security_error(payload: bytes) -> None:
    start = initiator()
    noise = open_hello(RELAY, start.datagram).noise
    body = bytes.fromhex("0201a1b2c3d4") + noise.write_message(payload, SeededEntropy(7))
    try:
        accepted = start.finish(with_mac(body, AGENT.public))
    except SecurityError:
        return
    assert accepted.welcome.status is Status.ACCEPTED
    assert accepted.welcome.name.isprintable()


@pytest.mark.parametrize("field", [{"counter": COUNTER_MAX + 1}, {"wall_ns": COUNTER_MAX + 1}])
def test_a_number_that_no_database_holds_is_refused(field: dict[str, int]) -> None:
    with pytest.raises(SecurityError):
        open_hello(RELAY, initiator(replace(HELLO, **field)).datagram)


def test_a_hello_for_another_relay_is_refused_without_opening_it() -> None:
    elsewhere = Initiator(AGENT, STRANGER.public, INDEX, HELLO, SeededEntropy(8))
    with pytest.raises(SecurityError, match="not meant for this key"):
        open_hello(RELAY, elsewhere.datagram)


def test_a_hello_of_another_version_is_refused() -> None:
    body = bytearray(initiator().datagram[:-16])
    body[1] = VERSION + 1
    with pytest.raises(SecurityError, match="version 2"):
        open_hello(RELAY, with_mac(bytes(body), RELAY.public))


def test_an_answer_by_another_relay_is_refused() -> None:
    start = initiator()
    outer = start.datagram[:6]
    theirs = Initiator(AGENT, STRANGER.public, INDEX, HELLO, SeededEntropy(4))
    opened = open_hello(STRANGER, theirs.datagram)
    datagram, _, _ = answer_hello(opened, WELCOME, SeededEntropy(5))
    assert datagram[1:6] == outer[1:6]
    with pytest.raises(SecurityError):
        start.finish(datagram)


def test_an_answer_to_another_attempt_is_refused() -> None:
    first, second = initiator(seed=4), initiator(seed=40)
    with pytest.raises(SecurityError):
        second.finish(answered(first)[0])
    other_index = Initiator(AGENT, RELAY.public, INDEX + 1, HELLO, SeededEntropy(4))
    with pytest.raises(SecurityError, match="another handshake"):
        other_index.finish(answered(first)[0])


def test_a_datagram_thrown_back_at_its_sender_is_refused() -> None:
    start = initiator()
    datagram, _, _ = answered(start)
    with pytest.raises(SecurityError):
        start.finish(start.datagram)
    with pytest.raises(SecurityError):
        open_hello(RELAY, datagram)


# --- copies


def test_copies_of_a_hello_are_known_by_their_ephemeral_key_and_attempts_differ_in_it() -> None:
    start = initiator(seed=4)
    first: Opened = open_hello(RELAY, start.datagram)
    copy = open_hello(RELAY, start.datagram)
    other = open_hello(RELAY, initiator(seed=40).datagram)
    assert first.ephemeral == copy.ephemeral == start.datagram[6:38]
    assert first.ephemeral != other.ephemeral


def test_a_welcome_that_is_sent_again_is_still_good() -> None:
    start = initiator()
    datagram, _, _ = answered(start)
    forged = flip(datagram, 8 * 60)
    for _ in range(3):
        with pytest.raises(SecurityError):
            start.finish(forged)
    assert start.finish(datagram).relay_index == WELCOME.relay_index


# --- secrets


def test_who_speaks_and_what_is_said_can_not_be_read_on_the_way() -> None:
    start = initiator(replace(HELLO, name="Quebec-7-telemetry"))
    datagram, _, _ = answered(start, replace(WELCOME, name="Maranello-9-relay"))
    assert HELLO.secret is not None
    for needle in (b"Quebec", AGENT.public, RELAY.public, HELLO.secret, b"Maranello"):
        assert needle not in start.datagram + datagram


def test_a_hello_shows_no_secret_in_a_log() -> None:
    assert HELLO.secret is not None
    assert repr(HELLO.secret) not in repr(HELLO)
    assert "secret" not in repr(open_hello(RELAY, initiator().datagram))
