"""Sealing keys: one for each direction, path and epoch, and never one too many."""

from __future__ import annotations

import hmac

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX
from transfer_core.protocol.security.keys import EPOCH_BITS, PathKeys, path_key

SECRET = bytes(range(32))
EPOCH = 1 << EPOCH_BITS
NONCE = bytes(12)


def hkdf_sha256(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 with no salt and one block of output, written from the text."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


@given(secret=st.binary(min_size=32, max_size=32), path=st.integers(0, 255), epoch=st.integers(0, 2**22 - 1))
def test_a_key_is_derived_as_the_protocol_document_says(secret: bytes, path: int, epoch: int) -> None:
    info = b"drs-sync path" + bytes((path,)) + epoch.to_bytes(4, "big")
    assert path_key(secret, path, epoch) == hkdf_sha256(secret, info)


def test_no_two_paths_or_epochs_share_a_key() -> None:
    places = [(path, epoch) for path in range(256) for epoch in (0, 1, 2, 255, 256, 2**22 - 1)]
    assert len({path_key(SECRET, *place) for place in places}) == len(places)


@pytest.mark.parametrize("edge", [EPOCH, 2 * EPOCH, 7 * EPOCH])
def test_the_key_changes_exactly_where_an_epoch_ends(edge: int) -> None:
    keys = PathKeys(SECRET)
    last, first = keys.aead(9, edge - 1), keys.aead(9, edge)
    sealed = last.encrypt(NONCE, b"data", None)
    with pytest.raises(InvalidTag):
        first.decrypt(NONCE, sealed, None)
    assert PathKeys(SECRET).aead(9, edge - EPOCH).decrypt(NONCE, sealed, None) == b"data"
    assert keys.aead(9, edge + EPOCH - 1) is first


@given(numbers=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6 * EPOCH)), max_size=40))
def test_whatever_order_packets_come_in_each_gets_its_own_key(numbers: list[tuple[int, int]]) -> None:
    keys = PathKeys(SECRET)
    for path, packet_number in numbers:
        sealed = keys.aead(path, packet_number).encrypt(NONCE, b"data", None)
        assert PathKeys(SECRET).aead(path, packet_number).decrypt(NONCE, sealed, None) == b"data"


def test_packets_that_mix_two_epochs_make_no_key_anew() -> None:
    keys = PathKeys(SECRET)
    old, new = keys.aead(1, EPOCH - 1), keys.aead(1, EPOCH)
    for _ in range(10):
        assert keys.aead(1, EPOCH - 5) is old
        assert keys.aead(1, EPOCH + 5) is new
    assert keys.aead(1, 2 * EPOCH) is not new
    assert keys.aead(1, EPOCH + 6) is new  # of three, the oldest was let go


def test_packets_on_other_paths_drive_out_no_key() -> None:
    keys = PathKeys(SECRET)
    mine = keys.aead(0, 0)
    for path in range(1, 256):
        keys.aead(path, 0)
    assert keys.aead(0, 1) is mine


def test_a_receiver_never_needs_more_than_two_epochs_of_a_path_at_once() -> None:
    assert WINDOW_PACKETS_MAX <= EPOCH
