"""Datagrams sealed and opened in rows and one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.protocol.sealing import OPEN_BYTES, SEAL_BYTES, SEAL_ROWS, Sealing, open_rows_max, seal_rows_max
from transfer_core.protocol.security.keys import EPOCH_BITS, PathKeys
from transfer_core.protocol.wire.datagram import PREFIX, PREFIX_BYTES, SEALED_OVERHEAD, Kind

PLAIN_BYTES = 100
WIDTH = PLAIN_BYTES + SEALED_OVERHEAD


def _pair() -> tuple[Sealing, Sealing]:
    secrets = bytes(32), bytes([1]) * 32
    return (
        Sealing(7, PathKeys(secrets[0]), PathKeys(secrets[1])),
        Sealing(8, PathKeys(secrets[1]), PathKeys(secrets[0])),
    )


def _sealed(sealing: Sealing, count: int, first_pn: int) -> bytes:
    rows = sealing.data_rows(PLAIN_BYTES).plain
    rows[:count, PREFIX_BYTES:] = np.arange(count)[:, None]
    payload, datagram_bytes = sealing.seal_rows(3, PLAIN_BYTES, count, first_pn, first_pn, 5_000_000)
    assert datagram_bytes == WIDTH
    return bytes(payload)


def _open(sealing: Sealing, payload: bytes, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = len(payload) // WIDTH
    outside = sealing.outside(memoryview(payload), count, WIDTH)
    assert outside is not None
    assert outside.is_uniform
    assert (outside.kind, outside.path, outside.session) == (Kind.DATA, 3, 7)
    return sealing.open_rows(memoryview(payload), outside, wanted, WIDTH)


@given(count=st.integers(1, SEAL_ROWS), first_pn=st.integers(0, (1 << 47) - 1))
def test_what_was_sealed_opens_equal(count: int, first_pn: int) -> None:
    ours, theirs = _pair()
    plain, opened = _open(theirs, _sealed(ours, count, first_pn), np.ones(count, np.bool_))
    assert opened.all()
    assert (plain[:, PREFIX_BYTES:] == np.arange(count)[:, None]).all()
    assert (plain[:, :PREFIX_BYTES].view(PREFIX)["tx_us"] == 5000).all()


@given(
    bursts=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([1, 2, 9]), st.sampled_from([0, (1 << 32) - 5, 1 << 33])),
        min_size=2,
        max_size=8,
    )
)
def test_rows_that_are_sealed_again_say_the_path_and_numbers_that_they_have_then(
    bursts: list[tuple[int, int, int]],
) -> None:
    ours, theirs = _pair()
    for path, count, first_pn in bursts:
        ours.data_rows(PLAIN_BYTES)
        sealed, _ = ours.seal_rows(path, PLAIN_BYTES, count, first_pn, first_pn, 0)
        outside = theirs.outside(sealed, count, WIDTH)
        assert outside is not None
        assert outside.is_uniform
        assert (outside.path, outside.pns.tolist()) == (path, list(range(first_pn, first_pn + count)))
        assert theirs.open_rows(sealed, outside, np.ones(count, np.bool_), WIDTH)[1].all()


def test_a_burst_over_two_epochs_of_keys_opens() -> None:
    ours, theirs = _pair()
    payload = _sealed(ours, 10, (1 << EPOCH_BITS) - 4)
    plain, opened = _open(theirs, payload, np.ones(10, np.bool_))
    assert opened.all()
    assert (plain[:, -1] == np.arange(10)).all()


@pytest.mark.parametrize("count", [1, 6])
def test_a_flipped_bit_spoils_its_own_datagram_alone(count: int) -> None:
    ours, theirs = _pair()
    payload = bytearray(_sealed(ours, count, 20))
    payload[(count - 1) * WIDTH + 40] ^= 1
    _, opened = _open(theirs, bytes(payload), np.ones(count, np.bool_))
    assert opened.tolist() == [True] * (count - 1) + [False]


@pytest.mark.parametrize("count", [1, 6])
def test_what_is_not_wanted_is_not_opened(count: int) -> None:
    ours, theirs = _pair()
    wanted = np.zeros(count, np.bool_)
    _, opened = _open(theirs, _sealed(ours, count, 20), wanted)
    assert not opened.any()


def test_datagrams_of_two_sessions_in_one_read_are_told_apart() -> None:
    ours, theirs = _pair()
    payload = bytearray(_sealed(ours, 4, 0))
    payload[2 * WIDTH + 5] ^= 1
    outside = theirs.outside(memoryview(payload), 4, WIDTH)
    assert outside is not None
    assert not outside.is_uniform


def test_what_is_too_short_for_a_datagram_has_no_outside() -> None:
    assert _pair()[1].outside(memoryview(bytes(33)), 1, 33) is None


def test_a_lone_datagram_with_frames_opens() -> None:
    ours, theirs = _pair()
    datagram = ours.seal_one(Kind.CONTROL, 3, 9, 1, b"frames", 5_000_000)
    outside = theirs.outside(memoryview(datagram), 1, len(datagram))
    assert outside is not None
    assert outside.pns.tolist() == [9]
    plain, opened = theirs.open_rows(memoryview(datagram), outside, np.ones(1, np.bool_), len(datagram))
    assert opened.all()
    assert bytes(plain[0, PREFIX_BYTES:]) == b"frames"


def test_large_datagrams_take_no_more_memory_than_usual_ones() -> None:
    for datagram_bytes in (100, 1472, 8972, 65_507):
        assert seal_rows_max(datagram_bytes) * datagram_bytes <= SEAL_BYTES
        assert open_rows_max(datagram_bytes) * datagram_bytes <= OPEN_BYTES
    assert open_rows_max(1472) >= seal_rows_max(1472)
