"""Pairing tokens: what a person copies, and everything that can happen to it on the way."""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transfer_core.errors import TokenInvalid
from transfer_core.protocol.security.noise import KeyPair
from transfer_core.protocol.security.tokens import (
    ADDRESSES_MAX,
    EXPIRES_MAX_S,
    HttpSideFacts,
    HttpTrust,
    PairingToken,
    encode_token,
    fingerprint,
    parse_address,
    parse_token,
)
from transfer_core.sim.seeded_entropy import SeededEntropy

RELAY = KeyPair.generate(SeededEntropy(1)).public
TOKEN = PairingToken(RELAY, bytes(range(16)), 1_790_000_600, ("192.0.2.7:9000", "pit.example:9000", "[2001:db8::7]:9"))
ADDRESSES = st.one_of(
    st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,3}:[1-9][0-9]{0,3}", fullmatch=True),
    st.ip_addresses(v=4).map(lambda ip: f"{ip}:9000"),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]:9000"),
)


def text_of(body: bytes) -> str:
    """As in docs/protocol.md, written once more so that the code is not its own measure."""
    checked = body + hashlib.blake2s(body, digest_size=4).digest()
    return "drs1." + base64.urlsafe_b64encode(checked).decode().rstrip("=")


def body_of(*, version: int = 1, public: bytes = RELAY, expires_s: int = 1, count: int = 1, rest: bytes = b"") -> bytes:
    return struct.pack(">B32s16sQB", version, public, bytes(16), expires_s, count) + rest


def listed(*addresses: bytes) -> bytes:
    return b"".join(bytes((len(each),)) + each for each in addresses)


# --- there and back


@given(
    public=st.integers(0, 2**32).map(lambda seed: KeyPair.generate(SeededEntropy(seed)).public),
    secret=st.binary(min_size=16, max_size=16),
    expires_s=st.integers(0, EXPIRES_MAX_S),
    addresses=st.lists(ADDRESSES, min_size=1, max_size=ADDRESSES_MAX).map(tuple),
)
def test_a_token_comes_back_as_it_was_made(
    public: bytes, secret: bytes, expires_s: int, addresses: tuple[str, ...]
) -> None:
    token = PairingToken(public, secret, expires_s, addresses)
    assert parse_token(encode_token(token)) == token


def test_the_text_is_that_of_the_protocol_document() -> None:
    body = b"\x01" + RELAY + bytes(range(16)) + (1_790_000_600).to_bytes(8, "big") + b"\x03"
    body += b"\x0e192.0.2.7:9000" + b"\x10pit.example:9000" + b"\x0f[2001:db8::7]:9"
    assert encode_token(TOKEN) == text_of(body)


PINNED = HttpSideFacts(8443, HttpTrust.PINNED, bytes(range(32)))


@pytest.mark.parametrize("http", [PINNED, HttpSideFacts(80, HttpTrust.PLAIN), HttpSideFacts(65535, HttpTrust.SYSTEM)])
def test_a_token_may_name_an_http_side(http: HttpSideFacts) -> None:
    token = PairingToken(RELAY, bytes(16), 1, ("192.0.2.7:9000",), http)
    assert parse_token(encode_token(token)) == token
    body = body_of(version=2, rest=listed(b"192.0.2.7:9000"))
    body += struct.pack(">BH32s", http.trust, http.port, http.pin)
    assert encode_token(token) == text_of(body)


def test_an_http_side_is_addressed_on_the_relays_hosts() -> None:
    assert PINNED.url("2001:db8::7") == "https://[2001:db8::7]:8443"
    assert HttpSideFacts(80, HttpTrust.PLAIN).url("127.0.0.1") == "http://127.0.0.1:80"


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        struct.pack(">BH31s", 2, 443, b"x"),
        struct.pack(">BH32s", 0, 443, b""),
        struct.pack(">BH32s", 4, 443, b""),
        struct.pack(">BH32s", 2, 0, b"x"),
        struct.pack(">BH32s", 1, 443, b"x"),
        struct.pack(">BH33s", 2, 443, b"x"),
    ],
)
def test_an_http_side_that_makes_no_sense_is_refused(rest: bytes) -> None:
    with pytest.raises(TokenInvalid):
        parse_token(text_of(body_of(version=2, rest=listed(b"a:1") + rest)))


@pytest.mark.parametrize(
    "http",
    [HttpSideFacts(0, HttpTrust.PLAIN), HttpSideFacts(1, HttpTrust.PINNED), HttpSideFacts(1, HttpTrust.SYSTEM, b"x")],
)
def test_an_http_side_that_can_not_be_is_not_written(http: HttpSideFacts) -> None:
    with pytest.raises(TokenInvalid):
        encode_token(PairingToken(RELAY, bytes(16), 1, ("a:1",), http))


@given(data=st.data())
def test_blanks_and_line_breaks_do_no_harm(data: st.DataObject) -> None:
    text = encode_token(TOKEN)
    for at in sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)), reverse=True):
        blank = data.draw(st.sampled_from((" ", "\n", "\r\n", "\t", "\u00a0", "\u200b", "\ufeff")))
        text = text[:at] + blank + text[at:]
    assert parse_token(text) == TOKEN


# --- damage


@given(data=st.data())
def test_a_sign_that_was_changed_is_noticed(data: st.DataObject) -> None:
    text = encode_token(TOKEN)
    at = data.draw(st.integers(0, len(text) - 2))  # the last one may carry bits that stand for nothing
    sign = data.draw(st.characters(codec="ascii", exclude_characters=text[at], exclude_categories=("Zs", "Cc")))
    with pytest.raises(TokenInvalid):
        parse_token(text[:at] + sign + text[at + 1 :])


def test_a_token_that_was_cut_short_is_noticed() -> None:
    text = encode_token(TOKEN)
    for length in range(len(text)):
        with pytest.raises(TokenInvalid):
            parse_token(text[:length])


def test_what_is_wrong_and_what_to_do_is_said() -> None:
    with pytest.raises(TokenInvalid, match="no pairing token") as foreign:
        parse_token("https://example.org/pair")
    assert "drs1." in foreign.value.hint
    with pytest.raises(TokenInvalid, match="damaged or cut short") as damaged:
        parse_token(encode_token(TOKEN)[:-3])
    assert "again" in damaged.value.hint
    with pytest.raises(TokenInvalid, match="version 3") as newer:
        parse_token(text_of(body_of(version=3, rest=listed(b"a:1"))))
    assert "Update" in newer.value.hint


@given(text=st.text(max_size=300))
@example(text="")
@example(text="drs1.")
@example(text="drs1.é")
@example(text="drs1.\ud800")
@example(text="drs1.====")
def test_any_text_raises_token_invalid_and_nothing_else(text: str) -> None:
    for each in (text, "drs1." + text):
        with pytest.raises(TokenInvalid):
            parse_token(each)


@given(raw=st.binary(max_size=400))
def test_any_bytes_with_a_checksum_that_fits_give_a_token_or_token_invalid(raw: bytes) -> None:
    for body in (
        raw,
        body_of(rest=raw),
        body_of(version=2, rest=listed(b"a:1") + raw),
        body_of(count=raw[0] if raw else 0, rest=raw),
    ):
        try:
            token = parse_token(text_of(body))
        except TokenInvalid:
            continue
        assert token == parse_token(encode_token(token))


@pytest.mark.parametrize(
    "body",
    [
        body_of(count=0),
        body_of(count=1),
        body_of(count=2, rest=listed(b"a:1")),
        body_of(count=1, rest=listed(b"a:1", b"b:2")),
        body_of(count=1, rest=listed(b"a:1") + b"\0"),
        body_of(count=1, rest=b"\x09a:1"),
        body_of(count=1, rest=listed(b"\xff:1")),
        body_of(count=1, rest=listed(b"")),
        body_of(count=9, rest=listed(*[b"a:1"] * 9)),
        body_of(expires_s=2**64 - 1, rest=listed(b"a:1")),
        body_of(public=bytes(32), rest=listed(b"a:1")),
        body_of(public=b"\x01" + bytes(31), rest=listed(b"a:1")),
    ],
)
def test_a_token_that_no_relay_makes_is_refused_though_its_checksum_fits(body: bytes) -> None:
    with pytest.raises(TokenInvalid):
        parse_token(text_of(body))


@pytest.mark.parametrize(
    "token",
    [
        PairingToken(RELAY[:31], bytes(16), 1, ("a:1",)),
        PairingToken(RELAY, bytes(17), 1, ("a:1",)),
        PairingToken(RELAY, bytes(16), -1, ("a:1",)),
        PairingToken(RELAY, bytes(16), EXPIRES_MAX_S + 1, ("a:1",)),
        PairingToken(RELAY, bytes(16), 1, ()),
        PairingToken(RELAY, bytes(16), 1, ("a:1",) * 9),
        PairingToken(RELAY, bytes(16), 1, ("a",)),
        PairingToken(RELAY, bytes(16), 1, (".".join(["a" * 60] * 5) + ":1",)),
    ],
)
def test_a_token_that_could_not_be_read_is_not_made(token: PairingToken) -> None:
    with pytest.raises(TokenInvalid):
        encode_token(token)


# --- addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7:9000", ("192.0.2.7", 9000)),
        ("pit.example:1", ("pit.example", 1)),
        ("bücher.example:65535", ("bücher.example", 65535)),
        ("[2001:db8::7]:9000", ("2001:db8::7", 9000)),
        ("[fe80::1%eth0]:9000", ("fe80::1%eth0", 9000)),
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
    ],
)
def test_an_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "a", "a:", ":1", "a:0", "a:65536", "a:-1", "a:1.5", "a:٣", "a:²", "a:" + "9" * 5000),
        *("::1", "::1:9000", "[::1]", "[]:1", "[a]:1", "[1.2.3.4]:1"),
        *("a b:1", "a/b:1", "a\0b:1", "http://a:1", "a" * 64 + ":1", "a..b:1"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid, match="is no address"):
        parse_address(text)


@given(text=st.text(max_size=40))
def test_any_text_is_an_address_or_token_invalid(text: str) -> None:
    try:
        host, port = parse_address(text)
    except TokenInvalid:
        return
    assert host
    assert 0 < port < 65536


# --- fingerprints


def test_a_fingerprint_can_be_read_aloud_and_tells_keys_apart() -> None:
    keys = [KeyPair.generate(SeededEntropy(seed)).public for seed in range(200)]
    prints = {fingerprint(key) for key in keys}
    assert len(prints) == 200
    for each in prints:
        groups = each.split("-")
        assert [len(group) for group in groups] == [4, 4, 4, 4]
        assert set("".join(groups)) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_a_token_shows_no_secret_in_a_log() -> None:
    assert repr(TOKEN.secret) not in repr(TOKEN)
