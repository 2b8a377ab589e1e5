from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hostile_peer import ADDRESS, HostilePeer
from transfer_core.protocol.endpoint import Received
from transfer_core.protocol.receiver import ReceiverSession
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire.datagram import FLOOR_UNIT, Burst, BurstPool, Kind, floor_distance

KEYS = bytes([1]) * 32


def session() -> ReceiverSession:
    return ReceiverSession(
        my_index=7, peer_index=9, send_keys=PathKeys(KEYS), receive_keys=PathKeys(KEYS), window_chunks=8
    )


@given(
    kind=st.sampled_from(Kind),
    path=st.integers(0, 255),
    index=st.integers(0, (1 << 32) - 1),
    first=st.integers(0, (1 << 48) - 45),
    count=st.integers(1, 44),
)
def test_outer_headers_and_nonces_are_laid_out_as_documented(
    kind: Kind, path: int, index: int, first: int, count: int
) -> None:
    burst = Burst(44, 100)
    burst.address_rows(count, kind, path, index, first)
    for i in range(count):
        pn = first + i
        head = struct.pack(">BBIHI", kind, path, index, pn >> 32, pn & 0xFFFFFFFF)
        assert bytes(burst.sealed[i, :12]) == head
        assert bytes(burst.nonces[i]) == struct.pack(">IQ", path, pn)


@given(pn=st.integers(0, (1 << 48) - 1), back=st.integers(0, 1 << 22))
def test_a_floor_is_never_told_too_high(pn: int, back: int) -> None:
    floor = max(0, pn - back)
    told = pn - floor_distance(pn, floor) * FLOOR_UNIT
    assert told <= floor or floor_distance(pn, floor) == 65535


@given(payload=st.binary(min_size=1, max_size=3000), segment=st.integers(1, 1500))
@settings(max_examples=300)
def test_any_bytes_in_segments_of_any_length_are_counted_and_dropped(payload: bytes, segment: int) -> None:
    side = session()
    side.receive_datagrams(payload[0], Received(ADDRESS, memoryview(payload), segment), 10**9)
    counters = side.counters
    dropped = counters.malformed + counters.foreign + counters.stale + counters.forged
    assert dropped == -(-len(payload) // segment)
    assert not side.paths
    assert side.poll_event() is None


@pytest.mark.parametrize("change", ["kind", "path", "session", "number", "body", "tag", "cut", "longer"])
def test_every_part_of_a_datagram_is_sealed(change: str) -> None:
    datagram = bytearray(HostilePeer(PathKeys(KEYS), 7).frames(b"\3"))
    at = {"kind": 0, "path": 1, "session": 5, "number": 11, "body": 14, "tag": len(datagram) - 1}
    if change == "cut":
        del datagram[-1]
    elif change == "longer":
        datagram += b"\0"
    else:
        datagram[at[change]] ^= 1
    side = session()
    side.receive_datagrams(0, Received(ADDRESS, memoryview(bytes(datagram)), len(datagram)), 10**9)
    assert side.counters.forged + side.counters.foreign == 1
    assert not any(path.last_heard_ns for path in side.paths.values())


def test_a_burst_of_true_forged_and_doubled_datagrams_gives_the_true_ones_once() -> None:
    peer = HostilePeer(PathKeys(KEYS), 7)
    rows = [bytearray(peer.frames(b"\3")) for _ in range(6)]
    rows[1][20] ^= 1
    rows[4] = bytearray(rows[3])
    payload = b"".join(rows)
    side = session()
    side.receive_datagrams(0, Received(ADDRESS, memoryview(payload), len(rows[0])), 10**9)
    assert (side.paths[0].heard_datagrams, side.counters.forged, side.counters.stale) == (4, 1, 1)
    side.receive_datagrams(0, Received(ADDRESS, memoryview(payload), len(rows[0])), 10**9)
    assert side.paths[0].heard_datagrams == 4


def test_bursts_of_many_sizes_are_not_hoarded() -> None:
    pool = BurstPool(lambda _: 44, kept=3)
    first = pool.burst(100)
    for size in range(101, 110):
        pool.burst(size)
    assert pool.burst(100) is not first
    assert np.shares_memory(pool.burst(100).plain, pool.burst(100).plain)
